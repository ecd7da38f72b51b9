// The caller on a connection to a control or registration socket. The transport proves it (the
// kernel's credentials of the peer, or a socket that only one service may open), never a
// field of a message.
import type { Socket } from "node:net";
import type { Config } from "../config/read.ts";
import type { ReadCredentials } from "./peer_credentials.ts";

/** Whose socket it is: the path says who can open it. */
export type SocketOf =
  /** 0600 in a 0700 directory: the gateway's own user. */
  | { readonly kind: "control" }
  /** Open to many; only credentials tell them apart. */
  | { readonly kind: "shared" }
  | { readonly kind: "service"; readonly service: string };

export interface Caller {
  /** The budget that its calls are taken from: of a service, of the operator, or of all others together. */
  readonly peer: string;
  /** May use the operator's methods. */
  readonly operator: boolean;
  /** The service that it is proven to be, or why none. */
  readonly service: string | null;
  readonly noServiceBecause: string;
  /** Of the process at the other end, as the kernel says; null where it does not. */
  readonly peerUid: number | null;
  /** The service's uid where one is known; its backends must be of this uid. */
  readonly uid: number | null;
}

export function identify(socket: Socket, at: SocketOf, services: Config["services"], credentials: ReadCredentials | null): Caller {
  const peer = credentials?.(socket) ?? null;
  const operator = at.kind === "control";
  const nobody = (because: string): Caller => ({
    peer: operator ? "operator" : "strangers",
    operator,
    service: null,
    noServiceBecause: because,
    uid: null,
    peerUid: peer?.uid ?? null,
  });
  const known = (service: string, uid: number | null): Caller => ({
    peer: operator ? "operator" : `service ${service}`,
    operator,
    service,
    noServiceBecause: "",
    uid,
    peerUid: peer?.uid ?? null,
  });
  if (at.kind === "service") {
    const entry = Object.hasOwn(services, at.service) ? services[at.service] : undefined;
    if (entry === undefined) return nobody(`the configuration has no [services.${at.service}] any more: add it, or restart ingressd, which closes this socket`);
    // Where both are known the kernel's word must agree with the path.
    if (entry.uid !== undefined && credentials !== null && peer?.uid !== entry.uid) {
      return nobody(`the peer runs as uid ${peer?.uid ?? "unknown"}, and \`services.${at.service}.uid\` is ${entry.uid}`);
    }
    return known(at.service, entry.uid ?? null);
  }
  if (credentials === null) {
    return nobody("koffi is not installed, so peers can't be distinguished here: give the service a socket of its own (services.NAME.socket)");
  }
  if (peer === null) return nobody("the kernel does not say who the peer is");
  const found = Object.entries(services).find(([, entry]) => entry.uid === peer.uid);
  if (found === undefined) return nobody(`uid ${peer.uid} is no service of the configuration: add [services.NAME] with uid = ${peer.uid}`);
  return known(found[0], peer.uid);
}
