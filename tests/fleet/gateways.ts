// Twenty gateways, each a process in a network of its own, beside the real servers that they pull from: Debian's docker-registry with TLS, and
// nginx. All is in network namespaces that the test makes.
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { openConnection, type Connection } from "../../gateway/client/connection.mjs";
import { fieldsOf } from "../../runtime/shell/rpc_client.ts";
import { program } from "../ready.ts";
import { atEnd } from "../suite.ts";
import { authority, dns, ip, leaf } from "../tls/certificates.ts";

/** Where the servers are, for every gateway. */
export const SERVERS = "10.78.0.1";
export const REGISTRY = `${SERVERS}:5443`;
export const NGINX = `${SERVERS}:8443`;
export const PORT = 9443;
export const POLL_MS = 2_000;

const INGRESSD = program("gateway/ingressd.mjs");

/** Why there can be no such fleet; null where there can. */
export function lacking(): string | null {
  if (process.getuid?.() !== 0) return "not root";
  if (spawnSync("unshare", ["-n", "sh", "-ec", "nsenter --version; ip link add va type veth peer name vb"]).status !== 0)
    return "no namespaces with links can be made";
  const missing = ["docker-registry", "nginx", "skopeo"].filter((name) => spawnSync("sh", ["-c", `command -v ${name}`]).status !== 0);
  return missing.length === 0 ? null : `${missing.join(", ")} is not installed`;
}

function run(command: string, ...words: readonly string[]): void {
  const { status, stderr } = spawnSync(command, words, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${words.join(" ")}: ${stderr}`);
}

function kept(child: ChildProcess): ChildProcess {
  atEnd(() => child.kill("SIGKILL"));
  return child;
}

/** Until a condition is true. `what` is said where it never is. */
export async function until(what: string, isSo: () => Promise<boolean> | boolean, mostMs = 60_000): Promise<number> {
  const from = performance.now();
  for (;;) {
    if (await isSo()) return performance.now() - from;
    if (performance.now() - from > mostMs) throw new Error(`not within ${mostMs} ms: ${what}`);
    await new Promise<void>((look) => {
      setTimeout(() => look(), 50);
    });
  }
}

export interface Servers {
  /** PEM file of the authority of both. */
  readonly ca: string;
  /** The folder that nginx serves. */
  readonly files: string;
  /** A folder with the authority alone, for `skopeo`. */
  readonly certificates: string;
  /** A folder with an empty configuration of Docker. */
  readonly docker: string;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** The first process of each, while they run. */
  pids(): { readonly registry: number; readonly nginx: number };
}

/** `host`: a name that the certificate is for, beside the address. */
export function servers(folder: string, host: string | null = null): Servers {
  run("ip", "addr", "add", `${SERVERS}/32`, "dev", "lo");
  const ca = authority("the fleet's authority");
  const shown = leaf(ca, { use: "server", names: [ip(10, 78, 0, 1), ...(host === null ? [] : [dns(host)])] });
  const at = (name: string, text: string, mode = 0o644): string => {
    const path = join(folder, name);
    writeFileSync(path, text, { mode });
    return path;
  };
  const [caPath, cert, key] = [at("ca.pem", ca.pem), at("server.pem", shown.pem), at("server.key", shown.key, 0o600)];
  const [files, docker, certificates] = [join(folder, "files"), join(folder, "docker"), join(folder, "certificates")];
  for (const made of [files, docker, certificates, join(folder, "nginx")]) mkdirSync(made);
  writeFileSync(join(certificates, "ca.crt"), ca.pem);
  writeFileSync(join(docker, "config.json"), JSON.stringify({ auths: {} }), { mode: 0o600 });
  const registry = at(
    "registry.yml",
    `version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: ${join(folder, "registry")}}}\nhttp: {addr: "${REGISTRY}", tls: {certificate: ${cert}, key: ${key}}}\n`,
  );
  const nginx = at(
    "nginx.conf",
    `daemon off; user root; pid ${join(folder, "nginx.pid")}; error_log ${join(folder, "nginx.log")} error; events {}\nhttp { access_log off; ${["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${join(folder, "nginx")};`).join(" ")} server { listen ${NGINX} ssl; ssl_certificate ${cert}; ssl_certificate_key ${key}; root ${files}; } }\n`,
  );
  let running: ChildProcess[] = [];
  return {
    pids: () => ({ registry: running[0]?.pid ?? 0, nginx: running[1]?.pid ?? 0 }),
    ca: caPath,
    files,
    certificates,
    docker,
    async start() {
      running = [
        kept(spawn("docker-registry", ["serve", registry], { stdio: ["ignore", "ignore", "inherit"] })),
        kept(spawn("nginx", ["-p", folder, "-c", nginx], { stdio: ["ignore", "ignore", "inherit"] })),
      ];
      for (const place of [REGISTRY, NGINX]) await until(`${place} listens`, () => listens(place));
    },
    async stop() {
      const ended = running.map((child) => once(child, "close"));
      for (const child of running) child.kill("SIGTERM");
      await Promise.all(ended);
      running = [];
    },
  };
}

/** Whether anybody accepts there. */
export function listens(place: string): Promise<boolean> {
  const [host = "", port = ""] = place.split(":");
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port) });
    socket.once("connect", () => (socket.destroy(), resolve(true)));
    socket.once("error", () => resolve(false));
  });
}

/** Answers `hello` on a unix socket, which gateways in any network reach. */
export async function backendAt(path: string): Promise<void> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.end("hello");
  });
  await new Promise<void>((resolve) => {
    server.listen(path, () => resolve());
  });
  atEnd(() => server.close());
}

export interface Gateway {
  readonly folder: string;
  readonly said: () => string;
  readonly child: ChildProcess;
  /** After its end, or with more words to take over. */
  restart(...words: readonly string[]): void;
  /** Null while it does not answer. */
  status(): Promise<Status | null>;
  /** Whether a client of it gets an answer of the backend. */
  admits(): Promise<boolean>;
}

export interface Status {
  readonly revision: number | null;
  readonly source: string | null;
  readonly last: string | null;
  readonly because: string | null;
  readonly ageMs: number | null;
  readonly failures: number;
}

/** In a network of its own, whose only other host is this one. */
export async function gateway(number: number, folder: string, toml: string): Promise<Gateway> {
  mkdirSync(folder, { mode: 0o700 });
  const holder = spawn("unshare", ["-n", "sh", "-ec", "ip link set lo up; echo up; read -r _ || true"], { stdio: ["pipe", "pipe", "inherit"] });
  atEnd(() => holder.stdin.end());
  await once(holder.stdout, "data");
  const [near, far] = [`10.77.${number}.1`, `10.77.${number}.2`];
  run("ip", "link", "add", `g${number}`, "type", "veth", "peer", "name", "eth0", "netns", String(holder.pid));
  run("sh", "-ec", `ip addr add ${near}/30 dev g${number}; ip link set g${number} up`);
  const within = ["nsenter", "-t", String(holder.pid), "-n"];
  run("nsenter", ...within.slice(1), "sh", "-ec", `ip addr add ${far}/30 dev eth0; ip link set eth0 up; ip route add default via ${near}`);
  return launched(folder, toml, within, far);
}

/** In this network. */
export function launched(folder: string, toml: string, within: readonly string[], host: string): Gateway {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const [config, control] = [join(folder, "c.toml"), join(folder, "run", "c.sock")];
  writeFileSync(config, `${toml}\n[audit]\nfile = "${join(folder, "audit.jsonl")}"\n[control]\nsocket = "${control}"\n`);
  let said = "";
  const [command = process.execPath, ...argv] = [...within, process.execPath, ...INGRESSD, "--config", config];
  const start = (words: readonly string[]): ChildProcess => {
    const child = kept(spawn(command, [...argv, ...words], { stdio: ["ignore", "ignore", "pipe"] }));
    child.stderr?.on("data", (chunk: Buffer) => (said += chunk.toString()));
    return child;
  };
  let connection: Promise<Connection> | null = null;
  let child = start([]);
  return {
    folder,
    get child() {
      return child;
    },
    restart(...words) {
      connection = null;
      child = start(words);
    },
    said: () => said,
    async status() {
      if (!existsSync(control)) return null;
      try {
        connection ??= openConnection(control, { background: true });
        const open = await connection;
        return statusOf(await open.call("status"));
      } catch {
        connection = null;
        return null;
      }
    },
    admits: () =>
      new Promise((resolve) => {
        let got = "";
        const socket = connect({ host, port: PORT });
        socket.on("data", (chunk: Buffer) => (got += chunk.toString()));
        socket.once("error", () => resolve(false));
        socket.once("close", () => resolve(got === "hello"));
      }),
  };
}

function statusOf(answer: unknown): Status | null {
  const status = fieldsOf(fieldsOf(answer)?.["result"]);
  if (status === null) return null;
  const [policy, source] = [fieldsOf(status["policy"]), fieldsOf(status["source"])];
  const text = (value: unknown): string | null => (typeof value === "string" ? value : null);
  const number = (value: unknown): number | null => (typeof value === "number" ? value : null);
  return {
    revision: number(fieldsOf(policy?.["signature"])?.["revision"]),
    source: text(policy?.["source"]),
    last: text(source?.["last"]),
    because: text(source?.["because"]),
    ageMs: number(source?.["age_ms"]),
    failures: number(source?.["failures"]) ?? 0,
  };
}
