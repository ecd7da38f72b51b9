// A gateway with one udp expose, its clients, and tests that run on each forwarder.
import { parseAddress, type Address } from "../../runtime/net/address.ts";
import type { Suite } from "../suite.ts";
import { freeUdpPort, udpBackend, udpSocket, type UdpSocket } from "./datagrams_under_test.ts";
import { FORWARDERS, running, type ForwarderName, type Record as AuditRecord, type Under } from "./gateway_under_test.ts";

export const LOOPBACK: readonly Address[] = ["127.0.0.1", "::1"].map((text) => {
  const address = parseAddress(text);
  if (address === null) throw new Error(text);
  return address;
});

/** The forwarder of the test that runs. */
export const current: { forwarder: ForwarderName } = { forwarder: "node" };

/** Registers a test for each forwarder. */
export function onEach(test: Suite<Record<string, never>>): (title: string, body: () => Promise<void>) => void {
  return (title, body) => {
    for (const one of FORWARDERS) {
      test(`${one}: ${title}`, () => {
        current.forwarder = one;
        return body();
      });
    }
  };
}

export interface Served {
  readonly gateway: Under;
  readonly port: number;
  readonly behind: UdpSocket;
}

/** `clauses` are those of the one expose, without its backend. */
export async function served(
  clauses: string,
  { config = "", answers = undefined as ((bytes: Buffer) => readonly (Buffer | string)[]) | undefined } = {},
): Promise<Served> {
  const behind = await udpBackend(answers);
  const port = await freeUdpPort();
  const gateway = await running({ policy: policyOf(port, behind.port, clauses), config, hostAddresses: () => LOOPBACK, forwarder: current.forwarder });
  return { gateway, port, behind };
}

export function policyOf(port: number, backend: number, clauses: string): string {
  return `edition 1\nexpose dns on udp ${port} { backend 127.0.0.1:${backend} ${clauses} }`;
}

export function accepts(gateway: Under): readonly AuditRecord[] {
  return gateway.records().filter(({ op }) => op === "accept");
}

export interface Status {
  readonly flows: { readonly live: number; readonly fresh: number; readonly dropped: { readonly [because: string]: number } };
  readonly ends: { readonly [end: string]: number };
  readonly audit: { readonly suppressed: number };
}

export async function statusOf(gateway: Under): Promise<Status> {
  const status: unknown = await gateway.daemon.status();
  if (!isStatus(status)) throw new Error("no status of flows");
  return status;
}

export function isStatus(value: unknown): value is Status {
  return typeof value === "object" && value !== null && "flows" in value && "ends" in value && "audit" in value;
}

export async function clients(count = 3, host = "127.0.0.1"): Promise<readonly UdpSocket[]> {
  return Promise.all(Array.from({ length: count }, () => udpSocket(host)));
}

/** Sends, and waits for the answer to it. */
export async function query(client: UdpSocket, port: number, bytes: Buffer | string = "q"): Promise<void> {
  const before = client.got.length;
  await client.send(bytes, port, client.socket.address().address);
  await client.until(before + 1);
}

/** The flow is fresh after the first, and proven after the second. */
export async function prove(client: UdpSocket, port: number): Promise<void> {
  await query(client, port);
  await query(client, port);
}

export function handled({ daemon: { counters } }: Under, client: UdpSocket): number {
  return client.got.length + (counters.datagramsDropped.get("amplify") ?? 0);
}
