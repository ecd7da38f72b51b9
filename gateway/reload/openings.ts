// Which ports ought to be open under a policy, and the steps that open them. An address that this host lacks is no
// failure: the exposure is left out, and tried again when the host's addresses change.
import type { ListenerInfo, PolicyEngine } from "../../runtime/host/module.ts";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import type { Backends } from "../forward/backends.ts";
import type { Leases } from "../intents/leases.ts";
import { addressSentence, withoutAddress } from "../listen/absent.ts";
import type { HostAddress, UdpPlaces } from "../listen/addresses.ts";
import { isNotOpened, type Opener } from "../listen/open.ts";
import { byKey, exposureOf, type Exposure, type OpenPort, type Ports } from "../listen/ports.ts";
import type { Markers } from "../audit/markers.ts";
import { leasedExposures, ofRemotes, staticExposures } from "./exposures.ts";

/** Before an expose's name where a sentence is about the expose and not about an address. */
const WAITS = "expose ";

export interface OpeningsSetup {
  readonly ports: Ports;
  readonly leases: Leases;
  readonly backends: Backends;
  readonly opener: Opener;
  readonly markers: Markers;
  readonly hostAddresses: () => readonly HostAddress[];
  readonly maxPorts: () => number;
  readonly udpPlaces: UdpPlaces;
  /** Why a listener of the policy in force, or of the one that participants have prepared, stays closed; null where it may open. */
  readonly closedBecause: (info: ListenerInfo) => string | null;
  readonly say: (sentence: string) => void;
  /** Once aborted, no further port is opened. */
  readonly ending: AbortSignal;
}

/** One open socket for each port number of a protocol. */
export function portsOf(open: readonly OpenPort[]): ReadonlyMap<string, OpenPort> {
  return new Map(open.map((one) => [`${one.proto} ${one.port}`, one]));
}

/** Exposures by their key. */
export type Wanted = ReadonlyMap<string, Exposure>;

export class Openings {
  readonly #setup: OpeningsSetup;
  /** The last sentence about an endpoint that can't be opened, so that it is said once. */
  readonly #said = new Map<string, string>();
  /** Keys of exposures whose address this host lacks. */
  readonly #absent = new Set<string>();
  #hostSeen = "";

  constructor(setup: OpeningsSetup) {
    this.#setup = setup;
  }

  /** The sockets that should be open; an error says why the policy can't be served. */
  wanted(engine: PolicyEngine, host: readonly HostAddress[]): Result<Wanted, string> {
    const { backends, leases, maxPorts, closedBecause, udpPlaces } = this.#setup;
    const seen = host.join(" ");
    if (seen !== this.#hostSeen) this.#absent.clear();
    this.#hostSeen = seen;
    const fixed = staticExposures(engine, backends, host, maxPorts(), udpPlaces);
    if (!fixed.ok) return fixed;
    const leased = leases.all().flatMap((lease) => leasedExposures(engine, lease, host, udpPlaces));
    const open = [...fixed.value, ...leased].flatMap((one) => exposureOf(one, ({ info }) => closedBecause(info) === null) ?? []);
    return ok(byKey(open));
  }

  /** Those that are not open, without those whose address this host lacks. */
  missing(want: Wanted): readonly Exposure[] {
    return [...want.values()].filter(({ key }) => this.#setup.ports.at(key) === undefined && !this.#absent.has(key));
  }

  /** Opens all, paused, so that nobody is served there until they are released. The first failure closes them again. */
  async openPaused(list: readonly Exposure[], engine: PolicyEngine, generation: number, closing: number): Promise<Result<readonly OpenPort[], string>> {
    const { opener, ports, ending } = this.#setup;
    const opened: OpenPort[] = [];
    for (const exposure of list) {
      const result = ending.aborted ? { absent: false, message: "the gateway is stopping" } : await opener.open(exposure, engine, generation, true, closing);
      if (!isNotOpened(result)) opened.push(result);
      else if (result.absent) this.#leaveOut(exposure, result.message);
      else {
        for (const port of opened) ports.close(port);
        return failed(result.message);
      }
    }
    return ok(opened);
  }

  /** Opens what can be opened; of the others says why, once. Stops when the gateway does. */
  async openNow(
    list: readonly Exposure[],
    engine: PolicyEngine,
    generation: number,
  ): Promise<{ readonly opened: readonly OpenPort[]; readonly failures: readonly string[] }> {
    const { opener, ending } = this.#setup;
    const opened: OpenPort[] = [];
    const failures: string[] = [];
    for (const exposure of list) {
      if (ending.aborted) break;
      const result = await opener.open(exposure, engine, generation, false);
      if (!isNotOpened(result)) opened.push(result);
      else if (result.absent) this.#leaveOut(exposure, result.message);
      else {
        failures.push(result.message);
        this.sayOnce(exposure.key, result.message);
      }
    }
    return { opened, failures };
  }

  /** One marker a port number of a protocol, whatever the number of its addresses. `before`: those that were open already, as `portsOf` has them. */
  announce(opened: readonly OpenPort[], before: ReadonlyMap<string, OpenPort>): void {
    for (const [name, { port, proto }] of portsOf(opened)) if (!before.has(name)) this.#setup.markers.portOpen(port, proto);
    for (const { key } of opened) this.#said.delete(key);
  }

  /** Exposes of a policy that listen nowhere, because the host has no address of their `bind`. */
  absent(engine: PolicyEngine | null): readonly ListenerInfo[] {
    return engine === null ? [] : withoutAddress(engine.info.listeners, this.#setup.ports, this.#setup.hostAddresses(), this.#absent);
  }

  /** Backends on other hosts to which no connection goes now, a sentence each. */
  unused(engine: PolicyEngine | null): readonly string[] {
    return engine === null ? [] : ofRemotes(engine, this.#setup.backends.remote.fault).map((sentence) => `${sentence}: no connection goes there`);
  }

  /** Why a policy can't be put in force: it names backends on other hosts that the configuration doesn't allow. Null where it can. */
  refusal(engine: PolicyEngine): string | null {
    const [first, ...others] = ofRemotes(engine, this.#setup.backends.remote.refusal);
    if (first === undefined) return null;
    return others.length === 0 ? first : `${first} (and the networks of ${others.length} more)`;
  }

  /** Says once of each expose that its address is absent, or a backend of it not used, and again if that was not so in between. */
  sayUnserved(engine: PolicyEngine | null): void {
    const now = new Map(this.absent(engine).map((info) => [WAITS + info.name, addressSentence(info)]));
    for (const sentence of this.unused(engine)) now.set(WAITS + sentence, sentence);
    for (const [about, sentence] of now) this.sayOnce(about, sentence);
    for (const key of this.#said.keys()) if (key.startsWith(WAITS) && !now.has(key)) this.#said.delete(key);
  }

  sayOnce(about: string, message: string): void {
    if (this.#said.get(about) === message) return;
    this.#said.set(about, message);
    this.#setup.say(message);
  }

  #leaveOut({ key }: Exposure, message: string): void {
    this.#absent.add(key);
    this.sayOnce(key, `${message}: it is left out`);
  }
}
