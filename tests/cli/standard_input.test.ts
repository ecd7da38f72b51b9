// `-` is standard input where a command takes a policy; each row runs as a process of its own, with a real pipe.
import * as assert from "uvu/assert";
import { suite } from "../suite.ts";
import { envelope, folder, ingressc, type Folder } from "./programs.ts";

const test = suite("standard input");

const GOOD = 'edition 1\n\nexpose web on tcp 8443 {\n  allow from 10.0.0.0/8\n}\n\ntest "who may come" {\n  from 10.0.0.1 to web => allow\n}\n';
const UGLY = "edition 1\nexpose web on tcp 8443 { allow from 10.0.0.0/8 } # \u202e kept as it is\n";
const WIDER = "edition 1\nexpose web on tcp 8443 {\n  allow from 0.0.0.0/0\n}\n";

interface Row {
  readonly what: string;
  readonly args: readonly string[];
  readonly input: string | Uint8Array;
  readonly code: number;
  readonly out?: RegExp;
  readonly err?: RegExp;
}

const many = (n: number): string => `edition 1\n#${"x".repeat(n - 11)}`;

function rows(f: Folder): readonly Row[] {
  f.write("wide.ingress", WIDER);
  f.write("sub/nets.ingress", "edition 1\nnet office = 10.0.0.0/8\n");
  const importing = 'edition 1\nimport "nets.ingress" as n\nexpose web on tcp 8443 {\n  allow from n.office\n}\n';
  return [
    { what: "check", args: ["check", "-"], input: GOOD, code: 0, out: /^`stdin\.ingress` is valid: 1 expose, 1 test line$/m },
    { what: "check names it", args: ["check", "-", "--stdin-name", "a/b.ingress"], input: GOOD, code: 2, err: /there is no folder of `a\/b\.ingress`/ },
    { what: "an error has its place", args: ["check", "-"], input: "edition 1\nexpose web on tcp 0 { }\n", code: 3, err: /--> stdin\.ingress:2:19/ },
    {
      what: "an error has the place of its name",
      args: ["check", "-", "--stdin-name", "sub/edge.ingress"],
      input: "edition 1\nexpose web on tcp 0 { }\n",
      code: 3,
      err: /--> sub\/edge\.ingress:2:19[^]*1 error in `sub\/edge\.ingress`/,
    },
    { what: "imports are relative to the name", args: ["check", "-", "--stdin-name", "sub/edge.ingress"], input: importing, code: 0 },
    { what: "and are not found in another folder", args: ["check", "-"], input: importing, code: 3, err: /nets\.ingress/ },
    { what: "no fixes", args: ["check", "-", "--fix"], input: GOOD, code: 2, err: /`--fix` changes a file/ },
    { what: "test", args: ["test", "-"], input: GOOD, code: 0, out: /1 test line of 1 test passed/ },
    { what: "a test that fails", args: ["test", "-"], input: GOOD.replace("=> allow", "=> deny cidr"), code: 1 },
    { what: "explain", args: ["explain", "-", "from 10.0.0.1 to web"], input: GOOD, code: 0, out: /^ {2}allow$/m },
    { what: "diff with the old one", args: ["diff", "-", "wide.ingress"], input: GOOD, code: 1, out: /\+ web/ },
    { what: "diff with the new one", args: ["diff", "wide.ingress", "-"], input: GOOD, code: 0, out: /- web/ },
    { what: "diff of two", args: ["diff", "-", "-"], input: GOOD, code: 2, err: /`-` is written twice/ },
    { what: "graph", args: ["graph", "-", "--format", "text"], input: GOOD, code: 0, out: /^stdin\.ingress: 1 row by 2 ranges/ },
    { what: "who", args: ["who", "-", "to", "web"], input: GOOD, code: 0, out: /10\.0\.0\.0\/8/ },
    { what: "a name without `-`", args: ["check", "wide.ingress", "--stdin-name", "x.ingress"], input: "", code: 2, err: /no file is `-`/ },
    { what: "nothing", args: ["check", "-"], input: "", code: 3, err: /edition/ },
    { what: "no text", args: ["check", "-"], input: Uint8Array.of(0x65, 0xff), code: 3, err: /`stdin\.ingress` .*0xff/ },
    { what: "4 MiB", args: ["check", "-"], input: many(4 * 1024 * 1024), code: 0 },
    { what: "4 MiB and a byte", args: ["check", "-"], input: many(4 * 1024 * 1024 + 1), code: 3, err: /larger than 4 MiB/ },
    { what: "fmt --check", args: ["fmt", "-", "--check"], input: GOOD, code: 0 },
    { what: "fmt --check of another layout", args: ["fmt", "-", "--check"], input: UGLY, code: 1 },
    { what: "fmt of a broken one", args: ["fmt", "-"], input: "edition 1\nexpose {", code: 3, err: /stdin\.ingress:2/ },
    { what: "fmt of two", args: ["fmt", "-", "wide.ingress"], input: GOOD, code: 2, err: /format `-` alone/ },
    { what: "a command that takes none", args: ["export", "-"], input: GOOD, code: 2, err: /there is no file `-`/ },
  ];
}

test("`-` is a file for check, fmt, test, explain, diff and who", async () => {
  const f = folder();
  for (const { what, args, input, code, out, err } of rows(f)) {
    const ended = await ingressc(args, { cwd: f.path, input });
    assert.is(ended.code, code, `${what}: ${ended.out}${ended.err}`);
    if (out !== undefined) assert.match(ended.out, out, what);
    if (err !== undefined) assert.match(ended.err, err, what);
  }
});

test("fmt writes the formatted text and nothing else, every character as it is", async () => {
  const f = folder();
  const ended = await ingressc(["fmt", "-"], { cwd: f.path, input: UGLY });
  assert.equal([ended.code, ended.err], [0, ""]);
  assert.is(ended.out, "edition 1\n\nexpose web on tcp 8443 {\n  allow from 10.0.0.0/8\n}  # \u202e kept as it is\n");
  const json = envelope(await ingressc(["fmt", "-", "--json"], { cwd: f.path, input: UGLY }));
  assert.equal(json["data"], { file: "stdin.ingress", text: ended.out });
});

test("a module comes through it too", async () => {
  const f = folder();
  f.write("good.ingress", GOOD);
  assert.is((await ingressc(["build", "good.ingress", "-o", "good.wasm"], { cwd: f.path })).code, 0);
  const { readFileSync } = await import("node:fs");
  const input = readFileSync(f.at("good.wasm"));
  const explained = await ingressc(["explain", "-", "from 10.0.0.1 to web"], { cwd: f.path, input });
  assert.match(explained.out, /^ {2}allow$/m);
  const compared = await ingressc(["diff", "--equivalent", "good.ingress", "-"], { cwd: f.path, input });
  assert.is(compared.code, 0, compared.out + compared.err);
});

test.run();
