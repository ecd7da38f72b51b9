// Names of services and their hashes.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { checkServices, collisions, fnv1a64 } from "../../compiler/check/rules/services.ts";
import { newReport } from "../../compiler/diagnostics/report.ts";
import { openContext } from "../../compiler/check/rules/context.ts";
import { checkExpose } from "../../compiler/check/rules/exposes.ts";
import { expand } from "../../compiler/check/names/expand.ts";
import { Scopes } from "../../compiler/check/names/scopes.ts";
import { defineTemplates } from "../../compiler/check/names/templates.ts";
import type { Diagnostic } from "../../compiler/diagnostics/diagnostic.ts";
import { load } from "../../compiler/load.ts";
import { filesOf } from "./front.ts";

const services = suite("services");

// Published vectors of FNV-1a, 64 bits.
for (const [text, hash] of [
  ["", 0xcbf29ce484222325n],
  ["a", 0xaf63dc4c8601ec8cn],
  ["foobar", 0x85944171f73967e8n],
] as const) {
  services(`the hash of "${text}"`, () => assert.is(fnv1a64(text), hash));
}

const weak = (name: string): bigint => BigInt(name.length);

services("collisions name the later with the first", () => {
  assert.equal(collisions(["aa", "b", "cc", "aa", "dd"], weak), [
    ["cc", "aa"],
    ["dd", "aa"],
  ]);
  assert.equal(collisions(["web", "web", "api"]), []);
});

function servicesOf(text: string, hash?: (name: string) => bigint): readonly Diagnostic[] {
  const { program } = load({ path: "p", text }, filesOf({}));
  const [entry] = program?.units ?? [];
  if (program === null || entry === undefined) throw new Error("no tree");
  const report = newReport();
  const scopes = new Scopes(program, entry);
  const flat = expand(report, scopes, defineTemplates(report, scopes));
  if (flat === null) throw new Error("too much");
  const context = openContext(scopes, flat.sets, filesOf({}), report);
  checkServices(
    context,
    flat.exposes.map((e) => checkExpose(context, e, true)),
    flat.dials,
    hash,
  );
  return report.diagnostics;
}

services("two services with one hash are refused, one service twice is not", () => {
  const text = "edition 1\nexpose one service shop on tcp 1 { }\nexpose two service mall on tcp 2 { }\nexpose three service shop on tcp 3 { }\n";
  assert.equal(servicesOf(text), []);
  const [d, ...more] = servicesOf(text, weak);
  assert.equal(more, []);
  assert.is(d?.code, "ING209");
  assert.is(d?.message, "the services `mall` and `shop` have the same hash");
  assert.is(d?.related.length, 1);
});

services("a service may not hash like the gateway itself", () => {
  assert.equal(
    servicesOf("edition 1\nexpose elephant on tcp 1 { }\n", weak).map((d) => d.code),
    ["ING209"],
  );
});

services.run();
