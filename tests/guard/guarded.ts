// A program under ingress-guard, as a process of its own; what it printed, and how it ended.
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { compileText } from "../oracle/ask.ts";
import { atEnd } from "../suite.ts";

export const GUARD = fileURLToPath(new URL("../../runtime/guard/ingress-guard.mjs", import.meta.url));
const PROGRAMS = fileURLToPath(new URL("programs/", import.meta.url));

export const POLICY = `edition 1
expose web on tcp 8443 { backend 127.0.0.1:8080 allow from any }
`;

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

/** Whose rights a guard has in a test that runs as root. */
export const NOBODY = 65_534;

export interface Place {
  readonly folder: string;
  readonly policy: string;
  readonly audit: string;
  /** XDG_RUNTIME_DIR of its guards. */
  readonly runtime: string;
  /** Null: the test's own. */
  readonly uid: number | null;
}

export function place(text = POLICY, uid: number | null = null): Place {
  const folder = mkdtempSync(join(tmpdir(), "ingressd-guard-"));
  chmodSync(folder, 0o755);
  const [policy, runtime] = [join(folder, "p.wasm"), join(folder, "run")];
  writeFileSync(policy, compileText(text), { mode: 0o600 });
  mkdirSync(runtime, { mode: 0o700 });
  if (uid !== null) for (const path of [folder, policy, runtime]) chownSync(path, uid, uid);
  return { folder, policy, audit: join(folder, "audit.jsonl"), runtime, uid };
}

export function remove({ folder }: Place): void {
  rmSync(folder, { recursive: true, force: true });
}

/** A guarded program's path among the tests' own. */
export const program = (name: string): string => join(PROGRAMS, `${name}.mjs`);

export interface StartOptions {
  readonly service?: string;
  /** Further words of the guard's own. */
  readonly words?: readonly string[];
  /** A descriptor as standard input. */
  readonly stdin?: number | "ignore";
  /** Run in the guard's place: a program and its first words. */
  readonly through?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export function startWith(where: Place, command: readonly string[], options: StartOptions = {}): ChildProcess {
  const { service = "web", words = [], stdin = "pipe", through = [], env = {} } = options;
  const [file = "", ...rest] = [
    ...through,
    process.execPath,
    GUARD,
    "--policy",
    where.policy,
    "--service",
    service,
    "--audit",
    where.audit,
    ...words,
    "--",
    ...command,
  ];
  const child = spawn(file, rest, {
    stdio: [stdin, "pipe", "pipe"],
    env: { ...process.env, XDG_RUNTIME_DIR: where.runtime, ...env },
    ...(where.uid !== null && { uid: where.uid, gid: where.uid }),
  });
  atEnd(() => child.kill("SIGKILL"));
  return child;
}

export const start = (where: Place, command: readonly string[], service = "web"): ChildProcess => startWith(where, command, { service });

export function ended(child: ChildProcess): Promise<Ended> {
  let [out, err] = ["", ""];
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    err += text;
  });
  return new Promise((resolve) => child.once("close", (code, signal) => resolve({ code, signal, out, err })));
}

export const run = (where: Place, command: readonly string[], service = "web"): Promise<Ended> => ended(start(where, command, service));

/** A Node program of the tests. */
export const runNode = (where: Place, name: string, ...args: readonly string[]): Promise<Ended> => run(where, [process.execPath, program(name), ...args]);

/** Why no program can be guarded here, or null: found out by trying it. */
export function missing(where: Place, words: readonly string[] = []): string | null {
  const { status, stderr } = spawnSync(process.execPath, [GUARD, "--policy", where.policy, "--service", "web", ...words, "--", process.execPath, "-e", "0"], {
    encoding: "utf8",
    env: { ...process.env, XDG_RUNTIME_DIR: where.runtime },
    ...(where.uid !== null && { uid: where.uid, gid: where.uid }),
  });
  return status === 4 ? stderr.trim() : null;
}

/** The output of a program, parsed as JSON. */
export function printed({ out, err }: Ended): unknown {
  try {
    return JSON.parse(out);
  } catch {
    throw new Error(`it printed ${JSON.stringify(out)}; ${err}`);
  }
}
