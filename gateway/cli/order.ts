// `ingressd status`, `ingressd reload` and `ingressd reopen`: ask the running gateway over its control socket.
import { openConnection } from "../client/connection.mjs";
import type { Answer } from "../control/rpc.ts";
import { EXIT_DELEGATE, EXIT_OK, EXIT_REJECTED } from "../exit.ts";
import { reportText } from "./order_text.ts";
import { statusText } from "../status_text.ts";

export interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export async function order(kind: "status" | "reload" | "reopen", path: string, json: boolean): Promise<Outcome> {
  let answer: Answer;
  try {
    const client = await openConnection(path);
    answer = await client.call(kind);
    client.close();
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    const message = `no ingressd answers at \`${path}\` (${cause}): start it, or name its socket with --control`;
    return json ? envelope(EXIT_DELEGATE, "delegate", "no_gateway", message) : { exitCode: EXIT_DELEGATE, stdout: "", stderr: message };
  }
  if ("error" in answer) {
    const { message, data } = answer.error;
    const [exitCode, word] = kind === "reopen" ? [EXIT_DELEGATE, "delegate"] as const : [EXIT_REJECTED, "reject"] as const;
    return json ? envelope(exitCode, word, "refused", message, data) : { exitCode, stdout: "", stderr: message };
  }
  if (json) return envelope(EXIT_OK, "ok", "ok", kind, answer.result);
  return { exitCode: EXIT_OK, stdout: kind === "status" ? statusText(answer.result) : reportText(kind === "reload" ? "reloaded" : "reopened", answer.result), stderr: "" };
}

function envelope(exitCode: number, kind: string, code: string, message: string, data?: unknown): Outcome {
  const document = { ok: exitCode === EXIT_OK, class: kind, code, message, ...(data !== undefined && { data }) };
  return { exitCode, stdout: JSON.stringify(document), stderr: "" };
}
