// A program under ingress-guard, as a process of its own; what it printed, and how it ended.
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { compileText } from "../oracle/ask.ts";

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

export interface Place {
  readonly folder: string;
  readonly policy: string;
  readonly audit: string;
}

export function place(): Place {
  const folder = mkdtempSync(join(tmpdir(), "ingressd-guard-"));
  chmodSync(folder, 0o755);
  const policy = join(folder, "p.wasm");
  writeFileSync(policy, compileText(POLICY), { mode: 0o600 });
  return { folder, policy, audit: join(folder, "audit.jsonl") };
}

export function remove({ folder }: Place): void {
  rmSync(folder, { recursive: true, force: true });
}

/** A guarded program's path among the tests' own. */
export const program = (name: string): string => join(PROGRAMS, `${name}.mjs`);

export function start({ policy, audit }: Place, command: readonly string[], service = "web"): ChildProcess {
  return spawn(process.execPath, [GUARD, "--policy", policy, "--service", service, "--audit", audit, "--", ...command], { stdio: ["pipe", "pipe", "pipe"] });
}

export function ended(child: ChildProcess): Promise<Ended> {
  let [out, err] = ["", ""];
  child.stdout?.setEncoding("utf8").on("data", (text: string) => { out += text; });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => { err += text; });
  return new Promise((resolve) => child.once("close", (code, signal) => resolve({ code, signal, out, err })));
}

export const run = (where: Place, command: readonly string[], service = "web"): Promise<Ended> => ended(start(where, command, service));

/** A Node program of the tests. */
export const runNode = (where: Place, name: string, ...args: readonly string[]): Promise<Ended> => run(where, [process.execPath, program(name), ...args]);

/** Why no program can be guarded here, or null: found out by trying it. */
export function missing(where: Place): string | null {
  const { status, stderr } = spawnSync(process.execPath, [GUARD, "--policy", where.policy, "--service", "web", "--", process.execPath, "-e", "0"], { encoding: "utf8" });
  return status === 4 ? stderr.trim() : null;
}

/** What a program printed, in JSON. */
export function printed({ out, err }: Ended): unknown {
  try {
    return JSON.parse(out);
  } catch {
    throw new Error(`it printed ${JSON.stringify(out)}; ${err}`);
  }
}
