// The arguments of a gateway's start, and the state that several of its parts share.
import type { Result } from "../runtime/result/result.ts";
import type { Environment } from "../runtime/distribution/proxy.ts";
import type { Disk } from "../runtime/shell/disk.ts";
import type { ServiceManager } from "../runtime/shell/service_manager.ts";
import type { GatewayClock } from "./clock.ts";
import type { Config } from "./config/read.ts";
import type { OwnUnixSockets } from "./control/own_sockets.ts";
import type { Failure } from "./exit.ts";
import type { KernelCalls } from "./kernel/calls.ts";
import type { OpensslCalls } from "./kernel/openssl.ts";
import type { HostAddress } from "./listen/addresses.ts";
import type { InheritedSetup } from "./listen/inherited.ts";
import type { Participant } from "./participant.ts";
import type { GivingSetup } from "./takeover/giving.ts";
import type { Taking } from "./takeover/taking.ts";

export interface DaemonSetup {
  /** With `policy.source` of the configuration, the file in the state directory that it is pulled to takes its place. */
  readonly policyPath: string;
  readonly controlPath: string;
  /** Where the last good policy and its revision are kept; null: nothing outlives a restart. */
  readonly stateDirectory: string | null;
  readonly config: Config;
  readonly clock: GatewayClock;
  /** The addresses of this host's interfaces, now. */
  readonly hostAddresses: () => readonly HostAddress[];
  /** Markers, one line each, without the newline. */
  readonly print: (line: string) => void;
  /** Human-readable messages. */
  readonly say: (sentence: string) => void;
  /** Aborted where the start is to be given up; what it has opened is closed again. */
  readonly givenUp?: AbortSignal;
  /** Other parts that change with the policy, in the order in which they are prepared. */
  readonly participants?: readonly Participant[];
  /** Sockets that this process was given; see listen/inherited.ts. */
  readonly inherited?: Pick<InheritedSetup, "sockets" | "ignoresForeign">;
  /** The gateway that runs, where this one takes over from it. */
  readonly taking?: Taking;
  /** The service manager that started this process. */
  readonly manager?: ServiceManager | null;
  /** How state reaches the disk; another one only where a test stops it in between. */
  readonly disk?: Disk;
  /** The kernel's calls in place of those of this machine: where a test makes them fail. */
  readonly calls?: KernelCalls;
  /** The configuration as it would be read now; without it, no reload changes it. */
  readonly configNow?: () => Result<Config, Failure>;
  /** Of the process: HTTPS_PROXY and Docker's configuration, for `policy.source`. */
  readonly env?: Environment;
  /** From 0 to 1: when a source is pulled again. */
  readonly random?: () => number;
  /** Its file; null where there is none. */
  readonly configPath?: string | null;
  /** OpenSSL's calls in place of those of this machine: where a test makes them fail. */
  readonly openssl?: OpensslCalls;
}

/** The gateway's own sockets, beside the ports of a policy; filled in as they are opened. */
export interface OwnSockets {
  control: OwnUnixSockets | null;
  http: { readonly port: number; close(): void } | null;
}

/** The daemon's part in its own takeover; it fills them in. See takeover/giving.ts. */
export type Handing = { -readonly [K in "handedOver" | "done" | "abandoned"]: GivingSetup[K] };
