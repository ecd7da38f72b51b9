// Opens a port: decides phase 0, has the decision recorded, listens, and says so; in this order.
import { formatHost, isV4, isWildcard } from "../../runtime/net/address.ts";
import type { Code } from "../../runtime/abi/names.ts";
import { CODE_CAP_PORTS, CODE_NOT_EXPOSED } from "../../runtime/abi/verdicts.ts";
import { denial, type Decision } from "../../runtime/host/decision.ts";
import type { PolicyEngine } from "../../runtime/host/module.ts";
import type { Recorder } from "../audit/recorder.ts";
import { isListenFailure, type Forwarder } from "../connection/forwarder.ts";
import type { Inherited } from "./inherited.ts";
import { backendsText, type Exposure, type OpenPort, type Ports } from "./ports.ts";

export interface OpenSetup {
  readonly ports: Ports;
  readonly forwarder: Forwarder;
  readonly recorder: Recorder;
  readonly maxPorts: () => number;
  /** Sockets that the process was given. */
  readonly inherited: Inherited;
  readonly say: (sentence: string) => void;
}

/** `absent`: this host has no such address family or address (any more). */
export interface NotOpened {
  readonly absent: boolean;
  readonly message: string;
}

export interface Opener {
  /**
   * With `held`, peers wait until the socket is released. `leaving`: so many of the open sockets close
   * when this one is released, and do not count.
   */
  open(wanted: Exposure, engine: PolicyEngine, generation: number, paused: boolean, closing?: number): Promise<OpenPort | NotOpened>;
  /** Serves one expose more on a port that is open, with a record. */
  join(open: OpenPort, added: Exposure, engine: PolicyEngine, generation: number): OpenPort | NotOpened;
}

export function isNotOpened(result: OpenPort | NotOpened): result is NotOpened {
  return "message" in result;
}

export function createOpener({ ports, forwarder, recorder, maxPorts, inherited, say }: OpenSetup): Opener {
  /** Sockets that are being opened. */
  let opening = 0;

  return {
    async open(wanted, engine, generation, paused, closing = 0) {
      const { address, zone, port, proto, local } = wanted;
      const answer = ports.size - closing + opening >= maxPorts() ? denial(CODE_CAP_PORTS) : bound(wanted, engine);
      const refused = recorded(wanted, engine, generation, answer);
      if (refused !== null) return { absent: false, message: `port ${port} is not opened (${refused})${remedy(refused, maxPorts())}` };
      opening++;
      try {
        const own = { proto: proto, host: formatHost(address, zone), port };
        let open: OpenPort | null = null;
        const given = inherited.take(proto, local, (code) => {
          if (open !== null) ports.lose(open);
          say(`the inherited socket ${local}/${proto} can't be served (${code}): the port is closed, and opened anew at the next look at the ports`);
        });
        const socket = await forwarder.open(given === null ? own : { ...own, inherited: given }, given !== null || paused);
        if (isListenFailure(socket)) return notOpened(wanted, socket.code, forwarder.connectedFrom(proto, port));
        open = ports.add(wanted, socket);
        if (!paused) socket.release();
        return open;
      } finally {
        opening--;
      }
    },
    join(open, added, engine, generation) {
      const refused = recorded(added, engine, generation, bound(added, engine));
      if (refused !== null) return { absent: false, message: `port ${added.port} is not opened (${refused})${remedy(refused, maxPorts())}` };
      open.serves = { ...added, exposes: [...open.serves.exposes, ...added.exposes] };
      return open;
    },
  };

  /** The code of a refusal, or null. */
  function recorded({ exposes, proto, local }: Exposure, engine: PolicyEngine, generation: number, decision: Decision): Code | null {
    const [first, second] = exposes;
    const one = second === undefined ? first : undefined;
    const [answer] = recorder.record(
      [
        {
          op: "bind",
          decision,
          generation,
          subject: "ingressd",
          listener: one?.info.name,
          service: one?.info.service,
          proto,
          local,
          backend: one === undefined ? undefined : backendsText(one.backends),
          detail: one === undefined ? exposes.map(({ info }) => info.name).join(" ") : undefined,
        },
      ],
      engine.info,
    );
    if (answer?.allowed === true) return null;
    return answer?.code ?? "internal";
  }
}

/** Phase 0 at the place where the exposure belongs. */
function bound({ address, port, proto, number }: Exposure, engine: PolicyEngine): Decision {
  return engine.listenerAt(proto, port, address) === number ? engine.bind({ subject: "ingressd", proto, address, port }) : denial(CODE_NOT_EXPOSED);
}

function remedy(code: Code | undefined, maxPorts: number): string {
  if (code === "cap_ports") return `: raise caps.ports (now ${maxPorts}) or expose fewer ports`;
  if (code === "audit_closed") return ': its record can\'t be written: make room for audit.file, name another, or set audit.on_error = "count"';
  return "";
}

/** `backend`: where a connection of ours goes that has `port` at its near end; null where none has. */
function notOpened({ address, port, local, proto }: Exposure, code: string, backend: string | null): NotOpened {
  switch (code) {
    case "EADDRINUSE":
      if (backend !== null) {
        return {
          absent: false,
          message: `port ${port} (${local}) is in use by one of ingressd's own connections to the backend ${backend}, for which the kernel chose it: reserve the ports that are exposed (sysctl -w net.ipv4.ip_local_reserved_ports=${port}) and reload again`,
        };
      }
      return {
        absent: false,
        message: `port ${port} (${local}) is in use by another program: stop it (ss -${proto === "udp" ? "u" : "t"}lnp 'sport = :${port}' names it) or expose another port`,
      };
    case "EACCES":
      return {
        absent: false,
        message: `port ${port} (${local}) needs CAP_NET_BIND_SERVICE: give ingressd that capability (systemd: AmbientCapabilities=CAP_NET_BIND_SERVICE) or expose a port from 1024 on`,
      };
    case "EAFNOSUPPORT":
    case "EADDRNOTAVAIL":
      return {
        absent: !isV4(address) || !isWildcard(address),
        message: `${local} is not an address of this host (${code})`,
      };
    default:
      return { absent: false, message: `port ${port} (${local}) can't be opened (${code})` };
  }
}
