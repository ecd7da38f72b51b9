// The output of a command of ingressd at its end, and the end of its process.
import type { Failure } from "../exit.ts";
import type { Outcome } from "./order.ts";

/** Of a command that answers. */
export function show({ stdout, stderr, exitCode }: Outcome): void {
  if (stdout !== "") process.stdout.write(`${stdout}\n`);
  if (stderr !== "") say(stderr);
  process.exitCode = exitCode;
}

/** Sentences, a line each. */
export function say(sentences: string): void {
  for (const sentence of sentences.split("\n")) process.stderr.write(`ingressd: ${sentence}\n`);
}

/** Ends the process, whatever is still open in it. */
export function end({ exitCode, message }: Failure): void {
  say(message);
  process.exitCode = exitCode;
  // Timers and sockets of a start that failed must not keep the process.
  setImmediate(() => process.exit(exitCode));
}

/** Of what keeps serving: a reader that has gone away (a closed pipe) must not end it. */
export function runWithoutReader(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
}
