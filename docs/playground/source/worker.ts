// The worker of the page: one job after the other, each with a policy of its own. The page ends the worker when a job takes too long.
import { check } from "./jobs/check.ts";
import { explain } from "./jobs/explain.ts";
import { format } from "./jobs/format.ts";
import { matrix } from "./jobs/matrix.ts";
import { strip } from "./jobs/strip.ts";
import type { AnswerMessage, JobKind, JobMessage, Jobs } from "./messages.ts";

type Doing = { readonly [K in JobKind]: (given: Jobs[K]["given"]) => Jobs[K]["answer"] | Promise<Jobs[K]["answer"]> };

const DOING: Doing = { check, explain, matrix, strip, format };

function done<K extends JobKind>(kind: K, given: Jobs[K]["given"]): Jobs[K]["answer"] | Promise<Jobs[K]["answer"]> {
  return DOING[kind](given);
}

async function answerTo({ number, kind, given }: JobMessage): Promise<AnswerMessage> {
  try {
    return { number, answer: await done(kind, given) };
  } catch (error) {
    return { number, defect: error instanceof Error ? error.message : String(error) };
  }
}

// A page's worker has this form of postMessage; the library of types that both share has that of a window.
const answer: (message: AnswerMessage) => void = self.postMessage.bind(self);
self.addEventListener("message", (event: MessageEvent<JobMessage>) => {
  void answerTo(event.data).then(answer);
});
