// ingressc diff --equivalent: what means the same however it is written, and what does not.
import * as assert from "uvu/assert";
import { suite } from "../suite.ts";
import { BASE } from "./diff_changes.ts";
import { folder, ingresscHere, type Folder } from "./programs.ts";

const test = suite<{ dir: Folder }>("diff --equivalent");
test.before((context) => {
  context.dir = folder();
});
test.after(({ dir }) => dir.remove());

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

test.run();
