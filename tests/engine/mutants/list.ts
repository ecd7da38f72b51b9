// Single-operator mutants of the engine: each is a mistake that someone could make, and each has
// to fail a quick test. `text` stands exactly once in the file.

export interface Mutant {
  readonly file: "charge" | "caps" | "decide" | "limits" | "main" | "names" | "search" | "state" | "validate";
  readonly text: string;
  readonly instead: string;
  /** The test that is nearest, where it is not that of the file. */
  readonly nearest?: string;
}

export const MUTANTS: readonly Mutant[] = [
  { file: "decide", text: "if (listener >= listenerCount()) return deny(REASON_POLICY, CODE_BAD_LISTENER, NO_RULE);\n  return answer(", instead: "if (listener > listenerCount()) return deny(REASON_POLICY, CODE_BAD_LISTENER, NO_RULE);\n  return answer(" },
  { file: "decide", text: "return (a | b) == 0 && c == 0xffff;", instead: "return (a | b) == 0 || c == 0xffff;" },
  { file: "decide", text: "<usize>class_ * columns + column", instead: "<usize>class_ * columns - column" },
  { file: "decide", text: "if (verdict == VERDICT_ALLOW) return allow", instead: "if (verdict != VERDICT_ALLOW) return allow" },
  { file: "decide", text: "code == CODE_NO_ALLOW ||", instead: "code != CODE_NO_ALLOW ||" },
  { file: "decide", text: "return d >>> 24 == 127;", instead: "return d >>> 24 >= 127;" },
  { file: "decide", text: "(a | b | c) == 0 && d == 1", instead: "(a | b | c) == 0 || d == 1" },
  { file: "decide", text: "(c == 0 || c == 0xffff)", instead: "(c == 0 && c == 0xffff)" },
  { file: "decide", text: "lo >= firstLo", instead: "lo > firstLo" },
  { file: "decide", text: "lo <= lastLo", instead: "lo < lastLo" },
  { file: "decide", text: "(hi > firstHi ||", instead: "(hi >= firstHi ||" },
  { file: "decide", text: "if (!wildcard && within", instead: "if (!wildcard || within" },
  { file: "decide", text: "H_PORT_COUNT), (proto << 16) | port)", instead: "H_PORT_COUNT), (proto << 16) & port)" },
  { file: "decide", text: "if (listenerAt(proto, port, a, b, c, d) < 0)", instead: "if (listenerAt(proto, port, a, b, c, d) <= 0)" },
  { file: "decide", text: "high != INGRESSD_HIGH || low", instead: "high != INGRESSD_HIGH && low" },
  { file: "search", text: "<= word) low = middle;", instead: "< word) low = middle;" },
  { file: "search", text: "if (first != a) {", instead: "if (first == a) {" },
  { file: "search", text: "below = x < b;", instead: "below = x > b;" },
  { file: "search", text: "below = y < c;", instead: "below = y > c;" },
  { file: "search", text: "load<u32>(at, 8) <= d;", instead: "load<u32>(at, 8) < d;" },
  { file: "search", text: "(31 - (slot & 31))", instead: "(31 + (slot & 31))" },
  { file: "search", text: "popcnt<u32>(starts) - 1", instead: "popcnt<u32>(starts) + 1" },
  { file: "search", text: "if ((value & 3) != VALUE_BUCKET)", instead: "if ((value & 3) == VALUE_BUCKET)" },
  { file: "search", text: "const found = first + searchWide", instead: "const found = first - searchWide" },
  { file: "limits", text: "<= ceiling(record);", instead: "< ceiling(record);" },
  { file: "limits", text: "load<u64>(CLOCK_MONO) * load<u32>(record, R_LIMIT_COUNT)", instead: "load<u64>(CLOCK_MONO) + load<u32>(record, R_LIMIT_COUNT)" },
  { file: "limits", text: "if (length <= 0) return 0;", instead: "if (length < 0) return 0;" },
  { file: "limits", text: "<i32>v4 + 96", instead: "<i32>v4 - 96" },
  { file: "limits", text: "store<u64>(entry, scaledNow(record) + debt, 8);", instead: "store<u64>(entry, scaledNow(record) - debt, 8);" },
  { file: "limits", text: "if (load<u64>(cell) < arrival)", instead: "if (load<u64>(cell) > arrival)" },
  { file: "limits", text: "if (entryDebt(entry) == 0) return entry;", instead: "if (entryDebt(entry) != 0) return entry;" },
  { file: "limits", text: "if (load<u64>(entry) == tag) return entry;", instead: "if (load<u64>(entry) != tag) return entry;" },
  { file: "limits", text: "if (debt >= debtOut(record, most)) return most;", instead: "if (debt <= debtOut(record, most)) return most;" },
  { file: "limits", text: "scaledNow(limitRecord(limit)) + debt);", instead: "scaledNow(limitRecord(limit)) - debt);" },
  { file: "caps", text: "if (load<u32>(entry, 8) == 0) {", instead: "if (load<u32>(entry, 8) != 0) {" },
  { file: "caps", text: "else if (load<u64>(entry) == print) return entry;", instead: "else if (load<u64>(entry) != print) return entry;" },
  { file: "caps", text: "store<u32>(entry, load<u32>(entry, 8) - 1, 8);", instead: "store<u32>(entry, load<u32>(entry, 8) + 1, 8);" },
  { file: "charge", text: "if (load<u32>(state) >= load<u32>(record, R_LISTENER_CAP))", instead: "if (load<u32>(state) > load<u32>(record, R_LISTENER_CAP))" },
  { file: "charge", text: "if (capCount(entry) >= capSource)", instead: "if (capCount(entry) > capSource)" },
  { file: "charge", text: "if (entry == 0 || load<u32>(CAP_LOST) != 0)", instead: "if (entry == 0 || load<u32>(CAP_LOST) == 0)" },
  { file: "charge", text: "debt + load<u32>(limit, R_LIMIT_PERIOD_MS)", instead: "debt - load<u32>(limit, R_LIMIT_PERIOD_MS)" },
  { file: "charge", text: "if (load<u32>(state) > 0)", instead: "if (load<u32>(state) >= 0)" },
  { file: "main", text: "if (verdict != VERDICT_DENY) {", instead: "if (verdict == VERDICT_DENY) {" },
  { file: "main", text: "max(mono, load<u64>(CLOCK_MONO))", instead: "min(mono, load<u64>(CLOCK_MONO))" },
  { file: "main", text: "at += BATCH_BYTES;", instead: "at -= BATCH_BYTES;" },
  { file: "state", text: "max(owed, listenerDebt(limit))", instead: "min(owed, listenerDebt(limit))" },
  { file: "state", text: "max(owed, sourceDebt(limit, print))", instead: "min(owed, sourceDebt(limit, print))" },
  { file: "state", text: "if (arrival <= now) return false;", instead: "if (arrival >= now) return false;" },
  { file: "validate", text: "if (load<u32>(at) >= residuals) return false;", instead: "if (load<u32>(at) > residuals) return false;" },
  { file: "validate", text: "R_ENTRY_LISTENER) >= head(H_LISTENER_COUNT)", instead: "R_ENTRY_LISTENER) > head(H_LISTENER_COUNT)" },
  { file: "validate", text: "if (load<u32>(at) >= head(H_CLASS_COUNT)) return false;", instead: "if (load<u32>(at) > head(H_CLASS_COUNT)) return false;" },
  { file: "validate", text: "return owned == limits;", instead: "return owned <= limits;" },
  { file: "validate", text: "rises = after > before;", instead: "rises = after < before;" },
  { file: "validate", text: "if (depth == 1) return number < upper;", instead: "if (depth == 1) return number <= upper;" },
  { file: "validate", text: "if ((bits & 1) == 0 ||", instead: "if ((bits & 1) == 0 &&" },
  { file: "validate", text: "if (own == 0 || first > count ||", instead: "if (own == 0 && first > count ||" },
];
