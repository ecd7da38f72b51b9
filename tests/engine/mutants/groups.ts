// Mutants of groups: where a name leads at a port that several exposes share, what is refused and charged there, and the checks of
// their tables.
import type { Mutant } from "./list.ts";

const SHARED = "engine/shared_ports";

export const GROUPS: readonly Mutant[] = [
  { file: "decide", text: "H_GROUP_FIRST), class_) - 1;", instead: "H_GROUP_FIRST), class_) + 1;", nearest: SHARED },
  {
    file: "decide",
    text: "group - load<u32>(TABLES_BASE + H_GROUP_FIRST), class_)",
    instead: "group + load<u32>(TABLES_BASE + H_GROUP_FIRST), class_)",
    nearest: SHARED,
  },
  { file: "decide", text: "if (class_ < 0) return group;", instead: "if (class_ <= 0) return group;", nearest: SHARED },
  {
    file: "decide",
    text: "return listener >= load<u32>(TABLES_BASE + H_GROUP_FIRST);",
    instead: "return listener > load<u32>(TABLES_BASE + H_GROUP_FIRST);",
    nearest: SHARED,
  },
  { file: "decide", text: "if (isGroup(listener) && load<i32>(residual,", instead: "if (isGroup(listener) || load<i32>(residual,", nearest: SHARED },
  { file: "decide", text: "R_RESIDUAL_VERDICT) == VERDICT_OPEN) {", instead: "R_RESIDUAL_VERDICT) != VERDICT_OPEN) {", nearest: SHARED },
  { file: "decide", text: "if (lead == listener) return deny", instead: "if (lead != listener) return deny", nearest: SHARED },
  { file: "decide", text: "if (lead == 0xffffffff) return deny", instead: "if (lead != 0xffffffff) return deny", nearest: SHARED },
  { file: "decide", text: "store<u32>(DETAIL_BASE, lead, DETAIL_LISTENER);", instead: "store<u32>(DETAIL_BASE, listener, DETAIL_LISTENER);", nearest: SHARED },
  { file: "decide", text: "residual = residualOf(lead, a, b, c, d);", instead: "residual = residualOf(listener, a, b, c, d);", nearest: SHARED },
  { file: "decide", text: "isGroup(listener) ? -1 : length, words);", instead: "!isGroup(listener) ? -1 : length, words);", nearest: SHARED },
  { file: "main", text: "verdict != VERDICT_DENY && !isGroup(listener)) {", instead: "verdict != VERDICT_DENY && isGroup(listener)) {", nearest: SHARED },
  { file: "charge", text: "if (conforms(at, debt)) setSourceDebt(", instead: "if (!conforms(at, debt)) setSourceDebt(", nearest: SHARED },
  { file: "charge", text: "debt + load<u32>(at, R_LIMIT_PERIOD_MS)", instead: "debt - load<u32>(at, R_LIMIT_PERIOD_MS)", nearest: SHARED },
  { file: "charge", text: "left--, limit++", instead: "left--, limit--", nearest: SHARED },
  { file: "validate", text: "if (word > head(H_GROUP_FIRST)) return false;", instead: "if (word >= head(H_GROUP_FIRST)) return false;" },
  { file: "validate", text: "if (i >= head(H_GROUP_FIRST) ?", instead: "if (i > head(H_GROUP_FIRST) ?", nearest: SHARED },
  { file: "validate", text: "if (head(H_GROUP_FIRST) > count) return false;", instead: "if (head(H_GROUP_FIRST) >= count) return false;" },
  { file: "validate", text: "head(H_LISTENER_COUNT) - head(H_GROUP_FIRST)", instead: "head(H_LISTENER_COUNT) + head(H_GROUP_FIRST)" },
];
