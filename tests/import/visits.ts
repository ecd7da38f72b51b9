// Runs inside a network namespace in which every address is local: starts backends and a proxy, lets each client connect from its
// source, and writes which of them a backend answered. Argument: a folder with job.json.
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { connect as secure } from "node:tls";
import { helloWith, records, serverName } from "../gateway/hello_bytes.ts";
import type { Request } from "./imported.ts";

export interface Job {
  readonly requests: readonly Request[];
  readonly backends: readonly number[];
  readonly program: string;
  readonly args: readonly string[];
  /** The proxy listens when this port does. */
  readonly ready: number;
}

const AT_A_TIME = 48;
const ANSWER = "answered";

const [folder = ""] = process.argv.slice(2);
const job = JSON.parse(readFileSync(join(folder, "job.json"), "utf8")) as Job;

/** Answers at once, whatever comes. */
function serve(port: number): Promise<void> {
  const server = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.resume();
    socket.end(ANSWER);
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve).unref();
  });
}

function visit({ source, local, port, name, peer, isTls = false }: Request): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: local, port, localAddress: peer ?? source });
    let answer = "";
    // A refusal may come as a reset.
    socket.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRNOTAVAIL" || error.code === "EINVAL") reject(error);
    });
    socket.once("close", () => resolve(answer === ANSWER));
    if (peer !== undefined) socket.write(headerOf(source));
    const client: Socket = isTls ? secure({ socket, rejectUnauthorized: false, ...(typeof name === "string" && { servername: name }) }) : socket;
    client.setEncoding("latin1").on("data", (part: string) => {
      answer += part;
    });
    if (client !== socket) client.on("error", () => socket.destroy()).once("end", () => socket.destroy());
    if (isTls) client.write("bytes");
    else socket.write(records(name === null || name === undefined ? helloWith() : helloWith(serverName(name))));
  });
}

/** PROXY protocol, version 1. */
function headerOf(source: string): string {
  return source.includes(":") ? `PROXY TCP6 ${source} 2001:db8::1 4711 443\r\n` : `PROXY TCP4 ${source} 192.0.2.1 4711 443\r\n`;
}

async function untilListening(port: number, hasEnded: () => boolean): Promise<void> {
  for (;;) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => resolve(true));
      socket.once("error", () => resolve(false)).once("close", () => socket.destroy());
      socket.once("connect", () => socket.destroy());
    });
    if (isOpen) return;
    if (hasEnded()) throw new Error("the proxy ended before it listened");
    await new Promise((resolve) => setImmediate(resolve));
  }
}

await Promise.all(job.backends.map(serve));
const child = spawn(job.program, [...job.args], { cwd: folder, stdio: ["ignore", "ignore", "inherit"] });
let hasEnded = false;
child.once("exit", () => (hasEnded = true));
await untilListening(job.ready, () => hasEnded);
const answers: boolean[] = [];
let next = 0;
await Promise.all(
  Array.from({ length: AT_A_TIME }, async () => {
    for (let i = next++; i < job.requests.length; i = next++) {
      const request = job.requests[i];
      if (request !== undefined) answers[i] = await visit(request);
    }
  }),
);
writeFileSync(join(folder, "answers.json"), JSON.stringify(answers));
child.kill("SIGKILL");
