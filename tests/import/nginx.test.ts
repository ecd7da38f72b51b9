// The meaning of the parts of nginx's configuration.
import { runRows, type Fault, type Row } from "./rows.ts";

/** Its versions of TLS, unless the text has some. */
const versions = (text: string): string => (text.includes("ssl_protocols") ? "" : "ssl_protocols TLSv1.2 TLSv1.3;\n");
const stream = (text: string): string => `events {}\nstream {\n${versions(text)}${text}\n}\n`;
/** The output of `nginx -T` with a server that `inside` is in. */
const whole = (inside: string, files: Readonly<Record<string, string>>): string =>
  Object.entries({ "nginx.conf": stream(`server { listen 80; ${inside} proxy_pass 127.0.0.1:81; }`), ...files })
    .map(([name, text]) => `# configuration file /etc/nginx/${name}:\n${text}\n`)
    .join("\n");
const http = (text: string): string => `events {}\nhttp {\n${versions(text)}${text}\n}\n`;
/** Of `ssl_protocols`: clients of TLS 1.2 or of TLS 1.3 are refused there. */
const STRICT_VERSIONS = ["TLSv1.2", "TLSv1.3", "TLSv1 TLSv1.1 TLSv1.2", "TLSv1.1 TLSv1.3", "SSLv3", "TLSv1.2 TLSv1.4", "TLSv1.20 TLSv1.3", ""];
const BOTH_VERSIONS = [
  "ssl_protocols TLSv1.2 TLSv1.3;",
  "ssl_protocols TLSv1.3 TLSv1.2 TLSv1.1 TLSv1;",
  "ssl_protocols tlsv1.2 tlsv1.3;",
  "ssl_protocols TLSv1.2; ssl_protocols TLSv1.3;",
];

const ROWS: readonly Row[] = [
  {
    title: "nginx: the first match decides, and nothing else is admitted",
    format: "nginx",
    text: stream("server { listen 80; deny 10.0.0.5; allow 10.0.0.0/24; deny 10.0.0.0/8; deny all; proxy_pass 127.0.0.1:81; }"),
    admits: ["from 10.0.0.4 to tcp 80"],
    refuses: ["from 10.0.0.5 to tcp 80", "from 10.0.1.1 to tcp 80", "from 192.0.2.1 to tcp 80", "from 10.0.0.4 to tcp 81"],
  },
  {
    title: "nginx: bits behind the length are ignored, as there",
    format: "nginx",
    text: stream("server { listen 80; allow 10.0.0.77/24; deny all; proxy_pass 127.0.0.1:81; }"),
    admits: ["from 10.0.0.1 to tcp 80"],
    refuses: ["from 10.0.1.1 to tcp 80"],
  },
  {
    title: "nginx: rules around a server count only where it has none",
    format: "nginx",
    text: stream("deny all; server { listen 80; proxy_pass 127.0.0.1:81; } server { listen 82; allow all; proxy_pass 127.0.0.1:83; }"),
    admits: ["from 10.0.0.1 to tcp 82"],
    refuses: ["from 10.0.0.1 to tcp 80"],
  },
  {
    title: "nginx: a socket of IPv4 has no client over IPv6",
    format: "nginx",
    text: stream("server { listen 80; proxy_pass 127.0.0.1:81; }"),
    admits: ["from 10.0.0.1 to tcp 80"],
    refuses: ["from 2001:db8::9 to tcp 80"],
  },
  {
    title: "nginx: an address of its own, also of a server that is left out",
    format: "nginx",
    text: stream("server { listen 80; proxy_pass 127.0.0.1:81; } server { listen 10.0.0.2:80 ssl; proxy_pass 127.0.0.1:82; }"),
    admits: ["from 192.0.2.1 to tcp 80 local 10.0.0.1"],
    refuses: ["from 192.0.2.1 to tcp 80 local 10.0.0.2"],
    left: [/`listen 10\.0\.0\.2:80 ssl`.*no `ssl_certificate`/],
  },
  {
    title: "nginx: a place that can't be read may be any",
    format: "nginx",
    text: stream("server { listen 80; proxy_pass 127.0.0.1:81; } server { listen host.example:80; deny all; proxy_pass 127.0.0.1:82; }"),
    refuses: ["from 192.0.2.1 to tcp 80"],
    left: [/could not be read/, /no address/],
  },
  {
    title: "nginx: a file that is not here",
    format: "nginx",
    text: stream("include rules.conf; server { listen 80; proxy_pass 127.0.0.1:81; }"),
    refuses: ["from 192.0.2.1 to tcp 80"],
    left: [/nginx -T/],
  },
  {
    title: "nginx: a file of a map that is not here",
    format: "nginx",
    text: stream(
      "map $ssl_preread_server_name $to { hostnames; *.a.example 127.0.0.1:81; include names.map; default 127.0.0.1:82; } server { listen 80; ssl_preread on; proxy_pass $to; }",
    ),
    refuses: ["from 192.0.2.1 to tcp 80 sni x.a.example", "from 192.0.2.1 to tcp 80 sni include", "from 192.0.2.1 to tcp 80"],
    left: [/`include names\.map`: the file is not here/],
  },
  {
    title: "nginx: a class of characters in the path of an include",
    format: "nginx",
    text: whole("include rules/[0-4!]*.conf;", {
      "rules/30-all.conf": "allow all;",
      "rules/10-bad.conf": "deny 10.0.0.0/8;",
      "rules/a.conf": "deny 192.0.2.0/24;",
      "rules/.20.conf": "allow 10.0.0.0/8;",
    }),
    admits: ["from 192.0.2.1 to tcp 80"],
    refuses: ["from 10.0.0.1 to tcp 80"],
  },
  {
    title: "nginx: what a class does not have, and a name with a point first",
    format: "nginx",
    text: whole("include rules/[!b-z]*.conf; include rules/[^a.]*.conf;", {
      "rules/b.conf": "deny all;",
      "rules/.a.conf": "allow all;",
      "rules/a.conf": "deny 10.0.0.0/8;",
      "rules/other/a.conf": "allow all;",
    }),
    refuses: ["from 10.0.0.1 to tcp 80", "from 192.0.2.1 to tcp 80"],
  },
  {
    title: "nginx: included files come in the order of their names",
    format: "nginx",
    text: whole("include rules/*.conf;", { "rules/b.conf": "deny all;", "rules/a.conf": "allow 10.0.0.0/8;", "rules/Z.conf": "deny 10.0.0.5;" }),
    admits: ["from 10.0.0.1 to tcp 80"],
    refuses: ["from 10.0.0.5 to tcp 80", "from 192.0.2.1 to tcp 80"],
  },
  ...["rules/[0-9.conf", "rules/[[:digit:]]*.conf", "rules/[9-0]*.conf", "rules/*a*b*c*.conf", "rules/\\\\a*.conf"].map((path): Row => ({
    title: `nginx: an include of ${path}, which can't be read`,
    format: "nginx",
    text: whole(`include ${path};`, { "rules/1abc.conf": "deny all;" }),
    refuses: ["from 192.0.2.1 to tcp 80"],
    left: [/`include .*: the file is not here/],
  })),
  {
    title: "nginx: a directive that nobody knows",
    format: "nginx",
    text: stream("server { listen 80; js_access f; proxy_pass 127.0.0.1:81; }"),
    refuses: ["from 192.0.2.1 to tcp 80"],
    left: [/`js_access f`/],
  },
  {
    title: "nginx: an address that can't be read",
    format: "nginx",
    text: stream("server { listen 80; deny office.example; proxy_pass 127.0.0.1:81; }"),
    refuses: ["from 192.0.2.1 to tcp 80"],
    left: [/neither an address nor a prefix/],
  },
  {
    title: "nginx: two servers of one place",
    format: "nginx",
    text: stream("server { listen 80; deny all; proxy_pass 127.0.0.1:81; } server { listen 80; proxy_pass 127.0.0.1:82; }"),
    refuses: ["from 192.0.2.1 to tcp 80"],
    left: [/same port/, /same port/],
  },
  {
    title: "nginx: a map without hostnames has no patterns",
    format: "nginx",
    text: stream(
      "map $ssl_preread_server_name $to { *.a.example 127.0.0.1:81; b.example 127.0.0.1:82; } server { listen 80; ssl_preread on; proxy_pass $to; }",
    ),
    admits: ["from 192.0.2.1 to tcp 80 sni b.example"],
    refuses: ["from 192.0.2.1 to tcp 80 sni x.a.example", "from 192.0.2.1 to tcp 80"],
    left: [/no pattern/],
  },
  {
    title: "nginx: a name that leads to no backend does not lead to the default",
    format: "nginx",
    text: stream("map $ssl_preread_server_name $to { a.example db.example:443; default 127.0.0.1:82; } server { listen 80; ssl_preread on; proxy_pass $to; }"),
    admits: ["from 192.0.2.1 to tcp 80 sni b.example", "from 192.0.2.1 to tcp 80"],
    refuses: ["from 192.0.2.1 to tcp 80 sni a.example"],
    left: [/is no backend/],
  },
  {
    title: "nginx: rates of requests have no counterpart",
    format: "nginx",
    text: http(
      "limit_req_zone $binary_remote_addr zone=a:1m rate=1r/s; server { listen 80; location / { limit_req zone=a; proxy_pass http://127.0.0.1:81; } }",
    ),
    refuses: ["from 192.0.2.1 to tcp 80"],
    left: [/limit_req/],
  },
  {
    title: "nginx: several names of one port",
    format: "nginx",
    text: http(
      "server { listen 80; server_name a; location / { proxy_pass http://127.0.0.1:81; } } server { listen 80; server_name b; location / { deny all; proxy_pass http://127.0.0.1:82; } }",
    ),
    refuses: ["from 192.0.2.1 to tcp 80"],
    left: [/same port/, /same port/],
  },
  {
    title: "nginx: a quoted brace is a word",
    format: "nginx",
    text: stream("server { listen 80; access_log '}' ; deny \"10.0.0.0/8\"; proxy_pass 127.0.0.1:81; }"),
    admits: ["from 192.0.2.1 to tcp 80"],
    refuses: ["from 10.0.0.1 to tcp 80"],
  },
  {
    title: "nginx: TLS with its certificates, of the server or around it",
    format: "nginx",
    text: stream(
      "ssl_certificate /etc/ssl/around.pem; server { listen 443 ssl; ssl_certificate /etc/letsencrypt/live/www.example.com/fullchain.pem; ssl_certificate /etc/ssl/ec.pem; ssl_certificate_key k; allow 10.0.0.0/8; deny all; proxy_pass 127.0.0.1:81; } server { listen 444 ssl; proxy_pass 127.0.0.1:81; }",
    ),
    admits: ["from 10.0.0.1 to tcp 443", "from 10.0.0.1 to tcp 443 sni a.example", "from 192.0.2.1 to tcp 444"],
    refuses: ["from 192.0.2.1 to tcp 443", "from 2001:db8::9 to tcp 443"],
    written:
      /^# certificates that ingressd's configuration must have:\n#\s+www\.example\.com: \/etc\/letsencrypt\/live\/www\.example\.com\/fullchain\.pem\n#\s+ec: \/etc\/ssl\/ec\.pem\n#\s+around: [^]*expose tcp_443 on tcp 443 as tls \{\n {2}backend 127\.0\.0\.1:81\n {2}cert "www\.example\.com", "ec"\n[^]*cert "around"\n/m,
  },
  {
    title: "nginx: a server with and without TLS is two exposes",
    format: "nginx",
    text: http(
      "server { listen 80; listen 443 ssl http2; server_name shop; ssl_certificate shop.crt; allow 10.0.0.0/8; deny all; location / { proxy_pass http://127.0.0.1:81; } }",
    ),
    admits: ["from 10.0.0.1 to tcp 80", "from 10.0.0.1 to tcp 443"],
    refuses: ["from 192.0.2.1 to tcp 80", "from 192.0.2.1 to tcp 443"],
    written: /^expose shop on tcp 80 \{[^]*^expose shop_2 on tcp 443 as tls \{\n {2}backend 127\.0\.0\.1:81\n {2}cert "shop"\n/m,
  },
  {
    title: "nginx: names behind TLS that nginx terminates",
    format: "nginx",
    text: stream(
      "map $ssl_server_name $to { a.example 127.0.0.1:81; default 127.0.0.1:82; } server { listen 443 ssl; ssl_certificate c.pem; proxy_pass $to; }",
    ),
    admits: ["from 192.0.2.1 to tcp 443 sni a.example", "from 192.0.2.1 to tcp 443 sni b.example", "from 192.0.2.1 to tcp 443"],
    written: /^expose a_example_443 on tcp 443 for "a\.example" as tls \{/m,
  },
  ...(
    [
      ["no certificate", "", "", /no `ssl_certificate`/],
      ["a certificate of a variable", "", "ssl_certificate $ssl_server_name.pem;", /no file, so it has no name/],
      ["certificates of clients", "", "ssl_certificate c.pem; ssl_verify_client on; ssl_client_certificate ca.pem;", /ssl_verify_client/],
      ...STRICT_VERSIONS.flatMap((listed) =>
        (
          [
            ["around it", `ssl_protocols ${listed};`, "ssl_certificate c.pem;"],
            ["of its own", "ssl_protocols TLSv1.2 TLSv1.3;", `ssl_certificate c.pem; ssl_protocols ${listed};`],
          ] as const
        ).map(([where, around, inside]) => [`\`${listed}\` ${where}`, around, inside, /`ssl_protocols.*TLS 1\.2 and TLS 1\.3.*nginx refuses/] as const),
      ),
      [
        "names of a hello that it terminates",
        "map $ssl_preread_server_name $to { a 127.0.0.1:1; }",
        "ssl_certificate c.pem; ssl_preread on; proxy_pass $to;",
        /a `map` of `\$ssl_server_name`/,
      ],
    ] as const
  ).map(([what, around, inside, left]): Row => ({
    title: `nginx: TLS with ${what}`,
    format: "nginx",
    text: stream(`${around} server { listen 443 ssl; ${inside} ${inside.includes("proxy_pass") ? "" : "proxy_pass 127.0.0.1:81;"} }`),
    refuses: ["from 192.0.2.1 to tcp 443", "from 192.0.2.1 to tcp 443 sni a"],
    left: [left],
  })),
  ...BOTH_VERSIONS.flatMap((own) =>
    ["", "ssl_protocols TLSv1.2;"].map((around): Row => ({
      title: `nginx: TLS with ${own} within ${around === "" ? "no other" : around}`,
      format: "nginx",
      text: stream(`${around} server { listen 443 ssl; ssl_certificate c.pem; ${own} proxy_pass 127.0.0.1:81; }`),
      admits: ["from 192.0.2.1 to tcp 443"],
    })),
  ),
  ...["stream", "http"].map((block): Row => ({
    title: `nginx: TLS in ${block} of versions that the release decides`,
    format: "nginx",
    text: `events {}\n${block} { server { listen 443 ssl; listen 80; ssl_certificate c.pem; ${block === "http" ? "location / { proxy_pass http://127.0.0.1:81; }" : "proxy_pass 127.0.0.1:81;"} } }\n`,
    admits: ["from 192.0.2.1 to tcp 80"],
    refuses: ["from 192.0.2.1 to tcp 443"],
    left: [/`listen 443 ssl`: before 1\.23\.4 nginx serves TLS 1\.3 only where `ssl_protocols` has it; write `ssl_protocols TLSv1\.2 TLSv1\.3`/],
  })),
  ...["TLSv1.2", "TLSv1.3"].map((listed): Row => ({
    title: `nginx: TLS in http with ${listed} alone`,
    format: "nginx",
    text: http(`ssl_protocols ${listed}; server { listen 443 ssl; ssl_certificate c.pem; location / { proxy_pass http://127.0.0.1:81; } }`),
    refuses: ["from 192.0.2.1 to tcp 443"],
    left: [/TLS 1\.2 and TLS 1\.3.*nginx refuses/],
  })),
  {
    title: "nginx: load balancers that name their clients, of either family",
    format: "nginx",
    text: stream(
      "set_real_ip_from 192.0.2.0/28; server { listen 443 proxy_protocol; set_real_ip_from 10.0.0.5; set_real_ip_from unix:; set_real_ip_from 10.0.0.6; allow 198.51.100.0/24; allow 2001:db8::/32; deny all; proxy_pass 127.0.0.1:81; }",
    ),
    admits: ["from 198.51.100.7 to tcp 443", "from 2001:db8::9 to tcp 443 local 10.0.0.1"],
    // The socket has IPv4 alone.
    refuses: ["from 10.0.0.5 to tcp 443", "from 192.0.2.1 to tcp 443", "from 2001:db8::9 to tcp 443 local 2001:db8::1"],
    left: [/any other client is taken as it comes/],
    written: /^expose tcp_443 on tcp 443 bind any4 via 10\.0\.0\.5, 10\.0\.0\.6 \{/m,
  },
  {
    title: "nginx: load balancers and TLS in http",
    format: "nginx",
    text: http(
      "server { listen 443 ssl proxy_protocol; listen [::]:443 ssl proxy_protocol; ssl_certificate c.pem; set_real_ip_from 10.0.0.0/8; real_ip_header proxy_protocol; location / { allow 198.51.100.0/24; deny all; proxy_pass http://127.0.0.1:81; } }",
    ),
    admits: ["from 198.51.100.7 to tcp 443", "from 198.51.100.7 to tcp 443 local 2001:db8::1"],
    refuses: ["from 10.0.0.5 to tcp 443"],
    left: [/any other client/, /any other client/].slice(0, 1),
    written: /^expose http_443 on tcp 443 via 10\.0\.0\.0\/8 as tls \{/m,
  },
  {
    title: "nginx: a wide set of load balancers has its reason",
    format: "nginx",
    text: stream("server { listen 443 proxy_protocol; set_real_ip_from 10.0.0.0/7; proxy_pass 127.0.0.1:81; }"),
    admits: ["from 198.51.100.7 to tcp 443"],
    left: [/any other client/],
    written: /^@why "set_real_ip_from of nginx"\nexpose tcp_443 on tcp 443 bind any4 via 10\.0\.0\.0\/7 \{/m,
  },
  ...(
    [
      ["that nobody trusts", "stream", "listen 443 proxy_protocol;", /no `set_real_ip_from` trusts them/],
      ["by a host name", "stream", "listen 443 proxy_protocol; set_real_ip_from lb.example;", /neither an address nor a prefix/],
      ["of the link", "stream", "listen 443 proxy_protocol; set_real_ip_from fe80::/10;", /no link-local address/],
      ["over udp", "stream", "listen 443 udp proxy_protocol; set_real_ip_from 10.0.0.5;", /over udp/],
      ["by a header of the request", "http", "listen 443; set_real_ip_from 10.0.0.5;", /a header of the request says who the client is/],
      [
        "by a header behind theirs",
        "http",
        "listen 443 proxy_protocol; set_real_ip_from 10.0.0.5; real_ip_header X-Real-IP;",
        /a header of the request says who/,
      ],
    ] as const
  ).map(([what, block, inside, left]): Row => ({
    title: `nginx: load balancers ${what}`,
    format: "nginx",
    text:
      block === "stream" ?
        stream(`server { ${inside} proxy_pass 127.0.0.1:81; }`)
      : http(`server { ${inside} location / { proxy_pass http://127.0.0.1:81; } }`),
    refuses: ["from 192.0.2.1 to tcp 443", "from 192.0.2.1 to udp 443", "from 10.0.0.5 to tcp 443"],
    left: [left],
  })),
  {
    title: "nginx: in stream, who names clients counts only where there is a header",
    format: "nginx",
    text: stream("set_real_ip_from 10.0.0.5; server { listen 80; deny 10.0.0.0/8; proxy_pass 127.0.0.1:81; }"),
    admits: ["from 192.0.2.1 to tcp 80"],
    refuses: ["from 10.0.0.5 to tcp 80"],
    written: /^expose tcp_80 on tcp 80 \{/m,
  },
  ...[
    "169.254.169.254:80",
    "0.0.0.0:80",
    "224.0.0.1:80",
    "255.255.255.255:80",
    "[fe80::1]:80",
    "10.0.3.7:0",
    "10.0.3.7:65536",
    "10.0.3.7",
    "db.example:80",
  ].map((address): Row => ({
    title: `nginx: ${address} is no backend`,
    format: "nginx",
    text: stream(`server { listen 80; proxy_pass ${address}; }`),
    refuses: ["from 192.0.2.1 to tcp 80"],
    left: [/is no backend: a literal address with a port/],
  })),
  {
    title: "nginx: backends on other hosts, some of an upstream",
    format: "nginx",
    text: stream(
      "upstream u { least_conn; server 127.0.0.1:81; server 10.0.3.7:8443; server [2001:db8::7]:8443; } server { listen 80; deny 10.0.0.0/8; proxy_pass u; }",
    ),
    admits: ["from 192.0.2.1 to tcp 80"],
    refuses: ["from 10.0.3.7 to tcp 80"],
    written: /^ {2}backend 127\.0\.0\.1:81, remote 10\.0\.3\.7:8443, remote \[2001:db8::7\]:8443$/m,
  },
  {
    title: "nginx: a backend that is another server, which is written too",
    format: "nginx",
    text: stream("server { listen 443; proxy_pass 127.0.0.1:90; } server { listen 90; proxy_pass 127.0.0.1:91; }"),
    admits: ["from 192.0.2.1 to tcp 90"],
    refuses: ["from 192.0.2.1 to tcp 443"],
    left: [/it is a port that this policy has ingressd open/],
  },
  {
    title: "nginx: a backend that is another server, which stays nginx's",
    format: "nginx",
    text: stream("server { listen 443; proxy_pass 127.0.0.1:90; } server { listen 127.0.0.1:90; js_access f; proxy_pass 127.0.0.1:91; }"),
    admits: ["from 192.0.2.1 to tcp 443"],
    refuses: ["from 192.0.2.1 to tcp 90"],
    left: [/js_access/],
  },
];

const FAULTS: readonly Fault[] = [
  ["nginx", "", /^ING875 it has no `stream`/],
  ["nginx", "stream { server { listen 80; }", /^ING873 this block has no end/],
  ["nginx", "stream { server { listen 80 } }", /^ING873 this directive has no `;`/],
  ["nginx", "stream { } }", /^ING873 a directive was expected, and `}` is here/],
  ["nginx", "stream { server_name 'a; }", /^ING873 this text has no closing quote/],
  ["nginx", "a { ".repeat(40), /^ING877 more than 32 blocks/],
];

runRows("import_nginx", ROWS, FAULTS);
