// A gateway behind a load balancer that the test plays: what a peer sends, what its backend has got, and what is recorded.
import { connect, type Socket } from "node:net";
import { atEnd } from "../suite.ts";
import {
  backend,
  eventually,
  FORWARDERS,
  freePort,
  running,
  type BackendUnderTest,
  type EngineName,
  type ForwarderName,
  type Record,
  type Under,
} from "./gateway_under_test.ts";

export interface Way {
  readonly forwarder: ForwarderName;
  readonly threads: number;
}

/** Each forwarder, and several threads where there may be. */
export const WAYS: readonly Way[] = [
  ...FORWARDERS.map((forwarder) => ({ forwarder, threads: 1 })),
  ...(FORWARDERS.includes("kernel") ? [{ forwarder: "kernel" as const, threads: 3 }] : []),
];

/** The peer in the `via` of these policies, and one that is not. */
export const BALANCER = "127.0.0.5";
export const STRANGER = "127.0.0.6";

export interface Peer {
  readonly socket: Socket;
  /** All bytes that have come back. */
  got(): Buffer;
  /** Whether the gateway has ended it. */
  isClosed(): boolean;
}

/** Connects from an address, and sends. */
export function peer(port: number, sends: Buffer | string, from = BALANCER): Peer {
  const socket = connect({ port, host: "127.0.0.1", localAddress: from, allowHalfOpen: true });
  let got = Buffer.alloc(0);
  let isClosed = false;
  socket.on("data", (chunk) => (got = Buffer.concat([got, chunk])));
  socket.on("error", () => undefined);
  // After an end without a reset this side is still open.
  socket.on("end", () => (isClosed = true));
  socket.on("close", () => (isClosed = true));
  if (sends.length > 0) socket.write(sends);
  atEnd(() => void socket.destroy());
  return { socket, got: () => got, isClosed: () => isClosed };
}

/** A record with what it has of a peer. */
export interface ViaRecord extends Record {
  readonly peer?: string;
  readonly destination?: string;
}

export interface Behind {
  readonly gateway: Under;
  readonly port: number;
  /** It echoes. */
  readonly backend: BackendUnderTest;
  accepts(): readonly ViaRecord[];
  lastAccept(): ViaRecord | undefined;
  /** Decisions by code, as `status` has them. */
  byCode(): Promise<Readonly<{ [code: string]: number }>>;
}

/** `policy` gets the port and the backend's. */
export async function behind(
  policy: (port: number, backend: number) => string,
  way: Partial<Way> & { readonly engine?: EngineName } = {},
  config = "",
): Promise<Behind> {
  const under = await backend("");
  const port = await freePort();
  const gateway = await running({
    policy: policy(port, under.port),
    config: `${config}\n[policy]\nwatch = false\n`,
    ...way,
  });
  const accepts = (): readonly ViaRecord[] => gateway.records().filter(({ op }) => op === "accept");
  return {
    gateway,
    port,
    backend: under,
    accepts,
    lastAccept: () => accepts().at(-1),
    async byCode() {
      const control = await gateway.control();
      try {
        const answer: unknown = await control.call("status");
        return codesOf(answer);
      } finally {
        control.close();
      }
    },
  };
}

function codesOf(answer: unknown): Readonly<{ [code: string]: number }> {
  const at = (value: unknown, key: string): unknown =>
    typeof value === "object" && value !== null ? Object.entries(value).find(([name]) => name === key)?.[1] : undefined;
  const codes = at(at(at(answer, "result"), "decisions"), "by_code");
  return typeof codes === "object" && codes !== null ? Object.fromEntries(Object.entries(codes).map(([code, count]) => [code, Number(count)])) : {};
}

export async function echoed(one: Peer, text: string | Buffer): Promise<void> {
  const wanted = Buffer.from(text);
  await eventually(() => one.got().equals(wanted), `the echo of ${wanted.length} bytes`);
}

/** Turns of the event loop, so that bytes that were written are sent by themselves. */
export async function turns(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}

export async function closed(one: Peer): Promise<void> {
  await eventually(one.isClosed, "the end of a connection");
}
