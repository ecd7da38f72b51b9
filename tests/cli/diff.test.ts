// ingressc diff: what opens and closes, in words, as Markdown and as JSON; what is equivalent; exit codes; and that each request
// that it names is admitted by one policy and refused by the other.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { withOtherCode } from "../host/other_code.ts";
import { suite } from "../suite.ts";
import { envelope, folder, ingresscHere, PROJECT, type Ended, type Folder } from "./programs.ts";

const test = suite<{ dir: Folder }>("diff");
test.before((context) => {
  context.dir = folder();
});
test.after(({ dir }) => dir.remove());

const BASE = `edition 1
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

interface Change {
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

const CHANGES: readonly Change[] = [
  {
    name: "a wider net",
    edit: (t) => t.replace("10.8.0.0/16", "10.0.0.0/8"),
    exit: 1,
    openings: 1,
    closings: 0,
    out: [
      /^\+ ssh \(tcp 2222\): may now be reached from 10\.128\.0\.0\/9, 10\.64\.0\.0\/10, 10\.32\.0\.0\/11,.* and 10\.9\.0\.0\/16 \(16\.7 M addresses, vpn in b\.ingress:2\)$/m,
      /^ {4}for example: from 10\.0\.0\.1 to ssh$/m,
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
    name: "a looser cap",
    edit: (t) => t.replace("cap 100", "cap 101"),
    exit: 1,
    openings: 1,
    closings: 0,
    out: [/cap is looser: 100 connections, 10 per source \/\d+ \/\d+, now 101 connections, 10 per source \/\d+ \/\d+$/m],
  },
  { name: "a tighter cap", edit: (t) => t.replace("10 per source", "9 per source"), exit: 0, openings: 0, closings: 1, out: [/cap is tighter/] },
  {
    name: "a cap that is both",
    edit: (t) => t.replace("cap 100 connections, 10", "cap 99 connections, 11"),
    exit: 1,
    openings: 1,
    closings: 1,
    out: [/cap is looser/, /cap is tighter/],
  },
  {
    name: "a cap that counts some sources alone",
    edit: (t) => t.replace("10 per source", "10 per source from 10.0.0.0/8"),
    exit: 1,
    openings: 1,
    closings: 0,
    out: [/cap is looser/],
  },
  {
    name: "a cap for some sources more",
    edit: (t) => t.replace("  limit 60", "  cap 5 per source from 10.0.0.0/8\n  limit 60"),
    exit: 0,
    openings: 0,
    closings: 1,
    out: [/cap is tighter: .*, now .*5 per source \/\d+ \/\d+ from 10\.0\.0\.0\/8/],
  },
  {
    name: "a limit that exempts some sources",
    edit: (t) => t.replace("burst 20 per source", "burst 20 per source from any except 10.0.0.0/8"),
    exit: 1,
    openings: 1,
    closings: 0,
    out: [/limits are looser: .*burst 20 per source .*, now .*burst 20 per source \/\d+ \/\d+ from the whole internet but 10\.0\.0\.0\/8/],
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
    name: "a limit over another window",
    edit: (t) => t.replace("60/m", "60/90s"),
    exit: 1,
    openings: 1,
    closings: 1,
    out: [
      /^\+ ssh \(tcp 2222\): limits have another name, key or window, so every budget is full again: 60\/m burst 20 per source \S+ \S+, now 60\/90s burst 20 per/m,
      /limits are tighter: 60\/m burst 20 per source .*, now 60\/90s burst 20 per source/,
    ],
  },
  {
    name: "a limit over a longer window, at the same rate",
    edit: (t) => t.replace("60/m", "120/2m"),
    exit: 1,
    openings: 1,
    closings: 0,
    out: [/every budget is full again/],
  },
  {
    name: "a limit of wider sources",
    edit: (t) => t.replace("burst 20 per source", "burst 20 per source /24 /48"),
    exit: 1,
    openings: 1,
    closings: 1,
    out: [/every budget is full again: .* \/32 \/64, now .* \/24 \/48$/m, /limits are tighter/],
  },
  {
    name: "a limit more, over another window: the debts of the first stay",
    edit: (t) => t.replace("  limit 60", "  limit 1000/d burst 100 per source\n  limit 60"),
    exit: 0,
    openings: 0,
    closings: 1,
    out: [/limits are tighter/],
  },
  {
    name: "another burst, and the debts stay",
    edit: (t) => t.replace("burst 20", "burst 10"),
    exit: 0,
    openings: 0,
    closings: 1,
    out: [/limits are tighter: .*burst 20 .*burst 10/],
  },
  {
    name: "a limit that a dryrun limit has tried out in place of another, with its debts",
    before: BASE.replace("  limit 60", "  dryrun limit 60/90s burst 20 per source\n  limit 60"),
    edit: (t) => t.replace(/ {2}limit 60.*\n/, "").replace("dryrun limit", "limit"),
    exit: 0,
    openings: 0,
    closings: 1,
    out: [/limits are tighter/, /dryrun caps and limits are other ones: limit 60\/90s burst 20 per source \/32 \/64, now none/],
  },
  {
    name: "a limit that refuses nothing any more",
    edit: (t) => t.replace("  limit 60", "  dryrun limit 60"),
    exit: 1,
    openings: 1,
    closings: 0,
    out: [/^\+ ssh \(tcp 2222\): limits are looser: /m, /^ {2}ssh \(tcp 2222\): its dryrun caps and limits are other ones: none, now /m],
  },
  {
    name: "a dryrun limit and a dryrun cap more, which bound nothing",
    edit: (t) => t.replace("  limit 60", "  dryrun cap 5 per source\n  dryrun limit 1/h per source\n  limit 60"),
    exit: 0,
    openings: 0,
    closings: 0,
    out: [/^ {2}ssh \(tcp 2222\): its dryrun caps and limits are other ones: none, now cap 5 per source \/32 \/64, limit 1\/h burst 1 per source \/32 \/64$/m],
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
  { name: "a limit less", edit: (t) => t.replace(/ {2}limit .*\n/, ""), exit: 1, openings: 1, closings: 0, out: [/limits is looser|limits are looser/] },
  { name: "the same limit per second", edit: (t) => t.replace("60/m", "1/s"), exit: 1, openings: 1, closings: 0, out: [/now 1\/s burst 20/] },
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

for (const { name, before = BASE, edit, exit, openings, closings, out } of CHANGES) {
  test(name, async ({ dir }) => {
    dir.write("a.ingress", before);
    dir.write("b.ingress", edit(before));
    const ended = await ingresscHere(["diff", "a.ingress", "b.ingress"], dir.path);
    assert.is(ended.code, exit, ended.out + ended.err);
    for (const pattern of out) assert.match(ended.out, pattern);
    const { data } = envelope(await ingresscHere(["diff", "a.ingress", "b.ingress", "--json"], dir.path)) as { data: { openings: number; closings: number } };
    assert.equal([data.openings, data.closings], [openings, closings], ended.out);
    // An opening one way is a closing the other way.
    const back = await ingresscHere(["diff", "b.ingress", "a.ingress", "--json"], dir.path);
    const other = envelope(back)["data"] as { changes: readonly { kind: string }[] };
    const moves = (all: readonly { kind: string }[], kind: string): number => all.filter((c) => c.kind === kind).length;
    const changes = (envelope(await ingresscHere(["diff", "a.ingress", "b.ingress", "--json"], dir.path))["data"] as { changes: readonly { kind: string }[] })
      .changes;
    for (const [x, y] of [
      ["opened", "closed"],
      ["listener_opened", "listener_closed"],
    ] as const)
      assert.is(moves(changes, x), moves(other.changes, y));
  });
}

test("every request that it names is decided differently by the two policies", async ({ dir }) => {
  let tried = 0;
  for (const { before = BASE, edit } of CHANGES) {
    dir.write("a.ingress", before);
    dir.write("b.ingress", edit(before));
    const { changes } = envelope(await ingresscHere(["diff", "a.ingress", "b.ingress", "--json"], dir.path))["data"] as {
      changes: readonly { kind: string; effect: string | null; witness: string | null; requests?: readonly { witness: string }[] }[];
    };
    for (const { kind, effect, witness: first, requests = [] } of changes) {
      if (effect === null) continue;
      assert.is(first === null, requests.length === 0);
      for (const witness of new Set([...(first === null ? [] : [first]), ...requests.map((set) => set.witness)])) {
        tried++;
        const verdicts = await Promise.all(
          ["a.ingress", "b.ingress"].map(async (file) => verdict(await ingresscHere(["explain", file, witness, "--json"], dir.path))),
        );
        assert.equal(verdicts, effect === "opens" ? [false, true] : [true, false], `${kind}: ${witness}`);
      }
    }
  }
  assert.ok(tried >= 14, `only ${tried}`);
});

/** Whether the request is admitted; a policy without the listener admits nothing. */
function verdict(ended: Ended): boolean {
  const { code, message } = envelope(ended);
  if (code === "usage.unknown_expose") return false;
  return message === "allow";
}

const TEMPLATED = `edition 1
template guarded($name, $port) {
  expose $name on tcp $port { backend 127.0.0.1:8080 allow from corp deny from bad }
}
net corp = 10.0.0.0/9, 10.128.0.0/9
net bad = 10.1.0.0/16
use guarded(one, 1001)
use guarded(two, 1002)
`;
const WRITTEN = `edition 1
expose two on tcp 1002 { deny from 10.1.0.0/17, 10.1.128.0/17 backend 127.0.0.1:8080 allow from net_b allow from net_a }
net net_a = 10.0.0.0/9
expose one on tcp 1001 { backend 127.0.0.1:8080 allow from 10.0.0.0/8 except 10.1.0.0/16 }
net net_b = 10.128.0.0/9
`;

test("what means the same is equivalent: templates, order, split and merged sets, names of sets, a deny written as `except`", async ({ dir }) => {
  dir.write("a.ingress", TEMPLATED);
  dir.write("b.ingress", WRITTEN);
  const ended = await ingresscHere(["diff", "--equivalent", "a.ingress", "b.ingress"], dir.path);
  assert.equal([ended.code, ended.out, ended.err], [0, "`a.ingress` and `b.ingress` are equivalent\n", ""]);
  dir.write("b.ingress", WRITTEN.replace("10.1.0.0/16", "10.1.0.0/17"));
  const other = await ingresscHere(["diff", "--equivalent", "a.ingress", "b.ingress"], dir.path);
  assert.is(other.code, 1);
  assert.match(other.out, /one \(tcp 1001\): may now be reached from 10\.1\.128\.0\/17[^]*differ: 1 opening, 0 closings/);
});

test("a file that is split over imports is equivalent, whatever the names in it are", async ({ dir }) => {
  const rules = (corp: string, bad: string): string => `backend 127.0.0.1:8080 allow from ${corp} deny from ${bad}`;
  dir.write(
    "whole.ingress",
    `edition 1\nnet corp = 10.0.0.0/8\nnet bad = 10.1.0.0/16\nexpose one on tcp 1001 { ${rules("corp", "bad")} }\nexpose two on tcp 1002 { ${rules("corp", "bad")} }\n`,
  );
  dir.write(
    "split/edge.ingress",
    'edition 1\nimport "nets/nets.ingress" as nets\nimport "templates.ingress" as t\nuse t.guarded(one, 1001, nets.staff)\nuse t.guarded(two, 1002, nets.staff)\n',
  );
  dir.write(
    "split/templates.ingress",
    `edition 1\nimport "nets/nets.ingress" as n\ntemplate guarded($name, $port, $who) {\n expose $name on tcp $port { ${rules("$who", "n.bad")} }\n}\n`,
  );
  dir.write("split/nets/nets.ingress", 'edition 1\nimport "bad.ingress" as b\nnet staff = file "staff.txt" max 4\nnet bad = b.abusers\n');
  dir.write("split/nets/bad.ingress", "edition 1\nnet abusers = 10.1.0.0/17, 10.1.128.0/17\n");
  dir.write("split/nets/staff.txt", "10.0.0.0/9\n10.128.0.0/9\n");
  const diff = (): ReturnType<typeof ingresscHere> => ingresscHere(["diff", "--equivalent", "whole.ingress", "split/edge.ingress"], dir.path);
  const same = await diff();
  assert.equal([same.code, same.out, same.err], [0, "`whole.ingress` and `split/edge.ingress` are equivalent\n", ""]);
  dir.write("split/nets/bad.ingress", "edition 1\nnet abusers = 10.1.0.0/17\n");
  const other = await diff();
  assert.is(other.code, 1, other.err);
  assert.match(other.out, /^\+ one \(tcp 1001\): may now be reached from 10\.1\.128\.0\/17 .*\n.*\n\+ two \(tcp 1002\): /);
});

test("--equivalent is exit 1 also where something only closes, or only dryrun rules differ", async ({ dir }) => {
  for (const edit of ["10.8.0.0/17", "10.8.0.0/16\n# "]) {
    dir.write("a.ingress", BASE);
    dir.write("b.ingress", BASE.replace("10.8.0.0/16", edit));
    assert.is((await ingresscHere(["diff", "--equivalent", "a.ingress", "b.ingress"], dir.path)).code, edit.includes("#") ? 0 : 1);
  }
  dir.write("b.ingress", BASE.replace("allow from vpn", "allow from vpn dryrun allow from any"));
  assert.is((await ingresscHere(["diff", "--equivalent", "a.ingress", "b.ingress"], dir.path)).code, 1);
  assert.is((await ingresscHere(["diff", "a.ingress", "b.ingress"], dir.path)).code, 0);
});

test("a listener that splits by name, and one that takes a name from another", async ({ dir }) => {
  dir.write("a.ingress", "edition 1\nexpose all on tcp 443 as passthrough { backend 127.0.0.1:1 allow from any }\n");
  dir.write(
    "b.ingress",
    `edition 1
expose shop on tcp 443 for "*.shop.example" as passthrough { backend 127.0.0.1:2 allow from any }
expose all on tcp 443 as passthrough { backend 127.0.0.1:1 allow from any deny from any sni "x.shop.example" }
`,
  );
  const ended = await ingresscHere(["diff", "a.ingress", "b.ingress"], dir.path);
  // The deny names a host that no longer leads there, so nothing but the backend of the names that moved differs.
  assert.match(ended.out, /^\+ shop \(tcp 443\): name is another one: all, now shop$/m);
  assert.match(ended.out, /^\+ shop \(tcp 443\): backend is another one: 127\.0\.0\.1:1, now 127\.0\.0\.1:2$/m);
  assert.not.match(ended.out, /may (now|no longer) be reached/);
});

test("local addresses: a bind that widens opens at the addresses that are new", async ({ dir }) => {
  const text = (bind: string): string => `edition 1\nexpose db on tcp 5432${bind} { backend 127.0.0.1:1 allow from any }\n`;
  dir.write("a.ingress", text(" bind 10.0.0.0/8"));
  dir.write("b.ingress", text(" bind 10.0.0.0/8, 192.168.0.0/16"));
  const ended = await ingresscHere(["diff", "a.ingress", "b.ingress"], dir.path);
  assert.is(ended.code, 1);
  assert.match(ended.out, /^\+ db \(tcp 5432 at 192\.168\.0\.0\/16\): listens here too, reachable from the whole internet/m);
  assert.match(ended.out, /from 0\.0\.0\.1 to tcp 5432 local 192\.168\.0\.0$/m);
});

test("identities: a certificate that a deny no longer refuses, and one that two patterns have", async ({ dir }) => {
  const text = (rules: string): string => `edition 1\nexpose m on tcp 443 as mtls { backend 127.0.0.1:1 cert "m" ca "corp" ${rules} }\n`;
  dir.write("a.ingress", text('allow from any client uri "spiffe://corp/ops/*" deny from any client dns "old.example"'));
  dir.write("b.ingress", text('allow from any client uri "spiffe://corp/ops/*"'));
  const ended = await ingresscHere(["diff", "a.ingress", "b.ingress"], dir.path);
  assert.is(ended.code, 1);
  assert.match(ended.out, /may now be reached from the whole internet, with a certificate for dns "old\.example" and for uri "spiffe:\/\/corp\/ops\/\*"$/m);
  assert.match(ended.out, /client dns "old\.example", uri "spiffe:\/\/corp\/ops\/a"$/m);
});

test("identities: no certificate has two hashes, so a deny of another hash refuses nobody whom a hash admits", async ({ dir }) => {
  const hash = (digit: string): string => `client sha256 "${digit.repeat(64)}"`;
  const text = (rules: string): string => `edition 1\nexpose m on tcp 443 as mtls { backend 127.0.0.1:1 cert "m" ca "corp" ${rules} }\n`;
  dir.write("a.ingress", text(`allow from any ${hash("a")} deny from any ${hash("b")}`));
  dir.write("b.ingress", text(`allow from any ${hash("a")}`));
  assert.is((await ingresscHere(["diff", "--equivalent", "a.ingress", "b.ingress"], dir.path)).code, 0);
  // A name and a hash go together.
  dir.write("a.ingress", text(`allow from any ${hash("a")} deny from any client dns "b.example"`));
  assert.is((await ingresscHere(["diff", "--equivalent", "a.ingress", "b.ingress"], dir.path)).code, 1);
});

test("modules and policies in any mix", async ({ dir }) => {
  dir.write("a.ingress", BASE);
  dir.write("b.ingress", BASE.replace("10.8.0.0/16", "10.0.0.0/8"));
  for (const name of ["a", "b"]) assert.is((await ingresscHere(["build", `${name}.ingress`, "-o", `${name}.wasm`], dir.path)).code, 0);
  for (const [old, now] of [
    ["a.wasm", "b.wasm"],
    ["a.ingress", "b.wasm"],
    ["a.wasm", "b.ingress"],
  ] as const) {
    const ended = await ingresscHere(["diff", old, now], dir.path);
    assert.is(ended.code, 1);
    assert.match(ended.out, /ssh \(tcp 2222\): may now be reached from 10\.128\.0\.0\/9/);
  }
  assert.is((await ingresscHere(["diff", "--equivalent", "a.ingress", "a.wasm"], dir.path)).code, 0);
});

test("modules of other releases: those that this one loads are compared, others are refused", async ({ dir }) => {
  const at = (name: string): string => join(PROJECT, "tests/host/releases", name);
  assert.is((await ingresscHere(["diff", "--equivalent", at("0.2.0.ingress"), at("0.2.0.wasm")], dir.path)).code, 0);
  const wider = readFileSync(at("0.2.0.ingress"), "utf8");
  dir.write("new.ingress", `${wider}\nexpose debug on tcp 65000 { backend 127.0.0.1:9 allow from any }\n`);
  assert.match((await ingresscHere(["diff", at("0.2.0.wasm"), "new.ingress"], dir.path)).out, /^\+ debug \(tcp 65000\): new listener/m);
  dir.write("old.wasm", withOtherCode(readFileSync(at("0.2.0.wasm"))));
  const old = await ingresscHere(["diff", "old.wasm", "new.ingress"], dir.path);
  assert.is(old.code, 3);
  assert.match(old.err, /is refused \(module_code\)[^]*help: .*build the policy again/);
});

test("what a module says of itself is believed, and diff says so", async ({ dir }) => {
  dir.write("a.ingress", BASE);
  dir.write("b.ingress", BASE.replace("10.8.0.0/16", "10.0.0.0/8"));
  for (const name of ["a", "b"]) assert.is((await ingresscHere(["build", `${name}.ingress`, "-o", `${name}.wasm`], dir.path)).code, 0);
  const rows: readonly (readonly [old: string, now: string, modules: readonly string[]])[] = [
    ["a.ingress", "b.ingress", []],
    ["a.ingress", "a.ingress", []],
    ["a.wasm", "b.ingress", ["a.wasm"]],
    ["a.ingress", "b.wasm", ["b.wasm"]],
    ["a.wasm", "b.wasm", ["a.wasm", "b.wasm"]],
    ["a.ingress", "a.wasm", ["a.wasm"]],
  ];
  for (const [old, now, modules] of rows) {
    const { out } = await ingresscHere(["diff", old, now], dir.path);
    const noted = (pattern: RegExp, text: string): readonly (string | undefined)[] => [...text.matchAll(pattern)].map(([, name]) => name);
    assert.equal(noted(/^! (\S+) is a module, and what it says of itself was believed: verify its signature with ingressc verify$/gm, out), modules, out);
    const markdown = (await ingresscHere(["diff", old, now, "--format", "markdown"], dir.path)).out;
    assert.equal(noted(/^_`(\S+)` is a module, and what it says of itself/gm, markdown), modules, markdown);
    for (const nodes of ["1000000", "1"]) {
      const answer = envelope(await ingresscHere(["diff", old, now, "--nodes", nodes, "--json"], dir.path));
      assert.is((answer["data"] as { readonly unverified: boolean }).unverified, modules.length > 0, `${old} ${now} ${nodes}`);
    }
  }
});

test("Markdown for a comment of a merge request", async ({ dir }) => {
  dir.write("a.ingress", BASE);
  dir.write(
    "b.ingress",
    `${BASE.replace("10.8.0.0/16", "10.0.0.0/8")}@owner "a\`b](http://evil)" expose debug on tcp 9000 { backend 127.0.0.1:9001 allow from any }\n`,
  );
  const { out, code } = await ingresscHere(["diff", "a.ingress", "b.ingress", "--format", "markdown"], dir.path);
  assert.is(code, 1);
  assert.match(
    out,
    /^### 2 openings, 0 closings\n\*\*debug\*\* \(tcp 9000\): new listener, reachable from the whole internet, backend 127\.0\.0\.1:9001, owner `a'b\]\(http:\/\/evil\)`/,
  );
  assert.match(out, /\n\*\*ssh\*\* \(tcp 2222\): may now be reached from `10\.0\.0\.0\/13`, .* and \d+ more|\n\*\*ssh\*\*/);
  assert.match(out, /; for example `from 10\.0\.0\.1 to ssh`/);
  assert.ok(out.length < 65_536);
});

test("past the budget nothing is proven, at N and not at N + 1", async ({ dir }) => {
  dir.write("a.ingress", BASE);
  dir.write("b.ingress", BASE.replace("10.8.0.0/16", "10.0.0.0/8"));
  const whole = envelope(await ingresscHere(["diff", "a.ingress", "b.ingress", "--json"], dir.path))["data"] as { nodes: number };
  const with_ = (nodes: number) => ingresscHere(["diff", "a.ingress", "b.ingress", "--json", "--nodes", String(nodes)], dir.path);
  assert.is(envelope(await with_(whole.nodes))["code"], "policy.opens");
  const ended = await with_(whole.nodes - 1);
  assert.equal([ended.code, envelope(ended)["code"]], [1, "policy.not_proven"]);
  assert.match((await ingresscHere(["diff", "a.ingress", "a.ingress", "--nodes", "1"], dir.path)).out, /not proven: treat as opened/);
});

test("what can't be compared has a code, a reason and a remedy", async ({ dir }) => {
  dir.write("a.ingress", BASE);
  dir.write("bad.ingress", BASE.replace("10.8.0.0/16", "10.8.0.1/16"));
  dir.write("cut.wasm", Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
  dir.write("folder/x", "");
  const rows: readonly (readonly [args: readonly string[], exit: number, err: RegExp])[] = [
    [["a.ingress", "bad.ingress"], 3, /ING303|error/],
    [["bad.ingress", "a.ingress"], 3, /error/],
    [["a.ingress", "none.ingress"], 2, /there is no file `none\.ingress`/],
    [["a.ingress", "folder"], 2, /is a folder/],
    [["a.ingress", "cut.wasm"], 3, /is refused \(module_/],
    [["a.ingress"], 2, /NEW|operand|names/],
    [["a.ingress", "a.ingress", "--format", "xml"], 2, /format/],
    [["a.ingress", "a.ingress", "--nodes", "0"], 2, /`0` is no number of nodes/],
    [["a.ingress", "a.ingress", "--nodes", "64000001"], 2, /is no number of nodes/],
  ];
  for (const [args, exit, err] of rows) {
    const ended = await ingresscHere(["diff", ...args], dir.path);
    assert.is(ended.code, exit, `${args.join(" ")}: ${ended.out}${ended.err}`);
    assert.match(ended.err, err);
  }
});

test.run();
