// The ends of connections, by the words that counters and status have for them.

/** Why an admitted connection ended. */
export type End =
  | "done"
  | "client_reset"
  | "backend_reset"
  | "backend_refused"
  | "backend_timeout"
  | "backend_not_owned"
  | "no_descriptor"
  | "idle"
  | "lifetime"
  | "rechecked"
  | "second_hello"
  | "cut"
  /** An event came that its state does not have: a bug of ours. */
  | "fault";
