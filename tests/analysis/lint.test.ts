// The warnings of `ingressc check`: each with policies that have it, and more that only look as if they had.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CODES, isDated, isDiagnosticCode, isWarning } from "../../compiler/diagnostics/codes.ts";
import { SOON_DAYS } from "../../compiler/lint/date_warnings.ts";
import { OS_PLACES } from "../../runtime/abi/profiles.ts";
import { linted, NOW, warningsOf } from "./linted.ts";

const test = suite("analysis: warnings");

interface Row {
  readonly name: string;
  /** Without `edition 1`, which is on the first line with it. */
  readonly text: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
}

/** An expose with a reason, and a test of it. */
const web = (rules: string, head = "tcp 80"): string => `@why "w" expose web on ${head} { backend 127.0.0.1:8080 ${rules} }`;
const TESTED = 'test "t" { from 192.0.2.1 to web => allow }';
const only = (rules: string, head?: string): string => `${web(rules, head)} ${TESTED}`;
const TLS = "tcp 443 as tls";
const MTLS = "tcp 443 as mtls";
const named = (rules: string): string => only(`cert "w" ${rules}`, TLS);
const ids = (rules: string): string => only(`cert "w" ca "c" ${rules}`, MTLS);

const SHARED = `@why "w" expose a on tcp 443 for "a.example" as passthrough { backend 127.0.0.1:1 allow from any }
@why "w" expose b on tcp 443 for "b.example" as passthrough { backend 127.0.0.1:1 allow from any }
@why "w" expose rest on tcp 443 as passthrough { backend 127.0.0.1:1 allow from any }`;

const RULES: readonly Row[] = [
  { name: "nothing to say", text: only("allow from any"), warnings: [] },
  { name: "a deny for all", text: only("allow from any deny from any"), warnings: ["ING819 1 allow from any"] },
  { name: "the same in other words", text: only("allow from 10.0.0.0/8 deny from 10.0.0.0/9, 10.128.0.0/9"), warnings: ["ING819 1 allow from 10.0.0.0/8"] },
  { name: "a wider deny", text: only("allow from any allow from 10.1.0.0/16 deny from 10.0.0.0/8"), warnings: ["ING818 1 allow from 10.1.0.0/16"] },
  {
    name: "two denies together",
    text: only("allow from 192.0.2.0/24 allow from 10.0.0.0/8 deny from 10.0.0.0/9 deny from 10.128.0.0/9"),
    // The denies refuse what this allow admits, so they have an effect.
    warnings: ["ING818 1 allow from 10.0.0.0/8"],
  },
  { name: "a deny of one half", text: only("allow from 10.0.0.0/8 deny from 10.0.0.0/9"), warnings: [] },
  { name: "a deny at top level", text: `deny from 10.0.0.0/8 ${only("allow from any allow from 10.1.2.3")}`, warnings: ["ING818 1 allow from 10.1.2.3"] },
  { name: "a dryrun deny has no effect on it", text: only("allow from any dryrun deny from any"), warnings: [] },
  { name: "a narrower allow", text: only("allow from any allow from 10.0.0.0/8"), warnings: ["ING821 1 allow from 10.0.0.0/8"] },
  { name: "an allow twice", text: only("allow from any allow from any"), warnings: ["ING821 1 allow from any"] },
  { name: "two allows that overlap", text: only("allow from 10.0.0.0/8, 192.0.2.0/24 allow from 10.0.0.0/8, 198.51.100.0/24"), warnings: [] },
  {
    name: "covered by two others together, of which each has an effect",
    text: only("allow from 10.0.0.0/9 allow from 10.128.0.0/9 allow from 10.64.0.0/10, 10.128.0.0/10"),
    warnings: ["ING821 1 allow from 10.64.0.0/10, 10.128.0.0/10"],
  },
  {
    name: "pairs see nothing here: three allows that cover a fourth",
    text: only("allow from 10.0.0.0/10 allow from 10.64.0.0/10 allow from 10.128.0.0/9 allow from 10.0.0.0/8"),
    // The widest is the last in canonical order.
    warnings: ["ING821 1 allow from 10.0.0.0/8"],
  },
  { name: "one ends", text: only("allow from 10.0.0.0/8 until 2030-01-01T00:00Z allow from 10.0.0.0/8 after 2029-01-01T00:00Z"), warnings: [] },
  {
    name: "one ends, and another one has its sources for all times",
    text: only("allow from 10.0.0.0/8 until 2030-01-01T00:00Z allow from 10.0.0.0/8"),
    warnings: ["ING821 1 allow from 10.0.0.0/8 until 2030-01-01T00:00Z"],
  },
  {
    name: "two that ended together have all times but the unknown clock",
    text: only("allow from 10.0.0.0/8 until 2030-01-01T00:00Z allow from 10.0.0.0/8 after 2030-01-01T00:00Z allow from 10.1.0.0/16"),
    warnings: [],
  },
  { name: "names", text: named('allow from any sni "a.example" allow from any sni "*.example"'), warnings: ['ING821 1 allow from any sni "a.example"'] },
  { name: "names that differ", text: named('allow from any sni "a.b.example" allow from any sni "*.example"'), warnings: [] },
  {
    name: "names that lead to another expose",
    text: `${only('cert "w" allow from any sni "a.example", "b.example" allow from 10.0.0.0/8 sni "b.example"', 'tcp 443 for "a.example" as tls').replace("to web", 'to web sni "a.example"')}
@why "w" expose rest on tcp 443 as tls { cert "r" backend 127.0.0.1:1 allow from any } test "r" { from 192.0.2.1 to rest => allow }`,
    warnings: ['ING820 1 allow from 10.0.0.0/8 sni "b.example"'],
  },
  {
    name: "identities: one certificate may have a name of each set",
    text: ids('allow from any client uri "spiffe://x/ops/*" deny from any client dns "old.example"'),
    warnings: [],
  },
  {
    name: "identities that others have",
    text: ids('allow from any client uri "spiffe://x/ops/*" allow from any client uri "spiffe://x/ops/a"'),
    warnings: ['ING821 1 allow from any client uri "spiffe://x/ops/a"'],
  },
  { name: "a deny of what nobody admits", text: only("allow from 10.0.0.0/8 deny from 192.0.2.0/24"), warnings: ["ING822 1 deny from 192.0.2.0/24"] },
  {
    name: "an expose that admits nobody",
    text: only("deny from 10.0.0.0/8").replace("=> allow", "=> deny policy"),
    warnings: ["ING822 1 deny from 10.0.0.0/8"],
  },
  {
    name: "a deny that only a dryrun allow makes useful",
    text: only("allow from 10.0.0.0/8 dryrun allow from 192.0.2.0/24 deny from 192.0.2.1"),
    warnings: [],
  },
  { name: "a narrower deny", text: only("allow from any deny from 10.0.0.0/8 deny from 10.1.0.0/16"), warnings: ["ING823 1 deny from 10.1.0.0/16"] },
  {
    name: "the same at top level and in the expose: the expose's is last",
    text: `deny from 10.0.0.0/8 ${only("allow from any deny from 10.0.0.0/8")}`,
    warnings: ["ING823 1 deny from 10.0.0.0/8"],
  },
  {
    name: "at top level it has an effect on one expose alone",
    text: `deny from 10.0.0.0/8
${only("allow from any deny from 10.0.0.0/8")}
@why "w" expose other on tcp 81 { backend 127.0.0.1:1 allow from any } test "o" { from 192.0.2.1 to other => allow }`,
    warnings: ["ING823 2 deny from 10.0.0.0/8"],
  },
  { name: "ports that nobody exposes", text: `deny on tcp 81 from any ${only("allow from any")}`, warnings: ["ING824 1 deny on tcp 81 from any"] },
  { name: "tcp alone is exposed", text: `deny on udp 80 from any ${only("allow from any")}`, warnings: ["ING824 1 deny on udp 80 from any"] },
  { name: "one of the ports is exposed", text: `deny on tcp 79-81 from 10.0.0.0/8 ${only("allow from any")}`, warnings: [] },
  { name: "names that nobody reads", text: `deny sni "a.example" ${only("allow from any")}`, warnings: ['ING825 1 deny sni "a.example"'] },
  { name: "certificates that nobody requests", text: `deny client dns "a" ${named("allow from any")}`, warnings: ['ING825 1 deny client dns "a"'] },
  { name: "names that an expose reads", text: `deny sni "a.example" ${named("allow from any")}`, warnings: [] },
  {
    name: "a dryrun of what is so already",
    text: only("allow from 10.0.0.0/8 dryrun deny from 192.0.2.0/24"),
    warnings: ["ING826 1 dryrun deny from 192.0.2.0/24"],
  },
  {
    name: "a dryrun allow of what is allowed",
    text: only("allow from 10.0.0.0/8 dryrun allow from 10.1.0.0/16"),
    warnings: ["ING826 1 dryrun allow from 10.1.0.0/16"],
  },
  { name: "a dryrun that differs", text: only("allow from 10.0.0.0/8 dryrun deny from 10.1.0.0/16"), warnings: [] },
  { name: "the shadow of two dryruns", text: only("allow from 10.0.0.0/8 dryrun allow from 192.0.2.0/24 dryrun deny from 192.0.2.7"), warnings: [] },
  {
    name: "on tcp and udp, useful on one of them alone",
    text: `deny on tcp 53 from 10.0.0.0/8 ${only("amplify 30 allow from any deny from 10.0.0.0/8", "tcp, udp 53")}`,
    // Without the rule of the expose udp would be open; without the one at top level nothing changes.
    warnings: ["ING823 1 deny on tcp 53 from 10.0.0.0/8"],
  },
  {
    name: "in a template, useful in one use of it alone",
    text: `template t($name, $port, $who) { @why "w" expose $name on tcp $port { backend 127.0.0.1:1 allow from $who deny from 10.0.0.0/8 } }
use t(web, 80, any) use t(other, 81, 192.0.2.0/24) ${TESTED} test "o" { from 192.0.2.1 to other => allow }`,
    warnings: [],
  },
  {
    name: "in a template, useful nowhere",
    text: `template t($name, $port, $who) { @why "w" expose $name on tcp $port { backend 127.0.0.1:1 allow from $who deny from 10.0.0.0/8 } }
use t(web, 80, 198.51.100.0/24) use t(other, 81, 192.0.2.0/24) ${TESTED} test "o" { from 192.0.2.1 to other => allow }`,
    warnings: ["ING822 1 deny from 10.0.0.0/8"],
  },
];

const OTHERS: readonly Row[] = [
  { name: "from any without a reason", text: `${only("allow from any").replace('@why "w" ', "")}`, warnings: ["ING827 1 allow from any"] },
  { name: "from the internet", text: `${only("allow from internet").replace('@why "w" ', "")}`, warnings: ["ING827 1 allow from internet"] },
  {
    name: "from any but a private net, which is all of the internet",
    text: only("allow from any except private").replace('@why "w" ', ""),
    warnings: ["ING827 1 allow from any except private"],
  },
  { name: "from all of IPv4", text: only("allow from any4").replace('@why "w" ', ""), warnings: ["ING827 1 allow from any4"] },
  {
    name: "from all of IPv6",
    text: only("allow from ::/0").replace('@why "w" ', "").replace("192.0.2.1", "2001:db8::1"),
    warnings: ["ING827 1 allow from ::/0"],
  },
  {
    name: "from the internet over IPv4 alone",
    text: only("allow from any4 except private").replace('@why "w" ', ""),
    warnings: ["ING827 1 allow from any4 except private"],
  },
  { name: "from half of IPv6", text: only("allow from ::/1").replace('@why "w" ', "").replace("192.0.2.1", "2001:db8::1"), warnings: [] },
  { name: "the rule has the reason", text: only('@why "all" allow from any').replace('@why "w" ', ""), warnings: [] },
  { name: "from half of the internet", text: only("allow from 0.0.0.0/1").replace('@why "w" ', ""), warnings: [] },
  { name: "a dryrun needs no reason", text: only("allow from 10.0.0.0/8 dryrun allow from any").replace('@why "w" ', ""), warnings: [] },
  { name: "with a certificate", text: ids("allow from any").replace('@why "w" ', ""), warnings: [] },
  {
    name: "by a name, which anybody can send",
    text: named('allow from any sni "a.example"').replace('@why "w" ', ""),
    warnings: ['ING827 1 allow from any sni "a.example"'],
  },
  { name: "a set", text: `net a = 10.0.0.0/8 hosts a = "a" ${named("allow from any sni a")}`, warnings: ["ING828 1 a"] },
  { name: "sets that sets use", text: `net a = 10.0.0.0/8 net b = a ${only("allow from b")}`, warnings: [] },
  { name: "a set in the ports", text: `ports p = 80 ${only("allow from any", "tcp p")}`, warnings: [] },
  {
    name: "a set in a bind, a limit and a cap",
    text: `net a = 192.0.2.1 net b = 10.0.0.0/8 net c = 192.0.2.0/24 ${only("cap 5 connections, 2 per source from b limit 1/s per source from c allow from any", "tcp 80 bind a")}`,
    warnings: [],
  },
  { name: "a set as an argument", text: `net a = 10.0.0.0/8 template t($w) { allow from $w } ${only("use t(a)")}`, warnings: [] },
  {
    name: "sets of a library are for others",
    text: `import "lib.ingress" as lib ${only("allow from lib.a")}`,
    files: { "lib.ingress": "edition 1\nnet a = 10.0.0.0/8\nnet b = 10.1.0.0/16\n" },
    warnings: [],
  },
  {
    name: "sets of a file with rules are not",
    text: `import "part.ingress" as part ${only("allow from any")}`,
    files: { "part.ingress": "edition 1\nnet a = 10.0.0.0/8\ndeny from 192.0.2.7\n" },
    warnings: ["ING828 part.ingress:2 a"],
  },
  {
    name: "a set of such a file that its importer uses",
    text: `import "part.ingress" as part ${only("allow from any deny from part.a")}`,
    files: { "part.ingress": "edition 1\nnet a = 10.0.0.0/8\ndeny from 192.0.2.7\n" },
    warnings: [],
  },
  {
    name: "an import",
    text: `import "lib.ingress" as lib ${only("allow from any")}`,
    files: { "lib.ingress": "edition 1\nnet a = 10.0.0.0/8\n" },
    warnings: ["ING829 1 lib"],
  },
  {
    name: "an import that brings a rule",
    text: `import "part.ingress" as part ${only("allow from any")}`,
    files: { "part.ingress": "edition 1\ndeny from 192.0.2.7\n" },
    warnings: [],
  },
  {
    name: "an import that imports a rule",
    text: `import "lib.ingress" as lib ${only("allow from any")}`,
    files: { "lib.ingress": 'edition 1\nimport "part.ingress" as part\n', "part.ingress": "edition 1\ndeny from 192.0.2.7\n" },
    warnings: [],
  },
  {
    name: "an import whose template is used",
    text: `import "lib.ingress" as lib ${only("use lib.all()")}`,
    files: { "lib.ingress": "edition 1\ntemplate all() { allow from any }\n" },
    warnings: [],
  },
  { name: "a template", text: `template t() { allow from any } ${only("allow from any")}`, warnings: ["ING830 1 t"] },
  {
    name: "a set inside of a template",
    text: `template t() { net a = 10.0.0.0/8 deny from 192.0.2.7 } use t() ${only("allow from any")}`,
    warnings: ["ING828 1 a"],
  },
  {
    name: "a list",
    text: `net a = file "empty.txt" max 5 ${only("allow from any deny from a, 192.0.2.7")}`,
    files: { "empty.txt": "# nobody\n" },
    warnings: ['ING831 1 file "empty.txt" max 5'],
  },
  {
    name: "a list in a folder of another file",
    text: `import "x/lib.ingress" as lib ${only("allow from any deny from lib.a, 192.0.2.7")}`,
    files: { "x/lib.ingress": 'edition 1\nnet a = file "../y/empty.txt" max 5\n', "y/empty.txt": "" },
    warnings: ['ING831 x/lib.ingress:2 file "../y/empty.txt" max 5'],
  },
  {
    name: "a list with an entry",
    text: `net a = file "one.txt" max 5 ${only("allow from any deny from a")}`,
    files: { "one.txt": "192.0.2.7\n" },
    warnings: [],
  },
  { name: "a bind that has an address twice", text: only("allow from any", "tcp 80 bind 10.0.0.0/8, 10.1.0.0/16"), warnings: ["ING832 1 10.1.0.0/16"] },
  { name: "a bind by names", text: `net a = 10.1.0.0/16 ${only("allow from any", "tcp 80 bind private, a")}`, warnings: ["ING832 1 a"] },
  { name: "a bind of neighbours", text: only("allow from any", "tcp 80 bind 10.0.0.0/9, 10.128.0.0/9, loopback"), warnings: [] },
  { name: "no tests", text: web("allow from any"), warnings: [`ING833 1 ${web("allow from any").replace('@why "w" ', "")}`] },
  {
    name: "a test of another expose",
    text: `${only("allow from any")}\n@why "w" expose other on tcp 81 { backend 127.0.0.1:1 allow from any }`,
    warnings: ["ING833 2 expose other on tcp 81 { backend 127.0.0.1:1 allow from any }"],
  },
  { name: "a test of a port", text: `${web("allow from any")} test "t" { from 192.0.2.1 to tcp 80 => allow }`, warnings: [] },
  {
    name: "a test of the port, with a name of another expose",
    text: `${SHARED} test "t" { from 192.0.2.1 to tcp 443 sni "a.example" => allow }`,
    warnings: [
      'ING833 2 expose b on tcp 443 for "b.example" as passthrough { backend 127.0.0.1:1 allow from any }',
      "ING833 3 expose rest on tcp 443 as passthrough { backend 127.0.0.1:1 allow from any }",
    ],
  },
  {
    name: "a test of the port, with a name of each and with none",
    text: `${SHARED} test "t" { from 192.0.2.1 to tcp 443 sni "a.example" => allow from 192.0.2.1 to tcp 443 sni "b.example" => allow from 192.0.2.1 to tcp 443 => allow }`,
    warnings: [],
  },
  {
    name: "a test of the port, at an address of another expose",
    text: `@why "w" expose a on tcp 80 bind 192.0.2.8 { backend 127.0.0.1:1 allow from any }
@why "w" expose b on tcp 80 bind 192.0.2.9 { backend 127.0.0.1:1 allow from any } test "t" { from 192.0.2.1 to tcp 80 local 192.0.2.8 => allow }`,
    warnings: ["ING833 2 expose b on tcp 80 bind 192.0.2.9 { backend 127.0.0.1:1 allow from any }"],
  },
  { name: "a test that repeats", text: `${web("allow from any")} test "t" { repeat 2 in 0s from 192.0.2.1 to web => allow }`, warnings: [] },
  {
    name: "a bind is no test of what the gateway serves",
    text: `${web("allow from any")} test "t" { bind ingressd on 0.0.0.0:80 => allow }`,
    warnings: [`ING833 1 ${web("allow from any").replace('@why "w" ', "")}`],
  },
  { name: "but of what listens by itself", text: '@why "w" expose own on tcp 80 as direct {} test "t" { bind own on 0.0.0.0:80 => allow }', warnings: [] },
  {
    name: "a certificate with h2 on one port",
    text: `${only('cert "c" alpn "h2" allow from any', 'tcp 443 for "a.example" as tls').replace("to web", 'to web sni "a.example"')}
@why "w" expose rest on tcp 443 as tls { cert "c" backend 127.0.0.1:1 allow from any } test "r" { from 192.0.2.1 to rest => allow }`,
    warnings: ['ING834 1 expose web on tcp 443 for "a.example" as tls { backend 127.0.0.1:8080 cert "c" alpn "h2" allow from any }'],
  },
  {
    name: "without h2",
    text: `${only('cert "c" alpn "http/1.1" allow from any', 'tcp 443 for "a.example" as tls').replace("to web", 'to web sni "a.example"')}
@why "w" expose rest on tcp 443 as tls { cert "c" backend 127.0.0.1:1 allow from any } test "r" { from 192.0.2.1 to rest => allow }`,
    warnings: [],
  },
  {
    name: "with h2 and another certificate",
    text: `${only('cert "c" alpn "h2" allow from any', 'tcp 443 for "a.example" as tls').replace("to web", 'to web sni "a.example"')}
@why "w" expose rest on tcp 443 as tls { cert "d" alpn "h2" backend 127.0.0.1:1 allow from any } test "r" { from 192.0.2.1 to rest => allow }`,
    warnings: [],
  },
  {
    name: "decrypted bytes to another host",
    text: only('cert "w" allow from any', TLS).replace("backend 127.0.0.1:8080", "backend 127.0.0.1:8080, remote 10.0.3.7:8080"),
    warnings: ['ING837 1 expose web on tcp 443 as tls { backend 127.0.0.1:8080, remote 10.0.3.7:8080 cert "w" allow from any }'],
  },
  {
    name: "the same with certificates of clients",
    text: only('cert "w" ca "c" allow from any', MTLS).replace("127.0.0.1", "remote 10.0.3.7"),
    warnings: ['ING837 1 expose web on tcp 443 as mtls { backend remote 10.0.3.7:8080 cert "w" ca "c" allow from any }'],
  },
  {
    name: "an encrypted network",
    text: `@lint off ING837 "WireGuard" ${only('cert "w" allow from any', TLS).replace("127.0.0.1", "remote 10.0.3.7")}`,
    warnings: [],
  },
  { name: "bytes of the client to another host", text: only("allow from any", "tcp 443 as passthrough").replace("127.0.0.1", "remote 10.0.3.7"), warnings: [] },
  { name: "bytes of the client, whatever they are", text: only("allow from any").replace("127.0.0.1", "remote 10.0.3.7"), warnings: [] },
  {
    name: "an off for a rule",
    text: only('allow from any @lint off ING822 "x" deny from 10.0.0.0/8 @lint off ING823 "x" deny from 10.0.0.0/9'),
    warnings: ['ING835 1 @lint off ING822 "x"'],
  },
  { name: "an off for an expose", text: `@lint off ING823 "x" ${only("allow from any deny from 10.0.0.0/8 deny from 10.0.0.0/9")}`, warnings: [] },
  {
    name: "an off is not for what follows",
    text: `@lint off ING828 "x" net a = 10.0.0.0/8 net b = 10.0.0.0/8 ${only("allow from any")}`,
    warnings: ["ING828 1 b"],
  },
  {
    name: "an off for an import",
    text: `@lint off ING829 "for later" import "lib.ingress" as lib @lint off ING829 "x" import "lib.ingress" as used ${only("allow from used.a")}`,
    files: { "lib.ingress": "edition 1\nnet a = 192.0.2.0/24\n" },
    warnings: ['ING835 1 @lint off ING829 "x"'],
  },
  {
    name: "an off for a template, and one for what is in it",
    text: `@lint off ING830 "for later" template t() { allow from any } @lint off ING823 "x" @lint off ING830 "x" template u() { deny from 10.0.0.0/8 deny from 10.0.0.0/9 } ${only("allow from any use u()")}`,
    warnings: ['ING835 1 @lint off ING830 "x"'],
  },
  {
    name: "two offs",
    text: `@lint off ING823 "x" @lint off ING827 "y" ${only("allow from any deny from 10.0.0.0/8 deny from 10.0.0.0/9").replace('@why "w" ', "")}`,
    warnings: [],
  },
  {
    name: "an off about a date is for all dates",
    text: only('@lint off ING880 "x" @lint off ING881 "y" allow from 10.0.0.0/8 until 2030-01-01T00:00Z'),
    warnings: [],
  },
];

for (const { name, text, files, warnings } of [...RULES, ...OTHERS]) {
  test(name, async () => {
    assert.equal(await warningsOf(`edition 1 ${text}\n`, files), warnings);
  });
}

test("ends: before, at and behind each bound", async () => {
  const end = Date.UTC(2030, 0, 1) / 1_000;
  const text = `edition 1 ${only("allow from 10.0.0.0/8 until 2030-01-01T00:00Z")}`;
  const codesAt = async (wallSeconds: number): Promise<readonly string[]> =>
    (await linted(text, undefined, { wallSeconds })).warnings.map(({ code, message }) => `${code} ${message}`);
  const soon = SOON_DAYS * 86_400;
  assert.equal(await codesAt(end - soon - 1), []);
  assert.equal(await codesAt(end - soon), [`ING881 this \`allow\` ends at 2030-01-01T00:00Z, in ${SOON_DAYS} days`]);
  assert.equal(await codesAt(end - 86_400), ["ING881 this `allow` ends at 2030-01-01T00:00Z, in 1 day"]);
  assert.equal(await codesAt(end - 1), ["ING881 this `allow` ends at 2030-01-01T00:00Z, in less than a day"]);
  assert.equal(await codesAt(end), ["ING880 this `allow` ended at 2030-01-01T00:00Z"]);
});

test("caps above the places of an image: at and behind each bound, and for no other profile", async () => {
  const expose = (name: string, port: string, cap: string): string =>
    `@why "w" expose ${name} on tcp ${port} { ${cap} allow from any } test "${name}" { from 192.0.2.1 to ${name} => allow }`;
  const capped = (n: number): string => `cap ${n} connections`;
  // The exposes, and the warning.
  const rows: readonly (readonly [exposes: readonly string[], warnings: readonly string[]])[] = [
    [[expose("a", "80", capped(OS_PLACES))], []],
    [[expose("a", "80", capped(OS_PLACES + 1))], ["cap 33 connections: the caps promise 33 connections in all, and the image has 32 places"]],
    [[expose("a", "80", "")], []],
    [[expose("a", "80", capped(24)), expose("b", "81", capped(8))], []],
    [
      [expose("a", "80", capped(25)), expose("b", "81", capped(7))],
      ["cap 25 connections: the cap promises 25 connections, and the image has 24 places for `a`: the others are reserved for other ports"],
    ],
    [[expose("a", "80, 82", capped(27)), expose("b", "81", capped(1))], []],
    [
      [expose("a", "80, 82", capped(28)), expose("b", "81", capped(1))],
      ["cap 28 connections: the cap promises 28 connections, and the image has 27 places for `a`: the others are reserved for other ports"],
    ],
    [
      [expose("a", "80", capped(3)), expose("b", "81", capped(30))],
      ["cap 30 connections: the caps promise 33 connections in all, and the image has 32 places"],
    ],
    [[`@lint off ING852 "more places" ${expose("a", "80", capped(99))}`], []],
  ];
  for (const [exposes, due] of rows) {
    const text = `edition 1 ${exposes.join(" ")}\n`;
    const shown = async (profile: "host" | "os"): Promise<readonly string[]> =>
      (await linted(text, undefined, { profile })).warnings.map(({ span, message }) => `${span.file.text.slice(span.start, span.end)}: ${message}`);
    assert.equal(await shown("os"), due, text);
    if (!text.includes("@lint")) assert.equal((await linted(text.replaceAll("{ cap", "{ backend 127.0.0.1:1 cap"))).warnings, [], text);
  }
  // Off for an image, it is not missed on a host.
  assert.equal((await linted(`edition 1 @lint off ING852 "image" ${only("cap 99 connections allow from any")}`)).warnings, []);
});

test("codes that are ignored are neither shown nor missed", async () => {
  const text = only('allow from any deny from 10.0.0.0/8 deny from 10.0.0.0/9 @lint off ING822 "x" deny from 10.0.0.0/10');
  const of = async (...ignore: readonly string[]): Promise<readonly string[]> =>
    (await linted(`edition 1 ${text}`, undefined, { ignore: new Set(ignore) })).warnings.map((d) => d.code);
  assert.equal(await of(), ["ING823", "ING835", "ING823"]);
  assert.equal(await of("ING823"), ["ING835"]);
  assert.equal(await of("ING822"), ["ING823", "ING823"]);
  assert.equal(await of("ING823", "ING835"), []);
});

test("past the budget it says how many rules were not judged, and misses no off for them", async () => {
  const text = `edition 1 ${only('allow from any until 2030-01-01T00:00Z @lint off ING823 "x" deny from 10.0.0.0/9 deny from 192.0.2.0/24')}`;
  const { warnings, unjudged } = await linted(text, undefined, { nodes: 1 });
  assert.is(unjudged, 3);
  assert.equal(
    warnings.map(({ code, message }) => `${code} ${message}`),
    ["ING836 3 rules were not judged, because that takes more than 1 node"],
  );
});

test("a redundant rule names the one that suffices, and a dead allow the deny", async () => {
  const placeOf = async (rules: string): Promise<readonly string[]> =>
    (await linted(`edition 1 ${only(rules)}`)).warnings.flatMap(({ related }) =>
      related.map(({ span, label }) => `${label}: ${span.file.text.slice(span.start, span.end)}`),
    );
  assert.equal(await placeOf("allow from any allow from 10.0.0.0/8"), ["admitted here: allow from any"]);
  assert.equal(await placeOf("allow from any allow from 10.1.0.0/16 deny from 10.0.0.0/8"), ["refused here: deny from 10.0.0.0/8"]);
  assert.equal(await placeOf("allow from any deny from 10.0.0.0/8 deny from 10.1.0.0/16"), ["refused here: deny from 10.0.0.0/8"]);
  assert.equal(await placeOf("allow from 10.0.0.0/9 allow from 10.128.0.0/9 allow from 10.0.0.0/8"), []);
});

test("every code of a warning is one of these tests, and nothing else is a warning", () => {
  const said = new Set([...RULES, ...OTHERS].flatMap(({ warnings }) => warnings.map((w) => w.slice(0, 6))));
  const all = Object.keys(CODES).filter((code) => isDiagnosticCode(code) && isWarning(code));
  assert.equal(
    all.filter((code) => !said.has(code) && !isDated(code) && code !== "ING836" && code !== "ING852"),
    [],
  );
  assert.ok(all.every((code) => /^ING8(1[89]|[2-9]\d)$/.test(code)));
  assert.is(NOW, 1_780_315_200);
});

test.run();
