// Handshakes of OpenSSL's engine on the clients of the kernel's transport, made within the time of a turn, and the relay behind them.
import type { TransportEvents } from "../connection/transport.ts";
import type { Hellos } from "./hellos.ts";
import type { Poller } from "./poller.ts";
import { NONE, SECURES, type Rows } from "./rows.ts";
import type { TlsConnections } from "./tls_connections.ts";
import type { OpensslContext } from "./tls_context.ts";

export interface HandshakesSetup {
  readonly events: Pick<TransportEvents, "handshaken" | "fromClient" | "fromBackend">;
  readonly rows: Rows;
  readonly poller: Poller;
  readonly tls: TlsConnections;
  readonly hellos: Hellos;
  /** Reports after this round, unless the row has got another connection by then. */
  readonly later: (row: number, report: () => void) => void;
  readonly fault: (fd: number, error: unknown) => void;
  /** The relay of these has ended; `broken` is the side that broke, or NONE. */
  readonly finished: (client: number, broken: number) => void;
}

export class Handshakes {
  readonly #setup: HandshakesSetup;
  /** The last turn that made a step of a handshake. */
  #madeIn = 0;

  constructor(setup: HandshakesSetup) {
    this.#setup = setup;
  }

  /** OpenSSL's engine reads the hello of the kernel once more. */
  begin(row: number, context: OpensslContext, said: string | null, first: Buffer): void {
    const { events, rows, tls, hellos, later, fault } = this.#setup;
    const fd = rows.client(row);
    if (fd === NONE) return;
    hellos.wakeAt(fd, 1);
    const failed = tls.begin(row, fd, context, said, first);
    rows.setMode(row, SECURES);
    later(row, () => {
      try {
        if (failed === null) this.step(row, false);
        else events.handshaken(row, failed);
      } catch (error) {
        fault(fd, error);
      }
    });
  }

  /**
   * A step of a handshake takes a third of a millisecond, and hundreds can be due in one round: those beyond the time of a
   * turn continue in the next one, before what comes then. INVARIANT: each turn makes at least one.
   * `isRequested`: it was put off before, and this is its next turn.
   */
  step(row: number, isRequested: boolean): void {
    const { events, rows, poller, tls } = this.#setup;
    const { turn } = poller;
    if (this.#madeIn === turn && poller.isLate()) {
      if (tls.putOff(row, isRequested)) poller.again(rows.client(row));
      return;
    }
    this.#madeIn = turn;
    const outcome = tls.handshake(row);
    if (outcome === null) return;
    rows.setMode(row, 0);
    events.handshaken(row, outcome);
  }

  /** Bytes go both ways from now on. */
  join(row: number, client: number, upstream: number): void {
    const { events, poller, tls, finished } = this.#setup;
    tls.join(row, upstream, {
      fromClient: (bytes) => events.fromClient(row, bytes),
      fromBackend: (bytes) => events.fromBackend(row, bytes),
      again: () => poller.again(client),
      finished: (broken) =>
        finished(
          client,
          broken === null ? NONE
          : broken === "client" ? client
          : upstream,
        ),
    });
    poller.again(client);
  }
}
