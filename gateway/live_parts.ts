// Parts of the gateway whose settings a reload of the configuration changes. Parts that are prepared for a change read the configuration
// that the change would put in force (`upcoming`); those that decide and record read the one in force.
import { policyInForce, type PolicyInForce } from "../runtime/shell/policy_in_force.ts";
import { notOwnSocket } from "./admit/own_socket.ts";
import { createRecorder, type Recorder, type RecorderSetup } from "./audit/recorder.ts";
import type { GatewayClock } from "./clock.ts";
import type { LiveConfig } from "./config/live.ts";
import { allowedBackends, type Config } from "./config/read.ts";
import { connectionCap, openFileLimit } from "./descriptors.ts";
import { isFailure } from "./exit.ts";
import type { BackendAddress } from "./forward/backend.ts";
import { Backends } from "./forward/backends.ts";
import { Networks, type NetworksSetup } from "./forward/networks.ts";
import { endLease } from "./intents/end_lease.ts";
import { belongsTo, fileBelongsTo, ROOT, type OwnershipSetup } from "./intents/ownership.ts";
import { udpBelongsTo } from "./intents/udp_ownership.ts";
import type { Ports } from "./listen/ports.ts";
import type { Context } from "./methods/context.ts";
import type { Keeper } from "./reload/keeper.ts";
import type { CredentialConfig } from "./tls/credential_set.ts";

/** A reload reads the policy under the configuration that it would put in force. */
export function servedPolicy({ policyPath }: { readonly policyPath: string }, live: LiveConfig, keeper: Keeper | null, ending: AbortSignal): PolicyInForce {
  return policyInForce({
    path: policyPath,
    get maxBytes() {
      return live.upcoming.policy.max_bytes;
    },
    get checkMs() {
      return live.upcoming.timers.policy_check_ms;
    },
    get trustedKeys() {
      return live.upcoming.policy.trusted_keys;
    },
    keysOption: "policy.trusted_keys",
    revisions: keeper,
    follows: "file",
    ending,
  });
}

/** The store of certificates does likewise. */
export function credentialConfig(live: LiveConfig): CredentialConfig {
  return {
    get certs() {
      return live.upcoming.certs;
    },
    get cas() {
      return live.upcoming.cas;
    },
    get on_bad_certificate() {
      return live.upcoming.on_bad_certificate;
    },
  };
}

export function makeRecorder(over: Pick<RecorderSetup, "audit" | "counters" | "markers" | "clock">, { audit }: Config, keepsEnds: () => boolean): Recorder {
  return createRecorder({
    ...over,
    keepsEnds,
    get onError() {
      return audit.on_error;
    },
    get recordsEnds() {
      return audit.close;
    },
  });
}

/** Why a configuration that was read for a reload can't be put in force; null where it can. */
export function unusable(next: Config, stateDirectory: string | null): string | null {
  const cap = connectionCap(next, openFileLimit(), () => undefined);
  if (isFailure(cap)) return cap.message;
  return stateDirectory === null && next.policy.trusted_keys !== undefined ? NEEDS_STATE : null;
}

export const NEEDS_STATE = "`policy.trusted_keys` needs a directory that keeps the highest revision over restarts: name one with state_dir";

/** A reload looks at a policy under the networks that it would put in force; connections are made under those in force. */
export function makeNetworks({ hostAddresses, clock }: Pick<NetworksSetup, "hostAddresses"> & { readonly clock: GatewayClock }, live: LiveConfig): Networks {
  return new Networks({ networks: () => live.config.backends.networks, upcoming: () => live.upcoming.backends.networks, hostAddresses, monoMs: clock.monoMs });
}

export function makeBackends(live: LiveConfig, ports: Ports, ownership: OwnershipSetup, networks: Networks): Backends {
  const { credentials } = ownership;
  /** The uid that must own a backend of a service; null where anybody may. */
  const uidOf = (service: string, { key }: BackendAddress): number | null => {
    const { services } = live.upcoming;
    return (allowedBackends(live.upcoming).has(key) ? undefined : services[service]?.uid) ?? null;
  };
  return new Backends(
    notOwnSocket(process.pid, credentials, (address) => ports.isOwn("tcp", address)),
    (service, address) => {
      const uid = uidOf(service, address);
      if (uid === null) return null;
      return address.kind === "unix" && credentials === null ? fileBelongsTo([uid, ROOT]) : belongsTo([uid, ROOT], ownership);
    },
    (service, address) => {
      const uid = uidOf(service, address);
      return uid === null ? null : udpBelongsTo([uid, ROOT], ownership);
    },
    (service, address) => String(uidOf(service, address)),
    networks,
  );
}

/** The gateway's own sockets, as far as a change of the configuration reaches them. */
interface OwnSockets {
  readonly control: { closeServices(names: ReadonlySet<string>): void } | null;
}

/**
 * A service whose uid is another one now, or that is gone, was proven to be it by what no longer counts: its leases end, and its
 * connections are closed. The same of a lease whose backend was allowed without a check of its owner, and is not any more.
 */
function endLeasesOfOthers(of: Pick<Context, "leases" | "ports">, own: OwnSockets, before: Config, after: Config): void {
  const others = new Set(Object.keys(before.services).filter((name) => before.services[name]?.uid !== after.services[name]?.uid || !(name in after.services)));
  const [had, has] = [allowedBackends(before), allowedBackends(after)];
  for (const lease of of.leases.all()) {
    const key = lease.backend?.address.key ?? "";
    if (others.has(lease.service))
      endLease(of, lease, { because: `services.${lease.service} of the configuration has changed: register again`, word: "policy" });
    else if (had.has(key) && !has.has(key))
      endLease(of, lease, { because: `the backend ${key} is no more in allowed_backends: register again`, word: "policy" });
  }
  own.control?.closeServices(others);
}

/** Connections that may be open, after `nofile` was looked at. */
export interface ConnectionCap {
  now: number;
}

/** The gateway's own caps, which read what is in force. */
export function liveCaps(cap: ConnectionCap, { caps }: Config): { readonly connections: number; readonly backend_connecting: number } {
  return {
    get connections() {
      return cap.now;
    },
    get backend_connecting() {
      return caps.backend_connecting;
    },
  };
}

export interface FollowSetup extends Pick<Context, "leases" | "ports"> {
  readonly cap: ConnectionCap;
  readonly say: (sentence: string) => void;
  readonly own: OwnSockets;
}

/** Changes with the configuration, in the turn of its commit, what was made of it. */
export function followConfig(live: LiveConfig, { cap, say, own, ...of }: FollowSetup): void {
  live.onChange((before, after) => {
    const now = connectionCap(after, openFileLimit(), say);
    if (!isFailure(now)) cap.now = now;
    endLeasesOfOthers(of, own, before, after);
  });
}
