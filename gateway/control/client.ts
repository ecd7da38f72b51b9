// A connection to a control or registration socket, as methods see it.
import type { Caller } from "../intents/identity.ts";

/** One connection to a control or registration socket. */
export interface Client {
  readonly number: number;
  readonly caller: Caller;
  /** 64 random hexadecimal digits of this connection, over which a guard's proof is made. */
  readonly challenge: string;
  /** Of its unix socket; null where it has closed. */
  readonly descriptor: () => number | null;
  /** False once its connection has closed. */
  readonly alive: () => boolean;
  /** Sends a notification; nothing where the connection has closed. */
  readonly notify: (method: string, params: object) => void;
}
