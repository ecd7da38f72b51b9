// A machine with one plain port that is open to everybody, and clients for it, for tests of TCP itself.
import { client, type Client } from "../../scripts/os/client.ts";
import { ip, readTcp, type Received } from "../../scripts/os/frames.ts";
import { nodeMachine, type NodeMachine, type NodeMachineOptions, type Served } from "./node_machine.ts";

export const PORT = 7_000;
export const PEER = ip("198.51.100.7");
const PLAIN = `edition 1\nexpose plain on tcp ${PORT} { cap 100 connections allow named all from any }\n`;

export interface Plain {
  readonly machine: NodeMachine;
  readonly c: Client;
  /** The service's side. */
  readonly s: Served;
}

export function plainMachine(options: Partial<NodeMachineOptions> = {}): NodeMachine {
  return nodeMachine({ policy: PLAIN, ...options });
}

/** A machine with one open connection. */
export async function opened(options: Partial<NodeMachineOptions> = {}, first = 1_000): Promise<Plain> {
  const machine = plainMachine(options);
  return { machine, ...(await another(machine, 40_000, first)) };
}

export async function another(machine: NodeMachine, sourcePort: number, first = 1_000, source = PEER): Promise<Omit<Plain, "machine">> {
  const c = client(machine, source, sourcePort, PORT, first);
  const before = new Set(machine.served.keys());
  const isOpen = await c.open();
  const s = [...machine.served.values()].find(({ flow }) => !before.has(flow));
  if (!isOpen || s === undefined) throw new Error("the connection was refused");
  return { c, s };
}

export const segments = (frames: readonly Buffer[]): readonly Received[] => frames.flatMap((frame) => readTcp(frame) ?? []);
export const text = (s: Served): string => Buffer.concat(s.received).toString("latin1");
