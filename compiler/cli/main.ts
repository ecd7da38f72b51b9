// ingressc, the compiler's command line: the only place of the compiler that knows files,
// processes and exit codes. A command returns an Outcome; it is shown here as text or as the
// JSON envelope {ok, class, code, message, help?, data?}, and its class is the exit code. Nothing a
// person types ends in a stack trace. This file and what it imports are loaded by every start: a command's own
// code is loaded by commands.ts when the command runs.
import { wantsJson } from "../../runtime/shell/command_line.ts";
import { EXIT_CODES } from "../../runtime/shell/exit.ts";
import { endWithoutReader } from "../../runtime/shell/head.ts";
import type { Outcome } from "./outcome.ts";
import { SILENT, progressOn, wantsProgress } from "./progress.ts";
import { answer, envelopeText, isAnswer, outcomeText } from "./session.ts";
import { monotonicMs, paint, wallSeconds, wantsColor } from "./terminal.ts";

export async function main(words: readonly string[]): Promise<void> {
  endWithoutReader();
  const json = wantsJson(words);
  const stop = new AbortController();
  // Only a command that keeps running handles the signals; the others end by them.
  if (words.includes("--watch")) for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());

  const progress = !json && wantsProgress(process.stderr, process.env) ? progressOn(process.stderr, monotonicMs) : SILENT;
  const show = (o: Outcome): void => {
    progress.end();
    if (json) {
      process.stdout.write(envelopeText(o));
      return;
    }
    const stream = isAnswer(o) ? process.stdout : process.stderr;
    stream.write(outcomeText(o, paint({ color: wantsColor(stream, process.env) })));
  };
  const outcome = await answer(words, { stop: stop.signal, wallSeconds: wallSeconds(), progress, show });
  show(outcome);
  process.exitCode = EXIT_CODES[outcome.class];
}
