// `ingressc import --from` as a command: exit codes, files, the envelope, and what it never touches.
import { existsSync, readFileSync } from "node:fs";
import * as assert from "uvu/assert";
import { envelope, folder, ingressc, ingresscHere, type Folder } from "../cli/programs.ts";
import { suite } from "../suite.ts";

const test = suite<{ dir: Folder }>("import_command");
test.before.each((context) => {
  context.dir = folder();
});
test.after.each(({ dir }) => dir.remove());

const WHOLE = "stream { server { listen 80; allow 198.51.100.0/24; deny all; proxy_pass 127.0.0.1:8080; } }\n";
const PARTLY = `${WHOLE.trimEnd().slice(0, -1)}server { listen 81 ssl; proxy_pass 127.0.0.1:81; } }\n`;

test("an import that is whole exits with 0 and prints a policy that passes check", async ({ dir }) => {
  dir.write("n.conf", WHOLE);
  const { code, out, err } = await ingressc(["import", "--from", "nginx", "n.conf"], { cwd: dir.path });
  assert.equal([code, err], [0, ""]);
  dir.write("n.ingress", out);
  assert.is((await ingresscHere(["check", "n.ingress"], dir.path)).code, 0);
  assert.is((await ingresscHere(["fmt", "--check", "n.ingress"], dir.path)).code, 0);
});

test("a part that is left out is a comment with its line, and the exit code is 1", async ({ dir }) => {
  dir.write("n.conf", PARTLY);
  const { code, out } = await ingresscHere(["import", "--from", "nginx", "n.conf"], dir.path);
  assert.is(code, 1);
  assert.match(
    out,
    /^# left out:\n# line 1: `server \{ … \}`: `listen 81 ssl`: nginx terminates TLS there, and no `ssl_certificate` says with which certificate/m,
  );
  // Standard output is a policy and nothing else.
  assert.ok(out.startsWith("edition 1\n") && out.endsWith("}\n"));
});

test("with -o the parts that are left out are printed with their places", async ({ dir }) => {
  dir.write("n.conf", PARTLY);
  const { code, out } = await ingresscHere(["import", "--from", "nginx", "n.conf", "-o", "n.ingress"], dir.path);
  assert.is(code, 1);
  assert.match(out, /^left out\[ING876\]: n\.conf:1:\d+: `server/m);
  assert.match(out, "imported `n.conf`, and left out 1 part of it; `n.ingress` has the rest, and a comment for each");
  assert.match(readFileSync(dir.at("n.ingress"), "utf8"), "expose tcp_80 on tcp 80");
});

test("the envelope has the policy and the parts", async ({ dir }) => {
  dir.write("n.conf", PARTLY);
  const { code, data } = envelope(await ingresscHere(["import", "--from", "nginx", "n.conf", "--json"], dir.path)) as {
    code: string;
    data: { policy: string; left: readonly { place: { line: number }; why: string }[] };
  };
  assert.is(code, "policy.partly_imported");
  assert.ok(data.policy.startsWith("edition 1\n"));
  assert.equal(
    data.left.map(({ place }) => place.line),
    [1],
  );
});

test("a half-written file is refused with its place, and nothing is written", async ({ dir }) => {
  dir.write("n.conf", WHOLE.slice(0, 40));
  const { code, err } = await ingresscHere(["import", "--from", "nginx", "n.conf", "-o", "n.ingress"], dir.path);
  assert.is(code, 3);
  assert.match(err, /error\[ING873\]: this (?:directive has no `;`|block has no end)\n *--> n\.conf:1:/);
  assert.match(err, "help: check the file with `nginx -t`");
  assert.match(err, "nothing was written");
  assert.not.ok(existsSync(dir.at("n.ingress")));
  // With the path as it was given.
  dir.write("sub/m.conf", WHOLE.slice(0, 40));
  assert.match((await ingresscHere(["import", "--from", "nginx", "sub/m.conf"], dir.path)).err, /\n *--> sub\/m\.conf:1:/);
});

test("the source is never overwritten", async ({ dir }) => {
  dir.write("n.conf", WHOLE);
  assert.is((await ingresscHere(["import", "--from", "nginx", "n.conf", "-o", "n.conf"], dir.path)).code, 2);
  assert.is(readFileSync(dir.at("n.conf"), "utf8"), WHOLE);
});

const MISUSES: readonly (readonly [args: readonly string[], code: number, err: RegExp])[] = [
  [["--from", "apache", "n.conf"], 2, /apache/],
  [["--from", "nginx", "gone.conf"], 2, /there is no file `gone\.conf`/],
  [["--from", "nginx", "."], 2, /is a folder/],
  [["--from", "nginx", "binary"], 3, /a file to import is UTF-8 text/],
  [["--from", "nft", "n.conf"], 3, /ING873/],
  [["n.conf"], 3, /this is not JSON/],
];
for (const [args, code, message] of MISUSES)
  test(`import ${args.join(" ")} is refused`, async ({ dir }) => {
    dir.write("n.conf", WHOLE);
    dir.write("binary", new Uint8Array([0xff, 0xfe, 0x80]));
    const ended = await ingresscHere(["import", ...args], dir.path);
    assert.is(ended.code, code, ended.err);
    assert.match(ended.err, message);
  });

test.run();
