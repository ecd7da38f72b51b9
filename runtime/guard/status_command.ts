// `ingress-guard status`: queries each guard of this user, and shows them as a table or in JSON.
import { lstatSync, readdirSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { envelopeJson } from "../shell/envelope.ts";
import { EXIT_CODES } from "../shell/exit.ts";
import { endWithoutReader } from "../shell/head.ts";
import { say } from "./ending.ts";
import { guardsFolder } from "./private_folder.ts";
import type { GuardStatus } from "./status.ts";

const ANSWER_MS = 2_000;
const MOST_BYTES = 1024 * 1024;
const MOST_GUARDS = 256;
const COLUMN_GAP = "  ";
const DIGEST_SHOWN = 12;

export interface Found {
  readonly guards: readonly GuardStatus[];
  /** Sockets whose guard gave no answer. */
  readonly silent: readonly string[];
}

export async function showStatus(json: boolean): Promise<void> {
  endWithoutReader();
  const found = await queryGuards(process.env);
  const failed = typeof found === "string";
  if (json) {
    process.stdout.write(
      `${envelopeJson(failed ? { class: "delegate", code: "delegate_failed", message: found } : { class: "ok", code: "ok", message: `guards that run: ${found.guards.length}`, data: found })}\n`,
    );
  } else if (failed) say(found);
  else process.stdout.write(`${statusTable(found)}\n`);
  if (failed) process.exitCode = EXIT_CODES.delegate;
}

/** A string says why the folder is not to be trusted. */
async function queryGuards(env: NodeJS.ProcessEnv): Promise<Found | string> {
  const uid = process.geteuid?.() ?? 0;
  const folder = guardsFolder(env, uid);
  let names: readonly string[];
  try {
    const stats = lstatSync(folder);
    if (!stats.isDirectory() || stats.uid !== uid || (stats.mode & 0o077) !== 0)
      return `the folder \`${folder}\` is not this user's alone: anyone who may write it could answer`;
    names = readdirSync(folder);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return { guards: [], silent: [] };
    return `the folder \`${folder}\` can't be read (${error instanceof Error ? error.message : String(error)})`;
  }
  const paths = names
    .filter((name) => /^\d+\.sock$/.test(name))
    .slice(0, MOST_GUARDS)
    .map((name) => join(folder, name));
  const answers = await Promise.all(paths.map(async (path) => ({ path, answer: await query(path) })));
  // Nobody serves it: its guard was killed.
  for (const { path, answer } of answers) if (answer === "nobody") rmSync(path, { force: true });
  return {
    guards: answers.flatMap(({ answer }) => (typeof answer === "string" ? [] : [answer])).sort((a, b) => a.pid - b.pid),
    silent: answers.flatMap(({ path, answer }) => (answer === "silent" ? [path] : [])),
  };
}

function query(path: string): Promise<GuardStatus | "nobody" | "silent"> {
  return new Promise((resolve) => {
    let text = "";
    const socket = connect({ path });
    const timer = setTimeout(() => socket.destroy(), ANSWER_MS);
    socket.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      if (text.length > MOST_BYTES) socket.destroy();
    });
    socket.on("error", (error) => resolve("code" in error && (error.code === "ECONNREFUSED" || error.code === "ENOENT") ? "nobody" : "silent"));
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(text.endsWith("\n") ? parsed(text) : "silent");
    });
  });
}

function parsed(text: string): GuardStatus | "silent" {
  try {
    const status: unknown = JSON.parse(text);
    return isStatus(status) ? status : "silent";
  } catch {
    return "silent";
  }
}

const isStatus = (value: unknown): value is GuardStatus =>
  typeof value === "object" && value !== null && ["pid", "service", "program", "policy", "binds", "bound", "doors"].every((key) => key in value);

function statusTable({ guards, silent }: Found): string {
  const heads = ["SERVICE", "GUARD", "PROGRAM", "POLICY", "ALLOWED", "DENIED", "BOUND"];
  const body = guards.flatMap(({ service, pid, program, program_pid, isolated, policy, binds, bound, doors }) => {
    const sockets = [...bound.map(({ local, proto }) => `${local}/${proto}${isolated ? " inside" : ""}`), ...doors.map(({ path }) => `unix:${path}`)];
    const words = program_pid === null ? `${program} (ended)` : `${program} (${program_pid})`;
    const digest = policy === null ? "none" : `${policy.sha256.slice(0, DIGEST_SHOWN)} #${policy.generation}`;
    const first = [service, String(pid), words, digest, String(binds.allowed), String(binds.denied), sockets[0] ?? "nothing"];
    return [first, ...sockets.slice(1).map((socket) => ["", "", "", "", "", "", socket])];
  });
  const lines = [heads, ...body].map((line) => line.map(escaped));
  const widths = heads.map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)));
  const table = lines.map((line) =>
    line
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join(COLUMN_GAP)
      .trimEnd(),
  );
  return [...(guards.length === 0 ? ["no guard runs for this user"] : table), ...silent.map((path) => `no answer at ${path}`)].join("\n");
}

/** The user that started the program chose its name. */
const escaped = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (c) => `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`);
