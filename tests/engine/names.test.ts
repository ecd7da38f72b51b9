// Tables of many names. A name is in a set exactly if the text of the set says so; the expected answers come from plain
// sets of strings.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as abi from "../../runtime/abi/layout.ts";
import { openEngine } from "../../runtime/host/ask.ts";
import type { PolicyEngine } from "../../runtime/host/module.ts";
import { compileText, load, SEED } from "../oracle/ask.ts";
import { chance, type Chance } from "../oracle/random.ts";
import { v4, words } from "../oracle/space.ts";

const names = suite("names");
const LETTERS = [..."abcdefghijklmnopqrstuvwxyz0123456789"];
const SOURCE = words(v4(0x0a000001));

function admitting(list: readonly string[]): { readonly module: Uint8Array; readonly says: (name: string) => string } {
  const module = compileText(
    'edition 1\nhosts some = file "names" max 200000\nexpose web on tcp 443 as passthrough { backend 127.0.0.1:8443 allow from any sni some }\n',
    new Map([["names", `${list.join("\n")}\n`]]),
  );
  const engine = openEngine(load(module), SEED);
  return { module, says: (name) => engine.hello(0, SOURCE, name).code };
}

names("labels of one and two bytes are found exactly if they are in the set", () => {
  const all = [...LETTERS, ...LETTERS.flatMap((a) => LETTERS.map((b) => `${a}${b}`))];
  const inside = new Set(all.filter((_, i) => i % 2 === 0).map((label) => `${label}.example`));
  const { says } = admitting([...inside]);
  for (const label of all) assert.is(says(`${label}.example`), inside.has(`${label}.example`) ? "allowed" : "no_name", label);
  for (const name of ["example", "a.a.example", "c.b.example", "a.exampl", "a.examplf"]) assert.is(says(name), "no_name", name);
});

const label = (c: Chance, length: number): string => Array.from({ length }, () => c.pick(LETTERS)).join("");

names("3,000 names of all lengths are found, and not with a byte changed, removed or prepended", () => {
  const c = chance(5);
  const list = Array.from({ length: 3_000 }, (_, i) => `${label(c, 1 + c.below(12))}.${i % 7 === 0 ? `${label(c, 3)}.` : ""}d${i % 40}.example`);
  const inside = new Set(list);
  const { says } = admitting(list);
  let near = 0;
  for (const name of list) {
    assert.is(says(name), "allowed", name);
    const at = c.below(name.indexOf("."));
    for (const other of [
      `${name.slice(0, at)}${c.pick(LETTERS)}${name.slice(at + 1)}`,
      name.slice(1),
      `a${name}`,
      `a.${name}`,
      name.replace(".example", ".examplf"),
    ]) {
      if (other.startsWith(".")) continue;
      if (!inside.has(other)) near++;
      assert.is(says(other), inside.has(other) ? "allowed" : "no_name", other);
    }
  }
  assert.ok(near > 10_000);
});

/** Rules with separate names and sources each. */
function tenants(count: number): { readonly module: Uint8Array; readonly engine: PolicyEngine } {
  const rules = Array.from({ length: count }, (_, i) => `  allow from 10.${i >> 8}.${i & 255}.0/24 sni "t${i}.example", "*.t${i}.example"\n`).join("");
  const module = compileText(`edition 1\nexpose web on tcp 443 as passthrough { backend 127.0.0.1:8443\n${rules}}\n`);
  return { module, engine: openEngine(load(module), SEED) };
}

names("a thousand tenants with their own names and sources share the equal parts of rows", () => {
  const [few, many] = [tenants(500), tenants(1_000)];
  for (let i = 0; i < 1_000; i += 7) {
    const source = words(v4(0x0a000000 + i * 256 + 9));
    const own = many.engine.hello(0, source, `t${i}.example`);
    assert.ok(own.allowed);
    assert.is(many.engine.hello(0, source, `x.t${i}.example`).rule, own.rule);
    assert.is(many.engine.hello(0, source, `x.x.t${i}.example`).code, "no_name");
    assert.is(many.engine.hello(0, source, `t${i + 1}.example`).code, "no_name");
  }
  // A row of all classes for each tenant would be four times as much, not twice.
  assert.ok(many.module.length < 2.5 * few.module.length, `${few.module.length} ${many.module.length}`);
});

names("nodes take 12 bytes, and no bucket exceeds its bound", () => {
  assert.is(abi.NAME_BYTES, 12);
  const c = chance(9);
  for (const count of [1, 2, 3, 100, 20_000]) {
    const { module } = admitting(Array.from({ length: count }, () => `${label(c, 9)}.example`));
    // The engine's own validate, which `load` calls, refuses larger buckets.
    assert.ok(load(module).info.maxSteps < 1_000, String(load(module).info.maxSteps));
  }
});

names.run();
