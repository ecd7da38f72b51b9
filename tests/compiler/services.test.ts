// Names of services and their hashes.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { checkServices, collisions, fnv1a64 } from "../../compiler/check/services.ts";
import { newReport } from "../../compiler/check/report.ts";
import { openScope } from "../../compiler/check/scope.ts";
import { checkExpose } from "../../compiler/check/exposes.ts";
import { build } from "../../compiler/ast/build.ts";
import { parse } from "../../compiler/syntax/parse.ts";
import { filesOf } from "./front.ts";

const services = suite("services");

// Published vectors of FNV-1a, 64 bits.
for (const [text, hash] of [["", 0xcbf29ce484222325n], ["a", 0xaf63dc4c8601ec8cn], ["foobar", 0x85944171f73967e8n]] as const) {
  services(`the hash of "${text}"`, () => assert.is(fnv1a64(text), hash));
}

const weak = (name: string): bigint => BigInt(name.length);

services("collisions name the later with the first", () => {
  assert.equal(collisions(["aa", "b", "cc", "aa", "dd"], weak), [["cc", "aa"], ["dd", "aa"]]);
  assert.equal(collisions(["web", "web", "api"]), []);
});

services("two services with one hash are refused, one service twice is not", () => {
  const { ast } = build(parse({ path: "p", text: "edition 1\nexpose one service shop on tcp 1 { }\nexpose two service mall on tcp 2 { }\nexpose three service shop on tcp 3 { }\n" }));
  if (ast === null) throw new Error("no tree");
  const report = newReport();
  const scope = openScope(ast, filesOf({}), report);
  const exposes = ast.exposes.map((e) => checkExpose(scope, e));
  checkServices(scope, exposes);
  assert.equal(report.diagnostics, []);
  checkServices(scope, exposes, weak);
  const [d, ...more] = report.diagnostics;
  assert.equal(more, []);
  assert.is(d?.code, "ING209");
  assert.is(d?.message, "the services `mall` and `shop` have the same hash");
  assert.is(d?.related.length, 1);
});

services("a service may not hash like the gateway itself", () => {
  const { ast } = build(parse({ path: "p", text: "edition 1\nexpose elephant on tcp 1 { }\n" }));
  if (ast === null) throw new Error("no tree");
  const report = newReport();
  const scope = openScope(ast, filesOf({}), report);
  checkServices(scope, ast.exposes.map((e) => checkExpose(scope, e)), weak);
  assert.equal(report.diagnostics.map((d) => d.code), ["ING209"]);
});

services.run();
