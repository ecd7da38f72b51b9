// Does what its standard input says, a JSON line each, and answers with a line each: raw calls, a server of Node's,
// sockets handed to another process and taken from one.
import { closeSync, constants, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { createConnection, createServer } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { bind, close, listen, receive, send, socket, take, unconnected } from "./raw.mjs";

const servers = [];
const does = {
  socket: (family, type) => socket(family, type),
  bind: (fd, address) => bind(fd, Buffer.from(address, "hex")),
  listen: (fd) => listen(fd),
  close: (fd) => close(fd),
  /** Its own process, and the guard's. */
  processes: () => [process.pid, process.ppid],
  /** The bytes of the next datagram, or a negative errno. */
  receive: (fd) => receive(fd),
  /** An echo server of Node's, as any program has one. */
  serve: (port) =>
    new Promise((resolve) => {
      const server = createServer((client) => client.on("error", () => undefined).pipe(client)).on("error", (error) => resolve(error.code));
      servers.push(server);
      server.listen(port, "0.0.0.0", () => resolve("listening"));
    }),
  /** A datagram sent by Node, which binds first, and one from a socket that was never bound. */
  dial: async () => {
    const socket = createSocket("udp4");
    const sent = await new Promise((resolve) =>
      socket.on("error", (error) => resolve(error.code)).send("x", 9, "127.0.0.1", (error) => resolve(error?.code ?? "sent")),
    );
    const local = sent === "sent" ? socket.address().address : "";
    if (sent === "sent") socket.close();
    return { sent, local, unbound: unconnected().sent };
  },
  /** A descriptor out of a unix socket that another process listens on, or made there first. */
  pass: (path, fd) => send(path, fd),
  take: (path) => take(path),
  /** Another one of these, guarded as this one is; its lines come back. */
  child: (...words) =>
    new Promise((resolve) => {
      const other = spawn(process.execPath, [fileURLToPath(import.meta.url)], { stdio: ["pipe", "pipe", "inherit"] });
      createInterface({ input: other.stdout }).once("line", (line) => {
        other.kill();
        resolve(JSON.parse(line));
      });
      other.stdin.write(`${JSON.stringify(words)}\n`);
    }),
  /** Whatever it can read of itself and of the processes above it: which of these files have the text, as digits or as bytes. */
  look(text) {
    const [readable, found] = [[], []];
    const wanted = [Buffer.from(text), Buffer.from(text, "hex")];
    for (let pid = String(process.pid), rounds = 0; pid !== "0" && pid !== "" && rounds < 4; rounds++) {
      const names = ["environ", "cmdline", "status", "stat", "comm", "maps", "mem"].map((name) => `/proc/${pid}/${name}`);
      const above = attempt(() => /^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1]) ?? "";
      for (const fd of attempt(() => readdirSync(`/proc/${pid}/fd`)) ?? [])
        if (pid !== String(process.pid) || Number(fd) > 2) names.push(`/proc/${pid}/fd/${fd}`);
      for (const name of names) {
        // Its own memory has the text, because it read it.
        const bytes = name.endsWith(`${process.pid}/mem`) ? null : attempt(() => readSome(name));
        if (bytes === null) continue;
        readable.push(name);
        if (wanted.some((one) => bytes.includes(one))) found.push(name);
      }
      pid = above;
    }
    return { readable, found };
  },
  connect: (port) =>
    new Promise((resolve) =>
      createConnection({ port })
        .once("connect", () => resolve("connected"))
        .once("error", (error) => resolve(error.code)),
    ),
};

function attempt(work) {
  try {
    return work() ?? null;
  } catch {
    return null;
  }
}

/** The bytes that can be read at once, and of a memory every readable byte. */
function readSome(name) {
  const fd = openSync(name, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const bytes = Buffer.alloc(1 << 20);
    if (!name.endsWith("/mem")) return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, null));
    const parts = readFileSync(name.replace(/mem$/, "maps"), "latin1")
      .split("\n")
      .flatMap((line) => {
        const [, first, last] = /^([0-9a-f]+)-([0-9a-f]+) r/.exec(line) ?? [];
        if (first === undefined) return [];
        const part = Buffer.alloc(Math.min(Number(BigInt(`0x${last}`) - BigInt(`0x${first}`)), 1 << 26));
        return [part.subarray(0, attempt(() => readSync(fd, part, 0, part.length, BigInt(`0x${first}`))) ?? 0)];
      });
    return Buffer.concat(parts);
  } finally {
    closeSync(fd);
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const [name, ...args] = JSON.parse(line);
  process.stdout.write(`${JSON.stringify(await does[name](...args))}\n`);
}
process.exit(0);
