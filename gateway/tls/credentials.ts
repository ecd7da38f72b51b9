// Certificates and authorities by the names that policies have for them. They are read anew at a
// reload; where one can't be used, the previous one stays in use and the log says so. At a start there is no
// previous one: an expose that needs it stays closed (`on_bad_certificate`) until its files are good.
import type { ListenerInfo } from "../../runtime/host/module.ts";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import type { GatewayClock } from "../clock.ts";
import type { Part, Participant } from "../participant.ts";
import { readAuthority, readShown, withNewerLists, type Loaded, type LoadedAuthority } from "./certificate_files.ts";
import { NewestLists } from "./newest_lists.ts";
import { filesAt } from "./revocation.ts";
import { kindsProblem } from "./shown_kinds.ts";
import { createContext, type Shown, type Trusted } from "./context.ts";
import type { NativeContext, TlsContext } from "./secure.ts";

/** The part of the configuration that is about certificates; paths of PEM files. */
export interface CredentialConfig {
  readonly certs: Readonly<Record<string, { readonly cert: string; readonly key: string }>>;
  readonly cas: Readonly<Record<string, { readonly file: string; readonly crl?: readonly string[] | undefined }>>;
  readonly on_bad_certificate: "close" | "refuse";
}

export interface Credentials {
  /** Its part in a change of policy: what it needs is there, and what was read is shown from the swap on. */
  readonly participant: Participant;
  /** Reads every file anew and shows what is good from the next handshake on; a fault of one is logged, and the previous one stays. Returns the names that changed. */
  renew(which?: Which): readonly string[];
  /** For a listener that terminates TLS; a string says why there is none. */
  contextOf(info: ListenerInfo): TlsContext | string;
  /** Why a listener has to stay closed, as one sentence; null where it may open. While a change of policy is prepared: under that policy. */
  closedBecause(info: ListenerInfo): string | null;
  /** The same, under the policy in force alone. */
  closedNow(info: ListenerInfo): string | null;
  /** Whether a certificate that an authority verified is on its revocation lists now. */
  isRevoked(ca: string, certificate: string | undefined): boolean;
  /** Whether a folder of revocation lists has other files than when it was read. */
  hasNewFiles(): boolean;
  /** Every file that is read. */
  readonly paths: readonly string[];
  /** Of each certificate and authority in use: when the first of its certificates ends. */
  ends(): readonly CredentialEnd[];
  /** Warns, once each, of what has ended while it is in use. */
  warnOfEnds(): void;
  /** Replaces ticket keys whose time is over, so that no secret outlives its time where nobody comes; to be called on a tick. */
  rotateTickets(): void;
  /** No handshake is to begin any more. */
  close(): void;
}

export interface CredentialEnd {
  /** `crl`: the revocation lists of an authority. */
  readonly kind: Kind | "crl";
  /** As the configuration calls it. */
  readonly name: string;
  readonly notAfter: Date;
}

type Kind = "cert" | "ca";

interface CredentialSet {
  readonly certs: ReadonlyMap<string, Loaded<Shown>>;
  readonly cas: ReadonlyMap<string, LoadedAuthority>;
  /** Why the files that were read last can't be used, by kind and name. */
  readonly faults: ReadonlyMap<string, string>;
  /** The files of revocation lists when they were read. */
  readonly listed: string;
}

/** A certificate or authority that a listener needs and that isn't loaded. */
interface Lack {
  readonly kind: Kind;
  readonly name: string;
  /** Null where the configuration doesn't name it. */
  readonly fault: string | null;
}

/** Large lists of authorities take long to read: what is only missing is looked for without them. */
export type Which = "all" | "missing";

const WORDS = { cert: "certificate", ca: "authority", crl: "revocation list of the authority" } as const;

/** The parts of a context. */
export interface ContextWish {
  readonly shown: Shown;
  /** Certificates with keys of other kinds, in their order. */
  readonly others: readonly Shown[];
  readonly trusted: Trusted | null;
  /** Protocols by ALPN, the preferred one first. */
  readonly protocols: readonly string[];
}

/** Makes the contexts of another engine than Node's. A failure is the end of a sentence. */
export interface NativeEngine {
  context(wish: ContextWish): Result<NativeContext, string>;
}

/** The engine that serves, and why it is not the other; called first where a policy has TLS that ends here. */
export type EngineOfTls = () => { readonly native: NativeEngine | null; readonly because: string | null };
const NODE = { native: null, because: null };

/** Ticket keys are replaced after so long. OpenSSL's engine reads tickets of the keys before for as long again; on Node's clients make one handshake of their own. */
export const TICKET_KEYS_MS = 12 * 3_600_000;

export function createCredentials(
  config: CredentialConfig,
  clock: GatewayClock,
  say: (sentence: string) => void,
  engine: EngineOfTls = () => NODE,
): Credentials {
  return new CredentialStore(config, clock, say, engine);
}

interface KeptContext {
  readonly context: TlsContext;
  /** When its ticket keys were made, by the monotonic clock. */
  readonly keysMs: number;
}

class CredentialStore implements Credentials {
  readonly participant: Participant = { name: "the store of certificates", prepare: (next) => this.#prepare(next.listeners) };
  readonly #config: CredentialConfig;
  readonly #clock: GatewayClock;
  readonly #say: (sentence: string) => void;
  #current: CredentialSet = { certs: new Map(), cas: new Map(), faults: new Map(), listed: "" };
  /** The set that the policy under preparation would use. */
  #staged: CredentialSet | null = null;
  #contexts = new Map<string, KeptContext>();
  /** Of the policy in force; null before the first. */
  #listeners: readonly ListenerInfo[] | null = null;
  /** By authority: the newest revocation lists that were ever in use, also where the configuration names none meanwhile. */
  readonly #newest = new Map<string, NewestLists>();
  /** The last sentence about each thing, so that it is said once. */
  readonly #said = new Map<string, string>();

  readonly #engine: EngineOfTls;

  constructor(config: CredentialConfig, clock: GatewayClock, say: (sentence: string) => void, engine: EngineOfTls) {
    this.#config = config;
    this.#clock = clock;
    this.#say = say;
    this.#engine = engine;
  }

  close(): void {
    this.#keepContexts(new Set());
  }

  /** Frees those of other exposes. */
  #keepContexts(keys: ReadonlySet<string>): void {
    for (const [key, { context }] of this.#contexts) {
      if (keys.has(key)) continue;
      this.#contexts.delete(key);
      context.native?.free();
    }
  }

  get paths(): readonly string[] {
    const { certs, cas } = this.#config;
    return [...Object.values(certs).flatMap(({ cert, key }) => [cert, key]), ...Object.values(cas).flatMap(({ file, crl = [] }) => [file, ...crl])];
  }

  isRevoked(ca: string, certificate: string | undefined): boolean {
    return this.#current.cas.get(ca)?.revocations?.has(certificate) ?? false;
  }

  hasNewFiles(): boolean {
    return this.#current.listed !== this.#listing();
  }

  /** The names of all files of revocation lists. */
  #listing(): string {
    try {
      return Object.values(this.#config.cas)
        .flatMap(({ crl = [] }) => crl.flatMap(filesAt))
        .join("\n");
    } catch (error) {
      return String(error);
    }
  }

  async #prepare(next: readonly ListenerInfo[]): Promise<Result<Part, string>> {
    const files = this.#read("all");
    // Its self-test is made here, and not in the swap.
    if (next.some(endsTls)) this.#engine();
    for (const info of next) {
      const missing = lackOf(info, files, this.#config);
      if (missing !== null && !this.#isClosing(info.name, missing))
        return failed(`lacks the ${missing.kind} \`${missing.name}\` of expose \`${info.name}\`: ${lackRemedy(missing)}`);
    }
    this.#staged = files;
    const before = { loaded: this.#current, listeners: this.#listeners };
    let shown = false;
    return ok({
      commit: () => {
        this.#staged = null;
        shown = true;
        this.#listeners = next;
        this.#show(files);
        this.#keepContexts(new Set(next.map(keyOf)));
        this.#report(next);
      },
      restoring: () => {
        if (shown) this.#staged = before.loaded;
      },
      abort: () => {
        this.#staged = null;
        if (!shown) return;
        this.#listeners = before.listeners;
        this.#show(this.#withNewerLists(before.loaded));
      },
    });
  }

  renew(which: Which = "all"): readonly string[] {
    const changed = this.#show(this.#read(which));
    this.#report(this.#listeners ?? []);
    return changed;
  }

  contextOf(info: ListenerInfo): TlsContext | string {
    const missing = lackOf(info, this.#current, this.#config);
    if (missing !== null) return lackText(missing);
    const key = keyOf(info);
    const now = this.#clock.monoMs();
    const known = this.#contexts.get(key);
    const kept = known === undefined ? null : this.#withFreshKeys(key, known, now);
    if (kept !== null) return kept;
    const loaded = info.certs.flatMap((name) => this.#current.certs.get(name) ?? []).map(({ value }) => value);
    const [shown, ...others] = loaded;
    const trusted = info.mode === "mtls" ? this.#current.cas.get(info.ca ?? "") : null;
    if (shown === undefined || trusted === undefined) return "there is no certificate for it";
    const problem = kindsProblem(loaded);
    if (problem !== null) return problem;
    const made = this.#makeContext(info.name, { shown, others, trusted: trusted?.value ?? null, protocols: info.alpn });
    if (typeof made === "string") return made;
    this.#contexts.set(key, { context: made, keysMs: now });
    return made;
  }

  /** Its context, with ticket keys that are not too old; null where it had to be dropped. */
  #withFreshKeys(key: string, { context, keysMs }: KeptContext, nowMs: number): TlsContext | null {
    const age = nowMs - keysMs;
    if (age < TICKET_KEYS_MS) return context;
    const { native } = context;
    // Where the time of the keys is over twice, no ticket of theirs is good any more.
    const turns = age < 2 * TICKET_KEYS_MS ? 1 : 2;
    if (native !== undefined && Array.from({ length: turns }, () => native.rotateTickets()).every(Boolean)) {
      this.#contexts.set(key, { context, keysMs: nowMs });
      return context;
    }
    this.#contexts.delete(key);
    native?.free();
    return null;
  }

  #makeContext(expose: string, wish: ContextWish): TlsContext | string {
    const context = createContext([wish.shown, ...wish.others], wish.trusted, wish.protocols);
    const native = this.#engine().native?.context(wish) ?? null;
    if (native === null) return context;
    const about = `engine ${expose}`;
    if (native.ok) {
      this.#sayOnce(about, null);
      return { ...context, native: native.value };
    }
    this.#sayOnce(about, `expose \`${expose}\`: its TLS can't be OpenSSL's: ${native.error}; it is refused; tls.engine = "node" serves it by Node's`);
    return native.error;
  }

  closedBecause(info: ListenerInfo): string | null {
    return this.#closedWith(info, this.#staged ?? this.#current);
  }

  closedNow(info: ListenerInfo): string | null {
    return this.#closedWith(info, this.#current);
  }

  ends(): readonly CredentialEnd[] {
    return [
      ...[...this.#current.certs].map(([name, { notAfter }]) => ({ kind: "cert" as const, name, notAfter })),
      ...[...this.#current.cas].map(([name, { notAfter }]) => ({ kind: "ca" as const, name, notAfter })),
      ...[...this.#current.cas].flatMap(([name, { revocations }]) =>
        revocations === null ? [] : [{ kind: "crl" as const, name, notAfter: revocations.notAfter }],
      ),
    ];
  }

  rotateTickets(): void {
    const now = this.#clock.monoMs();
    for (const [key, kept] of [...this.#contexts]) if (kept.context.native !== undefined) this.#withFreshKeys(key, kept, now);
  }

  warnOfEnds(): void {
    const now = this.#clock.wallMs();
    for (const { kind, name, notAfter } of this.ends()) {
      const ended = notAfter.getTime() <= now;
      this.#sayOnce(
        `end ${kind} ${name}`,
        ended ?
          `WARNING: the ${WORDS[kind]} \`${name}\` has expired (${notAfter.toISOString()}) and ${kind === "crl" ? "refuses its clients" : "stays in use"}: put a new one in its place`
        : null,
      );
    }
  }

  /** Reads the files; where one can't be used, the previous one stays. `missing`: only those that are not loaded are read. */
  #read(which: Which): CredentialSet {
    const now = new Date(this.#clock.wallMs());
    const current = this.#current;
    const { certs, cas } = this.#config;
    const faults = new Map<string, string>();
    const listed = which === "all" ? this.#listing() : current.listed;
    function all<E, T>(
      kind: Kind,
      entries: Readonly<Record<string, E>>,
      previous: ReadonlyMap<string, T>,
      one: (name: string, entry: E) => T,
      mayStay: (entry: E, before: T) => boolean = () => true,
    ): Map<string, T> {
      const found = new Map<string, T>();
      for (const [name, entry] of Object.entries(entries)) {
        const kept = which === "missing" ? previous.get(name) : undefined;
        if (kept !== undefined) {
          found.set(name, kept);
          const fault = current.faults.get(`${kind} ${name}`);
          if (fault !== undefined) faults.set(`${kind} ${name}`, fault);
          continue;
        }
        try {
          found.set(name, one(name, entry));
        } catch (error) {
          faults.set(`${kind} ${name}`, error instanceof Error ? error.message : String(error));
          const before = previous.get(name);
          if (before !== undefined && mayStay(entry, before)) found.set(name, before);
        }
      }
      return found;
    }
    return {
      certs: all("cert", certs, current.certs, (_name, { cert, key }) => readShown(cert, key, now)),
      // INVARIANT: where lists are configured, no client is admitted without them.
      cas: all(
        "ca",
        cas,
        current.cas,
        (name, entry) => readAuthority(name, entry, now, this.#newestOf(name).of),
        ({ crl }, { revocations }) => crl === undefined || revocations !== null,
      ),
      faults,
      listed,
    };
  }

  /** Lists that came with a change stay when it is taken back: what they revoke is admitted by no older one. */
  #withNewerLists(next: CredentialSet): CredentialSet {
    return { ...next, cas: new Map([...next.cas].map(([name, one]) => [name, withNewerLists(one, this.#current.cas.get(name))])) };
  }

  /** Of an authority with this name. */
  #newestOf(name: string): NewestLists {
    const known = this.#newest.get(name) ?? new NewestLists();
    this.#newest.set(name, known);
    return known;
  }

  #noteLists({ cas }: CredentialSet): void {
    for (const [name, { revocations }] of cas) if (revocations !== null) this.#newestOf(name).note(revocations.lists);
  }

  #show(next: CredentialSet): readonly string[] {
    const changed = [
      ...[...next.certs].filter(([name, one]) => !sameShown(this.#current.certs.get(name)?.value, one.value)),
      ...[...next.cas].filter(([name, one]) => !sameTrusted(this.#current.cas.get(name)?.value, one.value)),
    ].map(([name]) => name);
    this.#current = next;
    this.#noteLists(next);
    // INVARIANT: a context is of the current set. Handshakes under way keep theirs until they are judged.
    if (changed.length > 0) this.#keepContexts(new Set());
    return changed;
  }

  #sayOnce(about: string, sentence: string | null): void {
    if (this.#said.get(about) === sentence) return;
    if (sentence === null) this.#said.delete(about);
    else {
      this.#said.set(about, sentence);
      this.#say(sentence);
    }
  }

  /** Logs the faults of the files, and the exposes that stay closed. */
  #report(of: readonly ListenerInfo[]): void {
    const needed = new Set(of.flatMap((info) => needs(info).map(([kind, name]) => `${kind} ${name}`)));
    const about = (kind: Kind, name: string, one: Loaded<unknown> | undefined): void => {
      const key = `${kind} ${name}`;
      const fault = this.#current.faults.get(key);
      const who = `the ${WORDS[kind]} \`${name}\``;
      // A fault that closes an expose is logged with the expose.
      const unsaid = fault === undefined || (one === undefined && needed.has(key));
      this.#sayOnce(key, unsaid ? null : `${who} can't be used: ${fault}; ${one === undefined ? "there is no previous one" : "the previous one stays in use"}`);
      if (fault === undefined)
        this.#sayOnce(`warning ${key}`, one === undefined || one.warnings.length === 0 ? null : `WARNING: ${who}: ${one.warnings.join("; ")}`);
    };
    for (const name of Object.keys(this.#config.certs)) about("cert", name, this.#current.certs.get(name));
    for (const name of Object.keys(this.#config.cas)) about("ca", name, this.#current.cas.get(name));
    if (of.some(endsTls)) {
      const { because } = this.#engine();
      this.#sayOnce("engine of TLS", because === null ? null : `Node's TLS serves in place of OpenSSL's calls: ${because}`);
    }
    const closed = new Map(of.map((info) => [`expose ${info.name}`, this.#closedWith(info, this.#current)]));
    for (const [about, sentence] of closed) this.#sayOnce(about, sentence);
    for (const about of [...this.#said.keys()]) if (about.startsWith("expose ") && !closed.has(about)) this.#said.delete(about);
  }

  #closedWith(info: ListenerInfo, of: CredentialSet): string | null {
    const missing = lackOf(info, of, this.#config);
    const problem = missing === null ? kindsProblem(info.certs.flatMap((name) => of.certs.get(name)?.value ?? [])) : lackText(missing);
    return problem === null ? null : `expose \`${info.name}\` is closed: ${problem}; it opens by itself once that is repaired`;
  }

  /** At a start what is wrong with a file closes what needs it; what is closed already stays closed at a reload. */
  #isClosing(expose: string, { kind, name, fault }: Lack): boolean {
    if (fault === null || this.#config.on_bad_certificate === "refuse") return false;
    if ((kind === "cert" ? this.#current.certs : this.#current.cas).has(name)) return false;
    return this.#listeners === null || this.#listeners.some((info) => info.name === expose && needs(info).some(([k, n]) => k === kind && n === name));
  }
}

/** INVARIANT: no two exposes share a context, so that what a client got at one (a session) is good at no other. */
function keyOf({ name, mode, certs, alpn, ca }: ListenerInfo): string {
  return JSON.stringify([name, mode, certs, alpn, ca]);
}

function endsTls({ mode }: ListenerInfo): boolean {
  return mode === "tls" || mode === "mtls";
}

function needs(info: ListenerInfo): readonly (readonly [Kind, string])[] {
  if (!endsTls(info)) return [];
  return [...info.certs.map((name) => ["cert", name] as const), ...(info.mode !== "mtls" || info.ca === null ? [] : [["ca", info.ca] as const])];
}

function lackOf(info: ListenerInfo, { certs, cas, faults }: CredentialSet, config: CredentialConfig): Lack | null {
  for (const [kind, name] of needs(info)) {
    if (kind === "cert" ? certs.has(name) : cas.has(name)) continue;
    const configured = Object.hasOwn(kind === "cert" ? config.certs : config.cas, name);
    return { kind, name, fault: configured ? (faults.get(`${kind} ${name}`) ?? "it was not read yet") : null };
  }
  return null;
}

function lackText(missing: Lack): string {
  const who = `the ${WORDS[missing.kind]} \`${missing.name}\``;
  return missing.fault === null ? `${who} is missing: ${lackRemedy(missing)}` : `${who} can't be used: ${missing.fault}`;
}

function lackRemedy({ kind, name, fault }: Lack): string {
  return fault === null ? `add \`[${kind}s.${name}]\` to the configuration` : `${fault}; repair that and reload`;
}

function sameTrusted(x: Trusted | undefined, y: Trusted): boolean {
  return x !== undefined && x.roots === y.roots && x.crls?.length === y.crls?.length && (y.crls ?? []).every((crl, i) => crl === x.crls?.[i]);
}

function sameShown(x: Shown | undefined, y: Shown): boolean {
  return x !== undefined && x.chain === y.chain && x.key === y.key;
}
