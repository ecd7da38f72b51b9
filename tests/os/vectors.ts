// The vectors: random policies of the profile `os`, each with a sequence of requests (clocks, names, limits, caps
// and binds included) and the answers of the shipped module in V8, which are compared with the oracle's. One binary
// file from one seed; runtime/os runs it in native code.
//
//   file    | INGV | parts | (offset, bytes) a part | part …
//   part    | records | name bytes | policy bytes | manifest bytes | seed, 4 words | records | names | policy.bin | manifest
//   record  | op | 8 arguments | name at | name bytes | verdict | reason | code | rule | listener |   16 words; the listener that decided, of hello
//
// Words are little-endian u32; each part and each piece of one begins at a multiple of four.
import { createHash } from "node:crypto";
import { DEFAULT_CAP_CONNECTIONS } from "../../compiler/source/bounds.ts";
import { nativePolicy } from "../../compiler/emit/native.ts";
import { fnv1a64 } from "../../runtime/abi/fnv.ts";
import { CODES } from "../../runtime/abi/names.ts";
import { concatBytes } from "../../runtime/abi/sections.ts";
import * as v from "../../runtime/abi/verdicts.ts";
import { openEngine } from "../../runtime/host/ask.ts";
import type { Answer as HostAnswer } from "../../runtime/host/decision.ts";
import type { GroupInfo } from "../../runtime/host/module.ts";
import { compileText, difference, load, SEED, type Running } from "../oracle/ask.ts";
import { bind, decide, exposesAt, type Answer } from "../oracle/evaluate.ts";
import { Meter } from "../oracle/meter.ts";
import { prefixesOf, type ModelExpose, type ModelPolicy } from "../oracle/model.ts";
import { printPolicy } from "../oracle/print.ts";
import { chance, type Chance } from "../oracle/random.ts";
import { decideAt } from "../oracle/groups.ts";
import { addressText, edges, LAST, readPrefix, words } from "../oracle/space.ts";
import { ENDS, namesFor, sharedPolicy, wholePolicy } from "../oracle/whole.ts";

export const OPS = { clock: 1, bind: 2, listenerAt: 3, accept: 4, admit: 5, hello: 6, release: 7, connections: 8, charge: 9 } as const;
type Op = keyof typeof OPS;

export const VECTOR_SEED = 7_000_024;
/** Number of policies, and of parts of the file. */
const PARTS = 20;
/** Number of answers per part. */
const ANSWERS = 500;
const NONE = 0xffffffff;

export interface Vectors {
  readonly bytes: Uint8Array;
  /** The module of each part, which hosts with WebAssembly load. */
  readonly modules: readonly Uint8Array[];
  readonly parts: number;
  readonly answers: number;
  /** Counts of answers by code, and of requests by kind. */
  readonly seen: ReadonlyMap<string, number>;
  /** Number of answers that were compared with the oracle's. */
  readonly compared: number;
}

type Expected = readonly [verdict: number, reason: number, code: number, rule: number];

const NUMBERS = new Map(Object.entries(CODES).map(([number, { name, reason }]) => [name as string, [Number(number), reason as number] as const]));

function expectedOf(answer: HostAnswer): Expected {
  if (answer.allowed) return [v.VERDICT_ALLOW, v.REASON_NONE, NUMBERS.get(answer.code)?.[0] ?? NONE, answer.rule];
  if (answer.later) return [v.VERDICT_OPEN, v.REASON_NONE, v.CODE_OPEN, -1];
  const [code, reason] = NUMBERS.get(answer.code) ?? [NONE, NONE];
  return [v.VERDICT_DENY, reason, code, answer.rule];
}

class Part {
  readonly records: number[] = [];
  readonly names: number[] = [];
  answers = 0;

  add(op: Op, args: readonly (number | bigint)[], name: string | null, expected: Expected, decided = 0): void {
    const text = name === null ? null : new TextEncoder().encode(name);
    const u32 = [...args, ...Array.from({ length: 8 - args.length }, () => 0)].map((w) => Number(BigInt.asUintN(32, BigInt(w))));
    this.records.push(OPS[op], ...u32, this.names.length, text?.length ?? NONE, ...expected.map((n) => n >>> 0), decided);
    this.names.push(...(text ?? []));
    if (op !== "clock" && op !== "release") this.answers++;
  }

  bytes(policy: Uint8Array, manifest: string, seed: readonly number[]): Uint8Array {
    const text = new TextEncoder().encode(manifest);
    const head = [this.records.length / 16, this.names.length, policy.length, text.length, ...seed];
    return concatBytes([wordBytes([...head, ...this.records]), padded(Uint8Array.from(this.names)), padded(policy), padded(text)]);
  }
}

function wordBytes(list: readonly number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 * list.length));
  list.forEach((word, i) => {
    view.setUint32(4 * i, word, true);
  });
  return new Uint8Array(view.buffer);
}

function padded(bytes: Uint8Array): Uint8Array {
  return concatBytes([bytes, new Uint8Array((4 - (bytes.length % 4)) % 4)]);
}

/** The edges of a policy's sets, few enough that limits and caps are met. */
function sourcesOf(policy: ModelPolicy, c: Chance): readonly bigint[] {
  const sets = [...policy.denies, ...policy.exposes.flatMap((e) => e.rules)].flatMap((r) => (r.from === null ? [] : [r.from]));
  const all = [...new Set(sets.flatMap((set) => prefixesOf(set).flatMap(edges)))];
  return [...c.shuffle(all).slice(0, 14), 0n, LAST, readPrefix("203.0.113.9").base, readPrefix("203.0.113.10").base];
}

function localsOf(policy: ModelPolicy): readonly bigint[] {
  const own = policy.exposes.flatMap((e) => (e.bind === null ? [] : prefixesOf(e.bind).flatMap(edges)));
  return [
    ...own,
    ...["0.0.0.0", "::", "127.0.0.1", "126.255.255.255", "128.0.0.0", "::1", "::2", "192.0.2.1", "2001:db8::9"].map((text) => readPrefix(text).base),
  ];
}

const STEPS_MS = [0, 0, 1, 1, 2, 17, 17, 100, 999, 1_000, 1_001, 60_000, 3_600_000, 2 ** 31, 2 ** 32, 2 ** 32 + 1];
export const SUBJECTS = ["ingressd", "ingressd", "ingressd", "ingress", "web", ""];

/** Dryrun caps and limits, which the image counts, and which change no answer. */
function withDryrun(expose: ModelExpose): ModelExpose {
  const key = { v4: 32, v6: 64, written: false };
  // Without a cap of its own there are more connections than the page can count by source.
  const perSource = expose.cap === null ? [] : [{ connections: 1, ...key }];
  return { ...expose, dryrun: { connections: 2, perSource, limits: [{ count: 1, per: "h", burst: 2, key: { kind: "source", ...key } }] } };
}

/** Runs requests on one policy and records them with their answers. */
class Session {
  readonly part = new Part();
  readonly #c: Chance;
  readonly #policy: ModelPolicy;
  readonly #running: Running;
  readonly #meters: ReadonlyMap<ModelExpose, Meter>;
  readonly #open: { readonly expose: ModelExpose; readonly source: bigint }[] = [];
  readonly #seen: Map<string, number>;
  readonly #sources: readonly bigint[];
  /** Of them, those that some listener admits or waits for. */
  readonly #welcome: readonly bigint[];
  readonly #locals: readonly bigint[];
  readonly #names: readonly (string | null)[];
  #mono = 0;
  #latest = 0;
  #wall: number | null = null;
  compared = 0;

  constructor(seed: number, seen: Map<string, number>) {
    this.#c = chance(seed);
    // Every fourth policy has exposes that share ports.
    const make = seed % 4 === 0 ? sharedPolicy : wholePolicy;
    const made = make(this.#c, { nets: 3, exposes: 1 + this.#c.below(4), rules: 1 + this.#c.below(8), denies: 3 });
    this.#policy = seed % 3 === 1 ? { ...made, exposes: made.exposes.map(withDryrun) } : made;
    const printed = printPolicy(this.#policy);
    const module = compileText(printed.text, printed.files, "os");
    const engine = openEngine(load(module), SEED);
    this.#running = { printed, module, engine, ids: new Map(engine.info.listeners.map((l) => [l.name, l.id])) };
    this.#meters = new Map(this.#policy.exposes.map((e) => [e, new Meter(e, DEFAULT_CAP_CONNECTIONS)]));
    this.#seen = seen;
    this.#sources = sourcesOf(this.#policy, this.#c);
    const welcome = this.#sources.filter((source) =>
      this.#policy.exposes.some((e) => {
        const { allowed, later } = decide(this.#policy, e, { source, wall: 1, name: undefined });
        return allowed || later;
      }),
    );
    this.#welcome = welcome.length === 0 ? this.#sources : welcome.slice(0, 4);
    this.#locals = localsOf(this.#policy);
    this.#names = namesFor(this.#c, this.#policy);
  }

  get module(): Uint8Array {
    return this.#running.module;
  }

  run(): Uint8Array {
    this.#clock(0, null);
    while (this.part.answers < ANSWERS) this.#step();
    if (this.#running.engine.poisoned) throw new Error("the engine is poisoned");
    const { data, manifest } = nativePolicy(this.#running.module);
    const digest = createHash("sha256").update(SEED).digest();
    return this.part.bytes(
      data,
      manifest,
      [0, 4, 8, 12].map((at) => digest.readUInt32BE(at)),
    );
  }

  #step(): void {
    const c = this.#c;
    const { groups } = this.#running.engine.info;
    if (groups.length > 0 && this.part.answers + 4 <= ANSWERS && c.oneIn(2)) {
      this.#shared(c.pick(groups));
      return;
    }
    switch (c.below(16)) {
      case 0: {
        const mono = c.oneIn(8) ? c.pick([0, this.#mono - 1, 2 ** 43 - 1, 2 ** 43, 2 ** 53 - 1]) : this.#mono + c.pick(STEPS_MS);
        const wall = c.oneIn(4) ? null : Math.max(1, c.pick(ENDS) + c.below(3) - 1);
        // The last possible times are rare, because nothing refills after them.
        this.#clock(Math.max(0, mono > 2 ** 42 && !c.oneIn(40) ? this.#mono + 1 : mono), wall !== null && wall > 2 ** 33 && !c.oneIn(6) ? null : wall);
        return;
      }
      case 1:
      case 2:
        return this.#bind();
      case 3:
        return this.#at();
      case 4:
      case 5:
        return this.#accept();
      case 6:
        return this.#release();
      case 7:
        return this.#connections();
      case 8:
      case 9:
      case 10:
        return this.#hello();
      default:
        return this.#connection();
    }
  }

  #source(): bigint {
    return this.#c.oneIn(3) ? this.#c.pick(this.#sources) : this.#c.pick(this.#welcome);
  }

  #clock(mono: number, wall: number | null): void {
    this.#running.engine.setClock({ monoMs: mono, wallSeconds: wall });
    const [hi, lo] = [Math.floor(mono / 2 ** 32), mono % 2 ** 32];
    this.part.add("clock", [hi, lo, Math.floor((wall ?? 0) / 2 ** 32), (wall ?? 0) % 2 ** 32], null, [0, 0, 0, 0]);
    // The engine's view of the clock: neither value falls, and milliseconds end at 2^43.
    this.#mono = Math.max(this.#mono, Math.min(mono, 2 ** 43 - 1));
    this.#latest = Math.max(this.#latest, wall ?? 0);
    this.#wall = wall === null ? null : this.#latest;
    for (const meter of this.#meters.values()) meter.setClock(this.#mono);
  }

  /** INVARIANT: a recorded answer is the module's, and equals the oracle's if there is one. */
  #note(op: Op, args: readonly (number | bigint)[], name: string | null, answer: HostAnswer, due: Answer | null, says: string, decided = 0): void {
    const wrong = due === null ? null : difference(this.#running, due, answer);
    if (wrong !== null) throw new Error(`${says}: ${wrong}\n${this.#running.printed.text}`);
    if (due !== null) this.compared++;
    this.part.add(op, args, name, expectedOf(answer), decided);
    const code = answer.allowed || !answer.later ? answer.code : "open";
    for (const what of [op, code]) this.#seen.set(what, (this.#seen.get(what) ?? 0) + 1);
  }

  #bind(): void {
    const c = this.#c;
    const [subject, proto] = [c.pick(SUBJECTS), c.oneIn(6) ? ("udp" as const) : ("tcp" as const)];
    const ports = this.#policy.exposes.flatMap((e) => e.ports.flatMap(({ first, last }) => [first - 1, first, last, last + 1]));
    const [port, local] = [c.oneIn(8) ? c.pick([0, 1, 65_535, 65_536, 2 ** 32 - 1]) : c.pick(ports), c.pick(this.#locals)];
    const answer = this.#running.engine.bind({ subject, proto, address: words(local), port });
    const id = fnv1a64(subject);
    // A port out of range is refused before the oracle is called.
    const due = port <= 65_535 ? bind(this.#policy, subject, port, local, proto) : null;
    this.#note(
      "bind",
      [id >> 32n, id & 0xffffffffn, proto === "tcp" ? 6 : 17, port, ...words(local)],
      null,
      answer,
      due,
      `bind ${subject} ${port} ${addressText(local)}`,
    );
  }

  #at(): void {
    const c = this.#c;
    const expose = c.pick(this.#policy.exposes);
    const [port, local] = [c.pick([0, 65_535, ...expose.ports.flatMap(({ first, last }) => [first - 1, first, last, last + 1])]), c.pick(this.#locals)];
    const found = this.#running.engine.listenerAt("tcp", port, words(local));
    const due = port === 0 ? [] : exposesAt(this.#policy, port, local, "tcp");
    const members = this.#groupOf(found) ?? (found < 0 ? [] : [found]);
    const ids = due.map((e) => this.#running.ids.get(e.name) ?? -1);
    if ([...ids].sort((a, b) => a - b).join() !== members.join()) throw new Error(`listener at ${port} ${addressText(local)}: ${found}`);
    this.compared++;
    this.part.add("listenerAt", [6, port, ...words(local)], null, [found, 0, 0, 0]);
    this.#seen.set("listenerAt", (this.#seen.get("listenerAt") ?? 0) + 1);
  }

  #accept(): void {
    const expose = this.#c.pick(this.#policy.exposes);
    const source = this.#c.pick(this.#sources);
    if (this.#c.oneIn(16)) {
      const none = this.#c.pick([this.#policy.exposes.length, 0x7fffffff, 0xffffffff]);
      this.#note("accept", [none, ...words(source)], null, this.#running.engine.accept(none, words(source)), null, "");
      return;
    }
    const id = this.#running.ids.get(expose.name) ?? -1;
    const due = decide(this.#policy, expose, { source, wall: this.#wall, name: undefined });
    this.#note("accept", [id, ...words(source)], null, this.#running.engine.accept(id, words(source)), due, `accept ${expose.name} ${addressText(source)}`);
  }

  #hello(): void {
    // Names that a rule refuses are rare, so now and then one is searched for.
    let [expose, source, name, due] = this.#named();
    for (let i = this.#c.oneIn(3) ? 40 : 0; i > 0 && due.code !== "deny_name"; i--) [expose, source, name, due] = this.#named();
    const id = this.#running.ids.get(expose.name) ?? -1;
    this.#note(
      "hello",
      [id, ...words(source)],
      name,
      this.#running.engine.named(id, words(source), name),
      due,
      `hello ${expose.name} ${addressText(source)} ${JSON.stringify(name)}`,
      id,
    );
  }

  #groupOf(place: number): readonly number[] | undefined {
    return this.#running.engine.info.groups.find(({ id }) => id === place)?.members;
  }

  /** A connection at a shared port, as the image decides it: the source, the name, and the charges of the expose that has it. */
  #shared(group: GroupInfo): void {
    const { engine, ids } = this.#running;
    const [source, name] = [this.#source(), this.#c.pick(this.#names)];
    const members = this.#policy.exposes.filter((e) => group.members.includes(ids.get(e.name) ?? -1));
    const [at, facts] = [words(source), { source, wall: this.#wall }];
    const says = `group ${members.map((e) => e.name).join()} ${addressText(source)} ${JSON.stringify(name)}`;
    const early = decideAt(this.#policy, members, { ...facts, name: undefined }).answer;
    this.#note("accept", [group.id, ...at], null, engine.accept(group.id, at), early, says);
    const [admitted] = engine.admit([{ listener: group.id, source: at }]);
    if (admitted === undefined) throw new Error("no answer");
    this.#note("admit", [group.id, ...at], null, admitted, early, says);
    const { answer: due, lead } = decideAt(this.#policy, members, { ...facts, name });
    const led = engine.lead(group.id, at, name);
    const id = led.listener ?? group.id;
    if (id !== (lead === null ? group.id : ids.get(lead.name))) throw new Error(`${says}: leads to ${id}\n${this.#running.printed.text}`);
    const named = led.listener === null ? led.denial : engine.named(id, at, name);
    this.#note("hello", [group.id, ...at], name, named, due, says, id);
    if (!named.allowed || lead === null) return;
    const refused = this.#meters.get(lead)?.admit(source) ?? null;
    const charged = engine.charge({ listener: id, source: at }, -1);
    const code = refused ?? "allowed";
    if (charged.code !== code) throw new Error(`${says}: charged ${charged.code}, not ${code}\n${this.#running.printed.text}`);
    this.compared++;
    this.#note("charge", [id, ...at], null, charged, null, says);
    if (charged.allowed) this.#open.push({ expose: lead, source });
  }

  #named(): readonly [ModelExpose, bigint, string | null, Answer] {
    const [expose, source, name] = [this.#c.pick(this.#policy.exposes), this.#source(), this.#c.pick(this.#names)];
    return [expose, source, name, decide(this.#policy, expose, { source, wall: this.#wall, name })];
  }

  /** Charges a connection; one that is admitted, or needs its name, stays open. */
  #connection(): void {
    const [expose, source] = [this.#c.pick(this.#policy.exposes), this.#source()];
    const id = this.#running.ids.get(expose.name) ?? -1;
    const rules = decide(this.#policy, expose, { source, wall: this.#wall, name: undefined });
    const refused = rules.allowed || rules.later ? (this.#meters.get(expose)?.admit(source) ?? null) : null;
    const due: Answer = refused === null ? rules : { allowed: false, later: false, reason: "rate", code: refused, rules: [] };
    const [answer] = this.#running.engine.admit([{ listener: id, source: words(source) }]);
    if (answer === undefined) throw new Error("no answer");
    this.#note(
      "admit",
      [id, ...words(source)],
      null,
      answer,
      refused === null ? due : { ...due, rules: this.#charged(answer) },
      `admit ${expose.name} ${addressText(source)}`,
    );
    if (answer.allowed || answer.later) this.#open.push({ expose, source });
  }

  /** The rule of a refusal by a cap or a limit is compared among the three hosts, not with the oracle. */
  #charged(answer: HostAnswer): Answer["rules"] {
    const rule = answer.allowed || answer.later ? -1 : answer.rule;
    const lines = new Set((this.#running.engine.info.rules[rule]?.origins ?? []).map((o) => o.line));
    return [...this.#running.printed.lines].filter(([, line]) => lines.has(line)).map(([model]) => model);
  }

  #release(): void {
    const [closing] = this.#open.splice(this.#c.below(this.#open.length + 1), 1);
    if (closing === undefined) return;
    const id = this.#running.ids.get(closing.expose.name) ?? -1;
    this.#running.engine.release(id, words(closing.source));
    this.#meters.get(closing.expose)?.release(closing.source);
    this.part.add("release", [id, ...words(closing.source)], null, [0, 0, 0, 0]);
  }

  #connections(): void {
    const expose = this.#c.pick(this.#policy.exposes);
    const id = this.#running.ids.get(expose.name) ?? -1;
    const count = this.#running.engine.connections(id);
    if (count !== this.#meters.get(expose)?.connections) throw new Error(`${expose.name} counts ${count}`);
    this.compared++;
    this.part.add("connections", [id], null, [count, 0, 0, 0]);
    this.#seen.set("connections", (this.#seen.get("connections") ?? 0) + 1);
  }
}

/** Throws where the module in V8 and the oracle disagree. */
export function makeVectors(seed: number, count = PARTS): Vectors {
  const seen = new Map<string, number>();
  const sessions = Array.from({ length: count }, (_, i) => new Session(seed + i, seen));
  const parts = sessions.map((session) => session.run());
  let at = 8 + 8 * count;
  const index = parts.flatMap((part) => {
    const row = [at, part.length];
    at += part.length;
    return row;
  });
  return {
    modules: sessions.map((session) => session.module),
    bytes: concatBytes([wordBytes([0x56474e49, count, ...index]), ...parts]),
    parts: count,
    answers: sessions.reduce((sum, s) => sum + s.part.answers, 0),
    seen,
    compared: sessions.reduce((sum, s) => sum + s.compared, 0),
  };
}
