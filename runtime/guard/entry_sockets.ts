// The way into a guarded program's network namespace: a unix socket for each port that the program listens
// on at loopback, `PORT.sock` in a folder, for the gateway to name as its backend. A process of the guard's in
// the namespace (doorman.mjs) hands connections in; it ends with the guard.
import { spawn, type ChildProcessByStdio } from "node:child_process";
import { chmodSync, chownSync, readlinkSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { DOORMAN } from "../package/files.ts";
import { withoutDebugger } from "../host/debugger.mjs";
import { formatEndpoint } from "../net/address.ts";
import type { Namespace } from "./launch.ts";
import { cause, preparePrivate, listenAt } from "./private_folder.ts";
import type { InetAddress } from "./sockaddr.ts";

/** Ports that lead in at a time. */
const MOST_ENTRIES = 64;
const GROUP_ENTERS = 0o660;

export interface EntrySockets {
  /** The doorman's process. */
  readonly process: number;
  /** Of the namespace's sockets. */
  readonly cookie: bigint;
  /** Makes the way to a port, once. */
  open(local: InetAddress): void;
  /** Path and port of each way in. */
  list(): readonly { readonly path: string; readonly port: number }[];
  close(): void;
}

export interface EntrySetup {
  /** The folder of the sockets; `given`: by the user, whose folder says which group may enter too. */
  readonly folder: string;
  readonly given: boolean;
  readonly namespace: Namespace;
  /** A process in the namespace. */
  readonly inside: number;
  readonly say: (sentence: string) => void;
  /** The doorman ended before it was stopped. */
  readonly lost: () => void;
}

/** Null, or why there can't be sockets there. */
export function prepareFolder(folder: string, given: boolean): string | null {
  if (!given) return preparePrivate(folder);
  try {
    const { uid, mode } = statSync(folder);
    const self = process.geteuid?.() ?? uid;
    if (uid !== self && uid !== 0) return `the folder \`${folder}\` belongs to uid ${uid}, who could replace its sockets: run chown ${self} ${folder}`;
    return (mode & 0o022) === 0 ? null : `others can write the folder \`${folder}\`: run chmod go-w ${folder}`;
  } catch (error) {
    return `the folder \`${folder}\` can't be used (${cause(error)})`;
  }
}

/** A string says why there is no way in. */
export async function openEntrySockets({ folder, given, namespace, inside, say, lost }: EntrySetup): Promise<EntrySockets | string> {
  const into = namespace === "user" ? ["nsenter", "--target", String(inside), "--user", "--net", "--preserve-credentials", "--"] : [];
  const [file = "", ...words] = [...into, process.execPath, ...withoutDebugger(), fileURLToPath(DOORMAN)];
  const start = { enter: namespace === "user" ? null : inside, outside: readlinkSync("/proc/self/ns/net") };
  const child: ChildProcessByStdio<Writable, Readable, null> = spawn(file, words, {
    stdio: ["pipe", "pipe", "inherit"],
    env: { PATH: process.env["PATH"], INGRESS_GUARD_DOORMAN: JSON.stringify(start) },
  });
  child.stdin.on("error", () => undefined);
  const pending = new Map<string, (failed: string | null) => void>();
  const entries = new Map<number, { readonly path: string; readonly port: number }>();
  let [ready, closed] = [false, false];
  const first = await new Promise<unknown>((resolve) => {
    child.once("error", (error) => resolve({ wrong: error.message }));
    child.once("exit", (code) => {
      resolve({ wrong: `it ended with ${code ?? "a signal"}` });
      for (const answer of pending.values()) answer("the doorman has ended");
      if (ready && !closed) lost();
    });
    createInterface({ input: child.stdout }).on("line", (line) => {
      const message: unknown = JSON.parse(line);
      if (!isOpened(message)) return resolve(message);
      pending.get(message.path)?.(message.failed);
      pending.delete(message.path);
    });
  });
  if (!isReady(first)) return `no process can run in the program's namespace (${isWrong(first) ? first.wrong : "it did not answer"})`;
  ready = true;
  const send = (order: object): void => void child.stdin.write(`${JSON.stringify(order)}\n`);
  const listen =
    (port: number) =>
    (path: string): Promise<string | null> =>
      new Promise((resolve) => {
        pending.set(path, resolve);
        send({ path, port });
      });
  const prepare = (path: string): void => {
    if (!given) return;
    chownSync(path, -1, statSync(folder).gid);
    chmodSync(path, GROUP_ENTERS);
  };
  return {
    process: child.pid ?? 0,
    cookie: BigInt(first.cookie),
    open(local) {
      const { port } = local;
      if (closed) return;
      // The port may have been closed, and listened on again at another address.
      send({ port, host: hostOf(local) });
      if (entries.has(port)) return;
      if (entries.size >= MOST_ENTRIES) return say(`the program listens on more than ${MOST_ENTRIES} ports: none leads to ${port}`);
      const path = join(folder, `${port}.sock`);
      entries.set(port, { path, port });
      void listenAt(path, listen(port), prepare).then((failed) => {
        if (closed) return rmSync(path, { force: true });
        if (failed !== null) entries.delete(port);
        say(failed === null ? `${formatEndpoint(local.address, port)} inside is unix:${path} here` : failed);
      });
    },
    list: () => [...entries.values()],
    close() {
      closed = true;
      child.kill("SIGKILL");
      for (const { path } of entries.values()) rmSync(path, { force: true });
    },
  };
}

function hostOf({ address, port }: InetAddress): string {
  const text = formatEndpoint(address, port);
  return text.slice(0, text.lastIndexOf(":")).replace(/^\[|\]$/g, "");
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;
const isOpened = (value: unknown): value is { readonly path: string; readonly failed: string | null } =>
  isObject(value) && "path" in value && "failed" in value;
const isReady = (value: unknown): value is { readonly cookie: string } => isObject(value) && "cookie" in value;
const isWrong = (value: unknown): value is { readonly wrong: string } => isObject(value) && "wrong" in value;
