// The parts of the gateway that the control methods may reach: types only; parts.ts fills it in.
import type { HostAddress } from "../listen/addresses.ts";
import type { ListenerInfo } from "../../runtime/host/module.ts";
import type { InForce } from "../admit/desk.ts";
import type { Backends } from "../forward/backends.ts";
import type { TopDenied } from "../admit/top_denied.ts";
import type { NameWaits } from "../admit/name_waits.ts";
import type { Blocks } from "../blocks/blocks.ts";
import type { KeptBlocks } from "../blocks/kept_blocks.ts";
import type { Recorder } from "../audit/recorder.ts";
import type { GatewayClock } from "../clock.ts";
import type { Config } from "../config/read.ts";
import type { Counters } from "../audit/counters.ts";
import type { Leases } from "../intents/leases.ts";
import type { Refusals } from "../control/refusals.ts";
import type { OwnershipSetup } from "../intents/ownership.ts";
import type { Withdrawn } from "../intents/withdrawn.ts";
import type { Opener } from "../listen/open.ts";
import type { Markers } from "../audit/markers.ts";
import type { OpenPort, Ports } from "../listen/ports.ts";
import type { CoordinatedChanges } from "../reload/coordinated.ts";
import type { Flows } from "../datagram/flows.ts";
import type { Forwarder } from "../connection/forwarder.ts";
import type { Chosen } from "../kernel/choice.ts";
import type { EngineChoice } from "../kernel/tls_choice.ts";
import type { ServingThreads } from "../threads/choice.ts";
import type { Keeper } from "../reload/keeper.ts";
import type { ReloadHistory } from "../reload/history.ts";
import type { Reloader } from "../reload/reload.ts";
import type { LiveConfig } from "../config/live.ts";
import type { CredentialEnd } from "../tls/credentials.ts";
import type { Giving } from "../takeover/giving.ts";
import type { SourceFollower } from "../source/follow.ts";
import type { Turns } from "../reload/turns.ts";
import type { Client } from "../control/client.ts";
import type { Answer } from "../control/rpc.ts";

export interface Context {
  readonly config: Config;
  readonly allowedBackends: ReadonlySet<string>;
  readonly inForce: InForce;
  readonly ports: Ports;
  readonly leases: Leases;
  readonly backends: Backends;
  readonly forwarder: Forwarder;
  /** Of datagrams; the forwarder has them too. */
  readonly flows: Flows;
  readonly recorder: Recorder;
  /** Refusals of calls on a control or registration socket. */
  readonly refusals: Refusals;
  readonly counters: Counters;
  /** Sources that are refused for some time. */
  readonly blocks: Blocks;
  /** Null where nothing outlives a restart. */
  readonly keptBlocks: KeptBlocks | null;
  readonly topDenied: TopDenied;
  readonly nameWaits: Pick<NameWaits, "byPort">;
  readonly ownership: OwnershipSetup;
  readonly reloader: Reloader;
  /** Null where the policy is a file. */
  readonly source: SourceFollower | null;
  readonly history: ReloadHistory;
  /** Changes of policy that a coordinator outside prepares and finishes. */
  readonly changes: CoordinatedChanges;
  /** Whether a socket listens for a policy that is prepared and not in force. */
  readonly isPrepared: (open: OpenPort) => boolean;
  /** Exposes of the policy in force that listen nowhere, because the host has no address of their `bind`. */
  readonly withoutAddress: () => readonly ListenerInfo[];
  /** Hands this gateway over to the next one. */
  readonly giving: Giving;
  /** Null where nothing outlives a restart. */
  readonly keeper: Keeper | null;
  readonly clock: GatewayClock;
  readonly turns: Turns;
  readonly startedMs: number;
  /** The key that guards and this gateway share; null: no tokens are minted. */
  readonly guardKey: Uint8Array | null;
  readonly withdrawn: Withdrawn;
  /** Connections that may be open, after `nofile` was looked at. */
  readonly connectionCap: number;
  readonly draining: () => boolean;
  readonly opener: Opener;
  readonly markers: Markers;
  /** Opens the audit file again; the answer is why it could not be, or null. */
  readonly reopen: () => string | null;
  readonly certificates: () => readonly CredentialEnd[];
  /** Why a listener of the policy in force stays closed; null where it may be open. */
  readonly closedBecause: (info: ListenerInfo) => string | null;
  readonly hostAddresses: () => readonly HostAddress[];
  /** Which forwarder serves. */
  readonly chosen: Chosen;
  /** The configuration, over reloads. */
  readonly live: Pick<LiveConfig, "state">;
  /** The engine of TLS that ends here. */
  readonly engine: EngineChoice;
  readonly threads: ServingThreads;
}

export type Endpoint = (context: Context, client: Client, params: unknown) => Promise<Answer>;
