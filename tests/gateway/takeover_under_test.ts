// The parts that tests of takeovers share: a gateway that runs, the next one, and a caller that goes through the steps itself.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Socket } from "node:net";
import { openRpc, type RpcClient } from "../../runtime/shell/rpc_client.ts";
import { STATE_FORMAT } from "../../gateway/takeover/handed_state.ts";
import { atEnd } from "../suite.ts";
import { backend, freePort, moduleOf, recordsIn, temporaryFolder, type Record } from "./gateway_under_test.ts";
import { launch, place, type LaunchOptions, type Running } from "./ingressd_process.ts";

export interface Pair {
  readonly folder: string;
  readonly port: number;
  /** Of the backend, which greets with `hello` and echoes. */
  readonly behind: number;
  readonly first: Running;
  /** The next gateway; `--takeover` is among its words. */
  takeOver(config?: string, options?: LaunchOptions): Running;
  /** The same, when it is ready. */
  taken(config?: string): Promise<Running>;
  /** Replaces the policy's file. */
  policy(clauses: string): void;
  records(op: string): readonly Record[];
}

export interface PairSetup {
  /** Of the one expose, without its backend. */
  readonly clauses?: string;
  readonly config?: string;
  readonly options?: LaunchOptions;
  /** The whole policy. */
  readonly policy?: (port: number, behind: number) => string;
}

/** A gateway that serves one port, and is ready. */
export async function gatewayToTake(setup: PairSetup = {}): Promise<Pair> {
  const { clauses = "allow from any", config = "", options = {} } = setup;
  const [{ port: behind }, port] = [await backend("hello"), await freePort()];
  const folder = temporaryFolder();
  const text = setup.policy ?? ((at, to) => only(at, to, clauses));
  place(folder, moduleOf(text(port, behind)));
  const first = launch(folder, config, options);
  await first.line("ingressd: ready");
  const takeOver = (more = config, given: LaunchOptions = {}): Running => launch(folder, more, { ...given, words: ["--takeover", ...(given.words ?? [])] });
  return {
    folder,
    port,
    behind,
    first,
    takeOver,
    async taken(more) {
      const next = takeOver(more);
      await next.line("ingressd: ready");
      return next;
    },
    policy: (other) => place(folder, moduleOf(only(port, behind, other))),
    records: (op) => recordsIn(join(folder, "audit.jsonl")).filter((record) => record.op === op),
  };
}

export function only(port: number, behind: number, clauses = "allow from any"): string {
  return `edition 1\nexpose web on tcp ${port} bind 127.0.0.1 { backend 127.0.0.1:${behind} ${clauses} }`;
}

/** A connection to the control socket, as the next gateway has one. */
export async function caller(folder: string): Promise<RpcClient> {
  const opened = await openRpc(join(folder, "run", "control.sock"), {
    answerMs: 5_000,
    mostLine: 1 << 24,
    notified: () => undefined,
    closed: () => undefined,
    isBackground: true,
  });
  if (!opened.ok) throw new Error(opened.error);
  atEnd(() => {
    opened.value.close();
  });
  return opened.value;
}

export type StepAnswer = { readonly [field: string]: unknown } | string;

/** Its result as fields, or its sentence. */
export async function step(rpc: RpcClient, name: string, more: object = {}): Promise<StepAnswer> {
  const answer = await rpc.call("takeover", { step: name, ...more });
  if (!answer.ok) return answer.error.message;
  return typeof answer.value === "object" && answer.value !== null ? Object.fromEntries(Object.entries(answer.value)) : { value: answer.value };
}

export const said = (answer: StepAnswer): string => (typeof answer === "string" ? answer : "granted");

/** The id of a takeover that has begun, or the sentence. */
export async function begun(rpc: RpcClient): Promise<string> {
  const answer = await step(rpc, "begin", { format: STATE_FORMAT });
  return typeof answer === "object" ? String(answer["id"]) : answer;
}

/** A gateway that takes over with these options stops (SIGSTOP) before it sends a step, and says so. */
export function stoppingAt(folder: string, step: string): LaunchOptions {
  const stop = join(folder, "stop.cjs");
  writeFileSync(
    stop,
    `const { writeSync } = require("node:fs");
const { Socket } = require("node:net");
const { write } = Socket.prototype;
Socket.prototype.write = function (chunk, ...rest) {
  if (String(chunk).includes('"step":"${step}"')) {
    writeSync(2, "stopped before ${step}\\n");
    process.kill(process.pid, "SIGSTOP");
  }
  return write.call(this, chunk, ...rest);
};
`,
  );
  return { node: ["--require", stop] };
}

/** The next bytes of the backend, or `closed`. */
export async function says(socket: Socket, text: string): Promise<string> {
  const heard = new Promise<string>((resolve) => {
    socket.once("data", (chunk) => resolve(chunk.toString()));
    socket.once("close", () => resolve("closed"));
  });
  socket.write(text);
  return heard;
}
