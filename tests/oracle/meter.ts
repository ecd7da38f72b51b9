// Caps and limits for the oracle, phase 1's and phase 4's: buckets of exact fractions of a token, and plain lists of
// the connections that are open. All are checked, then all are charged or none. Dryrun ones are a second set of them, which has no say in who is admitted.
import { setHas, type ModelExpose, type ModelLimit, type ModelSet, type ModelSourceCap } from "./model.ts";
import { isV4, prefixOf } from "./space.ts";

/** Milliseconds of a window. */
function periodOf({ per }: ModelLimit): bigint {
  const unit = { s: 1_000n, m: 60_000n, h: 3_600_000n, d: 86_400_000n }[per.slice(-1)];
  if (unit === undefined) throw new Error(`not a window: ${per}`);
  return unit * BigInt(per.length === 1 ? 1 : per.slice(0, -1));
}

/** One token is `period` parts; a millisecond brings `count` parts. */
interface Bucket {
  parts: bigint;
  atMs: bigint;
}

/** fe80::/10. */
const isLinkLocal = (source: bigint): boolean => source >> 118n === 0b1111111010n;

/** A link-local source is one host on one interface, whatever the prefixes. */
const keyOf = ({ source, zone }: Peer, v4: number, v6: number): string => {
  if (isLinkLocal(source)) return `link ${zone} ${source}`;
  const prefix = prefixOf(source, isV4(source) ? v4 : v6);
  return `${prefix.family} ${prefix.base}`;
};

/** Whether a cap or limit `from` a set counts a source; one without counts all. */
const counts = (from: ModelSet | undefined, source: bigint): boolean => from === undefined || setHas(from, source);

const identityKey = (names: readonly string[]): string => JSON.stringify([...new Set(names)].sort());

/** `zone`: number of the interface of a link-local source; any other has none. */
interface Peer {
  readonly source: bigint;
  readonly zone: number;
}

export class Meter {
  /** The code with which the dryrun caps and limits would have refused the connection that `admit` admitted last; null: they would not have. */
  would: string | null = null;
  private now = 0n;
  private readonly open: Peer[] = [];
  /** Of the identities that are in. */
  private readonly known: string[] = [];
  private readonly buckets = new Map<ModelLimit, Map<string, Bucket>>();
  private readonly expose: ModelExpose;
  /** The cap that applies where the policy names none. */
  private readonly defaultCap: number;

  constructor(expose: ModelExpose, defaultCap: number) {
    this.expose = expose;
    this.defaultCap = defaultCap;
  }

  /** A clock that runs backwards stops. */
  setClock(ms: number): void {
    if (BigInt(ms) > this.now) this.now = BigInt(ms);
  }

  private bucket(limit: ModelLimit, key: string): Bucket {
    const of = this.buckets.get(limit) ?? new Map<string, Bucket>();
    this.buckets.set(limit, of);
    const full = BigInt(limit.burst ?? limit.count) * periodOf(limit);
    const bucket = of.get(key) ?? { parts: full, atMs: this.now };
    of.set(key, bucket);
    const grown = bucket.parts + (this.now - bucket.atMs) * BigInt(limit.count);
    bucket.parts = grown < full ? grown : full;
    bucket.atMs = this.now;
    return bucket;
  }

  /** The code of a refusal, or null: then the connection is open. */
  admit(source: bigint, zone = 0): string | null {
    const peer: Peer = { source, zone };
    const { cap, limits, dryrun } = this.expose;
    const per = [...(cap === null || cap.perSource === null ? [] : [cap.perSource]), ...(cap?.more ?? [])];
    const refused = this.full(cap?.connections ?? this.defaultCap, per, limits, peer);
    if (refused !== null) return refused;
    this.would = dryrun === undefined ? null : this.full(dryrun.connections ?? Infinity, dryrun.perSource, dryrun.limits, peer);
    this.take(limits, peer);
    if (dryrun !== undefined && this.would === null) this.take(dryrun.limits, peer);
    this.open.push(peer);
    return null;
  }

  private keyIn({ key }: ModelLimit, peer: Peer): string {
    return key.kind === "source" ? keyOf(peer, key.v4, key.v6) : "";
  }

  /** A token of each of the limits that count the peer. */
  private take(limits: readonly ModelLimit[], peer: Peer): void {
    for (const l of limits) if (l.key.kind !== "identity" && counts(l.from, peer.source)) this.bucket(l, this.keyIn(l, peer)).parts -= periodOf(l);
  }

  /** The code of the first cap or limit that has no place or token for the peer. */
  private full(most: number, per: readonly ModelSourceCap[], all: readonly ModelLimit[], peer: Peer): string | null {
    const { source } = peer;
    if (this.open.length >= most) return "cap_listener";
    for (const { v4, v6, connections, from } of per) {
      if (!counts(from, source)) continue;
      const key = keyOf(peer, v4, v6);
      if (this.open.filter((s) => counts(from, s.source) && keyOf(s, v4, v6) === key).length >= connections) return "cap_source";
    }
    const limits = all.filter((l) => l.key.kind !== "identity" && counts(l.from, source));
    const short = limits.filter((l) => this.bucket(l, this.keyIn(l, peer)).parts < periodOf(l));
    // The shortest period is named, and of one period the listener's.
    const [first] = [...short].sort((a, b) => Number(periodOf(a) - periodOf(b)) || Number(a.key.kind === "source") - Number(b.key.kind === "source"));
    if (first === undefined) return null;
    return first.key.kind === "listener" ? "limit_listener" : "limit_source";
  }

  /** Phase 4, of a connection that `admit` let in. `names`: of its certificate, in any order. */
  admitIdentity(names: readonly string[]): string | null {
    const key = identityKey(names);
    const most = this.expose.cap?.perIdentity ?? null;
    if (most !== null && this.known.filter((k) => k === key).length >= most) return "cap_identity";
    const limits = this.expose.limits.filter((l) => l.key.kind === "identity");
    if (limits.some((l) => this.bucket(l, key).parts < periodOf(l))) return "limit_identity";
    for (const l of limits) this.bucket(l, key).parts -= periodOf(l);
    this.known.push(key);
    return null;
  }

  releaseIdentity(names: readonly string[]): void {
    const i = this.known.indexOf(identityKey(names));
    if (i >= 0) this.known.splice(i, 1);
  }

  /** A source whose name led to no expose of the port loses a token of each limit per source that has one. */
  spend(source: bigint, zone = 0): void {
    for (const limit of [...this.expose.limits, ...(this.expose.dryrun?.limits ?? [])]) {
      if (limit.key.kind !== "source" || !counts(limit.from, source)) continue;
      const bucket = this.bucket(limit, keyOf({ source, zone }, limit.key.v4, limit.key.v6));
      if (bucket.parts >= periodOf(limit)) bucket.parts -= periodOf(limit);
    }
  }

  /** Caps come back; tokens never do. */
  release(source: bigint, zone = 0): void {
    const i = this.open.findIndex((peer) => peer.source === source && peer.zone === zone);
    if (i >= 0) this.open.splice(i, 1);
  }

  get connections(): number {
    return this.open.length;
  }
}
