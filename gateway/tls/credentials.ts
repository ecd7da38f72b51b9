// Certificates and authorities by the names that policies have for them. They are read anew at a
// reload; where one can't be used, the previous one stays in use and the log says so. At a start there is no
// previous one: an expose that needs it stays closed (`on_bad_certificate`) until its files are good.
import type { ListenerInfo } from "../../runtime/host/module.ts";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import type { GatewayClock } from "../clock.ts";
import type { Part, Participant } from "../participant.ts";
import type { Loaded } from "./certificate_files.ts";
import { createContext } from "./context.ts";
import { CredentialFiles, type Which } from "./credential_files.ts";
import { endsTls, lackOf, lackRemedy, lackText, needs, sameShown, sameTrusted, WORDS } from "./credential_set.ts";
import type { CredentialConfig, CredentialSet, Kind, Lack } from "./credential_set.ts";
import { KeptContexts, keyOf, type ContextWish, type EngineOfTls } from "./kept_contexts.ts";
import { SaidOnce } from "./said_once.ts";
import type { TlsContext } from "./secure.ts";
import { kindsProblem } from "./shown_kinds.ts";

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

const NODE = { native: null, because: null };

export function createCredentials(
  config: CredentialConfig,
  clock: GatewayClock,
  say: (sentence: string) => void,
  engine: EngineOfTls = () => NODE,
): Credentials {
  return new CredentialStore(config, clock, say, engine);
}

class CredentialStore implements Credentials {
  readonly participant: Participant = { name: "the store of certificates", prepare: (next) => this.#prepare(next.listeners) };
  readonly #config: CredentialConfig;
  readonly #clock: GatewayClock;
  readonly #files: CredentialFiles;
  readonly #once: SaidOnce;
  #current: CredentialSet = { certs: new Map(), cas: new Map(), faults: new Map(), listed: "" };
  /** The set that the policy under preparation would use. */
  #staged: CredentialSet | null = null;
  readonly #contexts = new KeptContexts();
  /** Of the policy in force; null before the first. */
  #listeners: readonly ListenerInfo[] | null = null;
  readonly #engine: EngineOfTls;

  constructor(config: CredentialConfig, clock: GatewayClock, say: (sentence: string) => void, engine: EngineOfTls) {
    this.#config = config;
    this.#clock = clock;
    this.#files = new CredentialFiles(config, clock);
    this.#once = new SaidOnce(say);
    this.#engine = engine;
  }

  close(): void {
    this.#contexts.keep(new Set());
  }

  get paths(): readonly string[] {
    return this.#files.paths;
  }

  isRevoked(ca: string, certificate: string | undefined): boolean {
    return this.#current.cas.get(ca)?.revocations?.has(certificate) ?? false;
  }

  hasNewFiles(): boolean {
    return this.#current.listed !== this.#files.listing();
  }

  async #prepare(next: readonly ListenerInfo[]): Promise<Result<Part, string>> {
    const files = this.#files.read("all", this.#current);
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
        this.#contexts.keep(new Set(next.map(keyOf)));
        this.#report(next);
      },
      restoring: () => {
        if (shown) this.#staged = before.loaded;
      },
      abort: () => {
        this.#staged = null;
        if (!shown) return;
        this.#listeners = before.listeners;
        this.#show(this.#files.withNewerLists(before.loaded, this.#current));
      },
    });
  }

  renew(which: Which = "all"): readonly string[] {
    const changed = this.#show(this.#files.read(which, this.#current));
    this.#report(this.#listeners ?? []);
    return changed;
  }

  contextOf(info: ListenerInfo): TlsContext | string {
    const missing = lackOf(info, this.#current, this.#config);
    if (missing !== null) return lackText(missing);
    const key = keyOf(info);
    const now = this.#clock.monoMs();
    const kept = this.#contexts.of(key, now);
    if (kept !== null) return kept;
    const loaded = info.certs.flatMap((name) => this.#current.certs.get(name) ?? []).map(({ value }) => value);
    const [shown, ...others] = loaded;
    const trusted = info.mode === "mtls" ? this.#current.cas.get(info.ca ?? "") : null;
    if (shown === undefined || trusted === undefined) return "there is no certificate for it";
    const problem = kindsProblem(loaded);
    if (problem !== null) return problem;
    const made = this.#makeContext(info.name, { shown, others, trusted: trusted?.value ?? null, protocols: info.alpn });
    if (typeof made === "string") return made;
    this.#contexts.add(key, made, now);
    return made;
  }

  #makeContext(expose: string, wish: ContextWish): TlsContext | string {
    const context = createContext([wish.shown, ...wish.others], wish.trusted, wish.protocols);
    const native = this.#engine().native?.context(wish) ?? null;
    if (native === null) return context;
    const about = `engine ${expose}`;
    if (native.ok) {
      this.#once.say(about, null);
      return { ...context, native: native.value };
    }
    this.#once.say(about, `expose \`${expose}\`: its TLS can't be OpenSSL's: ${native.error}; it is refused; tls.engine = "node" serves it by Node's`);
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
    this.#contexts.rotateTickets(this.#clock.monoMs());
  }

  warnOfEnds(): void {
    const now = this.#clock.wallMs();
    for (const { kind, name, notAfter } of this.ends()) {
      const ended = notAfter.getTime() <= now;
      this.#once.say(
        `end ${kind} ${name}`,
        ended ?
          `WARNING: the ${WORDS[kind]} \`${name}\` has expired (${notAfter.toISOString()}) and ${kind === "crl" ? "refuses its clients" : "stays in use"}: put a new one in its place`
        : null,
      );
    }
  }

  #show(next: CredentialSet): readonly string[] {
    const changed = [
      ...[...next.certs].filter(([name, one]) => !sameShown(this.#current.certs.get(name)?.value, one.value)),
      ...[...next.cas].filter(([name, one]) => !sameTrusted(this.#current.cas.get(name)?.value, one.value)),
    ].map(([name]) => name);
    this.#current = next;
    this.#files.noteLists(next);
    // INVARIANT: a context is of the current set. Handshakes under way keep theirs until they are judged.
    if (changed.length > 0) this.#contexts.keep(new Set());
    return changed;
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
      this.#once.say(
        key,
        unsaid ? null : `${who} can't be used: ${fault}; ${one === undefined ? "there is no previous one" : "the previous one stays in use"}`,
      );
      if (fault === undefined)
        this.#once.say(`warning ${key}`, one === undefined || one.warnings.length === 0 ? null : `WARNING: ${who}: ${one.warnings.join("; ")}`);
    };
    for (const name of Object.keys(this.#config.certs)) about("cert", name, this.#current.certs.get(name));
    for (const name of Object.keys(this.#config.cas)) about("ca", name, this.#current.cas.get(name));
    if (of.some(endsTls)) {
      const { because } = this.#engine();
      this.#once.say("engine of TLS", because === null ? null : `Node's TLS serves in place of OpenSSL's calls: ${because}`);
    }
    const closed = new Map(of.map((info) => [`expose ${info.name}`, this.#closedWith(info, this.#current)]));
    for (const [about, sentence] of closed) this.#once.say(about, sentence);
    for (const about of this.#once.about()) if (about.startsWith("expose ") && !closed.has(about)) this.#once.forget(about);
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
