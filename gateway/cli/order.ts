// The commands of `ingressd` that call the running gateway over its control socket.
import { envelopeJson } from "../../runtime/shell/envelope.ts";
import type { ExitClass } from "../../runtime/shell/exit.ts";
import { failed } from "../../runtime/result/result.ts";
import { openRpc } from "../../runtime/shell/rpc_client.ts";
import { EXIT_DELEGATE, EXIT_OK, EXIT_REJECTED } from "../exit.ts";
import { reportText } from "./order_text.ts";
import { statusText } from "./status_text.ts";

/** Characters of one answer. */
const MOST_LINE = 64 * 1024 * 1024;

export interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export type OrderKind = "status" | "reload" | "reopen" | "block" | "unblock" | "blocks" | "explain";

/** The first line for people. */
const DONE = { reload: "reloaded", reopen: "reopened", block: "blocked", unblock: "unblocked", blocks: "blocks", explain: "explained" } as const;

export interface Order {
  readonly kind: OrderKind;
  /** Null: none. */
  readonly params: object | null;
}

export async function order({ kind, params }: Order, path: string, json: boolean): Promise<Outcome> {
  const opened = await openRpc(path, { answerMs: null, mostLine: MOST_LINE, notified: () => undefined, closed: () => undefined, isBackground: false });
  const answer = opened.ok ? await opened.value.call(kind, ...(params === null ? [] : [params])) : failed({ kind: "absent", message: opened.error } as const);
  if (opened.ok) opened.value.close();
  if (answer.ok) {
    if (json) return envelope(EXIT_OK, "ok", "ok", kind, answer.value);
    return {
      exitCode: EXIT_OK,
      stdout: kind === "status" ? statusText(answer.value) : reportText(DONE[kind], answer.value),
      stderr: "",
    };
  }
  const { error } = answer;
  if (error.kind === "absent") {
    const message = `no ingressd answers at \`${path}\` (${error.message}): start it, or name its socket with --control`;
    return json ? envelope(EXIT_DELEGATE, "delegate", "no_gateway", message) : { exitCode: EXIT_DELEGATE, stdout: "", stderr: message };
  }
  const [exitCode, word] = kind === "reopen" ? ([EXIT_DELEGATE, "delegate"] as const) : ([EXIT_REJECTED, "reject"] as const);
  return json ? envelope(exitCode, word, "refused", error.message, error.data) : { exitCode, stdout: "", stderr: error.message };
}

function envelope(exitCode: number, kind: ExitClass, code: string, message: string, data?: unknown): Outcome {
  return { exitCode, stdout: envelopeJson({ class: kind, code, message, data }), stderr: "" };
}
