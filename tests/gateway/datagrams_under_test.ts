// The parts that tests of datagrams share: a udp backend, and clients.
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { atEnd } from "../suite.ts";
import { eventually, freePort } from "./gateway_under_test.ts";

export interface UdpSocket {
  readonly socket: Socket;
  readonly port: number;
  /** Datagrams that came, in order. */
  readonly got: { readonly bytes: Buffer; readonly from: RemoteInfo }[];
  /** Sends, and waits until the kernel took it. */
  send(bytes: Buffer | string, port: number, host?: string): Promise<void>;
  /** Waits until so many datagrams have come in all. */
  until(count: number): Promise<void>;
  close(): Promise<void>;
}

export async function udpSocket(
  host = "127.0.0.1",
  port = 0,
  receive: (bytes: Buffer, from: RemoteInfo, socket: Socket) => void = () => undefined,
): Promise<UdpSocket> {
  const socket = createSocket({ type: host.includes(":") ? "udp6" : "udp4", recvBufferSize: 4 * 1024 * 1024 });
  const got: { bytes: Buffer; from: RemoteInfo }[] = [];
  socket.on("message", (bytes, from) => {
    got.push({ bytes, from });
    receive(bytes, from, socket);
  });
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(port, host, resolve);
  });
  let isOpen = true;
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      if (!isOpen) return resolve();
      isOpen = false;
      socket.close(() => resolve());
    });
  atEnd(close);
  return {
    socket,
    port: socket.address().port,
    got,
    close,
    send: (bytes, to, at = host) => new Promise((resolve, reject) => socket.send(bytes, to, at, (error) => (error === null ? resolve() : reject(error)))),
    until: (count) => eventually(() => got.length >= count, `${count} datagrams, there are ${got.length}`),
  };
}

/** Answers each datagram by what `answers` makes of it. */
export function udpBackend(answers: (bytes: Buffer) => readonly (Buffer | string)[] = (bytes) => [bytes], port = 0): Promise<UdpSocket> {
  return udpSocket("127.0.0.1", port, (bytes, from, socket) => {
    for (const answer of answers(bytes)) socket.send(answer, from.port, from.address);
  });
}

/** A port that is free over udp too. */
export async function freeUdpPort(): Promise<number> {
  for (;;) {
    const port = await freePort();
    const tried = await udpSocket("0.0.0.0", port).catch(() => null);
    if (tried === null) continue;
    await tried.close();
    return port;
  }
}
