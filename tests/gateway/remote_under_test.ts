// Hosts of their own for tests of backends on other hosts: two network namespaces with a link between them. ingressd and its
// clients run in the near one, which also has an address on a link of its own; backends run in the far one.
import { spawn, spawnSync, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { atEnd } from "../suite.ts";
import { moduleOf, temporaryFolder } from "./gateway_under_test.ts";
import { configure, launch, place, type LaunchOptions, type Running } from "./ingressd_process.ts";

/** The near host: on the link, on one that leads to itself, and on one without a carrier, whose address Node does not list. */
export const NEAR = "10.0.3.1";
export const NEAR_ALONE = "10.9.9.9";
export const NEAR_UNSEEN = "10.9.8.8";
const NEAR6 = "2001:db8:3::1";
/** The far host: three addresses of the link, and one to which no link leads. */
export const FAR = "10.0.3.7";
export const OTHER = "10.0.3.8";
export const FAR6 = "2001:db8:3::7";
export const BEYOND = "10.0.3.99";

type Piped = ChildProcessByStdio<Writable, Readable, null>;

/** A shell in a namespace of its own, which lives as long as its input. */
async function apart(): Promise<Piped> {
  const shell = spawn("unshare", ["-n", "sh", "-ec", "ip link set lo up; echo up; read -r _ || true"], { stdio: ["pipe", "pipe", "inherit"] });
  atEnd(() => {
    shell.stdin.end();
  });
  await once(shell.stdout, "data");
  return shell;
}

const within = (host: { readonly pid?: number | undefined }): readonly string[] => ["nsenter", "-t", String(host.pid), "-n"];

/** Why there can be no such hosts; null where there can. */
export function lacking(): string | null {
  if (process.getuid?.() !== 0) return "not root";
  const tried = spawnSync("unshare", ["-n", "sh", "-ec", "nsenter --version; ip link add va type veth peer name vb"], {
    encoding: "utf8",
  });
  return tried.status === 0 ? null : "no namespaces with links can be made";
}

export interface Hosts {
  readonly near: Piped;
  readonly far: Piped;
  /** Runs a command of `ip` in the near host. */
  ip(...words: readonly string[]): void;
}

export async function hosts(): Promise<Hosts> {
  const [near, far] = [await apart(), await apart()];
  const run = (host: Piped, script: string): void => {
    const [command = "nsenter", ...argv] = [...within(host), "sh", "-ec", script];
    const { status, stderr } = spawnSync(command, argv, { encoding: "utf8" });
    if (status !== 0) throw new Error(stderr);
  };
  run(
    near,
    `ip link add va type veth peer name vb netns ${far.pid}
     ip addr add ${NEAR}/24 dev va; ip -6 addr add ${NEAR6}/64 dev va nodad; ip link set va up
     ip link add one type veth peer name two; ip addr add ${NEAR_ALONE}/32 dev one; ip link set two up; ip link set one up
     ip link add mute type veth peer name down; ip addr add ${NEAR_UNSEEN}/32 dev mute; ip link set mute up`,
  );
  run(far, `for a in ${FAR} ${OTHER}; do ip addr add $a/24 dev vb; done; ip -6 addr add ${FAR6}/64 dev vb nodad; ip link set vb up`);
  return { near, far, ip: (...words) => run(near, `ip ${words.join(" ")}`) };
}

/** Says its name to each connection and answers what it gets; over udp it answers with its name. Prints the name at each connection and datagram. */
const BACKENDS = `
  const { createServer } = require("node:net");
  const { createSocket } = require("node:dgram");
  const all = JSON.parse(process.argv[1]);
  let left = all.length;
  const up = () => { if (--left === 0) console.log("up"); };
  for (const { host, port, says, proto } of all) {
    if (proto === "udp") {
      const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
      socket.on("message", (bytes, from) => { console.log(says); socket.send(says + " " + bytes, from.port, from.address); });
      socket.bind(port, host, up);
      continue;
    }
    createServer((socket) => {
      console.log(says);
      socket.on("error", () => {}).write(says + "\\n");
      socket.pipe(socket);
    }).listen(port, host, up);
  }`;

export interface BackendAt {
  readonly host: string;
  readonly port: number;
  readonly says: string;
  readonly proto?: "udp";
}

/** The names of the backends that got a connection, in their order. */
export async function backendsAt(host: Piped, all: readonly BackendAt[]): Promise<() => readonly string[]> {
  const [command = "nsenter", ...argv] = [...within(host), process.execPath, "-e", BACKENDS, JSON.stringify(all)];
  const child = spawn(command, argv, { stdio: ["ignore", "pipe", "inherit"] });
  atEnd(() => {
    child.kill("SIGKILL");
  });
  let out = "";
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  while (!out.includes("up\n")) await once(child.stdout, "data");
  return () => out.split("\n").filter((line) => line !== "" && line !== "up");
}

/** Prints what comes, and sends the lines that it gets; says `over` at the end. */
const CLIENT = `
  const [, port, proto] = process.argv;
  const lines = (send) => require("node:readline").createInterface({ input: process.stdin }).on("line", send).on("close", () => process.exit());
  if (proto === "udp") {
    const socket = require("node:dgram").createSocket("udp4");
    socket.on("message", (bytes) => console.log(String(bytes)));
    lines((line) => socket.send(line, Number(port), "127.0.0.1"));
  } else {
    const socket = require("node:net").connect(Number(port), "127.0.0.1");
    const over = () => { console.log("over"); };
    socket.on("data", (chunk) => process.stdout.write(chunk)).on("error", () => {}).on("close", over);
    lines((line) => socket.write(line + "\\n"));
  }`;

export interface Client {
  /** All that came so far, by lines; the last one is `over` where the connection has ended. */
  readonly lines: () => readonly string[];
  /** Waits for the next line. */
  readonly next: () => Promise<string>;
  say(line: string): void;
  quit(): void;
}

/** A client of the gateway in the near host. */
export function clientOf(host: Piped, port: number, proto: "tcp" | "udp" = "tcp"): Client {
  const [command = "nsenter", ...argv] = [...within(host), process.execPath, "-e", CLIENT, String(port), proto];
  const child = spawn(command, argv, { stdio: ["pipe", "pipe", "inherit"] });
  atEnd(() => {
    child.kill("SIGKILL");
  });
  let out = "";
  let read = 0;
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  const lines = (): readonly string[] => out.split("\n").slice(0, -1);
  return {
    lines,
    async next() {
      while (lines().length <= read) await once(child.stdout, "data");
      return lines()[read++] ?? "";
    },
    say: (line) => void child.stdin.write(`${line}\n`),
    quit: () => void child.stdin.end(),
  };
}

export interface RemoteGateway extends Running {
  /** Another policy and another configuration, with a reload; the answer of `ingressd reload`. */
  change(to: { readonly policy?: string; readonly config?: string }): ReturnType<Running["order"]>;
  /** The next gateway, which takes over from this one. */
  takeOver(config: string): Running;
  /** Lines of the audit file with this `op`. */
  records(op: string): readonly string[];
}

export interface RemoteSetup {
  readonly policy: string;
  readonly config: string;
  /** Keys before the first table, that every configuration of the test has. */
  readonly ways?: string;
  readonly options?: LaunchOptions;
}

/** ingressd in the near host, which may not be ready. */
export function gatewayIn({ near }: Hosts, { policy, config, ways = "", options = {} }: RemoteSetup): RemoteGateway {
  const folder = temporaryFolder();
  const audit = join(folder, "audit.jsonl");
  const whole = (toml: string): string => `${ways}${toml}\n[config]\nwatch = false\n[policy]\nwatch = false\n`;
  place(folder, moduleOf(policy));
  const it = launch(folder, whole(config), { ...options, through: within(near) });
  return {
    ...it,
    change({ policy: next, config: toml }) {
      if (next !== undefined) place(folder, moduleOf(next));
      if (toml !== undefined) configure(folder, whole(toml));
      return it.order("reload");
    },
    takeOver: (toml) => launch(folder, whole(toml), { ...options, through: within(near), words: ["--takeover"] }),
    records: (op) =>
      readFileSync(audit, "utf8")
        .split("\n")
        .filter((line) => line.includes(`"op":"${op}"`)),
  };
}
