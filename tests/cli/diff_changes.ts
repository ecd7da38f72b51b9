// One change of a policy each, and what ingressc diff says of it: listeners, sources, names, certificates, backends and times. Caps and limits are in
// diff_bound_changes.ts.

/** The policy that most changes are made to. */
export const BASE = `edition 1
net vpn    = 10.8.0.0/16
net office = 198.51.100.0/24, 2001:db8:1::/48
@owner "edge"
expose ssh on tcp 2222 {
  backend 127.0.0.1:22
  cap 100 connections, 10 per source
  limit 60/m burst 20 per source
  allow from vpn
}
expose web on tcp 443 as tls {
  backend 127.0.0.1:8080
  cert "web"
  allow from any sni "www.example.com"
  deny from 203.0.113.0/24
}
`;

export interface Change {
  readonly name: string;
  /** BASE unless given. */
  readonly before?: string;
  readonly edit: (text: string) => string;
  readonly exit: 0 | 1;
  readonly openings: number;
  readonly closings: number;
  /** Lines of the text. */
  readonly out: readonly RegExp[];
}

export const CHANGES: readonly Change[] = [
  {
    name: "a wider net",
    edit: (t) => t.replace("10.8.0.0/16", "10.0.0.0/8"),
    exit: 1,
    openings: 1,
    closings: 0,
    out: [
      /^\+ ssh \(tcp 2222\): may now be reached from 10\.128\.0\.0\/9, 10\.64\.0\.0\/10, 10\.32\.0\.0\/11,.* and 10\.9\.0\.0\/16 \(16\.7 M addresses, vpn in b\.ingress:2\)$/m,
      /^ {4}for example: from 10\.128\.0\.1 to ssh$/m,
    ],
  },
  {
    name: "a narrower net",
    edit: (t) => t.replace("10.8.0.0/16", "10.8.0.0/17"),
    exit: 0,
    openings: 0,
    closings: 1,
    out: [/^- ssh \(tcp 2222\): may no longer be reached from 10\.8\.128\.0\/17 /m],
  },
  {
    name: "another net, whole",
    edit: (t) => t.replace("allow from vpn", "allow from vpn, office"),
    exit: 1,
    openings: 1,
    closings: 0,
    out: [/may now be reached from office \(256 addresses and 65\.5 k \/64 prefixes\)/],
  },
  {
    name: "a new listener",
    edit: (t) => `${t}expose debug on tcp 9000 { backend 127.0.0.1:9001 allow from any }\n`,
    exit: 1,
    openings: 1,
    closings: 0,
    out: [/^\+ debug \(tcp 9000\): new listener, reachable from the whole internet, backend 127\.0\.0\.1:9001, owner nobody$/m],
  },
  {
    name: "a listener that nobody can reach",
    edit: (t) => `${t}expose shut on udp 9000 { backend 127.0.0.1:9001 amplify 1 }\n`,
    exit: 1,
    openings: 1,
    closings: 0,
    out: [/^\+ shut \(udp 9000\): new listener, which nobody can reach/m],
  },
  {
    name: "a direct listener",
    edit: (t) => `${t}@why "x" expose own on tcp 9000 as direct {}\n`,
    exit: 1,
    openings: 1,
    closings: 0,
    out: [/^\+ own \(tcp 9000\): new listener, reachable from the whole internet, served by the service itself/m],
  },
  {
    name: "a registered listener",
    edit: (t) => `${t}expose late on tcp 9000 { allow from office }\n`,
    exit: 1,
    openings: 1,
    closings: 0,
    out: [/reachable from office .*, backend that the service registers/],
  },
  {
    name: "a port moves",
    edit: (t) => t.replace("tcp 2222", "tcp 2223"),
    exit: 1,
    openings: 1,
    closings: 1,
    out: [/^\+ ssh \(tcp 2223\): new listener, reachable from vpn/m, /^- ssh \(tcp 2222\): listener removed/m],
  },
  {
    name: "a port more",
    edit: (t) => t.replace("tcp 2222", "tcp 2222, 2223"),
    exit: 1,
    openings: 1,
    closings: 0,
    out: [/^\+ ssh \(tcp 2223\): listens here too, reachable from vpn/m],
  },
  {
    name: "a deny less",
    edit: (t) => t.replace("  deny from 203.0.113.0/24\n", ""),
    exit: 1,
    openings: 1,
    closings: 0,
    out: [
      /^\+ web \(tcp 443\): may now be reached from 203\.0\.113\.0\/24 \(256 addresses\), with a name in www\.example\.com$/m,
      /from 203\.0\.113\.1 to web sni "www\.example\.com"$/m,
    ],
  },
  {
    name: "a deny more, at top level",
    edit: (t) => `${t}deny from vpn\n`,
    exit: 0,
    openings: 0,
    closings: 2,
    out: [/^- ssh/m, /^- web \(tcp 443\): may no longer be reached from vpn/m],
  },
  {
    name: "another name",
    edit: (t) => t.replace('sni "www.example.com"', 'sni "**.example.com" '),
    exit: 1,
    openings: 1,
    closings: 0,
    out: [/with a name in \*\*\.example\.com but www\.example\.com$/m],
  },
  {
    name: "a backend on another host",
    edit: (t) => t.replace("127.0.0.1:22\n", "remote 10.0.3.7:22\n"),
    exit: 1,
    openings: 1,
    closings: 0,
    out: [/^\+ ssh \(tcp 2222\): backend is another one: 127\.0\.0\.1:22, now remote 10\.0\.3\.7:22$/m],
  },
  {
    name: "a backend",
    edit: (t) => t.replace("127.0.0.1:22\n", "127.0.0.1:23\n"),
    exit: 1,
    openings: 1,
    closings: 0,
    out: [/^\+ ssh \(tcp 2222\): backend is another one: 127\.0\.0\.1:22, now 127\.0\.0\.1:23$/m],
  },
  {
    name: "a certificate",
    edit: (t) => t.replace('cert "web"', 'cert "web", "old"'),
    exit: 1,
    openings: 1,
    closings: 0,
    out: [/cert is another one: web, now (web and old|old and web)$/m],
  },
  {
    name: "a rename",
    edit: (t) => t.replace("expose ssh", "expose shell service ssh"),
    exit: 1,
    openings: 2,
    closings: 0,
    out: [/^\+ shell \(tcp 2222\): name is another one: ssh, now shell$/m, /^\+ shell \(tcp 2222\): limits have another name, key or window/m],
  },
  {
    name: "load balancers",
    edit: (t) => t.replace("on tcp 2222", "on tcp 2222 via office"),
    exit: 1,
    openings: 1,
    closings: 0,
    out: [/^\+ ssh \(tcp 2222\): via is another one: none, now office$/m],
  },
  {
    name: "two backends, one of them a unix socket, with a PROXY header",
    edit: (t) => t.replace("127.0.0.1:22\n", '127.0.0.1:22, unix "/run/ssh.sock" proxy v2\n'),
    exit: 1,
    openings: 1,
    closings: 0,
    out: [/backend is another one: 127\.0\.0\.1:22, now .*unix "\/run\/ssh\.sock".* proxy v2$/m],
  },
  {
    name: "the last rule that looks at names, which admits nobody by itself",
    before: 'edition 1\nexpose web on tcp 443 as passthrough { backend 127.0.0.1:8443 allow from any allow from 10.0.0.0/8 sni "in.example.com" }\n',
    edit: (t) => t.replace(/ allow from 10.*com"/, ""),
    exit: 1,
    openings: 1,
    closings: 0,
    out: [/a client whose server name is an address, empty or no host name is no longer refused/],
  },
  {
    name: "a first rule that looks at names, at top level",
    before: "edition 1\nexpose web on tcp 443 as passthrough { backend 127.0.0.1:8443 deny from 10.0.0.0/8 allow from any }\n",
    edit: (t) => `${t}deny on tcp 443 from 10.0.0.0/8 sni "in.example.com"\n`,
    exit: 0,
    openings: 0,
    closings: 1,
    out: [/a client whose server name is an address, empty or no host name is refused/],
  },
  {
    name: "the same at another port",
    before: "edition 1\nexpose web on tcp 443 as passthrough { backend 127.0.0.1:8443 deny from 10.0.0.0/8 allow from any }\n",
    edit: (t) => `${t}expose x on tcp 444 as passthrough { backend 127.0.0.1:8443 }\ndeny on tcp 444 from 10.0.0.0/8 sni "in.example.com"\n`,
    exit: 1,
    openings: 1,
    closings: 0,
    out: [/^\+ x \(tcp 444\): new listener/m],
  },
  {
    name: "another mode, which has no certificate",
    edit: (t) => t.replace("as tls", "as passthrough").replace('  cert "web"\n', ""),
    exit: 1,
    openings: 2,
    closings: 0,
    out: [/^\+ web \(tcp 443\): mode is another one: tls, now passthrough$/m, /^\+ web \(tcp 443\): cert is another one: web, now none$/m],
  },
  {
    name: "clients need no certificate any more",
    before: BASE.replace("as tls", "as mtls").replace('cert "web"', 'cert "web" ca "corp"'),
    edit: () => BASE,
    exit: 1,
    openings: 2,
    closings: 0,
    out: [/^\+ web \(tcp 443\): mode is another one: mtls, now tls$/m, /^\+ web \(tcp 443\): ca is another one: corp, now none$/m],
  },
  {
    name: "another authority",
    before: BASE.replace("as tls", "as mtls").replace('cert "web"', 'cert "web" ca "corp"'),
    edit: (t) => t.replace('ca "corp"', 'ca "partners"'),
    exit: 1,
    openings: 1,
    closings: 0,
    out: [/^\+ web \(tcp 443\): ca is another one: corp, now partners$/m],
  },
  {
    name: "a protocol more",
    before: BASE.replace('cert "web"', 'cert "web" alpn "h2"'),
    edit: (t) => t.replace('alpn "h2"', 'alpn "h2", "http/1.1"'),
    exit: 1,
    openings: 1,
    closings: 0,
    out: [/^\+ web \(tcp 443\): alpn is another one: h2, now h2 and http\/1\.1$/m],
  },
  {
    name: "another order of the protocols",
    before: BASE.replace('cert "web"', 'cert "web" alpn "h2", "http/1.1"'),
    edit: (t) => t.replace('alpn "h2", "http/1.1"', 'alpn "http/1.1", "h2"'),
    exit: 1,
    openings: 1,
    closings: 0,
    out: [/^\+ web \(tcp 443\): alpn is another one: h2 and http\/1\.1, now http\/1\.1 and h2$/m],
  },
  {
    name: "an end",
    edit: (t) => t.replace("allow from vpn", "allow from vpn until 2027-01-01T00:00Z"),
    exit: 0,
    openings: 0,
    closings: 1,
    out: [/may no longer be reached from vpn .*, from 2027-01-01T00:00Z on and where no clock is known/, /at 2027-01-01T00:00Z$/m],
  },
  {
    name: "dryrun apart",
    edit: (t) => t.replace("allow from vpn", "allow from vpn\n  dryrun deny from 10.8.1.0/24"),
    exit: 0,
    openings: 0,
    closings: 0,
    out: [/^ {2}ssh \(tcp 2222\): with its dryrun rules it may no longer be reached from 10\.8\.1\.0\/24/m],
  },
  {
    name: "a service that dials",
    edit: (t) => `${t}@why "dns" dial resolver on udp\n`,
    exit: 1,
    openings: 1,
    closings: 0,
    out: [/^\+ resolver: may now use udp as a client$/m],
  },
];
