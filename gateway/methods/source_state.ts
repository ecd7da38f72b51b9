// The source of the policy for status, readiness and the status page: when it was pulled, and what became of it.
import type { SourceState } from "../source/pull_record.ts";

/** Without the source's name. */
export function sourceSentence({ last, ageMs, failures, nextInMs }: SourceState): string {
  const age = ageMs === null ? "nothing of it is known to be in force" : `the policy in force was last offered ${seconds(ageMs)} ago`;
  const next = nextInMs === null ? "it is pulled now" : `it is pulled again in ${seconds(nextInMs)}`;
  if (last === null) return `${age}; ${next}`;
  const became =
    last.because === null ?
      ""
    : `; the last pull ${last.result === "failed" ? `failed${failures > 1 ? ` (${failures} in a row)` : ""}` : "was refused"}: ${last.because}`;
  return `${age}${became}; ${next}`;
}

export function sourceJson(state: SourceState): object {
  const { source, last, ageMs, failures, nextInMs, pulls } = state;
  return {
    location: source,
    last: last?.result ?? null,
    time: last === null ? null : new Date(last.atMs).toISOString(),
    because: last?.because ?? null,
    age_ms: ageMs,
    failures,
    next_in_ms: nextInMs,
    pulls: Object.fromEntries(pulls),
    sentence: sourceSentence(state),
  };
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}
