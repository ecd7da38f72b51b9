// The meaning of each format's parts: small sources with requests that the policy admits and refuses, and what is left out. Most rows are about
// something that must not be admitted.
import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { MAX_YAML_VALUES } from "../../compiler/import/draft/yaml_document.ts";
import type { Format } from "../../compiler/import/import.ts";
import { MAX_SOURCE_BYTES } from "../../compiler/source/bounds.ts";
import { decider, imported, refusals, type Request } from "./imported.ts";

const test = suite("import_rows");

interface Row {
  readonly title: string;
  readonly format: Format;
  readonly text: string;
  /** `from 198.51.100.7 to tcp 80 local 10.0.0.1 sni a.example` */
  readonly admits?: readonly string[];
  readonly refuses?: readonly string[];
  /** Each matches a part that is left out; as many as there are. */
  readonly left?: readonly RegExp[];
  /** A part of the policy. */
  readonly written?: RegExp;
}

const request = (text: string): Request => {
  const [, source = "", protocol = "", port = "", local = source.includes(":") ? "2001:db8::1" : "10.0.0.1", name = null] =
    /^from (\S+) to (tcp|udp) (\d+)(?: local (\S+))?(?: sni (\S+))?$/.exec(text) ?? [];
  return { source, protocol: protocol === "udp" ? "udp" : "tcp", port: Number(port), local, name };
};

const stream = (text: string): string => `events {}\nstream {\n${text}\n}\n`;
/** The output of `nginx -T` with a server that `inside` is in. */
const whole = (inside: string, files: Readonly<Record<string, string>>): string =>
  Object.entries({ "nginx.conf": stream(`server { listen 80; ${inside} proxy_pass 127.0.0.1:81; }`), ...files })
    .map(([name, text]) => `# configuration file /etc/nginx/${name}:\n${text}\n`)
    .join("\n");
const http = (text: string): string => `events {}\nhttp {\n${text}\n}\n`;
const nft = (rules: string, policy = "drop", more = ""): string => {
  const objects = [`{"chain":{"family":"inet","table":"t","name":"input","type":"filter","hook":"input","prio":0,"policy":"${policy}"}}`, more, rules].filter(
    (part) => part !== "",
  );
  return `{"nftables":[${objects.join(",")}]}`;
};
const rule = (expr: string, chain = "input"): string => `{"rule":{"family":"inet","table":"t","chain":"${chain}","handle":7,"expr":[${expr}]}}`;
const chain = (name: string): string => `{"chain":{"family":"inet","table":"t","name":"${name}"}}`;
const match = (left: string, right: string, op = "=="): string => `{"match":{"op":"${op}","left":${left},"right":${right}}}`;
const PORT = match('{"payload":{"protocol":"tcp","field":"dport"}}', "22");
const SOURCE = match('{"payload":{"protocol":"ip","field":"saddr"}}', '{"prefix":{"addr":"10.0.0.0","len":8}}');
const ICMP_TYPE = '{"payload":{"protocol":"icmp","field":"type"}}';
const SADDR = '{"payload":{"protocol":"ip","field":"saddr"}}';
const DPORT = '{"payload":{"protocol":"tcp","field":"dport"}}';
const ODD = match('{"meta":{"key":"mark"}}', "7");
/** A plan that makes a group, whose id nobody knows yet, and a rule for port 22 of the group that `references` say. */
const plan = (inside: string, group: string, index: string, references: readonly string[] | null): string => {
  const resources = [
    { type: "aws_security_group", address: `${inside}${group}`, values: { ingress: [] } },
    {
      type: "aws_security_group_rule",
      address: `${inside}aws_security_group_rule.ssh${index}`,
      values: { type: "ingress", protocol: "tcp", from_port: 22, to_port: 22, cidr_blocks: ["0.0.0.0/0"] },
    },
  ];
  const expressions = { security_group_id: references === null ? { constant_value: "sg-9" } : { references } };
  const module = { resources: [{ address: "aws_security_group_rule.ssh", expressions }] };
  return JSON.stringify({
    planned_values: { root_module: inside === "" ? { resources } : { child_modules: [{ resources }] } },
    configuration: { root_module: inside === "" ? module : { module_calls: { m: { module } } } },
  });
};
const service = (metadata: string, spec: string): string =>
  `{"apiVersion":"v1","kind":"Service","metadata":{"name":"a",${metadata}},"spec":{${spec},"ports":[{"port":80}]}}`;
const networkPolicy = (api: string, kind: string, spec: string): string =>
  `{"items":[${service('"labels":{}', '"type":"LoadBalancer"')},{"apiVersion":"${api}","kind":"${kind}","metadata":{"name":"p"},"spec":{${spec}}}]}`;
const permission = (text: string): string => `{"SecurityGroups":[{"GroupName":"g","IpPermissions":[${text}]}]}`;

const ROWS: readonly Row[] = [
  {
    title: "nft: nothing is admitted where no rule accepts",
    format: "nft",
    text: nft(rule(`${PORT},{"drop":null}`)),
    refuses: ["from 10.1.1.1 to tcp 22", "from 10.1.1.1 to tcp 80"],
  },
  {
    title: "nft: a chain that accepts what no rule refuses",
    format: "nft",
    text: nft(rule(`${PORT},{"drop":null}`), "accept"),
    admits: ["from 10.1.1.1 to tcp 80", "from 2001:db8::9 to udp 53"],
    refuses: ["from 10.1.1.1 to tcp 22"],
  },
  {
    title: "nft: an accept by a mark admits nobody",
    format: "nft",
    text: nft(rule(`${PORT},${ODD},{"accept":null}`)),
    refuses: ["from 10.1.1.1 to tcp 22"],
    left: [/`meta mark`.* it admits nobody/],
  },
  {
    title: "nft: a drop by a mark refuses all that it may",
    format: "nft",
    text: nft(`${rule(`${PORT},${ODD},{"drop":null}`)},${rule(`${PORT},{"accept":null}`)}`),
    refuses: ["from 10.1.1.1 to tcp 22"],
    left: [/whatever it may drop is refused/],
  },
  {
    title: "nft: a jump that may not be taken admits what both ways do",
    format: "nft",
    text: nft(
      `${rule(`${SOURCE},{"accept":null}`, "side")},${rule(`${ODD},{"jump":{"target":"side"}}`)},${rule(`${PORT},{"accept":null}`)}`,
      "drop",
      chain("side"),
    ),
    admits: ["from 10.1.1.1 to tcp 22", "from 192.0.2.1 to tcp 22"],
    refuses: ["from 10.1.1.1 to tcp 80"],
    left: [/`meta mark`/],
  },
  {
    title: "nft: a goto does not come back",
    format: "nft",
    text: nft(
      `${rule(`${SOURCE},{"return":null}`, "side")},${rule(`${PORT},{"goto":{"target":"side"}}`)},${rule(`${PORT},{"accept":null}`)}`,
      "drop",
      chain("side"),
    ),
    refuses: ["from 10.1.1.1 to tcp 22", "from 192.0.2.1 to tcp 22"],
  },
  {
    title: "nft: chains that jump in a circle end",
    format: "nft",
    text: nft(`${rule(`{"jump":{"target":"side"}}`, "side")},${rule(`{"jump":{"target":"side"}}`)},${rule(`${PORT},{"accept":null}`)}`, "drop", chain("side")),
    refuses: ["from 10.1.1.1 to tcp 22"],
  },
  {
    title: "nft: a jump to a chain that is not there",
    format: "nft",
    text: nft(`${rule(`{"jump":{"target":"none"}}`)},${rule(`${PORT},{"accept":null}`)}`),
    refuses: ["from 10.1.1.1 to tcp 22"],
  },
  {
    title: "nft: a statement that nobody knows refuses",
    format: "nft",
    text: nft(`${rule(`${PORT},{"frobnicate":null}`)},${rule(`${PORT},{"accept":null}`)}`),
    refuses: ["from 10.1.1.1 to tcp 22"],
    left: [/a policy has no `frobnicate`/],
  },
  {
    title: "nft: an accept after a limit",
    format: "nft",
    text: nft(rule(`${PORT},{"limit":{"rate":5}},{"accept":null}`)),
    refuses: ["from 10.1.1.1 to tcp 22"],
    left: [/`limit`/],
  },
  {
    title: "nft: a set that is not there",
    format: "nft",
    text: nft(rule(`${match('{"payload":{"protocol":"ip","field":"saddr"}}', '"@gone"')},{"accept":null}`)),
    refuses: ["from 10.1.1.1 to tcp 22"],
    left: [/`ip saddr`/],
  },
  {
    title: "nft: not a port, for both families",
    format: "nft",
    text: nft(rule(`${match('{"payload":{"protocol":"tcp","field":"dport"}}', "22", "!=")},{"accept":null}`)),
    admits: ["from 10.1.1.1 to tcp 23", "from 2001:db8::9 to tcp 65535"],
    refuses: ["from 10.1.1.1 to tcp 22", "from 10.1.1.1 to udp 23"],
  },
  {
    title: "nft: not a source, only of its family",
    format: "nft",
    text: nft(rule(`${PORT},${SOURCE.replace("==", "!=")},{"accept":null}`)),
    admits: ["from 11.0.0.1 to tcp 22"],
    refuses: ["from 10.0.0.1 to tcp 22", "from 2001:db8::9 to tcp 22"],
  },
  ...[
    { what: "icmp type != redirect", text: match(ICMP_TYPE, '"redirect"', "!="), left: [/it is about icmp/] },
    { what: "sctp dport != 5", text: match('{"payload":{"protocol":"sctp","field":"dport"}}', "5", "!="), left: [/it is about sctp/] },
    { what: "icmp type . ip saddr != …", text: match(`{"concat":[${ICMP_TYPE},${SADDR}]}`, '{"concat":["redirect","10.0.0.1"]}', "!="), left: [/about icmp/] },
    { what: "udp sport != 53", text: match('{"payload":{"protocol":"udp","field":"sport"}}', "53", "!="), left: [/`udp sport`.* it admits nobody/] },
    { what: "vlan id 5", text: match('{"payload":{"protocol":"vlan","field":"id"}}', "5"), left: [/`vlan id`.* it admits nobody/] },
    {
      what: "vxlan ip saddr != 10.0.0.1",
      text: match('{"payload":{"tunnel":"vxlan","protocol":"ip","field":"saddr"}}', '"10.0.0.1"', "!="),
      left: [/`ip saddr`.* it admits nobody/],
    },
  ].map(({ what, text, left }): Row => ({
    title: `nft: ${what} accepts no connection that a policy knows`,
    format: "nft",
    text: nft(rule(`${text},{"accept":null}`)),
    refuses: ["from 11.0.0.1 to tcp 22", "from 11.0.0.1 to udp 22", "from 2001:db8::9 to tcp 22", "from 2001:db8::9 to udp 22"],
    left,
  })),
  {
    title: "nft: not a source with a port, only of its family and its protocol",
    format: "nft",
    text: nft(rule(`${match(`{"concat":[${SADDR},${DPORT}]}`, '{"set":[{"concat":["10.0.0.1",22]}]}', "!=")},{"accept":null}`)),
    admits: ["from 10.0.0.1 to tcp 23", "from 10.0.0.2 to tcp 22"],
    refuses: ["from 10.0.0.1 to tcp 22", "from 10.0.0.2 to udp 22", "from 2001:db8::9 to tcp 22", "from 2001:db8::9 to udp 22"],
  },
  {
    title: "nft: a drop of what is not a port of udp drops nothing of tcp",
    format: "nft",
    text: nft(`${rule(`${match('{"payload":{"protocol":"udp","field":"sport"}}', "53", "!=")},{"drop":null}`)},${rule(`${PORT},{"accept":null}`)}`),
    admits: ["from 10.1.1.1 to tcp 22"],
    refuses: ["from 10.1.1.1 to udp 22"],
    left: [/`udp sport`.* whatever it may drop is refused/],
  },
  {
    title: "nft: a drop by the number of a VLAN refuses all that it may",
    format: "nft",
    text: nft(`${rule(`${match('{"payload":{"protocol":"vlan","field":"id"}}', "5")},{"drop":null}`)},${rule(`${PORT},{"accept":null}`)}`),
    refuses: ["from 10.1.1.1 to tcp 22"],
    left: [/`vlan id`.* whatever it may drop is refused/],
  },
  {
    title: "nft: every hook must accept",
    format: "nft",
    text: nft(
      `${rule(`${PORT},{"accept":null}`)},${rule(`${SOURCE},{"drop":null}`, "early")}`,
      "drop",
      '{"chain":{"family":"inet","table":"t","name":"early","type":"filter","hook":"prerouting","prio":-300,"policy":"accept"}}',
    ),
    admits: ["from 11.0.0.1 to tcp 22"],
    refuses: ["from 10.0.0.1 to tcp 22"],
  },

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
    left: [/`listen 10\.0\.0\.2:80 ssl`.*terminates TLS/],
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
    title: "nginx: a name of another host does not lead to the default",
    format: "nginx",
    text: stream("map $ssl_preread_server_name $to { a.example 192.0.2.9:443; default 127.0.0.1:82; } server { listen 80; ssl_preread on; proxy_pass $to; }"),
    admits: ["from 192.0.2.1 to tcp 80 sni b.example", "from 192.0.2.1 to tcp 80"],
    refuses: ["from 192.0.2.1 to tcp 80 sni a.example"],
    left: [/no backend on this host/],
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
    title: "haproxy: accept ends the layer, and the next one begins",
    format: "haproxy",
    text: "frontend f\n bind :80\n tcp-request connection accept if { src 10.0.0.0/8 }\n tcp-request connection reject\n tcp-request content reject if { src 10.0.0.5 }\n default_backend b\nbackend b\n server s 127.0.0.1:81\n",
    admits: ["from 10.0.0.4 to tcp 80"],
    refuses: ["from 10.0.0.5 to tcp 80", "from 192.0.2.1 to tcp 80"],
  },
  {
    title: "haproxy: acls of one name are alternatives",
    format: "haproxy",
    text: "frontend f\n bind :80\n acl a src 10.0.0.0/8\n acl a src 192.0.2.0/24\n tcp-request connection reject unless a\n default_backend b\nbackend b\n server s 127.0.0.1:81\n",
    admits: ["from 10.0.0.4 to tcp 80", "from 192.0.2.4 to tcp 80"],
    refuses: ["from 203.0.113.1 to tcp 80"],
  },
  {
    title: "haproxy: a name without -i is left out",
    format: "haproxy",
    text: "frontend f\n bind :80\n tcp-request inspect-delay 5s\n tcp-request content accept if { req_ssl_hello_type 1 }\n use_backend b if { req_ssl_sni a.example }\nbackend b\n server s 127.0.0.1:81\n",
    refuses: ["from 10.0.0.4 to tcp 80 sni a.example"],
    left: [/write `-i`/],
  },
  {
    title: "haproxy: a name that HAProxy does not wait for",
    format: "haproxy",
    text: "frontend f\n bind :80\n use_backend b if { req_ssl_sni -i a.example }\nbackend b\n server s 127.0.0.1:81\n",
    refuses: ["from 10.0.0.4 to tcp 80 sni a.example"],
    left: [/inspect-delay/],
  },
  {
    title: "haproxy: a file of addresses that is refused",
    format: "haproxy",
    text: "frontend f\n bind :80\n tcp-request connection reject if { src -f bad.txt }\n default_backend b\nbackend b\n server s 127.0.0.1:81\n",
    refuses: ["from 10.0.0.4 to tcp 80"],
    left: [/a file that is not here/],
  },
  {
    title: "haproxy: an acl that is not there",
    format: "haproxy",
    text: "frontend f\n bind :80\n tcp-request connection accept if gone\n tcp-request connection reject\n default_backend b\nbackend b\n server s 127.0.0.1:81\n",
    refuses: ["from 10.0.0.4 to tcp 80"],
    left: [/`gone` is not there/],
  },
  {
    title: "haproxy: a backend on another host",
    format: "haproxy",
    text: "listen f\n bind :80\n server s 192.0.2.9:81\n",
    refuses: ["from 10.0.0.4 to tcp 80"],
    left: [/no backend on this host/],
  },
  {
    title: "haproxy: a backend with rules of its own",
    format: "haproxy",
    text: "frontend f\n bind :80\n default_backend b\nbackend b\n tcp-request content reject if { src 10.0.0.0/8 }\n server s 127.0.0.1:81\n",
    refuses: ["from 10.0.0.4 to tcp 80"],
    left: [/no counterpart/],
  },
  {
    title: "haproxy: mode http of the defaults",
    format: "haproxy",
    text: "defaults\n mode http\nfrontend f\n bind :80\n default_backend b\nbackend b\n server s 127.0.0.1:81\n",
    refuses: ["from 10.0.0.4 to tcp 80"],
    left: [/mode is http/],
  },
  {
    title: "haproxy: a wildcard of IPv6 is IPv6",
    format: "haproxy",
    text: "listen f\n bind [::]:80\n server s 127.0.0.1:81\n",
    admits: ["from 2001:db8::9 to tcp 80"],
    refuses: ["from 10.0.0.4 to tcp 80"],
    left: [/`v4v6` or `v6only`/],
  },
  {
    title: "haproxy: who waits for a hello admits nothing without one",
    format: "haproxy",
    text: "frontend f\n bind :80\n tcp-request inspect-delay 5s\n tcp-request content accept if { req_ssl_hello_type 1 }\n tcp-request content reject\n default_backend b\nbackend b\n server s 127.0.0.1:81\n",
    admits: ["from 10.0.0.4 to tcp 80", "from 10.0.0.4 to tcp 80 sni a.example"],
    written: /^expose f on tcp 80 as passthrough /m,
  },
  {
    title: "haproxy: also by an acl, in a route",
    format: "haproxy",
    text: "frontend f\n bind :80\n acl tls req.ssl_hello_type 1\n tcp-request inspect-delay 5s\n tcp-request content accept if { src 10.0.0.0/8 } tls\n use_backend b if tls\nbackend b\n server s 127.0.0.1:81\n",
    admits: ["from 10.0.0.4 to tcp 80"],
    written: /^expose f on tcp 80 as passthrough /m,
  },
  {
    title: "haproxy: an acl of hellos that no rule uses changes nothing",
    format: "haproxy",
    text: "frontend f\n bind :80\n acl tls req_ssl_hello_type 1\n default_backend b\nbackend b\n server s 127.0.0.1:81\n",
    admits: ["from 10.0.0.4 to tcp 80"],
    written: /^expose f on tcp 80 \{/m,
  },
  {
    title: "haproxy: a rule of connections has no hello to read",
    format: "haproxy",
    text: "frontend f\n bind :80\n acl tls req_ssl_hello_type 1\n tcp-request inspect-delay 5s\n tcp-request connection accept if tls\n tcp-request connection reject\n tcp-request content reject unless tls\n default_backend b\nbackend b\n server s 127.0.0.1:81\n",
    refuses: ["from 10.0.0.4 to tcp 80"],
    left: [/connection accept if tls.*it admits nobody here/],
  },
  ...["ipv6@:80", "ipv6@*:80"].map((place): Row => ({
    title: `haproxy: ${place} is IPv6`,
    format: "haproxy",
    text: `listen f\n bind ${place} v6only\n server s 127.0.0.1:81\n`,
    admits: ["from 2001:db8::9 to tcp 80"],
    refuses: ["from 10.0.0.4 to tcp 80"],
  })),
  ...["ipv6@10.0.0.1:80", "ipv4@[::]:80", "ipv4@2001:db8::1:80"].map((place): Row => ({
    title: `haproxy: ${place} is no address`,
    format: "haproxy",
    text: `listen f\n bind ${place}\n server s 127.0.0.1:81\n`,
    refuses: ["from 2001:db8::9 to tcp 80", "from 10.0.0.4 to tcp 80"],
    left: [/is no address and port/],
  })),
  {
    title: "haproxy: the rules of a listen that a frontend leads to",
    format: "haproxy",
    text: "frontend f\n bind :80\n default_backend l\nlisten l\n bind :90\n tcp-request content reject if { src 10.0.0.0/8 }\n server s 127.0.0.1:81\n",
    admits: ["from 192.0.2.1 to tcp 90"],
    refuses: ["from 10.0.0.4 to tcp 80", "from 192.0.2.1 to tcp 80", "from 10.0.0.4 to tcp 90"],
    left: [/tcp-request content reject.*no counterpart/],
  },
  {
    title: "haproxy: the rules of a backend's defaults",
    format: "haproxy",
    text: "defaults plain\nfrontend f from plain\n bind :80\n default_backend b\ndefaults strict\n tcp-request content reject if { src 10.0.0.0/8 }\nbackend b from strict\n server s 127.0.0.1:81\n",
    refuses: ["from 10.0.0.4 to tcp 80", "from 192.0.2.1 to tcp 80"],
    left: [/tcp-request content reject.*no counterpart/],
  },
  {
    title: "haproxy: the servers' parameters in the defaults",
    format: "haproxy",
    text: "defaults\n default-server send-proxy\nlisten f\n bind :80\n server s 127.0.0.1:81\n",
    admits: ["from 192.0.2.1 to tcp 80"],
    written: /proxy v1/,
  },
  {
    title: "haproxy: a host name beside an address may be any address",
    format: "haproxy",
    text: "listen f\n bind :80\n server s 127.0.0.1:81\nlisten g\n bind 10.0.0.9:90\n bind inner.example:80\n tcp-request connection reject\n server s 127.0.0.1:82\n",
    refuses: ["from 192.0.2.1 to tcp 80"],
    left: [/it may listen at an address of this one/, /no address and port/],
  },
  {
    title: "haproxy: a unix socket beside an address is no address",
    format: "haproxy",
    text: "listen f\n bind :80\n server s 127.0.0.1:81\nlisten g\n bind 10.0.0.9:90\n bind unix@/run/g.sock\n server s 127.0.0.1:82\n",
    admits: ["from 192.0.2.1 to tcp 80"],
    left: [/no address and port/],
  },

  {
    title: "aws: from one end of a range to the other",
    format: "aws",
    text: permission('{"IpProtocol":"tcp","FromPort":0,"ToPort":65535,"IpRanges":[{"CidrIp":"10.0.0.0/8"}]}'),
    admits: ["from 10.0.0.1 to tcp 1", "from 10.0.0.1 to tcp 65535"],
    refuses: ["from 10.0.0.1 to udp 1", "from 192.0.2.1 to tcp 1"],
  },
  {
    title: "aws: a group as a source",
    format: "aws",
    text: permission('{"IpProtocol":"tcp","FromPort":22,"ToPort":22,"UserIdGroupPairs":[{"GroupId":"sg-1"}]}'),
    refuses: ["from 10.0.0.1 to tcp 22"],
    left: [/the security group sg-1/],
  },
  { title: "aws: no rule", format: "aws", text: permission(""), refuses: ["from 10.0.0.1 to tcp 22"] },
  {
    title: "aws: rules for outgoing connections admit nobody",
    format: "aws",
    text: '{"SecurityGroups":[{"GroupName":"g","IpPermissions":[],"IpPermissionsEgress":[{"IpProtocol":"-1","IpRanges":[{"CidrIp":"0.0.0.0/0"}]}]}]}',
    refuses: ["from 10.0.0.1 to tcp 22"],
  },
  {
    title: "terraform: rules of a group that is not known",
    format: "terraform",
    text: '{"planned_values":{"root_module":{"resources":[{"type":"aws_security_group","address":"a","values":{"id":"sg-1","ingress":[]}},{"type":"aws_security_group_rule","address":"r","values":{"type":"ingress","security_group_id":"sg-2","protocol":"tcp","from_port":22,"to_port":22,"cidr_blocks":["0.0.0.0/0"]}}]}}}',
    refuses: ["from 10.0.0.1 to tcp 22"],
    left: [/another security group/],
  },
  ...(
    [
      ["its rule", "", "aws_security_group.web", ["aws_security_group.web.id", "aws_security_group.web"], true],
      ["one of several rules", "", "aws_security_group.web", ["aws_security_group.web.id", "aws_security_group.web"], true, "[0]"],
      ["a rule of a module", "module.m.", "aws_security_group.web", ["aws_security_group.web.id", "aws_security_group.web"], true],
      ["one of several groups", "", "aws_security_group.web[0]", ["aws_security_group.web[0].id", "aws_security_group.web[0]", "aws_security_group.web"], true],
      [
        "another of these groups",
        "",
        "aws_security_group.web[0]",
        ["aws_security_group.web[1].id", "aws_security_group.web[1]", "aws_security_group.web"],
        false,
      ],
      ["a rule of a group that is there already", "", "aws_security_group.web", ["data.aws_security_group.old.id", "data.aws_security_group.old"], false],
      ["a rule of a variable", "", "aws_security_group.web", ["var.group"], false],
      ["a rule of this group or another", "", "aws_security_group.web", ["aws_security_group.web.id", "aws_security_group.web", "var.group"], false],
      ["a rule of something else of the group", "", "aws_security_group.web", ["aws_security_group.web.vpc_id", "aws_security_group.web"], false],
      ["a rule of an id", "", "aws_security_group.web", null, false],
    ] as const
  ).map(([title, inside, group, references, isOwn, index = ""]): Row => ({
    title: `terraform: a plan with one new group and ${title}`,
    format: "terraform",
    text: plan(inside, group, index, references),
    ...(isOwn ? { admits: ["from 10.0.0.1 to tcp 22"] } : { refuses: ["from 10.0.0.1 to tcp 22"], left: [/another security group, or the plan does not say/] }),
  })),
  {
    title: "kubernetes: a policy of no rules admits nobody",
    format: "kubernetes",
    text: '{"items":[{"kind":"Service","metadata":{"name":"a"},"spec":{"type":"NodePort","selector":{"app":"a"},"ports":[{"port":80,"nodePort":30080}]}},{"kind":"NetworkPolicy","metadata":{"name":"p"},"spec":{"podSelector":{},"policyTypes":["Ingress"]}}]}',
    refuses: ["from 10.0.0.1 to tcp 30080", "from 10.0.0.1 to tcp 80"],
  },
  {
    title: "kubernetes: a policy of another namespace is not about the pods",
    format: "kubernetes",
    text: '{"items":[{"kind":"Service","metadata":{"name":"a"},"spec":{"type":"NodePort","ports":[{"port":80,"nodePort":30080}]}},{"kind":"NetworkPolicy","metadata":{"name":"p","namespace":"x"},"spec":{"podSelector":{}}}]}',
    admits: ["from 10.0.0.1 to tcp 30080"],
  },
  {
    title: "kubernetes: a load balancer that an annotation narrows",
    format: "kubernetes",
    text: service('"annotations":{"service.beta.kubernetes.io/load-balancer-source-ranges":"10.0.0.0/8"}', '"type":"LoadBalancer"'),
    refuses: ["from 10.0.0.1 to tcp 80", "from 192.0.2.1 to tcp 80"],
    left: [/Service a: its annotation `service\.beta\.kubernetes\.io\/load-balancer-source-ranges`/],
  },
  {
    title: "kubernetes: the ranges of the spec win over the annotation, as there",
    format: "kubernetes",
    text: service(
      '"annotations":{"service.beta.kubernetes.io/load-balancer-source-ranges":"0.0.0.0/0"}',
      '"type":"LoadBalancer","loadBalancerSourceRanges":["10.0.0.0/8"]',
    ),
    admits: ["from 10.0.0.1 to tcp 80"],
    refuses: ["from 192.0.2.1 to tcp 80"],
  },
  {
    title: "kubernetes: null is no list, as there",
    format: "kubernetes",
    text: service('"labels":{}', '"type":"LoadBalancer","loadBalancerSourceRanges":null'),
    admits: ["from 192.0.2.1 to tcp 80"],
  },
  {
    title: "kubernetes: labels that can't be read may be those of the pods",
    format: "kubernetes",
    text: `{"items":[${service('"labels":{}', '"type":"LoadBalancer","selector":{"app":"a"}')},{"kind":"NetworkPolicy","metadata":{"name":"p"},"spec":{"podSelector":{"matchLabels":{"app":7}}}}]}`,
    refuses: ["from 192.0.2.1 to tcp 80"],
    left: [/whether it is about the pods/],
  },
  {
    title: "kubernetes: a Service of another API",
    format: "kubernetes",
    text: `{"items":[${service('"labels":{}', '"type":"LoadBalancer"')},{"apiVersion":"serving.knative.dev/v1","kind":"Service","metadata":{"name":"k"},"spec":{"type":"LoadBalancer","ports":[{"port":81}]}}]}`,
    admits: ["from 192.0.2.1 to tcp 80"],
    refuses: ["from 192.0.2.1 to tcp 81"],
    left: [/Service k: only Services/],
  },
  {
    title: "kubernetes: pods as a source",
    format: "kubernetes",
    text: '{"kind":"NetworkPolicy","metadata":{"name":"p"},"spec":{"podSelector":{},"ingress":[{"from":[{"podSelector":{}}],"ports":[{"port":80}]}]}}',
    refuses: ["from 10.0.0.1 to tcp 80"],
    left: [/pods or namespaces/],
  },
  {
    title: "kubernetes: two documents of YAML, comments and an empty one",
    format: "kubernetes",
    text: `---
# the shop
apiVersion: v1
kind: Service
metadata: {name: a}
spec:
  type: LoadBalancer
  selector: {app: a}
  loadBalancerSourceRanges:
    - 10.0.0.0/8
  ports:
    - port: 80
      targetPort: 8080
---
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: p
spec:
  podSelector:
    matchLabels: {app: a}
  ingress:
    - from:
        - ipBlock:
            cidr: "10.1.0.0/16"
            except: ["10.1.2.0/24"]
      ports:
        - protocol: TCP
          port: 8080
`,
    admits: ["from 10.1.0.1 to tcp 80"],
    refuses: ["from 10.1.2.1 to tcp 80", "from 10.2.0.1 to tcp 80", "from 192.0.2.1 to tcp 80"],
  },
  {
    title: "kubernetes: a List of YAML, with CR LF, an alias and texts in quotes",
    format: "kubernetes",
    text: `kind: List
items:
- kind: Service
  metadata: {name: 'a'}
  spec:
    type: "LoadBalancer"
    loadBalancerSourceRanges: &office
    - >-
      10.0.0.0/8
    ports: [{port: 80}]
- kind: Service
  metadata: {name: b}
  spec: {type: LoadBalancer, loadBalancerSourceRanges: *office, ports: [{port: 81, protocol: UDP}]}
`.replaceAll("\n", "\r\n"),
    admits: ["from 10.0.0.1 to tcp 80", "from 10.0.0.1 to udp 81"],
    refuses: ["from 192.0.2.1 to tcp 80", "from 192.0.2.1 to udp 81"],
  },
  {
    title: "kubernetes: an alias means the last anchor before it, and what it repeats changes nothing",
    format: "kubernetes",
    text: `kind: Service
metadata: {name: a, annotations: {x: &r 10.0.0.0/8, y: &both [*r], z: &r 192.0.2.0/24, again: *both}}
spec: {type: LoadBalancer, loadBalancerSourceRanges: [*r], ports: [{port: 80}]}
`,
    admits: ["from 192.0.2.1 to tcp 80"],
    refuses: ["from 10.0.0.1 to tcp 80"],
  },
  {
    title: "kubernetes: null of YAML is no list, as there",
    format: "kubernetes",
    text: yamlService("LoadBalancer", "loadBalancerSourceRanges: ~"),
    admits: ["from 192.0.2.1 to tcp 80"],
  },
  {
    title: "kubernetes: a label that YAML takes for false may be that of the pods",
    format: "kubernetes",
    text: `${yamlService("LoadBalancer", "selector: {app: 'no'}")}---\n${yamlPolicy("podSelector: {matchLabels: {app: no}}")}`,
    refuses: ["from 192.0.2.1 to tcp 80"],
    left: [/whether it is about the pods/],
  },
  {
    title: "kubernetes: a rule of YAML without fields admits everybody, as there",
    format: "kubernetes",
    text: yamlPolicy("podSelector: {}\n  ingress: [{}]"),
    admits: ["from 192.0.2.1 to tcp 80", "from 192.0.2.1 to udp 9"],
  },
  {
    title: "tailscale: from any device is from its addresses",
    format: "tailscale",
    text: '{"acls":[{"action":"accept","src":["*"],"dst":["*:22",]}]} // all',
    admits: ["from 100.64.0.1 to tcp 22"],
    refuses: ["from 192.0.2.1 to tcp 22", "from 100.64.0.1 to tcp 23"],
  },
  {
    title: "tailscale: a group is nobody",
    format: "tailscale",
    text: '{"acls":[{"action":"accept","src":["group:a"],"dst":["*:22"]}]}',
    refuses: ["from 100.64.0.1 to tcp 22"],
    left: [/group:a/],
  },
  {
    title: "tailscale: a tag may be any host",
    format: "tailscale",
    text: '{"acls":[{"action":"accept","src":["*"],"dst":["tag:a:22"]}]}',
    refuses: ["from 100.64.0.1 to tcp 22"],
    left: [/tag:a/],
  },
];

for (const { title, format, text, admits = [], refuses = [], left = [], written } of ROWS)
  test(title, async () => {
    const result = await imported(format, text);
    const decide = decider(result.text);
    for (const one of admits) assert.ok(decide(request(one)), `admits ${one}\n${result.text}`);
    for (const one of refuses) assert.not.ok(decide(request(one)), `refuses ${one}\n${result.text}`);
    const found = result.left.map(({ what, why }) => `${what}: ${why}`);
    assert.is(found.length, left.length, found.join("\n"));
    left.forEach((pattern, i) => assert.match(found[i] ?? "", pattern));
    if (written !== undefined) assert.match(result.text, written);
  });

const NETWORKING = "networking.k8s.io/v1";

/** Of YAML, in block style; `more` is of its spec. */
function yamlService(type: string, more = "externalName: x"): string {
  return `kind: Service\nmetadata: {name: a}\nspec:\n  type: ${type}\n  ports: [{port: 80}]\n  ${more}\n`;
}

function yamlPolicy(spec: string, more = "labels: {}"): string {
  return `kind: NetworkPolicy\nmetadata: {name: p, ${more}}\nspec:\n  ${spec}\n`;
}

const FAULTS: readonly (readonly [format: Format, text: string, expected: RegExp])[] = [
  ["nft", "", /^ING873 this is not JSON/],
  ["nft", '{"nftables": [', /^ING873 this is not JSON/],
  ["nft", "{}", /^ING873 .*no list `nftables`/],
  ["nft", '{"nftables":[{}]}', /^ING874 this is no object of one key/],
  ["nft", '{"nftables":[{"table":{"family":"inet","name":"t"}}]}', /^ING875 no chain with the hook `input`/],
  ["nft", '{"nftables":[{"rule":{"family":"inet","table":"t","chain":"c"}}]}', /^ING874 a rule has no `expr`/],
  ["nft", '{"nftables":[{"rule":{"family":"inet","table":"t","chain":"c","expr":7}}]}', /^ING874 `expr` of a rule is not a list/],
  ["nft", nft(rule(`${PORT},{"accept":null}`, "gone")), /^ING874 this rule is in a chain that is not there/],
  ["nft", '{"nftables":[{"chain":{}, "chain":{}}]}', /^ING873 this key appears twice/],
  ["nft", `${"[".repeat(201)}${"]".repeat(201)}`, /^ING873 .*no list/],
  ["nft", `${"[".repeat(202)}${"]".repeat(202)}`, /^ING877 more than 200 brackets/],
  ["nginx", "", /^ING875 it has no `stream`/],
  ["nginx", "stream { server { listen 80; }", /^ING873 this block has no end/],
  ["nginx", "stream { server { listen 80 } }", /^ING873 this directive has no `;`/],
  ["nginx", "stream { } }", /^ING873 a directive was expected, and `}` is here/],
  ["nginx", "stream { server_name 'a; }", /^ING873 this text has no closing quote/],
  ["nginx", "a { ".repeat(40), /^ING877 more than 32 blocks/],
  ["haproxy", "", /^ING875 it has no `frontend`/],
  ["haproxy", "bind :80\n", /^ING873 `bind` is in no section/],
  ["haproxy", "frontend\n", /^ING874 this frontend has no name/],
  ["haproxy", 'frontend f\n bind ":80\n', /^ING873 this text has no closing quote/],
  ["haproxy", "frontend f\n.if defined(A)\n", /^ING874 `\.if` depends on the machine/],
  ["aws", "{}", /^ING874 the document has no `SecurityGroups`/],
  ["aws", '{"SecurityGroups":[]}', /^ING875 it has no security group/],
  ["aws", permission('{"FromPort":1}'), /^ING874 a rule has no `IpProtocol`/],
  ["aws", permission('{"IpProtocol":"tcp","FromPort":80}'), /^ING874 .*has no range of ports/],
  ["aws", permission('{"IpProtocol":"tcp","FromPort":81,"ToPort":80}'), /^ING874 .*has no range of ports/],
  ["aws", permission('{"IpProtocol":"tcp","FromPort":80,"ToPort":65536}'), /^ING874 .*has no range of ports/],
  ["aws", permission('{"IpProtocol":"tcp","FromPort":80,"ToPort":80,"IpRanges":[{"CidrIp":"2001:db8::/32"}]}'), /^ING874 this is no prefix of IPv4/],
  ["aws", permission('{"IpProtocol":"tcp","FromPort":80,"ToPort":80,"IpRanges":[{"CidrIp":"10.0.0.0/33"}]}'), /^ING874 this is no prefix of IPv4/],
  ["terraform", "{}", /^ING873 it has neither `values` nor `planned_values`/],
  ["terraform", '{"values":{"root_module":{"resources":[{}]}}}', /^ING874 this resource has no `type`/],
  ["terraform", '{"values":{"root_module":{}}}', /^ING875 it has no security group/],
  ["kubernetes", '{"kind":"Service"', /^ING873 this is not JSON/],
  ["kubernetes", "apiVersion: v1\nkind: Service\n", /^ING874 this object has no `kind` or no name/],
  ["kubernetes", "", /^ING875 it has no Service/],
  ["kubernetes", "---\n---\n# nothing\n", /^ING875 it has no Service/],
  ["kubernetes", "- a\n- b\n", /^ING874 this object has no `kind` or no name/],
  ["kubernetes", "kind: Service\n metadata: {}\n", /^ING873 this is not YAML/],
  ["kubernetes", "kind: [Service\n", /^ING873 this is not YAML/],
  ["kubernetes", "kind: 'Service\n", /^ING873 this is not YAML/],
  ["kubernetes", "a: b\n\tc: d\n", /^ING873 this is not YAML/],
  ["kubernetes", `${yamlService("LoadBalancer", "loadBalancerSourceRanges: [10.0.0.0/8]")}  loadBalancerSourceRanges: []\n`, /^ING873 this key appears twice/],
  [
    "kubernetes",
    `${yamlService("LoadBalancer", "loadBalancerSourceRanges: [10.0.0.0/8]")}  "loadBalancerSourceRanges": []\n`,
    /^ING873 this key appears twice/,
  ],
  ["kubernetes", yamlService("LoadBalancer", "<<: {loadBalancerSourceRanges: [10.0.0.0/8]}"), /^ING873 merge keys are not read/],
  ["kubernetes", yamlService("LoadBalancer", '"<<": {}'), /^ING873 merge keys are not read/],
  ["kubernetes", yamlService("LoadBalancer", "? [a]\n  : b"), /^ING873 this key is no text/],
  ["kubernetes", yamlService("LoadBalancer", "loadBalancerSourceRanges: !!set {10.0.0.0/8}"), /^ING873/],
  ["kubernetes", yamlService("LoadBalancer", "x: !!binary aGk="), /^ING873/],
  ["kubernetes", yamlService("LoadBalancer", "x: !own y"), /^ING873/],
  ["kubernetes", yamlService("LoadBalancer", "loadBalancerSourceRanges: *gone"), /^ING873 there is no anchor `gone`/],
  [
    "kubernetes",
    `${yamlService("LoadBalancer", "x: &a [10.0.0.0/8]")}---\n${yamlService("LoadBalancer", "loadBalancerSourceRanges: *a")}`,
    /^ING873 there is no anchor `a`/,
  ],
  ["kubernetes", yamlService("LoadBalancer", "x: &a [*a]"), /^ING873 this value contains itself/],
  ...["010", "0o10", "0x50", "0b1", "8_0", "1_000.5", ".5", "80.", ".inf", "-.INF", ".nan"].map(
    (number) =>
      [
        "kubernetes",
        `kind: Service\nmetadata: {name: a}\nspec: {type: LoadBalancer, ports: [{port: ${number}}]}\n`,
        /^ING873 programs read the number/,
      ] as const,
  ),
  ["kubernetes", yamlService("no"), /^ING874 `type` of the Service a is not a text/],
  ["kubernetes", yamlService("LoadBalancer", "loadBalancerSourceRanges: no"), /^ING874 `loadBalancerSourceRanges` of the Service a is not a list/],
  ["kubernetes", yamlService("LoadBalancer", "loadBalancerSourceRanges: [no]"), /^ING874 this is no prefix/],
  ["kubernetes", yamlPolicy("podSelector: {}", "namespace: on"), /^ING874 `namespace` of the NetworkPolicy p is not a text/],
  ["kubernetes", `${yamlService("LoadBalancer")}---\n${yamlPolicy("podSelector: all")}`, /^ING874 `podSelector` of the NetworkPolicy p is not an object/],
  ["kubernetes", yamlPolicy("podSelector: {}\n  policyTypes: Egress"), /^ING874 `policyTypes` of the NetworkPolicy p is not a list/],
  ["kubernetes", yamlPolicy("podSelector: {}\n  ingress: {}"), /^ING874 `ingress` of the NetworkPolicy p is not a list/],
  ["kubernetes", yamlPolicy("podSelector: {}\n  ingress:\n    -"), /^ING874 a rule of the NetworkPolicy p is not an object/],
  ["kubernetes", yamlPolicy("podSelector: {}\n  ingress: [yes]"), /^ING874 a rule of the NetworkPolicy p is not an object/],
  ...["[80]", "[{port: no}]", "[{port: [80]}]", "[{port: 80, endPort: '90'}]", "[~]"].map(
    (ports) => ["kubernetes", yamlPolicy(`podSelector: {}\n  ingress: [{ports: ${ports}}]`), /^ING874 a port of the NetworkPolicy p is not read/] as const,
  ),
  [
    "kubernetes",
    yamlPolicy("podSelector: {}\n  ingress: [{ports: [{port: 80, protocol: no}]}]"),
    /^ING874 `protocol` of a port of the NetworkPolicy p is not a text/,
  ],
  ["kubernetes", '{"kind":"NetworkPolicy","metadata":{"name":"p"},"spec":{"ingress":[{"ports":[{"port":80,"protocol":6}]}]}}', /^ING874 `protocol` of a port/],
  ["kubernetes", '{"kind":"NetworkPolicy","metadata":{"name":"p"},"spec":[]}', /^ING874 this NetworkPolicy has no `spec`/],
  ["kubernetes", `a: ${"[".repeat(5_000)}`, /^ING87[37]/],
  ["kubernetes", `a: ${"[".repeat(201)}${"]".repeat(201)}\n`, /^ING877 more than 200 collections/],
  ["kubernetes", '{"kind":"Service"}', /^ING874 this object has no `kind` or no name/],
  ["kubernetes", '{"kind":"List","items":[]}', /^ING875 it has no Service/],
  [
    "kubernetes",
    '{"kind":"Service","metadata":{"name":"a"},"spec":{"type":"NodePort","ports":[{"port":80}]}}',
    /^ING874 this port of the Service a has no number/,
  ],
  ["kubernetes", networkPolicy("projectcalico.org/v3", "NetworkPolicy", '"ingress":[{"action":"Deny"}]'), /^ING874 .*may refuse what the others admit/],
  ["kubernetes", networkPolicy("policy.networking.k8s.io/v1alpha1", "AdminNetworkPolicy", '"ingress":[]'), /^ING874 this AdminNetworkPolicy of policy/],
  ["kubernetes", networkPolicy("cilium.io/v2", "CiliumNetworkPolicy", '"ingressDeny":[]'), /^ING874 this CiliumNetworkPolicy of cilium/],
  ["kubernetes", networkPolicy("security.istio.io/v1", "AuthorizationPolicy", '"action":"DENY"'), /^ING874 this AuthorizationPolicy of security/],
  ["kubernetes", networkPolicy(NETWORKING, "NetworkPolicy", '"podSelector":{},"ingress":[{"from":{}}]'), /^ING874 `from` of a rule .* is not a list/],
  ["kubernetes", networkPolicy(NETWORKING, "NetworkPolicy", '"podSelector":{},"ingress":[{"ports":80}]'), /^ING874 `ports` of a rule .* is not a list/],
  [
    "kubernetes",
    networkPolicy(NETWORKING, "NetworkPolicy", '"podSelector":{},"ingress":[{"from":[{"ipBlock":{"cidr":"10.0.0.0/8","except":"10.1.0.0/16"}}]}]'),
    /^ING874 `except` of a block .* is not a list/,
  ],
  [
    "kubernetes",
    service('"labels":{}', '"type":"LoadBalancer","loadBalancerSourceRanges":"10.0.0.0/8"'),
    /^ING874 `loadBalancerSourceRanges` of the Service a/,
  ],
  ["tailscale", '{"groups":{}}', /^ING875 it has neither `acls` nor `grants`/],
  ["tailscale", '{"acls":{}}', /^ING874 `acls` is not a list/],
  ["tailscale", '{"acls":[{"action":"drop","src":["*"],"dst":["*:1"]}]}', /^ING874 this acl has no `action`/],
  ["tailscale", '{"acls":[{"action":"accept","src":["*"],"dst":["*"]}]}', /^ING874 this is no host with its ports/],
  ["tailscale", '{"acls":[{"action":"accept","src":["*"],"dst":["*:0"]}]}', /^ING874 this is no host with its ports/],
  ["tailscale", '{"acls":[], /* no end', /^ING873 this is not JSON/],
];

for (const [i, [format, text, expected]] of FAULTS.entries())
  test(`${format}: ${text.slice(0, 60).replaceAll("\n", " ")} is refused (${i})`, async () => {
    const [first = "nothing was refused"] = await refusals(format, text);
    assert.match(first, expected);
  });

test("kubernetes: aliases of YAML may repeat as many values as the bound, and one more is refused", async () => {
  // The value and its key count, and each alias counts as what it repeats.
  const laughs = (times: number): string =>
    `kind: Service\nmetadata: {name: a}\nspec: {type: ClusterIP, x: &x [${Array(99).fill("1").join()}], y: [${Array(times).fill("*x").join()}]}\n`;
  const most = Math.floor(MAX_YAML_VALUES / 101);
  assert.equal(
    (await refusals("kubernetes", laughs(most - 2))).filter((one) => one.startsWith("ING877")),
    [],
  );
  const [first = ""] = await refusals("kubernetes", laughs(most + 1));
  assert.match(first, /^ING877 the file has more than 200000 values/);
  const nested = Array.from(
    { length: 12 },
    (_, i) =>
      `a${i}: &a${i} [${Array(10)
        .fill(i === 0 ? "1" : `*a${i - 1}`)
        .join()}]`,
  ).join("\n");
  assert.match((await refusals("kubernetes", nested))[0] ?? "", /^ING877 the file has more than/);
});

test("kubernetes: a file of YAML has 4 MiB, and one byte more is refused", async () => {
  const policy = `${yamlPolicy("podSelector: {}")}# `;
  const file = (length: number): string => policy + "x".repeat(length - policy.length);
  assert.equal(await refusals("kubernetes", file(MAX_SOURCE_BYTES)), []);
  assert.match((await refusals("kubernetes", file(MAX_SOURCE_BYTES + 1)))[0] ?? "", /^ING877 a file of YAML may have 4 MiB/);
});

test("kubernetes: JSON as YAML means the same", async () => {
  for (const file of ["shop", "database"]) {
    const json = readFileSync(new URL(`sources/${file}.kubernetes.json`, import.meta.url), "utf8");
    const rules = (text: string): string => text.replace(/^#.*\n/gm, "");
    // Behind a comment it is YAML.
    assert.is(rules((await imported("kubernetes", `# yaml\n${json}`)).text), rules((await imported("kubernetes", json)).text));
  }
});

test.run();
