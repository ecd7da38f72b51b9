// The semantic JSON of a module as the analysis reads it: what this release does not know about who is admitted is refused, and a
// set that is named and missing is found before anything is computed.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createHash } from "node:crypto";
import { readModel } from "../../compiler/analysis/model.ts";
import { sha256 } from "../../compiler/cli/sha256.ts";
import { compile } from "../../compiler/compile.ts";
import { readSections, SECTION_POLICY } from "../../runtime/abi/sections.ts";

const test = suite("analysis: model");

const RULE = { from: "all", sni: null, until: null, dryrun: false };
const LISTENER = {
  name: "web",
  proto: "tcp",
  ports: ["80"],
  bind: null,
  mode: "tcp",
  allow: [RULE],
  deny: [],
  backend: { host: "127.0.0.1", port: 8080 },
  cap: { connections: 5, perSource: null },
  limits: [],
  service: "web",
};
const POLICY = { edition: 1, deny: [], expose: [LISTENER], hosts: {}, nets: { all: ["0.0.0.0/0", "::/0"], some: ["10.0.0.0/8"] } };

const source = (from?: string): object => ({ v4: 32, v6: 64, ...(from !== undefined && { from }) });
const limit = (from?: string): object => ({ count: 5, periodMs: 1_000, burst: 5, key: { kind: "source", ...source(from) } });

const ROWS: readonly (readonly [name: string, listener: object, error: RegExp | null])[] = [
  ["as it is", {}, null],
  ["load balancers", { via: "some" }, null],
  ["load balancers that are missing", { via: "none" }, /the set `none`, which it doesn't have/],
  ["load balancers that are no text", { via: 5 }, /another form/],
  ["a cap for all sources", { cap: { connections: 5, perSource: { connections: 1, ...source() } } }, null],
  ["a cap for some", { cap: { connections: 5, perSource: { connections: 1, ...source("some") } } }, null],
  ["a cap for missing ones", { cap: { connections: 5, perSource: { connections: 1, ...source("none") } } }, /the set `none`/],
  [
    "the second cap",
    {
      cap: {
        connections: 5,
        perSource: [
          { connections: 1, ...source() },
          { connections: 1, ...source("none") },
        ],
      },
    },
    /the set `none`/,
  ],
  ["a limit for some", { limits: [limit("some")] }, null],
  ["a limit for missing ones", { limits: [limit(), limit("none")] }, /the set `none`/],
  ["a rule for missing ones", { allow: [{ ...RULE, from: "none" }] }, /the set `none`/],
  ["a clause of a later release in a rule", { allow: [{ ...RULE, weather: "fair" }] }, /a rule has `weather`, which this release does not know/],
  ["another fact of a later release", { weather: { kind: "fair" } }, /an expose has `weather`, which this release does not know/],
];

for (const [name, listener, error] of ROWS) {
  test(name, () => {
    const read = readModel(JSON.stringify({ ...POLICY, expose: [{ ...LISTENER, ...listener }] }));
    if (error === null) assert.is(read.ok, true, read.ok ? "" : read.error);
    else if (read.ok) assert.unreachable(`${name} is read`);
    else assert.match(read.error, error);
  });
}

test("facts beside the rules are kept by their keys", () => {
  const read = readModel(JSON.stringify({ ...POLICY, expose: [{ ...LISTENER, via: "some" }] }));
  if (!read.ok) throw new Error(read.error);
  const [listener] = read.value.listeners;
  assert.equal([...(listener?.rest.keys() ?? [])].sort(), ["backend", "cap", "limits", "service", "via"]);
});

test("the semantic JSON of a compilation is that of its module, whichever is made first", () => {
  const text = "edition 1\nnet office = 10.0.0.0/8\nexpose web on tcp 80 { backend 127.0.0.1:8080 allow from office }\n";
  const compiled = (): ReturnType<typeof compile> =>
    compile(
      { path: "p.ingress", text },
      {
        read: () => {
          throw new Error("no other file");
        },
      },
    );
  const inModule = ({ module }: ReturnType<typeof compile>): string => {
    const section = readSections(module ?? new Uint8Array())?.find(({ name }) => name === SECTION_POLICY);
    return Buffer.from(section?.body ?? []).toString();
  };
  const [first, second] = [compiled(), compiled()];
  const before = Buffer.from(first.semantic ?? []).toString();
  const after = [inModule(first), Buffer.from(first.semantic ?? []).toString(), inModule(second), Buffer.from(second.semantic ?? []).toString()];
  assert.match(before, /"10\.0\.0\.0\/8"/);
  assert.equal(after, [before, before, before, before]);
  const wrong = compile(
    { path: "p.ingress", text: "edition 1\nexpose web\n" },
    {
      read: () => {
        throw new Error("no other file");
      },
    },
  );
  assert.equal([wrong.module, wrong.semantic], [null, null]);
});

test("hashes are the same before and after Node's own are used", () => {
  for (let i = 0; i < 40; i++) {
    const bytes = new Uint8Array(i * 1_000).fill(i);
    assert.is(Buffer.from(sha256(bytes)).toString("hex"), createHash("sha256").update(bytes).digest("hex"), `${i}`);
  }
});

test.run();
