// The parts that the gateway's tests share: a real daemon in this process (real compiler, engine and
// sockets), with a clock that the test moves and everything it prints kept in lists.
import { failed, ok } from "../../runtime/result/result.ts";
import { randomInt } from "node:crypto";
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compile } from "../../compiler/compile.ts";
import type { SourceFile } from "../../compiler/source/source.ts";
import { parseConfig } from "../../gateway/config/read.ts";
import { openConnection, type Connection } from "../../gateway/client/connection.mjs";
import { FREE } from "../../gateway/connection/states.ts";
import { startDaemon, type Daemon } from "../../gateway/daemon.ts";
import type { DaemonSetup } from "../../gateway/setup.ts";
import type { Failure } from "../../gateway/exit.ts";
import type { Disk } from "../../runtime/shell/disk.ts";
import type { Participant } from "../../gateway/participant.ts";
import type { OpensslCalls } from "../../gateway/kernel/openssl.ts";
import type { KernelCalls } from "../../gateway/kernel/calls.ts";
import { usableCalls } from "../../gateway/kernel/self_test.ts";
import { interfaceAddresses } from "../../gateway/listen/addresses.ts";
import type { Address } from "../../runtime/net/address.ts";
import { atEnd } from "../suite.ts";
import { manualClock, type ManualClock } from "../manual_clock.ts";

export { manualClock, type ManualClock };

/** Compiles; the text must be free of diagnostics. */
export function moduleOf(text: string): Uint8Array {
  const entry: SourceFile = { path: "test.ingress", text };
  const { module, diagnostics } = compile(entry, { read: (_path, from) => (from === null ? ok(entry) : failed("missing")) });
  if (module === null) throw new Error(diagnostics.map((d) => d.message).join("; "));
  return module;
}

export interface Record {
  readonly op: string;
  readonly decision: "allow" | "deny";
  readonly reason: string;
  readonly code: string;
  readonly generation: number;
  readonly source?: string;
  readonly local?: string;
  readonly rule?: string;
  readonly at?: string;
  readonly listener?: string;
  readonly service?: string;
  readonly subject?: string;
  readonly backend?: string;
  readonly detail?: string;
  readonly proto?: "udp";
  readonly unrecorded?: number;
  readonly sni?: string;
  readonly client?: string;
  readonly client_more?: number;
  readonly shadow?: { readonly decision: string; readonly reason: string; readonly code: string };
  readonly would?: string;
}

export interface Under {
  readonly daemon: Daemon;
  readonly clock: ManualClock;
  readonly folder: string;
  readonly policyPath: string;
  readonly markers: string[];
  readonly said: string[];
  records(): Record[];
  /** Puts a module at the policy's path by rename. */
  place(module: Uint8Array): void;
  /** Puts a configuration at its path by rename; a reload reads it. */
  configure(toml: string): void;
  control(path?: string, notified?: (method: string, params: unknown) => void): Promise<Connection>;
  stop(): Promise<void>;
}

export interface UnderSetup {
  readonly policy?: string;
  readonly module?: Uint8Array | null;
  /** TOML; the audit file and the control socket are added. */
  readonly config?: string;
  readonly folder?: string;
  /** Whether a change of the configuration's file reloads. */
  readonly watchesConfig?: boolean;
  readonly hostAddresses?: () => readonly Address[];
  readonly disk?: Disk;
  readonly participants?: readonly Participant[];
  readonly inherited?: DaemonSetup["inherited"];
  /** The wall clock, where it is to move apart from the monotonic one. */
  readonly wall?: () => number;
  /** Else the environment's TEST_FORWARDER, or what the gateway takes by itself. */
  readonly forwarder?: ForwarderName;
  /** Else the environment's TEST_TLS_ENGINE, or what the gateway takes by itself. */
  readonly engine?: EngineName | undefined;
  /** Else the environment's TEST_THREADS, or one. */
  readonly threads?: number;
  /** OpenSSL's calls that fail where the test says so. */
  readonly openssl?: OpensslCalls;
  /** The kernel's forwarder, with calls that fail where the test says so. */
  readonly calls?: KernelCalls;
}

export type ForwarderName = "kernel" | "node";
/** Of the environment, for every gateway that a test starts without naming its forwarder. */
export const GIVEN_FORWARDER = process.env["TEST_FORWARDER"];

/** The same, of its number of threads. */
export const GIVEN_THREADS = process.env["TEST_THREADS"];

/** Puts the key before the first table, unless the text has it, or the forwarder or the engine of TLS that it can't have. */
export function withThreads(config: string, threads: string | undefined): string {
  return threads === undefined || /^threads = |^tls\.engine = "node"|^forwarder = "node"/m.test(config) ? config : `threads = ${threads}\n${config}`;
}

export type EngineName = "openssl" | "node";
/** Of the environment, for every gateway that a test starts without naming its engine of TLS. */
export const GIVEN_ENGINE = process.env["TEST_TLS_ENGINE"];

/** Puts the key before the first table, unless the text has it. */
export function withEngine(config: string, engine: string | undefined): string {
  return engine === undefined || /^tls\.engine = |^forwarder = "node"/m.test(config) ? config : `tls.engine = "${engine}"\n${config}`;
}

/** Those that this machine has. */
export const FORWARDERS: readonly ForwarderName[] = (await usableCalls()).ok ? ["kernel", "node"] : ["node"];

/** Closed to others, and gone when the test's process ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "ingressd-"));
  process.setMaxListeners(0);
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export async function start(setup: UnderSetup): Promise<Under | { failure: Failure; markers: string[]; said: string[] }> {
  const folder = setup.folder ?? temporaryFolder();
  const policyPath = join(folder, "policy.wasm");
  const auditPath = join(folder, "audit.jsonl");
  const controlPath = join(folder, "run", "control.sock");
  const clock = manualClock(setup.wall ?? null);
  const engine = setup.engine ?? (setup.forwarder === "node" ? undefined : GIVEN_ENGINE);
  const threads = setup.threads?.toString() ?? (setup.calls === undefined && setup.openssl === undefined ? GIVEN_THREADS : undefined);
  const whole = (toml: string): string => {
    const text = withThreads(withEngine(withForwarder(toml, setup.forwarder ?? GIVEN_FORWARDER), engine), threads);
    return text.includes("[audit]") ? text.replace("AUDIT", auditPath) : `${text}\n[audit]\nfile = "${auditPath}"\n`;
  };
  const parsed = parseConfig(whole(setup.config ?? ""), "test.toml");
  if (!parsed.ok) throw new Error(parsed.error.message);
  const config = parsed.value;
  const configPath = join(folder, "test.toml");
  const configure = (toml: string): void => {
    writeFileSync(`${configPath}.new`, whole(toml));
    renameSync(`${configPath}.new`, configPath);
  };
  configure(setup.config ?? "");
  const place = (module: Uint8Array): void => {
    writeFileSync(`${policyPath}.new`, module);
    renameSync(`${policyPath}.new`, policyPath);
  };
  const module = setup.module === undefined && setup.policy !== undefined ? moduleOf(setup.policy) : (setup.module ?? null);
  if (module !== null) place(module);
  const markers: string[] = [];
  const said: string[] = [];
  const started = await startDaemon({
    policyPath,
    controlPath,
    config,
    configNow: () => parseConfig(readFileSync(configPath, "utf8"), "test.toml"),
    configPath: setup.watchesConfig === true ? configPath : null,
    clock,
    stateDirectory: config.state_dir ?? null,
    ...(setup.disk !== undefined && { disk: setup.disk }),
    ...(setup.inherited !== undefined && { inherited: setup.inherited }),
    ...(setup.participants !== undefined && { participants: setup.participants }),
    hostAddresses: setup.hostAddresses ?? interfaceAddresses,
    print: (line) => markers.push(line),
    say: (sentence) => said.push(sentence),
    ...(setup.calls !== undefined && { calls: setup.calls }),
    ...(setup.openssl !== undefined && { openssl: setup.openssl }),
  });
  if (!started.ok) {
    rmSync(folder, { recursive: true, force: true });
    return { failure: started.error, markers, said };
  }
  const daemon = started.value;
  let stopping: Promise<void> | null = null;
  const stop = async (): Promise<void> => {
    const stopped = daemon.stop();
    daemon.cut();
    await stopped;
    rmSync(folder, { recursive: true, force: true });
  };
  const under: Under = {
    daemon,
    clock,
    folder,
    policyPath,
    markers,
    said,
    place,
    configure,
    records: () => recordsIn(auditPath),
    control: (path, notified = () => undefined) => openConnection(path ?? controlPath, { notified }),
    stop: () => (stopping ??= stop()),
  };
  atEnd(() => under.stop());
  return under;
}

/** Puts the key before the first table, unless the text has it. */
export function withForwarder(config: string, forwarder: string | undefined): string {
  return forwarder === undefined || /^forwarder = /m.test(config) ? config : `forwarder = "${forwarder}"\n${config}`;
}

/** Of decisions. */
export function recordsIn(path: string): Record[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .slice(0, -1)
    .filter((line) => !isEndLine(line))
    .map(readRecord);
}

/** A record of the end of a connection. */
export interface EndRecord {
  readonly time: string;
  readonly start: string;
  readonly generation: number;
  readonly reason: string;
  readonly listener: string;
  readonly service: string;
  readonly proto?: "udp";
  readonly local: string;
  readonly source: string;
  readonly sni?: string;
  readonly backend: string;
  readonly connection: number;
  readonly duration_ms: number;
  readonly bytes_from_client: number;
  readonly bytes_from_backend: number;
}

export function endsIn(path: string): EndRecord[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .slice(0, -1)
    .filter(isEndLine)
    .map((line) => {
      const record: unknown = JSON.parse(line);
      if (!isEndRecord(record)) throw new Error(`not a record of an end: ${line}`);
      return record;
    });
}

function isEndLine(line: string): boolean {
  return line.includes('"op":"close"');
}

function isEndRecord(value: unknown): value is EndRecord {
  return typeof value === "object" && value !== null && !("decision" in value) && "reason" in value && "start" in value && "bytes_from_backend" in value;
}

function readRecord(line: string): Record {
  const record: unknown = JSON.parse(line);
  if (!isRecord(record)) throw new Error(`not an audit record: ${line}`);
  return record;
}

function isRecord(value: unknown): value is Record {
  return typeof value === "object" && value !== null && "op" in value && "decision" in value && "code" in value;
}

/** A daemon that must start. */
export async function running(setup: UnderSetup): Promise<Under> {
  const started = await start(setup);
  if ("failure" in started) throw new Error(started.failure.message);
  return started;
}

/** Below the ports that the kernel hands out, so that no client of a test takes it. */
const FIRST_PORT = 12_000;
const PORTS = 20_000;
const given = new Set<number>();

/** A port that is free now, never the same one twice. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST_PORT + randomInt(PORTS);
    if (given.has(port)) continue;
    given.add(port);
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false));
      server.listen({ port, host: "0.0.0.0" }, () => resolve(true));
    });
    if (!free) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}

export function listening(server: Server, host = "127.0.0.1"): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port: 0 }, () => resolve(portOf(server)));
  });
}

export function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === "string") throw new Error("not a TCP server");
  return address.port;
}

export interface BackendUnderTest {
  readonly port: number;
  /** Connections that reached it. */
  accepted: number;
  readonly sockets: Set<Socket>;
  close(): void;
}

/** Sends `greeting` at once, then does `serve` with each connection. */
export async function backend(greeting: string, serve: (socket: Socket) => void = echo): Promise<BackendUnderTest> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    under.accepted++;
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.once("close", () => sockets.delete(socket));
    if (greeting !== "") socket.write(greeting);
    serve(socket);
  });
  const under: BackendUnderTest = {
    port: await listening(server),
    accepted: 0,
    sockets,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
  atEnd(() => {
    under.close();
  });
  return under;
}

function echo(socket: Socket): void {
  socket.on("data", (chunk) => {
    if (!socket.write(chunk)) socket.pause();
  });
  socket.on("drain", () => socket.resume());
  socket.on("end", () => socket.end());
}

/** A client that has connected, seen from its own side. */
export interface Visit {
  readonly socket: Socket;
  /** The first event: bytes, or the end without any. */
  readonly first: Promise<string>;
  readonly closed: Promise<void>;
}

export function visit(port: number, options: { from?: string; to?: string } = {}): Visit {
  const socket = connect({
    host: options.to ?? "127.0.0.1",
    port,
    allowHalfOpen: true,
    ...(options.from !== undefined && { localAddress: options.from }),
  });
  const first = new Promise<string>((resolve) => {
    socket.once("data", (chunk) => resolve(chunk.toString()));
    socket.once("close", () => resolve(""));
    socket.once("end", () => resolve(""));
  });
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.on("error", () => undefined);
  atEnd(() => {
    socket.destroy();
  });
  return { socket, first, closed };
}

/** Whether the backend's greeting comes through; the connection is then closed. */
export async function probe(port: number, from = "127.0.0.1", to = "127.0.0.1"): Promise<"allow" | "deny"> {
  const { socket, first, closed } = visit(port, { from, to });
  const answer = await first;
  socket.destroy();
  await closed;
  return answer === "" ? "deny" : "allow";
}

/** Bytes that went to this client, as the gateway has counted them: a thread reports them some milliseconds later. */
export function countedFor({ daemon }: Under, { localPort }: Socket): number {
  const { state, sourcePort, bytesOut, rows } = daemon.forwarder.table;
  for (let row = 0; row < rows; row++) if (state[row] !== FREE && sourcePort[row] === localPort) return bytesOut[row] ?? 0;
  return 0;
}

/** Longest wait for what sockets bring about, in processor time of this process: a busy machine does not use it up. */
const PATIENCE_MS = 4_500;

/** Checks in every turn of the event loop until `isSo` is true. */
export async function eventually(isSo: () => boolean, what: string): Promise<void> {
  const from = process.cpuUsage();
  while (!isSo()) {
    const { user, system } = process.cpuUsage(from);
    if ((user + system) / 1000 > PATIENCE_MS) throw new Error(`never came: ${what}`);
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}
