// Queries a running policy: writes the facts of each phase into the module, and calls it. answers.ts reads its answers.
import * as abi from "../abi/layout.ts";
import { fnv1a64 } from "../abi/fnv.ts";
import { CODES, isCode } from "../abi/names.ts";
import * as v from "../abi/verdicts.ts";
import { isV4 } from "../net/address.ts";
import type { Address } from "../net/address.ts";
import { Answers } from "./answers.ts";
import { sha256 } from "./platform.ts";
import { denial, type Answer, type Decision, type Shadow } from "./decision.ts";
import type { Identity } from "./identity.ts";
import { MAX_IDENTITY_BYTES, MAX_IDENTITY_NAMES } from "./identity.ts";
import { instantiateInTurns, instantiatePolicy } from "./instance.ts";
import type { EngineExports } from "./instance.ts";
import { copyLimits, exhausted, recordsOf, type WithListeners } from "./move_limits.ts";
import { Scratch } from "./scratch.ts";
import type { ValidToken } from "./token.ts";
import type { BindRequest, Clock, GroupInfo, Lead, LoadedPolicy, Peer, PolicyEngine, PolicyInfo } from "./module.ts";

const PROTOCOLS = { tcp: abi.PROTO_TCP, udp: abi.PROTO_UDP } as const;

/** Starts a policy. `seed` is 16 random bytes; a reload keeps them, so that the state of limits stays valid. */
export function openEngine(policy: LoadedPolicy, seed: Uint8Array): PolicyEngine {
  return new RunningPolicy(policy, instantiatePolicy(policy), seed);
}

/**
 * Engines for one question after the other, each with no connection and no debt: one instance, whose memory is put back as it was
 * after its start. The next engine ends the use of the last one.
 *
 * Only for a module with the engine of this release: all of its state is in its memory but the cursor of `exportState`, which
 * each export writes before it is read.
 */
export function reuseInstance(policy: LoadedPolicy, seed: Uint8Array): () => PolicyEngine {
  let opened: { readonly engine: RunningPolicy; readonly memory: Uint8Array; readonly start: Uint8Array } | null = null;
  return () => {
    if (opened !== null && !opened.engine.poisoned) {
      opened.memory.set(opened.start);
      return opened.engine;
    }
    const exports = instantiatePolicy(policy);
    const engine = new RunningPolicy(policy, exports, seed);
    const memory = new Uint8Array(exports.memory.buffer);
    opened = { engine, memory, start: memory.slice() };
    return engine;
  };
}

/** Starts a policy over several turns of the event loop, one for each slice of its tables. */
export async function openEngineInTurns(policy: LoadedPolicy, seed: Uint8Array): Promise<PolicyEngine> {
  return new RunningPolicy(policy, await instantiateInTurns(policy), seed);
}

class RunningPolicy implements PolicyEngine {
  readonly info: PolicyInfo;
  readonly #exports: EngineExports;
  readonly #view: DataView;
  readonly #scratch: Scratch;
  readonly #answers: Answers;

  constructor({ info, tables }: LoadedPolicy, exports: EngineExports, seed: Uint8Array) {
    this.info = info;
    this.#exports = exports;
    this.#view = new DataView(this.#exports.memory.buffer);
    this.#answers = new Answers(this.#view, info.rules.length);
    // The engine takes 16 bytes; hashing also accepts a seed of another length.
    const digest = sha256(seed);
    const words = new DataView(digest.buffer, digest.byteOffset, digest.byteLength);
    this.#exports.seed(words.getInt32(0), words.getInt32(4), words.getInt32(8), words.getInt32(12));
    // `loadPolicyApart` has validated tables that are not in the module.
    if (tables === null && this.#exports.validate() !== 0) this.#answers.poison(v.CODE_BAD_TABLES);
    this.#scratch = new Scratch(this.#exports);
  }

  get poisoned(): boolean {
    return this.#answers.failure !== null;
  }

  setClock({ monoMs, wallSeconds }: Clock): void {
    const mono = Number.isFinite(monoMs) ? Math.max(0, Math.floor(monoMs)) : 0;
    const wall = wallSeconds !== null && Number.isFinite(wallSeconds) ? Math.max(0, Math.floor(wallSeconds)) : 0;
    this.#answers.run(() => {
      this.#exports.clock(high(mono), low(mono), high(wall), low(wall));
    }, undefined);
  }

  bind({ subject, proto, address: [a, b, c, d], port }: BindRequest): Decision {
    if (!isPort(port)) return this.#answers.refuse(v.CODE_BAD_REQUEST);
    const id = fnv1a64(subject);
    const answer = this.#answers.query(() => this.#exports.bind(Number(id >> 32n) | 0, Number(id & 0xffffffffn) | 0, PROTOCOLS[proto], port, a, b, c, d));
    return answer.allowed || !answer.later ? answer : this.#answers.poison(v.CODE_MODULE_RESULT);
  }

  bindWithToken({ service, proto, address: [a, b, c, d], port, policy }: ValidToken): Decision {
    const { bindWithToken } = this.#exports;
    if (!isPort(port) || bindWithToken === undefined) return this.#answers.refuse(v.CODE_BAD_REQUEST);
    if (policy !== this.info.treeSha256) return this.#answers.refuse(v.CODE_TOKEN_POLICY);
    const id = fnv1a64(service);
    const answer = this.#answers.query(() => bindWithToken(Number(id >> 32n) | 0, Number(id & 0xffffffffn) | 0, PROTOCOLS[proto], port, a, b, c, d));
    return answer.allowed || !answer.later ? answer : this.#answers.poison(v.CODE_MODULE_RESULT);
  }

  listenerAt(proto: "tcp" | "udp", port: number, [a, b, c, d]: Address): number {
    if (!isPort(port)) return -1;
    const listener = this.#answers.run(() => this.#exports.listenerAt(PROTOCOLS[proto], port, a, b, c, d), -1);
    return listener >= 0 && listener < this.info.listeners.length + this.info.groups.length ? listener : -1;
  }

  accept(listener: number, source: Address): Answer {
    const [a, b, c, d] = source;
    if (!this.#has(listener) && this.#group(listener) === undefined) return this.#answers.refuse(v.CODE_BAD_LISTENER);
    return this.#answers.query(() => (isV4(source) ? this.#exports.accept4(listener, d) : this.#exports.accept6(listener, a, b, c, d)));
  }

  lead(group: number, source: Address, name: string | null): Lead {
    if (this.#has(group)) return { listener: group };
    const info = this.#group(group);
    const { hello } = this.#exports;
    if (info === undefined || hello === undefined) return { listener: null, denial: this.#answers.refuse(v.CODE_BAD_LISTENER) };
    const [a, b, c, d] = source;
    const answer = this.#answers.query(() => hello(group, a, b, c, d, this.#scratch.writeName(name)));
    const found = this.#answers.failure === null ? this.#answers.detail(abi.DETAIL_LISTENER) : group;
    if (info.members.includes(found)) return { listener: found };
    // INVARIANT: what led to none of the group's listeners is refused.
    const refused = answer.allowed || answer.later || found !== group;
    return { listener: null, denial: refused ? this.#answers.poison(v.CODE_MODULE_RESULT) : answer };
  }

  charge({ listener, source: [a, b, c, d], zone = 0 }: Peer, rule: number): Decision {
    if (!this.#has(listener)) return this.#answers.refuse(v.CODE_BAD_LISTENER);
    const answer = this.#answers.charged(() => this.#exports.charge(listener, a, b, c, d, zone));
    if (!answer.allowed && answer.later) return this.#answers.poison(v.CODE_MODULE_RESULT);
    if (rule === abi.NO_RULE || this.#answers.failure !== null) return answer;
    return { ...answer, rule };
  }

  spend(group: number, [a, b, c, d]: Address, zone = 0): void {
    const members = this.#group(group)?.members ?? [];
    this.#answers.run(() => {
      for (const listener of members) this.#exports.spend?.(listener, a, b, c, d, zone);
    }, undefined);
  }

  hello(listener: number, source: Address, name: string | null): Decision {
    const answer = this.named(listener, source, name);
    return answer.allowed || !answer.later ? answer : denial(v.CODE_NO_CERTIFICATE);
  }

  named(listener: number, source: Address, name: string | null): Answer {
    const [a, b, c, d] = source;
    if (!this.#has(listener)) return this.#answers.refuse(v.CODE_BAD_LISTENER);
    const answer = this.#answers.query(() => {
      const { hello } = this.#exports;
      // Version 1 has no listener for which a name decides.
      if (hello === undefined) return this.#exports.accept6(listener, a, b, c, d);
      return hello(listener, a, b, c, d, this.#scratch.writeName(name));
    });
    // INVARIANT: after the name, only a listener that requires client certificates has a fact to come.
    return answer.allowed || !answer.later || this.#isMutual(listener) ? this.#withoutIdentity(listener, answer) : this.#answers.poison(v.CODE_MODULE_RESULT);
  }

  identity(listener: number, source: Address, name: string | null, identity: Identity): Decision {
    const [a, b, c, d] = source;
    const { identity: decide } = this.#exports;
    if (!this.#has(listener)) return this.#answers.refuse(v.CODE_BAD_LISTENER);
    if (decide === undefined || !this.#isMutual(listener)) return this.#answers.refuse(v.CODE_BAD_REQUEST);
    const names = identity.words.filter((word) => !word.startsWith("sha256:"));
    const bytes = names.reduce((sum, word) => sum + word.length, 0);
    if (names.length > MAX_IDENTITY_NAMES || bytes > MAX_IDENTITY_BYTES) return this.#answers.refuse(v.CODE_BAD_IDENTITY);
    const answer = this.#answers.query(() => decide(listener, a, b, c, d, this.#scratch.writeName(name), this.#scratch.writeWords(identity)));
    return answer.allowed || !answer.later ? answer : this.#answers.poison(v.CODE_MODULE_RESULT);
  }

  admitIdentity(listener: number, source: Address, name: string | null, identity: Identity): Decision {
    const decision = this.identity(listener, source, name, identity);
    const { chargeIdentity } = this.#exports;
    if (!decision.allowed || chargeIdentity === undefined) return decision.allowed ? denial(v.CODE_BAD_REQUEST) : decision;
    const [a, b, c, d] = identity.key;
    const charged = this.#answers.charged(() => chargeIdentity(listener, a, b, c, d, decision.rule));
    return charged.allowed || !charged.later ? charged : this.#answers.poison(v.CODE_MODULE_RESULT);
  }

  releaseIdentity(listener: number, { key: [a, b, c, d] }: Identity): void {
    if (this.#has(listener))
      this.#answers.run(() => {
        this.#exports.releaseIdentity?.(listener, a, b, c, d);
      }, undefined);
  }

  recountIdentity(listener: number, { key: [a, b, c, d] }: Identity): void {
    if (this.#has(listener))
      this.#answers.run(() => {
        this.#exports.recountIdentity?.(listener, a, b, c, d);
      }, undefined);
  }

  shadow(listener: number, source: Address, name: string | null | undefined, identity?: Identity): Shadow | null {
    const [a, b, c, d] = source;
    const { shadow } = this.#exports;
    if (shadow === undefined || this.#answers.failure !== null || (!this.#has(listener) && this.#group(listener) === undefined)) return null;
    const verdict = this.#answers.run(
      () =>
        shadow(listener, a, b, c, d, name === undefined ? -1 : this.#scratch.writeName(name), identity === undefined ? -1 : this.#scratch.writeWords(identity)),
      v.VERDICT_DENY,
    );
    if (this.#answers.failure !== null || verdict === -1) return null;
    const answer = this.#answers.read(verdict);
    const [code, rule] = [this.#answers.detail(abi.DETAIL_CODE), this.#answers.detail(abi.DETAIL_RULE)];
    if (this.poisoned || !isCode(code)) return null;
    const word =
      answer.allowed ? "allow"
      : answer.later ? "undetermined"
      : "deny";
    return { verdict: word, reason: answer.allowed || answer.later ? "none" : answer.reason, code: CODES[code].name, rule };
  }

  #isMutual(listener: number): boolean {
    return this.info.listeners[listener]?.mode === "mtls";
  }

  /** INVARIANT: a listener that requires client certificates admits no client without one. */
  #withoutIdentity(listener: number, answer: Answer): Answer {
    return answer.allowed && this.#isMutual(listener) ? this.#answers.poison(v.CODE_MODULE_RESULT) : answer;
  }

  admit(peers: readonly Peer[]): readonly Answer[] {
    // A scratch without room for a record can't answer, and every peer is denied below.
    const size = Math.max(1, this.#scratch.records);
    if (peers.length <= size) return this.#admitSlice(peers);
    const decisions: Answer[] = [];
    for (let from = 0; from < peers.length; from += size) decisions.push(...this.#admitSlice(peers.slice(from, from + size)));
    return decisions;
  }

  #admitSlice(peers: readonly Peer[]): readonly Answer[] {
    const view = this.#view;
    const answered = this.#answers.run(() => {
      if (peers.length > this.#scratch.records) return 0;
      this.#scratch.writePeers(peers, (number) => this.#has(number) || this.#group(number) !== undefined);
      return this.#exports.batch(peers.length);
    }, 0);
    if (answered !== peers.length && this.#answers.failure === null) this.#answers.poison(v.CODE_MODULE_RESULT);
    const answers: Answer[] = [];
    for (let i = 0, at = this.#scratch.at; i < peers.length; i++, at += abi.BATCH_BYTES) {
      if (this.#answers.failure === null) {
        const word = view.getUint32(at + abi.R_BATCH_CODE, true);
        const [verdict, rule] = [view.getInt32(at + abi.R_BATCH_VERDICT, true), view.getInt32(at + abi.R_BATCH_RULE, true)];
        answers.push(this.#answers.decision(verdict, (word >>> 16) & 0xff, word & 0xffff, rule, word >>> 24));
      } else answers.push(this.#answers.failure);
    }
    return answers;
  }

  release(listener: number, [a, b, c, d]: Address, zone = 0): void {
    if (this.#has(listener))
      this.#answers.run(() => {
        this.#exports.release(listener, a, b, c, d, zone);
      }, undefined);
  }

  recount(listener: number, source: Address, zone = 0): void {
    // A reload calls this for every connection in one turn, so the address is read without an iterator.
    if (this.#has(listener))
      this.#answers.run(() => {
        this.#exports.recount(listener, source[0], source[1], source[2], source[3], zone);
      }, undefined);
  }

  exportState(): Uint8Array {
    return this.#answers.run(() => this.#scratch.takeState(), new Uint8Array(0));
  }

  importState(state: Uint8Array): void {
    this.#answers.run(() => {
      this.#scratch.giveState(state);
    }, undefined);
  }

  takeState(from: PolicyEngine): void {
    const changed = from instanceof RunningPolicy ? this.#answers.run(() => this.#copyLimits(from), null) : null;
    if (changed === null) this.importState(from.exportState());
    else if (changed.size > 0) this.importState(recordsOf(from.exportState(), changed));
  }

  exhaustLimits(): number {
    const { records, longestMs } = this.#answers.run(() => exhausted(this.#exports), { records: new Uint8Array(0), longestMs: 0 });
    this.importState(records);
    return longestMs;
  }

  /** The identities of the limits that were not copied and have to go through records, or null where all have to. */
  #copyLimits(from: RunningPolicy): ReadonlySet<bigint> | null {
    const sameLayout = [this, from].every(({ info }) => info.abiVersion === abi.ABI_VERSION);
    return sameLayout && !from.poisoned ? copyLimits(from.#withListeners(), this.#withListeners()) : null;
  }

  #withListeners(): WithListeners {
    return { exports: this.#exports, listeners: this.info.listeners };
  }

  connections(listener: number): number {
    return this.#has(listener) ? this.#answers.run(() => this.#exports.connections(listener) >>> 0, 0) : 0;
  }

  limiterFill(): { readonly used: number; readonly places: number } {
    const places = this.#view.getUint32(abi.TABLES_BASE + abi.H_LIMIT_SETS, true) * abi.WAYS;
    return { used: this.#answers.run(() => this.#exports.limiterUsed() >>> 0, 0), places };
  }

  /** INVARIANT: only a listener's own number passes, because WebAssembly would wrap a number beyond 32 bits to another listener's. */
  #has(listener: number): boolean {
    return Number.isInteger(listener) && listener >= 0 && listener < this.info.listeners.length;
  }

  #group(number: number): GroupInfo | undefined {
    return this.info.groups[number - this.info.listeners.length];
  }
}

function isPort(n: number): boolean {
  return Number.isInteger(n) && n >= 0 && n <= 65535;
}

function high(n: number): number {
  return Math.floor(n / 2 ** 32) | 0;
}

function low(n: number): number {
  return (n % 2 ** 32) | 0;
}
