// The ends of connections, by the words that counters and status have for them.

/** Why an admitted connection ended. `fault`: an event came that its state does not have, which is a bug of ours. */
export const ENDS = [
  "done",
  "client_reset",
  "backend_reset",
  "backend_refused",
  "backend_timeout",
  "backend_not_owned",
  "no_descriptor",
  // Of flows of datagrams.
  "unanswered",
  "made_room",
  "backend_unreachable",
  "idle",
  "lifetime",
  "rechecked",
  "blocked",
  "second_hello",
  "cut",
  "fault",
] as const;

export type End = (typeof ENDS)[number];

/** Why a backend could not take a connection or a flow. `full`: so many are under way there already. */
export type BackendFailure = "refused" | "timeout" | "not_owned" | "full" | "unreachable";
