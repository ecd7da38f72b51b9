// The types of `ingressd/client`.
import type { Server } from "node:net";

export interface ExposeIntent {
  /** The service's name in the policy; the transport must prove it (docs/operations.md). */
  readonly service: string;
  /** The protocol of the port (default `tcp`). */
  readonly proto?: "tcp" | "udp";
  /** The port that the policy exposes for it, 1..65535. */
  readonly port: number;
  /**
   * Where connections go: `127.0.0.1:8080`, `[::1]:8080`, `unix:/path`, or a server of this process
   * that listens on a loopback address or a unix socket; the exposure then ends with the server.
   */
  readonly backend: string | Server;
  /** The mode that the policy states (default `tcp`). */
  readonly mode?: "tcp" | "passthrough" | "tls" | "mtls";
  /** The expose that is meant; needed where the service has several on the port. */
  readonly expose?: string;
  /** The version of the PROXY protocol's header that the backend gets before the client's bytes; without it none. Only over tcp. */
  readonly proxy?: "v1" | "v2";
  /** One literal local address; without it, all that the policy gives the expose. */
  readonly bind?: string;
  /** The registration socket (default: INGRESSD_SOCKET, else the control socket of the same user). */
  readonly socket?: string;
  /** Told when the port closes without `close()` (and why), at each further try, and when it is open again. */
  readonly onChange?: (change: { readonly open: readonly string[]; readonly because: string | null }) => void;
}

export interface Exposure {
  /** The local endpoints that are open now, such as `0.0.0.0:8443`; empty while there is none. */
  readonly open: readonly string[];
  /** Ends the exposure; resolves when the port is closed. */
  close(): Promise<void>;
}

/** `code` is the word of the audit (docs/operations.md), or `unreachable`, `no_backend`, `bad_answer`, `other_protocol`. */
export declare class ExposeError extends Error {
  readonly code: string;
  constructor(code: string, message: string);
}

export declare function defaultSocket(env: NodeJS.ProcessEnv): string;

/** Resolves once the port is open; rejects with an ExposeError where it is refused. */
export declare function expose(intent: ExposeIntent): Promise<Exposure>;
