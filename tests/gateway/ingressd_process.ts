// The shipped ingressd as a process, for tests: started on a folder, its output kept.
import { spawn, spawnSync, type ChildProcess, type ChildProcessWithoutNullStreams, type SpawnOptions } from "node:child_process";
import { once } from "node:events";
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { program } from "../ready.ts";
import { atEnd } from "../suite.ts";
import { GIVEN_ENGINE, GIVEN_FORWARDER, GIVEN_THREADS, moduleOf, withEngine, withForwarder, withThreads } from "./gateway_under_test.ts";

const INGRESSD = program("gateway/ingressd.mjs");

export interface Running {
  readonly child: ChildProcessWithoutNullStreams;
  readonly folder: string;
  readonly out: () => string;
  readonly err: () => string;
  readonly line: (text: string) => Promise<void>;
  /** Resolves when standard error has said it. */
  readonly says: (text: string) => Promise<void>;
  readonly exit: Promise<number | null>;
  readonly order: (...argv: string[]) => { code: number | null; out: string; err: string };
}

export interface LaunchOptions {
  readonly uid?: number;
  /** A command that ends by becoming the command it is given. */
  readonly through?: readonly string[];
  /** Options for Node, before the program. */
  readonly node?: readonly string[];
  /** Node's arguments for ingressd. */
  readonly program?: readonly string[];
  /** Descriptors that the process gets as 3 and up, with LISTEN_FDS; `count` where that says another number. */
  readonly passed?: { readonly fds: readonly number[]; readonly count?: number; readonly names?: string };
  /** More words of its command line. */
  readonly words?: readonly string[];
  /** Beside those of this process. */
  readonly env?: Readonly<Record<string, string>>;
}

/** With what the environment gives every gateway of a test. */
function configText(folder: string, config: string): string {
  const text = withThreads(withEngine(withForwarder(config, GIVEN_FORWARDER), GIVEN_ENGINE), GIVEN_THREADS);
  return `${text}\n[audit]\nfile = "${join(folder, "audit.jsonl")}"\n`;
}

/** Puts another configuration at its path by rename; a reload reads it. */
export function configure(folder: string, config: string): void {
  writeFileSync(join(folder, "new.toml"), configText(folder, config), { mode: 0o644 });
  renameSync(join(folder, "new.toml"), join(folder, "config.toml"));
}

export function launch(folder: string, config: string, options: LaunchOptions = {}): Running {
  writeFileSync(join(folder, "config.toml"), configText(folder, config), { mode: 0o644 });
  const control = join(folder, "run", "control.sock");
  const { passed } = options;
  const listen =
    passed === undefined ?
      []
    : ["sh", "-c", `LISTEN_FDS=${passed.count ?? passed.fds.length} LISTEN_FDNAMES="${passed.names ?? ""}" LISTEN_PID=$$ exec "$@"`, "sh"];
  const [command = process.execPath, ...argv] = [
    ...(options.through ?? []),
    ...listen,
    process.execPath,
    ...(options.node ?? []),
    ...(options.program ?? INGRESSD),
    "--policy",
    join(folder, "policy.wasm"),
    "--config",
    join(folder, "config.toml"),
    "--control",
    control,
    ...(options.words ?? []),
  ];
  const child = spawned(command, argv, {
    stdio: ["pipe", "pipe", "pipe", ...(passed?.fds ?? [])],
    env: { ...process.env, ...options.env },
    ...(options.uid !== undefined && { uid: options.uid, gid: options.uid }),
  });
  let out = "";
  let err = "";
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
  atEnd(() => {
    child.kill("SIGKILL");
  });
  const exit = once(child, "close").then(([code]) => (typeof code === "number" ? code : null));
  return {
    child,
    folder,
    exit,
    out: () => out,
    err: () => err,
    line: (text) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (out.split("\n").includes(text)) resolve();
        };
        child.stdout.on("data", look);
        child.once("close", () => reject(new Error(`it ended before \`${text}\`: ${err}`)));
        look();
      }),
    says: (text) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (err.includes(text)) resolve();
        };
        child.stderr.on("data", look);
        child.once("close", () => reject(new Error(`it ended before saying \`${text}\`: ${err}`)));
        look();
      }),
    order(...argv) {
      const done = spawnSync(process.execPath, [...INGRESSD, ...argv, "--control", control], { encoding: "utf8" });
      return { code: done.status, out: done.stdout, err: done.stderr };
    },
  };
}

/** Node's options with which koffi is not found. */
export function hidingKoffi(folder: string): readonly string[] {
  const hide = join(folder, "hide.cjs");
  writeFileSync(
    hide,
    `const { Module } = require("node:module");
const resolve = Module._resolveFilename;
Module._resolveFilename = function (name, ...rest) {
  if (name === "koffi") throw Object.assign(new Error("Cannot find module 'koffi'"), { code: "MODULE_NOT_FOUND" });
  return resolve.call(this, name, ...rest);
};
`,
  );
  return ["--require", hide];
}

/** Of what there is without koffi, Node's forwarder is a part. */
export function withoutKoffi(folder: string, config: string): Running {
  return launch(folder, withForwarder(config, "auto"), { node: hidingKoffi(folder) });
}

function spawned(command: string, argv: readonly string[], options: SpawnOptions): ChildProcessWithoutNullStreams {
  const child = spawn(command, argv, options);
  if (!hasPipes(child)) throw new Error("no pipes");
  return child;
}

function hasPipes(child: ChildProcess): child is ChildProcessWithoutNullStreams {
  return child.stdin !== null && child.stdout !== null && child.stderr !== null;
}

/** Whether another user can start ingressd: not where Node or the project lies in a folder closed to them. */
export function startsAs(uid: number): boolean {
  return spawnSync(process.execPath, [...INGRESSD, "--version"], { uid, gid: uid }).status === 0;
}

export function place(folder: string, module: Uint8Array): void {
  writeFileSync(join(folder, "new.wasm"), module, { mode: 0o644 });
  renameSync(join(folder, "new.wasm"), join(folder, "policy.wasm"));
}

export const web = (port: number, behind: number, net = "any"): Uint8Array =>
  moduleOf(`edition 1\nexpose web on tcp ${port} { backend 127.0.0.1:${behind} allow from ${net} }`);
