// Starts a program under the filter, with its notifications in the supervisor's hands before it runs.
import { spawn, type ChildProcess } from "node:child_process";
import type { Duplex } from "node:stream";
import { fileURLToPath } from "node:url";
import { LAUNCHER } from "../package/files.ts";
import { failed, ok, type Result } from "../result/result.ts";
import { read, socketInode, socketRows } from "../shell/procfs.ts";
import { withoutDebugger } from "../host/debugger.mjs";
import { CLOSE_RANGE, filterProgram, type Architecture } from "./filter.ts";
import { close, type Kernel } from "./kernel.ts";
import type { Domain } from "./confinement.ts";

/** Node can't do it itself: the kernel takes single-threaded processes only. The rights go before the program runs. */
export const INTO_USER_NAMESPACE = ["unshare", "--user", "--map-current-user", "--keep-caps", "--"];
const CHANNEL = 3;
const GO_AHEAD = "1";

export interface Launched {
  readonly child: ChildProcess;
  /** The descriptor of its notifications. */
  readonly listener: number;
}

export interface NotLaunched {
  /** `kernel`: it has no such filter; `namespace`: it gives no namespace; `domain`: nor a Landlock domain; `program`: it can't be executed. */
  readonly because: "kernel" | "namespace" | "domain" | "program" | "launcher";
  readonly errno: number;
}

/** A program that has a network namespace of its own. */
export interface Inside {
  readonly namespace: Namespace;
  /** Runs while the launcher waits in the namespace; a string says why nothing is started. */
  readonly ready: (launcher: number) => Promise<string | null>;
}

/** With the guard's own rights, or through a user namespace. */
export type Namespace = "own_rights" | "user";

export interface Started {
  readonly launched: Launched;
  /** Resolves when the program runs (null), or could not be executed. */
  readonly executed: Promise<NotLaunched | null>;
}

/** An error that is a sentence: `inside` was not ready. */
export async function launch(
  kernel: Kernel,
  architecture: Architecture,
  program: string,
  args: readonly string[],
  domain: Domain,
  inside?: Inside,
): Promise<Result<Started, NotLaunched | string>> {
  const start = JSON.stringify({
    program,
    args,
    filter: Buffer.from(filterProgram(architecture, inside === undefined ? [] : [architecture.numbers.setns])).toString("base64"),
    numbers: { seccomp: architecture.numbers.seccomp, closeRange: CLOSE_RANGE },
    namespace: inside?.namespace ?? null,
    domain,
  });
  const [file = "", ...words] = [...(inside?.namespace === "user" ? INTO_USER_NAMESPACE : []), process.execPath, ...withoutDebugger(), fileURLToPath(LAUNCHER)];
  const child = spawn(file, words, {
    stdio: ["inherit", "inherit", "inherit", "pipe"],
    env: { ...process.env, INGRESS_GUARD_START: start },
  });
  child.on("error", () => undefined);
  const channel = child.stdio[CHANNEL] as Duplex;
  channel.on("error", () => undefined);
  const lines = linesOf(channel);
  const first = await lines();
  const number = /^listener (\d+)$/.exec(first?.what ?? "")?.[1];
  if (number === undefined || child.pid === undefined)
    return failed({
      because:
        first?.what === "filter" ? "kernel"
        : first?.what === "namespace" || first?.what === "domain" ? first.what
        : "launcher",
      errno: first?.errno ?? 0,
    });
  const pidfd = kernel.openThread(child.pid, child.pid);
  const listener = pidfd < 0 ? pidfd : kernel.takeDescriptor(pidfd, Number(number));
  close(pidfd);
  if (listener < 0) {
    child.kill("SIGKILL");
    return failed({ because: "kernel", errno: -listener });
  }
  const notReady = (await inside?.ready(child.pid)) ?? null;
  if (notReady !== null) {
    child.kill("SIGKILL");
    return failed(notReady);
  }
  channel.write(GO_AHEAD);
  const executed = lines().then((line): NotLaunched | null =>
    line === null ? null : { because: line.what === "program" ? "program" : "launcher", errno: line.errno },
  );
  return ok({ launched: { child, listener }, executed });
}

interface Said {
  readonly what: string;
  readonly errno: number;
}

/** Null at the end. */
function linesOf(channel: Duplex): () => Promise<Said | null> {
  let text = "";
  let ended = false;
  let wake: (() => void) | null = null;
  channel.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
    wake?.();
  });
  channel.on("close", () => {
    ended = true;
    wake?.();
  });
  return async () => {
    while (!text.includes("\n") && !ended)
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    const end = text.indexOf("\n");
    if (end < 0) return null;
    const line: unknown = JSON.parse(text.slice(0, end));
    text = text.slice(end + 1);
    return typeof line === "object" && line !== null && "what" in line && "errno" in line ? { what: String(line.what), errno: Number(line.errno) } : null;
  };
}

/** Sockets of the network that are bound and not connected, among the descriptors that a program would inherit. A program could listen on them. */
export function inheritedSockets(): readonly number[] {
  const tables = ["tcp", "tcp6", "udp", "udp6", "udplite", "udplite6", "raw", "raw6"].map((table) => read(`/proc/self/net/${table}`));
  const bound = new Set(
    tables.flatMap((text) =>
      socketRows(text)
        .filter(({ isConnected }) => !isConnected)
        .map(({ inode }) => inode),
    ),
  );
  return [0, 1, 2].filter((fd) => {
    const inode = socketInode(`/proc/self/fd/${fd}`);
    return inode !== null && bound.has(inode);
  });
}
