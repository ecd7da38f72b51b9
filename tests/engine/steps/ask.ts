// Runs in a copy whose engine counts its loops: evaluates requests on random and large policies, floods their limits,
// and prints the maximum steps of a decision next to the bound in its module.
import * as abi from "../../../runtime/abi/layout.ts";
import { instantiate } from "../../../runtime/host/instance.ts";
import { compileText, load } from "../../oracle/ask.ts";
import { randomPolicy, randomPrefix } from "../../oracle/generate.ts";
import { printPolicy } from "../../oracle/print.ts";
import { chance, type Chance } from "../../oracle/random.ts";
import { prefixText, rangeOf, v4, words } from "../../oracle/space.ts";

interface Row {
  readonly name: string;
  readonly module: Uint8Array;
  readonly sources: readonly bigint[];
  /** Names that each source requests, besides none. */
  readonly names?: readonly string[];
  /** Certificates that each source presents, without a name. */
  readonly identities?: readonly (readonly string[])[];
  /** Whether the bound must be nearly reached. */
  readonly tight?: true;
}

function worst({ module, sources, names = [], identities = [] }: Row): { readonly most: number; readonly promised: number } {
  const { info, module: compiled } = load(module);
  const engine = instantiate(compiled);
  const { takeSteps } = engine;
  if (typeof takeSteps !== "function") throw new Error("the engine counts no steps");
  const steps = (): number => Number(Reflect.apply(takeSteps, undefined, []));
  if (engine.validate() !== 0) throw new Error("the tables are not valid");
  const view = new DataView(engine.memory.buffer);
  const at = engine.scratch();
  let most = 0;
  for (const source of sources) {
    for (let listener = 0; listener < info.listeners.length; listener++) {
      view.setInt32(at + abi.R_BATCH_LISTENER, listener, true);
      words(source).forEach((word, i) => {
        view.setUint32(at + abi.R_BATCH_SOURCE + 4 * i, word, true);
      });
      steps();
      engine.batch(1);
      // One of the steps is the batch's own loop.
      most = Math.max(most, steps() - 1);
      for (const identity of identities) {
        const [a, b, c, d] = words(source);
        const length = writeWords(view, at + abi.SCRATCH_IDENTITY, identity);
        steps();
        engine.charge(listener, a, b, c, d);
        engine.identity?.(listener, a, b, c, d, 0, length);
        engine.chargeIdentity?.(listener, a, b, c, d, 0);
        most = Math.max(most, steps());
      }
      for (const name of names) {
        new Uint8Array(engine.memory.buffer).set(new TextEncoder().encode(name), at);
        const [a, b, c, d] = words(source);
        steps();
        engine.hello?.(listener, a, b, c, d, name.length);
        engine.charge(listener, a, b, c, d);
        most = Math.max(most, steps());
      }
    }
  }
  // At a group the name first chooses the listener, which is then charged.
  for (const { id } of info.groups) {
    for (const source of sources) {
      for (const name of names) {
        new Uint8Array(engine.memory.buffer).set(new TextEncoder().encode(name), at);
        const [a, b, c, d] = words(source);
        steps();
        engine.hello?.(id, a, b, c, d, name.length);
        engine.charge(view.getUint32(abi.DETAIL_BASE + abi.DETAIL_LISTENER, true), a, b, c, d);
        most = Math.max(most, steps());
      }
    }
  }
  return { most, promised: info.maxSteps };
}

function writeWords(view: DataView, from: number, identity: readonly string[]): number {
  let at = from;
  for (const word of identity) {
    const bytes = new TextEncoder().encode(word);
    view.setUint16(at, bytes.length, true);
    bytes.forEach((byte, i) => {
      view.setUint8(at + 2 + i, byte);
    });
    at += 2 + bytes.length;
  }
  return at - from;
}

const someSources = (c: Chance, count: number): bigint[] =>
  Array.from({ length: count }, () => {
    const { first, last } = rangeOf(randomPrefix(c));
    return c.oneIn(2) ? first : last;
  });

function rows(): Row[] {
  const c = chance(77);
  const small = Array.from({ length: 25 }, (_, i): Row => {
    const policy = randomPolicy(c, { nets: 3, exposes: 3, rules: 6, denies: 2 });
    return { name: `random ${i}`, module: compileText(printPolicy(policy).text), sources: someSources(c, 200) };
  });
  const list = (count: number): string =>
    Array.from({ length: count }, () => randomPrefix(c))
      .filter((p) => p.length >= 24)
      .map((p) => `${prefixText(p)}\n`)
      .join("");
  const large = [2_000, 20_000].map((count): Row => ({
    name: `${count} prefixes`,
    sources: someSources(c, 20_000),
    tight: true,
    module: compileText(
      'edition 1\nnet many = file "many" max 100000\nexpose web on tcp 443 { allow from any except many }\n',
      new Map([["many", list(count)]]),
    ),
  }));
  const columns: Row = {
    name: "300 listeners",
    sources: someSources(c, 200),
    tight: true,
    module: compileText(
      `edition 1\n${Array.from({ length: 300 }, (_, i) => `expose e${i} on tcp ${i + 1} { allow from 10.${i >> 8}.${i & 255}.0/24, 2001:db8:${i}::/48 }\n`).join("")}`,
    ),
  };
  // The tables fill up, so that every path through a charge is taken.
  const flood: Row = {
    name: "flood",
    tight: true,
    sources: Array.from({ length: 150_000 }, (_, i) => v4(Math.imul(i, 0x9e3779b1))),
    module: compileText(`edition 1
expose web on tcp 443 { cap 100000 connections, 2 per source /24 /48
  limit 1/h per source limit 5/h per source /24 /48 limit 1000/s per listener limit 100000/m per listener allow from any }
`),
  };
  return [...small, ...large, columns, flood, ...named(c), shared(c), ...identified()];
}

/** Names that match to the last label or nearly; long labels, many labels, many names. */
function named(c: Chance): Row[] {
  const letters = "abcdefghijklmnopqrstuvwxyz0123456789_-";
  const label = (length: number): string => `a${Array.from({ length: length - 1 }, () => letters[c.below(36)] ?? "a").join("")}`;
  const long = Array.from({ length: 2_000 }, () => `${label(62)}.${label(63)}.${label(63)}.example`);
  const deep = Array.from({ length: 20 }, () => Array.from({ length: 127 }, () => label(1).replace("a", () => letters[c.below(26)] ?? "a")).join("."));
  const many = Array.from({ length: 20_000 }, (_, i) => `${label(8)}.d${i % 97}.example`);
  const policy = (names: readonly string[]): Uint8Array =>
    compileText(
      'edition 1\nhosts some = file "names" max 100000\nexpose web on tcp 443 as passthrough { backend 127.0.0.1:8443 allow from any sni some }\n',
      new Map([["names", `${names.join("\n")}\n`]]),
    );
  const requested = (names: readonly string[]): string[] =>
    names.flatMap((name) => [name, `x${name.slice(1)}`, `${name.slice(0, 30)}-${name.slice(31)}`, name.slice(2), "y.example"]);
  return [
    { name: "long labels", module: policy(long), names: requested(long), sources: [1n], tight: true },
    { name: "many labels", module: policy(deep), names: requested(deep), sources: [1n] },
    { name: "many names", module: policy(many), names: requested(many), sources: [1n] },
  ];
}

/** Many names on one port, each of an expose of its own with rules by name, caps and limits. */
function shared(c: Chance): Row {
  const name = (i: number): string => `${"n".repeat(50)}${i}.${"m".repeat(60)}.example`;
  const exposes = Array.from(
    { length: 60 },
    (
      _,
      i,
    ) => `expose e${i} on tcp 443 for "${name(i)}", "*.${name(i)}" as passthrough { backend 127.0.0.1:8443 cap 100000 connections, 2 per source limit 1/h per source
  allow from 10.${i >> 8}.${i & 255}.0/24, 2001:db8:${i}::/48 sni "${name(i)}" allow from 10.0.0.0/9 }\n`,
  );
  const names = Array.from({ length: 6 }, (_, i) => [name(i * 10), `x.${name(i * 10)}`, `x.x.${name(i * 10)}`, `y${name(i).slice(1)}`]).flat();
  const sources = [...someSources(c, 20), ...Array.from({ length: 60 }, (_, i) => v4(0x0a000000 + (i << 8)))];
  return { name: "60 names on one port", sources, names, module: compileText(`edition 1\n${exposes.join("")}`) };
}

/** The longest certificates, which match to the last part; ten thousand identities; parts with a common prefix. */
function identified(): Row[] {
  const policy = (patterns: readonly string[]): Uint8Array =>
    compileText(`edition 1
ids some = ${patterns.map((p) => `uri "${p}"`).join(", ")}
expose m on tcp 443 as mtls { backend 127.0.0.1:80 cert "w" ca "c" cap 10 connections, 2 per source, 2 per identity limit 9/s per identity allow from any client some }
`);
  const hash = `sha256:${"a".repeat(64)}`;
  const teams = Array.from({ length: 10_000 }, (_, i) => `spiffe://corp.example/team-${i % 97}/svc-${i}`);
  const sixtyFour = (word: (i: number) => string): readonly string[] => [...Array.from({ length: 64 }, (_, i) => word(i)), hash];
  const deep = `spiffe://corp.example/${"abcdefgh/".repeat(11)}x`;
  const begun = Array.from({ length: 60 }, (_, i) => `spiffe://corp.example/${"a".repeat(i + 1)}*`);
  return [
    {
      name: "10,000 identities",
      module: policy(teams),
      identities: [sixtyFour((i) => `uri:${teams[i] ?? ""}`), sixtyFour((i) => `uri:${teams[9_000 + i] ?? ""}x`)],
      sources: [1n],
    },
    {
      name: "deep identities",
      module: policy([deep]),
      identities: [sixtyFour(() => `uri:${deep}`), [`uri:${deep}/${"y".repeat(8_000)}`, hash]],
      sources: [1n],
    },
    {
      name: "parts that begin alike",
      module: policy(begun),
      identities: [sixtyFour(() => `uri:spiffe://corp.example/${"a".repeat(102)}`), [`uri:spiffe://corp.example/${"a".repeat(8_160)}`, hash]],
      sources: [1n],
    },
  ];
}

for (const row of rows()) {
  const { most, promised } = worst(row);
  process.stdout.write(`${JSON.stringify({ name: row.name, most, promised, tight: row.tight ?? false })}\n`);
}
