// The first policy of a start, and what the log says of how it is served.
import { CODE_NO_MODULE } from "../runtime/abi/verdicts.ts";
import { denial } from "../runtime/host/decision.ts";
import { failed, ok, type Result } from "../runtime/result/result.ts";
import { EXIT_DELEGATE, EXIT_OK, EXIT_REJECTED, EXIT_UNSUPPORTED, failure, type Failure } from "./exit.ts";
import type { Parts } from "./parts.ts";
import { reportSentence, type Refused } from "./reload/report.ts";
import type { DaemonSetup } from "./setup.ts";

/** The policy's file or what its source offers, or the last good policy where that is refused. False where nothing is in force yet. */
export async function loadFirst({ policyPath, say, config, taking }: DaemonSetup, parts: Parts, ending: AbortSignal): Promise<Result<boolean, Failure>> {
  const {
    context: { reloader, source, recorder, inForce, chosen, threads },
    readsResets,
  } = parts;
  const fromFile = await (source === null ? reloader.reload() : source.begin());
  const first = fromFile.ok ? fromFile : await reloader.fallBack(fromFile.error);
  if (ending.aborted) return failed(failure(EXIT_OK, "ended by a signal before it was ready"));
  if (!first.ok && source !== null && first.error.cause === "policy" && taking === undefined) {
    say(`no policy is in force, so nothing is open, until the source gives one: ${first.error.message}`);
    return ok(false);
  }
  if (!first.ok) return failed(failure(exitOf(first.error), first.error.message));
  if (!fromFile.ok) {
    const { message } = fromFile.error;
    say(`WARNING: the last good policy is in force in place of the ${source === null ? "file" : "source's"}: ${message}`);
    recorder.record([{ op: "load", decision: denial(CODE_NO_MODULE), generation: inForce.generation, local: policyPath, detail: message }], null);
  }
  if (chosen.because !== null) say(`Node's sockets serve in place of the kernel's calls: ${chosen.because}`);
  if (threads.because !== null) say(`one thread serves, though \`threads\` is ${config.threads}: ${threads.because}`);
  if (!readsResets) say("WARNING: koffi is not installed, so resets can't be read from the kernel, and a reset right after data may be passed on as an end");
  say(reportSentence(first.value));
  return ok(true);
}

function exitOf({ cause }: Refused): number {
  if (cause === "sockets") return EXIT_UNSUPPORTED;
  return cause === "policy" || cause === "keys" ? EXIT_REJECTED : EXIT_DELEGATE;
}
