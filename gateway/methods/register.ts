// `register`: a service requests a port. Refused unless the transport proves the service, the
// policy exposes that port for it without a static backend, and the backend is its own. The
// answer is recorded before anything listens.
import { randomBytes } from "node:crypto";
import { formatAddress, formatEndpoint, parseAddress, type Address } from "../../runtime/net/address.ts";
import type { CodeNumber } from "../../runtime/abi/names.ts";
import {
  CODE_BAD_INTENT,
  CODE_CAP_PORTS,
  CODE_CERTIFICATE_UNUSABLE,
  CODE_DRAINING,
  CODE_NO_BACKEND,
  CODE_NO_MODULE,
  CODE_NOT_EXPOSED,
  CODE_NOT_GATEWAY,
} from "../../runtime/abi/verdicts.ts";
import { denial } from "../../runtime/host/decision.ts";
import type { ListenerInfo, PolicyEngine } from "../../runtime/host/module.ts";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import type { Client } from "../control/client.ts";
import type { Context, Endpoint } from "./context.ts";
import { rpcError, RPC_DENIED, RPC_INVALID_PARAMS, RPC_PORT, type Answer, type RpcError } from "../control/rpc.ts";
import { canonicalBackend, type BackendAddress } from "../forward/backend.ts";
import type { Backend } from "../forward/backends.ts";
import type { ProxyVersion } from "../forward/proxy_header.ts";
import { isNotOpened } from "../listen/open.ts";
import { overlaps, type Exposure, type Proto } from "../listen/ports.ts";
import { granting, leasedExposures, NO_UNIX_DATAGRAMS } from "../reload/exposures.ts";
import { noGuard, withToken } from "./direct.ts";
import type { Lease } from "../intents/leases.ts";
import { belongsTo, claimable } from "../intents/ownership.ts";
import { udpBelongsTo, udpClaimable } from "../intents/udp_ownership.ts";
import { endLease } from "../intents/end_lease.ts";

/** As schemas/intents/register.schema.json has checked it. */
interface ExposeIntent {
  readonly service: string;
  readonly proto: string;
  readonly port: number;
  readonly mode: string;
  /** Needed where the service has several exposes on the port. */
  readonly expose?: string;
  readonly bind?: string;
  /** Not where the service binds by itself. */
  readonly backend?: string;
  readonly proxy?: ProxyVersion;
  readonly ttl_ms?: number;
  readonly proof?: string;
}

interface Refusal {
  readonly code: CodeNumber;
  readonly message: string;
}

interface Granted {
  readonly engine: PolicyEngine;
  readonly lease: Lease;
  /** Null where the service binds by itself. */
  readonly exposures: readonly Exposure[] | null;
}

export const register: Endpoint = async (context, client, params) => {
  if (!isIntent(params)) return rpcError(RPC_INVALID_PARAMS, "not an ExposeIntent");
  return context.turns(async () => {
    const malformed = (message: string): Answer => {
      const { error } = refuse(context, client, params, { code: CODE_BAD_INTENT, message });
      return { error: { ...error, code: RPC_INVALID_PARAMS } };
    };
    const bind = params.bind === undefined ? null : parseAddress(params.bind);
    if (params.bind !== undefined && bind === null)
      return malformed(
        `\`bind\` = "${params.bind}" must be a literal address${params.bind.includes("%") ? " without an interface: a link-local address is bound on each that has it" : ""}`,
      );
    if (params.backend === undefined && params.mode !== "direct") return malformed("`backend` is missing: where connections go");
    const backend = params.backend === undefined ? null : canonicalBackend(params.backend);
    if (typeof backend === "string") return malformed(`\`backend\` = "${params.backend ?? ""}": ${backend}`);
    if (params.proxy !== undefined && (params.proto === "udp" || params.mode === "direct"))
      return malformed(`\`proxy\` = "${params.proxy}": the gateway forwards no connections ${params.proto === "udp" ? "over udp" : "in mode direct"}`);
    const granted = grant(context, client, params, bind, backend);
    if (granted.ok) return openLease(context, client, granted.value);
    const { error } = granted;
    return error.code === CODE_BAD_INTENT ? malformed(error.message) : refuse(context, client, params, error);
  });
};

function grant(context: Context, client: Client, intent: ExposeIntent, bind: Address | null, backend: BackendAddress | null): Result<Granted, Refusal> {
  const { number, caller, notify } = client;
  const {
    inForce: { engine },
    leases,
    config,
    clock,
  } = context;
  const no = (code: CodeNumber, message: string): Result<Granted, Refusal> => failed({ code, message });
  if (context.draining()) return no(CODE_DRAINING, "the gateway is shutting down");
  if (engine === null) return no(CODE_NO_MODULE, "no policy is in force");
  if (caller.service === null) return no(CODE_NOT_GATEWAY, caller.noServiceBecause);
  if (caller.service !== intent.service) {
    return no(CODE_NOT_GATEWAY, `this connection belongs to \`${caller.service}\`, which can't register \`${intent.service}\``);
  }
  const proto = intent.proto === "udp" ? "udp" : "tcp";
  const expose = intent.expose ?? null;
  const found = granting(engine, { service: caller.service, proto, port: intent.port, bind, expose });
  const [info] = found;
  if (info === undefined) {
    const named = expose === null ? "" : ` by an expose \`${expose}\``;
    return no(CODE_NOT_EXPOSED, `the policy exposes no ${proto} port ${intent.port} there for \`${caller.service}\`${named}`);
  }
  if (found.length > 1) {
    const names = found.map(({ name }) => `\`${name}\``).join(", ");
    return no(CODE_BAD_INTENT, `\`${caller.service}\` has several exposes on port ${intent.port} (${names}): name one with \`expose\``);
  }
  if (info.backends.length > 0) {
    const named = info.backends.length === 1 ? "its backend" : "its backends";
    return no(CODE_NOT_EXPOSED, `\`${info.name}\` is a static exposure: the policy names ${named} and it is open without a registration`);
  }
  if (info.mode !== intent.mode) {
    return no(CODE_NOT_EXPOSED, `the policy exposes \`${info.name}\` in the mode ${info.mode}, not in the mode ${intent.mode}`);
  }
  if (intent.mode === "direct") {
    if (backend !== null || bind === null || intent.ttl_ms === undefined)
      return no(CODE_BAD_INTENT, "what a service binds by itself has a `bind` and a `ttl_ms`, and no `backend`");
    const unproven = noGuard(context, client, caller.service, intent.proof);
    if (unproven !== null) return failed(unproven);
  } else {
    const unusable = backend === null ? "none is named" : backendProblem(context, proto, caller.uid, backend);
    if (unusable !== null) return no(CODE_NO_BACKEND, unusable);
  }
  if (leases.size >= config.caps.intents) return no(CODE_CAP_PORTS, `all ${config.caps.intents} leases are in use (caps.intents)`);
  if (leases.of(caller.service).length >= config.caps.intents_per_service) {
    return no(CODE_CAP_PORTS, `\`${caller.service}\` has ${config.caps.intents_per_service} leases already (caps.intents_per_service)`);
  }
  const id = randomBytes(16).toString("hex");
  const lease: Lease = {
    id,
    service: caller.service,
    owner: number,
    proto,
    port: intent.port,
    expose,
    grantedBy: info.name,
    mode: info.mode,
    bind,
    backend: backend === null ? null : leasedBackend(context, proto, caller.uid, backend, intent.proxy ?? null),
    expiresMs: intent.ttl_ms === undefined ? null : clock.monoMs() + intent.ttl_ms,
    ended: (because, word) => notify("lease_ended", { lease: id, because, word }),
  };
  return backend === null ? ok({ engine, lease, exposures: null }) : withExposures(context, engine, lease, info, backend);
}

function leasedBackend(context: Context, proto: Proto, uid: number | null, backend: BackendAddress, proxy: ProxyVersion | null): Backend {
  const { backends, allowedBackends, ownership } = context;
  const isUnproven = allowedBackends.has(backend.key) || uid === null;
  if (proto === "udp") return backends.udpAt(backend, isUnproven ? null : udpBelongsTo([uid], ownership));
  return backends.at(backend, isUnproven ? null : belongsTo([uid], ownership), proxy);
}

/** The sockets that the gateway opens for a lease, if it can. */
function withExposures(context: Context, engine: PolicyEngine, lease: Lease, info: ListenerInfo, backend: BackendAddress): Result<Granted, Refusal> {
  const { ports } = context;
  const no = (code: CodeNumber, message: string): Result<Granted, Refusal> => failed({ code, message });
  const closed = context.closedBecause(info);
  if (closed !== null) return no(CODE_CERTIFICATE_UNUSABLE, closed);
  const exposures = leasedExposures(engine, lease, context.hostAddresses(), context.flows.udpPlaces);
  if (exposures.length === 0)
    return no(
      CODE_NOT_EXPOSED,
      lease.bind === null ?
        `no address of this host is within the \`bind\` of \`${info.name}\``
      : `no interface of this host has the address ${formatAddress(lease.bind)}`,
    );
  const taken = exposures.find(({ key, isGroup }) => {
    const open = ports.at(key);
    return open !== undefined && (!isGroup || open.serves.exposes.some((one) => one.info.id === info.id));
  });
  if (taken !== undefined) return no(CODE_NOT_EXPOSED, `${taken.local} is already open under another lease`);
  if (backend.kind === "tcp" && exposures.some((e) => overlaps(e, backend))) {
    return no(CODE_NO_BACKEND, `${backend.key} would be the gateway's own port`);
  }
  return ok({ engine, lease, exposures });
}

function backendProblem(context: Context, proto: Proto, uid: number | null, backend: BackendAddress): string | null {
  if (proto === "udp" && backend.kind === "unix") return NO_UNIX_DATAGRAMS;
  if (context.ports.isOwn(proto, backend)) return `${backend.key} is one of the gateway's own ${backend.kind === "unix" ? "sockets" : "ports"}`;
  if (context.allowedBackends.has(backend.key)) return null;
  const because = proto === "udp" ? udpClaimable(backend, uid, context.ownership) : claimable(backend, uid, context.ownership);
  return because === null ? null : `the backend ${backend.key} is not this service's: ${because}; an operator can list it in allowed_backends`;
}

function refuse(context: Context, { caller }: Client, intent: ExposeIntent, { code, message }: Refusal): RpcError {
  const decision = denial(code);
  context.refusals.record(caller.peer, {
    decision,
    generation: context.inForce.generation,
    subject: caller.service ?? "unknown",
    service: intent.service,
    local: placeOf(intent),
    ...(intent.backend !== undefined && { backend: intent.backend }),
    detail: message,
  });
  return rpcError(RPC_DENIED, message, { reason: decision.reason, code: decision.code });
}

/** As what is open is shown; a `bind` that is no address as it came. */
function placeOf({ bind, port }: ExposeIntent): string {
  const address = bind === undefined ? null : parseAddress(bind);
  return address === null ? `${bind ?? "*"}:${port}` : formatEndpoint(address, port);
}

async function openLease(context: Context, client: Client, { engine, lease, exposures }: Granted): Promise<Answer> {
  const { leases, ports, opener, inForce, markers } = context;
  const before = ports.hasPort(lease.proto, lease.port);
  leases.add(lease);
  if (exposures === null) return withToken(context, lease, engine);
  const opened: string[] = [];
  for (const exposure of exposures) {
    const open = ports.at(exposure.key);
    const result =
      open === undefined ? await opener.open(exposure, engine, inForce.generation, false) : opener.join(open, exposure, engine, inForce.generation);
    // The owner may have gone, or the lease have ended, while the socket was opened.
    const over = !client.alive() || leases.get(lease.id) === undefined;
    if (!isNotOpened(result)) opened.push(result.local);
    if (over || (isNotOpened(result) && !result.absent)) {
      endLease(context, lease, null);
      return rpcError(RPC_PORT, isNotOpened(result) ? result.message : "the lease ended before its port was open");
    }
  }
  if (opened.length === 0) {
    endLease(context, lease, null);
    return rpcError(RPC_PORT, `no address of port ${lease.port} could be opened`);
  }
  if (!before) markers.portOpen(lease.port, lease.proto);
  return {
    result: {
      lease: lease.id,
      open: opened,
      expires_in_ms: lease.expiresMs === null ? null : lease.expiresMs - context.clock.monoMs(),
    },
  };
}

/** The schema has checked it; this is for the type checker. */
function isIntent(value: unknown): value is ExposeIntent {
  return typeof value === "object" && value !== null && "service" in value && "proto" in value && "port" in value && "mode" in value;
}
