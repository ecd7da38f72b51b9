// Mutants of the rules in docs/equations.md: ends, the open verdict and the name, shadows, caps and limits. list.ts has
// the mutants of table lookups.
import type { Mutant } from "./list.ts";

const NAMES = "engine/names_and_ends";
const EXPORTS = "engine/exports";
const PLACES = "engine/places";
const STATE = "engine/state";
const DRYRUN = "engine/dryrun_limits";

export const PHASES: readonly Mutant[] = [
  // ends
  { file: "decide", text: "* TIME_BYTES) <= now) {", instead: "* TIME_BYTES) < now) {", nearest: NAMES },
  {
    file: "decide",
    text: "if (left == 0 || load<u32>(CLOCK_KNOWN) == 0) return record;",
    instead: "if (left == 0 && load<u32>(CLOCK_KNOWN) == 0) return record;",
    nearest: NAMES,
  },
  { file: "decide", text: "load<u32>(CLOCK_KNOWN) == 0) return record;", instead: "load<u32>(CLOCK_KNOWN) != 0) return record;", nearest: NAMES },
  { file: "decide", text: "first += half + 1;", instead: "first += half - 1;", nearest: NAMES },
  { file: "decide", text: "return first == end ? record", instead: "return first != end ? record", nearest: NAMES },
  { file: "main", text: "u32(wall != 0)", instead: "u32(wall == 0)", nearest: NAMES },
  { file: "main", text: "max(wall, load<u64>(CLOCK_WALL))", instead: "min(wall, load<u64>(CLOCK_WALL))", nearest: NAMES },
  { file: "main", text: "((<u64>wallHigh) << 32) | wallLow;", instead: "((<u64>wallHigh) << 32) & wallLow;", nearest: NAMES },
  { file: "main", text: "const mono = min(", instead: "const mono = max(" },
  // the open verdict and the name
  { file: "decide", text: "code == CODE_EXPIRED) return REASON_POLICY;", instead: "code != CODE_EXPIRED) return REASON_POLICY;", nearest: NAMES },
  {
    file: "decide",
    text: "return code == CODE_DENY_NAME || code == CODE_NO_NAME",
    instead: "return code == CODE_DENY_NAME && code == CODE_NO_NAME",
    nearest: NAMES,
  },
  { file: "decide", text: "if (verdict == VERDICT_OPEN) return open", instead: "if (verdict != VERDICT_OPEN) return open", nearest: NAMES },
  { file: "decide", text: "if (class_ < 0) return 0;", instead: "if (class_ <= 0) return 0;", nearest: NAMES },
  {
    file: "decide",
    text: "R_RESIDUAL_VERDICT) == VERDICT_OPEN && length >= 0) {",
    instead: "R_RESIDUAL_VERDICT) != VERDICT_OPEN && length >= 0) {",
    nearest: NAMES,
  },
  {
    file: "decide",
    text: "if (listener >= listenerCount()) return deny(REASON_POLICY, CODE_BAD_LISTENER, NO_RULE);\n  let residual",
    instead: "if (listener > listenerCount()) return deny(REASON_POLICY, CODE_BAD_LISTENER, NO_RULE);\n  let residual",
    nearest: EXPORTS,
  },
  { file: "main", text: "const waits = verdict != VERDICT_ALLOW;", instead: "const waits = verdict == VERDICT_ALLOW;" },
  { file: "main", text: "if (waits && verdict != VERDICT_DENY)", instead: "if (waits || verdict != VERDICT_DENY)" },
  { file: "names", text: "byte - 48 < 10 ||", instead: "byte - 48 <= 10 ||" },
  { file: "names", text: "byte == 45 || byte == 95", instead: "byte == 45 && byte == 95" },
  { file: "names", text: "if (length == 0) return 0;", instead: "if (length != 0) return 0;" },
  { file: "names", text: "if (byte == DOT) break;", instead: "if (byte != DOT) break;" },
  { file: "names", text: "if (next == 0) beyond = 1;", instead: "if (next != 0) beyond = 1;" },
  { file: "names", text: "} else beyond++;", instead: "} else beyond--;" },
  { file: "names", text: "if (beyond == 0) return load", instead: "if (beyond != 0) return load" },
  { file: "names", text: "const size = end - start;", instead: "const size = end + start;" },
  { file: "names", text: "if (same == length) return number;", instead: "if (same != length) return number;" },
  // shadows
  {
    file: "decide",
    text: "if (!valid() || listener >= listenerCount()) return -1;",
    instead: "if (!valid() && listener >= listenerCount()) return -1;",
    nearest: EXPORTS,
  },
  { file: "decide", text: "listener >= listenerCount()) return -1;", instead: "listener > listenerCount()) return -1;", nearest: EXPORTS },
  { file: "decide", text: "return column == 0 ? -1", instead: "return column != 0 ? -1", nearest: EXPORTS },
  { file: "decide", text: "VERDICT_OPEN && length >= 0) {", instead: "VERDICT_OPEN || length >= 0) {", nearest: EXPORTS },
  { file: "decide", text: "VERDICT_OPEN && length >= 0) {", instead: "VERDICT_OPEN && length > 0) {", nearest: EXPORTS },
  // binds
  { file: "decide", text: "if (port > 65535 ||", instead: "if (port >= 65535 ||", nearest: EXPORTS },
  // caps
  { file: "charge", text: "if (kind == CAP_PER_KEY) {", instead: "if (kind != CAP_PER_KEY) {" },
  { file: "charge", text: "if (!ofIdentity) store<u32>(state, load<u32>(state) + 1);", instead: "if (!ofIdentity) store<u32>(state, load<u32>(state) - 1);" },
  { file: "charge", text: "back ? open - 1 : open + 1", instead: "back ? open + 1 : open - 1" },
  { file: "charge", text: "if (back) dropCap(print, isDryrun(at));", instead: "if (!back) dropCap(print, isDryrun(at));", nearest: PLACES },
  { file: "charge", text: "kindOf(at) != CAP_PER_KEY) continue;", instead: "kindOf(at) == CAP_PER_KEY) continue;" },
  { file: "caps", text: "if (free == 0) free = entry;", instead: "if (free != 0) free = entry;" },
  { file: "caps", text: "& (sets - 1);", instead: "& (sets + 1);" },
  { file: "caps", text: "store<u32>(entry, load<u32>(entry, 8) + 1, 8);", instead: "store<u32>(entry, load<u32>(entry, 8) - 1, 8);" },
  { file: "caps", text: "if (entry != 0) addCap(entry, print, dryrun);", instead: "if (entry == 0) addCap(entry, print, dryrun);", nearest: PLACES },
  { file: "caps", text: "load<u32>(CAP_LOST) + 1", instead: "load<u32>(CAP_LOST) - 1", nearest: PLACES },
  { file: "caps", text: "load<u32>(CAP_LOST) - 1", instead: "load<u32>(CAP_LOST) + 1", nearest: PLACES },
  { file: "caps", text: "load<u32>(entry, 8) > 0)", instead: "load<u32>(entry, 8) >= 0)" },
  // limits
  { file: "charge", text: "if (kind == LIMIT_PER_LISTENER) {", instead: "if (kind != LIMIT_PER_LISTENER) {" },
  { file: "charge", text: "if (kind == LIMIT_PER_LISTENER) setListenerDebt", instead: "if (kind != LIMIT_PER_LISTENER) setListenerDebt" },
  {
    file: "charge",
    text: "if (!conforms(limit, debt)) full = CODE_LIMIT_LISTENER;",
    instead: "if (conforms(limit, debt)) full = CODE_LIMIT_LISTENER;",
  },
  { file: "limits", text: "return debt + load<u32>(record, R_LIMIT_PERIOD_MS)", instead: "return debt - load<u32>(record, R_LIMIT_PERIOD_MS)" },
  { file: "limits", text: "R_LIMIT_BURST) * load<u32>(record, R_LIMIT_PERIOD_MS)", instead: "R_LIMIT_BURST) + load<u32>(record, R_LIMIT_PERIOD_MS)" },
  { file: "limits", text: "<< (64 - length)", instead: "<< (64 + length)" },
  { file: "limits", text: "identity + <u64>length", instead: "identity - <u64>length", nearest: STATE },
  { file: "limits", text: "maskWord(lo, length - 64)", instead: "maskWord(lo, length + 64)" },
  { file: "limits", text: "if (a >>> 22 == <u32>LINK_LOCAL_BITS) {", instead: "if (a >>> 22 >= <u32>LINK_LOCAL_BITS) {" },
  { file: "limits", text: "if (a >>> 22 == <u32>LINK_LOCAL_BITS) {", instead: "if (a >>> 21 == <u32>LINK_LOCAL_BITS) {" },
  { file: "limits", text: "identity ^= (<u64>zone) << 32;", instead: "identity &= (<u64>zone) << 32;" },
  { file: "limits", text: "identity ^= (<u64>zone) << 32;", instead: "identity ^= (<u64>zone) >> 32;" },
  { file: "limits", text: "store<u64>(entry, (print << 16) | (limit + 1));", instead: "store<u64>(entry, (print << 16) & (limit + 1));" },
  { file: "limits", text: "least > now ? least - now", instead: "least < now ? least - now", nearest: PLACES },
  { file: "limits", text: "least = min(least,", instead: "least = max(least,", nearest: PLACES },
  { file: "validate", text: "if (ceiling(at) >>> DEBT_BITS != 0)", instead: "if (ceiling(at) >>> DEBT_BITS == 0)" },
  { file: "validate", text: "column == 0 || (column >= head(H_LISTENER_COUNT)", instead: "column == 0 || (column > head(H_LISTENER_COUNT)" },
  { file: "validate", text: "if (kind == CAP_PER_KEY && head(H_CAP_SETS) == 0)", instead: "if (kind == CAP_PER_KEY && head(H_CAP_SETS) != 0)" },
  { file: "decide", text: "return column == 0 ? ~identities", instead: "return column != 0 ? ~identities", nearest: "engine/limits" },
  { file: "decide", text: "if (ofIdentity) return identities;", instead: "if (!ofIdentity) return identities;", nearest: "engine/limits" },
  { file: "charge", text: "if (((counted >>> i) & 1) == 0) continue;\n    const limit", instead: "if (((counted >>> i) & 1) != 0) continue;\n    const limit" },
  { file: "charge", text: "at += LIMIT_BYTES, counted >>>= 1", instead: "at += LIMIT_BYTES, counted <<= 1" },
  { file: "charge", text: "if (kind == CAP_PER_KEY) keepCap(print, dryrun);", instead: "if (kind != CAP_PER_KEY) keepCap(print, dryrun);" },
  { file: "state", text: "kindOf(record) + 1 != kind) continue;", instead: "kindOf(record) + 1 == kind) continue;" },
  { file: "limits", text: "+ count - 1) / count", instead: "- count - 1) / count", nearest: STATE },
  // dryrun caps and limits
  { file: "charge", text: "if (!isDryrun(limit)) return deny", instead: "if (isDryrun(limit)) return deny" },
  { file: "charge", text: "if (would == 0) would = full;", instead: "would = full;", nearest: DRYRUN },
  { file: "charge", text: "dryrun && (would != 0 ||", instead: "dryrun && (would == 0 ||", nearest: DRYRUN },
  { file: "charge", text: "if (load<u32>(state) >= load<u32>(limit, R_LIMIT_COUNT))", instead: "if (load<u32>(state) > load<u32>(limit, R_LIMIT_COUNT))", nearest: DRYRUN },
  { file: "charge", text: "store<u32>(DETAIL_BASE, 0, DETAIL_WOULD);", instead: "store<u32>(DETAIL_BASE, 1, DETAIL_WOULD);", nearest: DRYRUN },
  { file: "main", text: "(would << 24) |", instead: "(would << 23) |", nearest: DRYRUN },
  { file: "limits", text: "if (!dryrun && isDryrun(", instead: "if (dryrun && isDryrun(", nearest: DRYRUN },
  { file: "limits", text: "if (!dryrun) raiseSketch", instead: "if (dryrun) raiseSketch", nearest: DRYRUN },
  { file: "caps", text: "else if (load<u32>(entry, 12) != 0) spare = entry;", instead: "else if (load<u32>(entry, 12) == 0) spare = entry;", nearest: DRYRUN },
  { file: "caps", text: "if (free != 0 || dryrun) return free;", instead: "if (free == 0 || dryrun) return free;", nearest: PLACES },
  { file: "caps", text: "else if (!dryrun) store", instead: "else if (dryrun) store", nearest: PLACES },
  { file: "validate", text: "load<u32>(at, R_LIMIT_KIND) & ~LIMIT_DRYRUN;", instead: "load<u32>(at, R_LIMIT_KIND) | LIMIT_DRYRUN;" },
];
