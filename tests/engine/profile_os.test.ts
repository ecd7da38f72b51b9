// Modules of the profile `os` decide like those of the profile `host`, and their engine can be compiled to native code:
// no imports, only integers, no growth, at most 16 KiB of code.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { engineBytes } from "../../compiler/emit/engine.ts";
import { OS_CODE_BYTES } from "../../runtime/abi/profiles.ts";
import { readSections, SECTION_CODE } from "../../runtime/abi/sections.ts";
import { openEngine } from "../../runtime/host/ask.ts";
import type { Answer, Shadow } from "../../runtime/host/decision.ts";
import type { PolicyEngine } from "../../runtime/host/module.ts";
import { compileText, load, SEED } from "../oracle/ask.ts";
import { randomPolicy, randomPrefix } from "../oracle/generate.ts";
import { prefixesOf } from "../oracle/model.ts";
import { printPolicy } from "../oracle/print.ts";
import { chance, type Chance } from "../oracle/random.ts";
import { edges, words } from "../oracle/space.ts";
import { opcodes } from "./opcodes.ts";

const profiles = suite("profile os");
const NOON = 1_900_000_000;
const NAMES = ["www.example.com", "a.example.com", "b.a.example.com", "example.com", "nobody.invalid"];
const PATTERNS = ['"www.example.com"', '"*.example.com"', '"**.example.com"', '"**" except "a.example.com"'];
const ENDS = [NOON - 3_600, NOON + 1, NOON + 3_600].map((seconds) => `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`);

/** Adds names, ends and dryrun rules to some lines, because the oracle's policies have none. */
function enriched(text: string, c: Chance): string {
  let named = false;
  return text
    .split("\n")
    .map((line) => {
      if (line.startsWith("expose ")) {
        named = c.oneIn(2);
        return named ? line.replace(/ \{$/, " as passthrough {") : line;
      }
      const action = /^ {2}(allow|deny) /.exec(line)?.[1];
      if (action === undefined) return line;
      const sni = named && !c.oneIn(3) ? ` sni ${c.pick(PATTERNS)}` : "";
      const until = action === "allow" && c.oneIn(3) ? ` until ${c.pick(ENDS)}` : "";
      return `  ${c.oneIn(5) ? "dryrun " : ""}${line.trim()}${sni}${until}`;
    })
    .join("\n");
}

const answerText = (answer: Answer | undefined): string =>
  answer === undefined ? "none"
  : answer.allowed ? `allow ${answer.code} ${answer.rule}`
  : answer.later ? "later"
  : `deny ${answer.reason} ${answer.code} ${answer.rule}`;
const shadowText = (shadow: Shadow | null): string => (shadow === null ? "none" : Object.values(shadow).join(" "));

profiles("every verdict, reason, code and rule equals that of the profile `host`, with caps, limits, names, ends and reloads", () => {
  const seen = new Map<string, number>();
  for (let i = 0; i < 60; i++) {
    const c = chance(310_000 + i);
    const policy = randomPolicy(c, { nets: 3, exposes: 1 + c.below(4), rules: 8, denies: 3 });
    const printed = printPolicy(policy);
    const text = enriched(printed.text, c);
    const modules = (["host", "os"] as const).map((profile) => load(compileText(text, printed.files, profile)));
    let pair = modules.map((module) => openEngine(module, SEED));
    const sets = [...policy.denies, ...policy.exposes.flatMap((e) => e.rules)].flatMap((r) => (r.from === null ? [] : [r.from]));
    const all = [...sets.flatMap((set) => prefixesOf(set).flatMap(edges)), ...edges(randomPrefix(c)), 0n, 1n];
    const pool = c
      .shuffle([...new Set(all)])
      .slice(0, 8)
      .map(words);
    const open: { listener: number; source: (typeof pool)[number] }[] = [];
    /** Evaluates a request on both; the answers must be equal. */
    const both = (question: (engine: PolicyEngine) => readonly string[]): readonly string[] => {
      const [host = [], os = []] = pair.map(question);
      assert.equal(os, host, `seed ${310_000 + i}\n${text}`);
      for (const word of host) seen.set(word.replace(/ -?\d+$/, ""), (seen.get(word.replace(/ -?\d+$/, "")) ?? 0) + 1);
      return host;
    };
    let monoMs = 0;
    for (let step = 0; step < 120; step++) {
      const listener = c.below(policy.exposes.length);
      const source = c.pick(pool);
      const name = c.oneIn(4) ? null : c.pick(NAMES);
      switch (c.below(9)) {
        case 0: {
          monoMs += c.pick([0, 1, 40, 1_000, 61_000, 3_600_000]);
          const wallSeconds = c.oneIn(5) ? null : NOON + Math.floor(monoMs / 1_000);
          for (const engine of pair) engine.setClock({ monoMs, wallSeconds });
          break;
        }
        case 1: {
          const closing = open.splice(c.below(open.length + 1), 1)[0];
          if (closing !== undefined) for (const engine of pair) engine.release(closing.listener, closing.source);
          break;
        }
        case 2: {
          const port = 1_000 * (listener + 1) + c.below(12);
          const subject = c.oneIn(2) ? "ingressd" : "web";
          both((e) => [String(e.listenerAt("tcp", port, source)), answerText(e.bind({ subject, proto: "tcp", address: source, port }))]);
          break;
        }
        case 3:
          // A reload to the same policy moves limits and recounts connections.
          if (!c.oneIn(4)) break;
          pair = pair.map((engine, which) => {
            const module = modules[which];
            if (module === undefined) throw new Error("no module");
            const next = openEngine(module, SEED);
            next.setClock({ monoMs, wallSeconds: null });
            next.importState(engine.exportState());
            for (const kept of open) next.recount(kept.listener, kept.source);
            return next;
          });
          break;
        case 4:
          both((e) => [shadowText(e.shadow(listener, source, name)), shadowText(e.shadow(listener, source, undefined))]);
          break;
        case 5:
          both((e) => [answerText(e.accept(listener, source)), answerText(e.hello(listener, source, name))]);
          break;
        default: {
          // Sometimes more than fits in scratch at once.
          const peers = Array.from({ length: c.oneIn(12) ? 70 : 1 + c.below(6) }, () => ({ listener: c.below(policy.exposes.length), source: c.pick(pool) }));
          const answers = both((e) => e.admit(peers).map(answerText));
          peers.forEach((peer, at) => {
            if (/^(allow|later)/.test(answers[at] ?? "")) open.push(peer);
          });
        }
      }
      both((e) => policy.exposes.map((_, id) => String(e.connections(id))));
    }
  }
  for (const word of [
    "later",
    "allow allowed",
    "deny cidr deny_rule",
    "deny cidr no_match",
    "deny policy expired",
    "deny sni no_name",
    "deny rate cap_listener",
    "deny rate cap_source",
    "deny rate limit_listener",
    "deny rate limit_source",
    "allow gateway_bind",
  ]) {
    assert.ok((seen.get(word) ?? 0) > 10, `${word}: ${seen.get(word) ?? 0}`);
  }
});

profiles("with one connection per source, fewer than one instance in a hundred refuses a source under its cap", () => {
  for (const connections of [256, 1_024]) {
    const module = load(
      compileText(
        `edition 1\nexpose web on tcp 443 { cap ${connections} connections, 1 per source limit 1000000/s per listener allow from any }`,
        new Map(),
        "os",
      ),
    );
    const peers = Array.from({ length: connections }, (_, i) => ({ listener: 0, source: words((0x2001n << 112n) | (BigInt(i) << 64n)) }));
    let losing = 0;
    for (let i = 0; i < 300; i++) {
      const engine = openEngine(module, Uint8Array.of(i & 255, i >> 8));
      const codes = engine.admit(peers).map((a) => (a.allowed || !a.later ? a.code : "later"));
      if (codes.some((code) => code === "cap_table")) losing++;
      assert.ok(codes.every((code) => code === "allowed" || code === "cap_table"));
    }
    console.log(`caps: ${losing} of 300 instances refuse a source of ${connections}`);
    assert.ok(losing < 3, `${losing} of 300 with ${connections}`);
  }
});

profiles("the engine has no imports, no start, only integers, no growth and at most 16 KiB of code", () => {
  const sections = readSections(engineBytes()) ?? [];
  // type, function, memory, global, export, code
  assert.equal(
    sections.map(({ id }) => id),
    [1, 3, 5, 6, 7, 10],
  );
  const code = sections.find(({ id }) => id === SECTION_CODE)?.body ?? new Uint8Array(0);
  assert.ok(code.length > 0 && code.length <= OS_CODE_BYTES, `${code.length} bytes`);
  const found = opcodes(code);
  assert.ok(found.length > 2_000, `only ${found.length} instructions`);
  const float = (op: number): boolean =>
    [0x2a, 0x2b, 0x38, 0x39, 0x43, 0x44].includes(op) ||
    (op >= 0x5b && op <= 0x66) ||
    (op >= 0x8b && op <= 0xa6) ||
    (op >= 0xa8 && op <= 0xab) ||
    (op >= 0xae && op <= 0xbf);
  const GROW = 0x40;
  assert.equal([...new Set(found.filter((op) => float(op) || op === GROW))], []);
  const types = sections.find(({ id }) => id === 1)?.body ?? new Uint8Array(0);
  // 0x7d and 0x7c are f32 and f64; no count in this section is as large.
  assert.equal(
    [...types].filter((byte) => byte === 0x7d || byte === 0x7c),
    [],
  );
});

profiles.run();
