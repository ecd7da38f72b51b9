// Validates the tables, so that no later request can read outside them. Run once after loading; until it
// has passed, every answer is a deny. The result is 0, or the number of the failed check.

import {
  ABI_VERSION,
  BIND_BYTES,
  CAP_PER_KEY,
  CAP_PER_LISTENER,
  CELL_BITS,
  CELL_SLOTS,
  DEBT_BITS,
  DIALER_BYTES,
  END_BYTES,
  HEADER_BYTES,
  H_BINDS,
  H_BIND_COUNT,
  H_CAP_SETS,
  H_CAP_TABLE,
  H_CELL_TREE,
  H_CLASS_COUNT,
  H_COLUMN_COUNT,
  H_DIALERS,
  H_DIALER_COUNT,
  H_FAMILY4,
  H_FAMILY6,
  H_GROUP_FIRST,
  H_IDENTITY_BUCKETS,
  H_IDENTITY_BUCKET_COUNT,
  H_IDENTITY_BYTES,
  H_IDENTITY_BYTE_COUNT,
  H_IDENTITY_CLASS_COUNT,
  H_IDENTITY_ENDS,
  H_IDENTITY_END_COUNT,
  H_IDENTITY_NODES,
  H_IDENTITY_NODE_COUNT,
  H_IDENTITY_TREE,
  H_LEAD_TREE,
  H_LIMITS,
  H_LIMIT_COUNT,
  H_LIMIT_SETS,
  H_LIMIT_STATE,
  H_LIMIT_TABLE,
  H_LISTENERS,
  H_LISTENER_COUNT,
  H_LISTENER_STATE,
  H_MAGIC,
  H_MEMORY_END,
  H_NAME_BUCKETS,
  H_NAME_BUCKET_COUNT,
  H_NAME_BYTES,
  H_NAME_BYTE_COUNT,
  H_NAME_CLASS_COUNT,
  H_NAME_ENDS,
  H_NAME_END_COUNT,
  H_NAME_NODES,
  H_NAME_NODE_COUNT,
  H_NAME_TREE,
  H_PORT_COUNT,
  H_PORT_ENTRIES,
  H_PORT_ENTRY_COUNT,
  H_PORT_KEYS,
  H_PORT_SPANS,
  H_RESIDUALS,
  H_RESIDUAL_COUNT,
  H_RULE_COUNT,
  H_SCRATCH,
  H_SCRATCH_BYTES,
  H_SEAL,
  H_SKETCH,
  H_SKETCH_CELLS,
  H_TABLES_END,
  H_TIMES,
  H_TIME_COUNT,
  H_VERSION,
  IDENTITY_BYTES,
  IDENTITY_END_BYTES,
  LIMIT_BYTES,
  LIMIT_DRYRUN,
  LIMIT_PER_KEY,
  LIMIT_STATE_BYTES,
  LISTENER_BYTES,
  LISTENER_STATE_BYTES,
  MAX_DIALERS,
  MAX_IDENTITY_PROBES,
  MAX_LIMITS,
  MAX_LIMITS_PER_LISTENER,
  MAX_LIMIT_BURST,
  MAX_LIMIT_COUNT,
  MAX_NAME_BYTES,
  MAX_NAME_PROBES,
  MAX_PERIOD_MS,
  NAME_BYTES,
  NAME_LENGTH_BITS,
  NO_RULE,
  PORT_ENTRY_BYTES,
  PORT_SPAN_BYTES,
  RESIDUAL_BYTES,
  R_ENTRY_BIND_COUNT,
  R_ENTRY_BIND_FIRST,
  R_ENTRY_LISTENER,
  R_IDENTITY_END,
  R_IDENTITY_LENGTH,
  R_IDENTITY_OFFSET,
  R_IDENTITY_PARENT,
  R_LIMIT_BURST,
  R_LIMIT_COUNT,
  R_LIMIT_KIND,
  R_LIMIT_PERIOD_MS,
  R_LIMIT_V4,
  R_LIMIT_V6,
  R_LISTENER_BIND_ANY,
  R_LISTENER_CAP,
  R_LISTENER_COUNTED,
  R_LISTENER_LIMIT_COUNT,
  R_LISTENER_LIMIT_FIRST,
  R_LISTENER_SHADOW,
  R_NAME_END,
  R_NAME_LABEL,
  R_NAME_PARENT,
  R_RESIDUAL_CODE,
  R_RESIDUAL_ROW,
  R_RESIDUAL_RULE,
  R_RESIDUAL_TIME_COUNT,
  R_RESIDUAL_TIME_FIRST,
  R_RESIDUAL_VERDICT,
  R_TIME_RESIDUAL,
  SEAL_BYTES,
  SEAL_PRIME_FIRST,
  SEAL_PRIME_SECOND,
  SEAL_START,
  SEAL_TURN_FIRST,
  SEAL_TURN_SECOND,
  SET_BYTES,
  SKETCH_CELL_BYTES,
  SKETCH_ROWS,
  TABLES_BASE,
  TABLES_MAGIC,
  TIME_BYTES,
  TREE_DEPTH,
  T_ENDS,
  T_PAGES,
  T_ROWS,
  T_ROW_COUNT,
  T_SHIFT,
  T_STRIDE,
} from "../abi/layout";
import { head, inTables, checkBelow, ascending, fits } from "./tables";
import { ceiling } from "./limits";
import { checkFamily } from "./validate_prefixes";
import {
  CODE_ALLOWED,
  CODE_DENY_IDENTITY,
  CODE_DENY_NAME,
  CODE_DENY_RULE,
  CODE_EXPIRED,
  CODE_NO_ALLOW,
  CODE_NO_IDENTITY,
  CODE_NO_MATCH,
  CODE_NO_NAME,
  CODE_OPEN,
  CODE_OPEN_IDENTITY,
  VERDICT_ALLOW,
  VERDICT_DENY,
  VERDICT_IDENTITY,
  VERDICT_OPEN,
} from "../abi/verdicts";

function inState(address: u32, count: u32, size: u32): bool {
  return fits(address, count, size, head(H_TABLES_END), head(H_MEMORY_END));
}

function isPowerOrZero(n: u32): bool {
  return (n & (n - 1)) == 0;
}

function checkHeader(): bool {
  if (head(H_MAGIC) != TABLES_MAGIC || head(H_VERSION) != ABI_VERSION) return false;
  const end = head(H_TABLES_END);
  const last = head(H_MEMORY_END);
  if ((end & 7) != 0 || end < <u32>(TABLES_BASE + HEADER_BYTES) || end > last || <u64>last > (<u64>memory.size()) << 16) return false;
  return head(H_CLASS_COUNT) > 0 && head(H_RESIDUAL_COUNT) > 0;
}

function checkStatePlaces(): bool {
  const sets = head(H_LIMIT_SETS);
  const cells = head(H_SKETCH_CELLS);
  const caps = head(H_CAP_SETS);
  // The bits of a fingerprint can address at most 2^14 sets and 2^17 cells.
  if (!isPowerOrZero(sets) || sets > 16384 || !isPowerOrZero(cells) || cells > 131072 || !isPowerOrZero(caps)) return false;
  if (head(H_SCRATCH_BYTES) <= <u32>MAX_NAME_BYTES || !inState(head(H_SCRATCH), 1, head(H_SCRATCH_BYTES))) return false;
  const scratchEnd = head(H_SCRATCH) + head(H_SCRATCH_BYTES);
  const listenerState = head(H_LISTENER_STATE);
  const limitState = head(H_LIMIT_STATE);
  const table = head(H_LIMIT_TABLE);
  const sketch = head(H_SKETCH);
  const capTable = head(H_CAP_TABLE);
  // The regions follow one another, so no two share a byte.
  if (listenerState < scratchEnd || !inState(listenerState, head(H_LISTENER_COUNT), LISTENER_STATE_BYTES)) return false;
  if (limitState < listenerState + head(H_LISTENER_COUNT) * LISTENER_STATE_BYTES) return false;
  if (!inState(limitState, head(H_LIMIT_COUNT), LIMIT_STATE_BYTES)) return false;
  if (table < limitState + head(H_LIMIT_COUNT) * LIMIT_STATE_BYTES || !inState(table, sets, SET_BYTES)) return false;
  if (sketch < table + sets * SET_BYTES || !inState(sketch, cells, SKETCH_ROWS * SKETCH_CELL_BYTES)) return false;
  if (capTable < sketch + cells * SKETCH_ROWS * SKETCH_CELL_BYTES) return false;
  return inState(capTable, caps, SET_BYTES);
}

/** Whether a column is none, or behind those of the listeners. */
function isOwnColumn(column: u32): bool {
  return column == 0 || (column >= head(H_LISTENER_COUNT) && column < head(H_COLUMN_COUNT));
}

function checkListeners(): bool {
  const count = head(H_LISTENER_COUNT);
  if (!inTables(head(H_LISTENERS), count, LISTENER_BYTES)) return false;
  const limits = head(H_LIMIT_COUNT);
  if (head(H_GROUP_FIRST) > count) return false;
  let owned: u32 = 0;
  let at: usize = head(H_LISTENERS);
  for (let i: u32 = 0; i < count; i++) {
    if (load<u32>(at, R_LISTENER_BIND_ANY) > 1) return false;
    // Nothing can be charged to a group, whose cap is 0, and its limits would be nobody's.
    if (i >= head(H_GROUP_FIRST) ? (load<u32>(at, R_LISTENER_CAP) | load<u32>(at, R_LISTENER_LIMIT_COUNT)) != 0 : load<u32>(at, R_LISTENER_CAP) == 0)
      return false;
    if (!isOwnColumn(load<u32>(at, R_LISTENER_SHADOW)) || !isOwnColumn(load<u32>(at, R_LISTENER_COUNTED))) return false;
    const own = load<u32>(at, R_LISTENER_LIMIT_COUNT);
    // Each limit belongs to one listener, in order.
    if (load<u32>(at, R_LISTENER_LIMIT_FIRST) != owned || own > <u32>MAX_LIMITS_PER_LISTENER || own > limits - owned) return false;
    owned += own;
    at += LISTENER_BYTES;
  }
  return owned == limits && head(H_DIALER_COUNT) <= <u32>MAX_DIALERS && inTables(head(H_DIALERS), head(H_DIALER_COUNT), DIALER_BYTES);
}

function checkLimits(): bool {
  const count = head(H_LIMIT_COUNT);
  if (count > <u32>MAX_LIMITS || !inTables(head(H_LIMITS), count, LIMIT_BYTES)) return false;
  let at: usize = head(H_LIMITS);
  for (let i: u32 = 0; i < count; i++) {
    if (load<u32>(at, R_LIMIT_COUNT) - 1 >= <u32>MAX_LIMIT_COUNT || load<u32>(at, R_LIMIT_BURST) - 1 >= <u32>MAX_LIMIT_BURST) return false;
    if (load<u32>(at, R_LIMIT_PERIOD_MS) - 1 >= <u32>MAX_PERIOD_MS) return false;
    if (ceiling(at) >>> DEBT_BITS != 0) return false;
    const kind = (<u32>load<u16>(at, R_LIMIT_KIND)) & ~LIMIT_DRYRUN;
    if (kind > <u32>CAP_PER_LISTENER) return false;
    if (kind == CAP_PER_KEY && head(H_CAP_SETS) == 0) return false;
    if (kind == LIMIT_PER_KEY && (head(H_LIMIT_SETS) == 0 || head(H_SKETCH_CELLS) == 0)) return false;
    if (load<u32>(at, R_LIMIT_V4) > 32 || load<u32>(at, R_LIMIT_V6) > 128) return false;
    at += LIMIT_BYTES;
  }
  return true;
}

function checkPorts(): bool {
  const count = head(H_PORT_COUNT);
  const entries = head(H_PORT_ENTRY_COUNT);
  const binds = head(H_BIND_COUNT);
  if (count == 0 || !inTables(head(H_PORT_KEYS), count, 4) || !inTables(head(H_PORT_SPANS), count, PORT_SPAN_BYTES)) return false;
  if (!inTables(head(H_PORT_ENTRIES), entries, PORT_ENTRY_BYTES) || !inTables(head(H_BINDS), binds, BIND_BYTES)) return false;
  if (!ascending(head(H_PORT_KEYS), count, 1)) return false;
  for (let i: u32 = 0; i < count; i++) {
    const span: usize = head(H_PORT_SPANS) + i * PORT_SPAN_BYTES;
    const first = load<u32>(span);
    if (first > entries || load<u32>(span, 4) > entries - first) return false;
  }
  for (let i: u32 = 0; i < entries; i++) {
    const entry: usize = head(H_PORT_ENTRIES) + i * PORT_ENTRY_BYTES;
    if (load<u32>(entry, R_ENTRY_LISTENER) >= head(H_LISTENER_COUNT)) return false;
    const first = load<u32>(entry, R_ENTRY_BIND_FIRST);
    if (first > binds || load<u32>(entry, R_ENTRY_BIND_COUNT) > binds - first) return false;
  }
  return true;
}

/**
 * A tree of cells: every row and page refers to pages of the next depth, and the last pages to residuals.
 * `indexes` is the number of indexes that are looked up, `waits` the fact that the residuals may need; VERDICT_DENY: the
 * words are listeners to which names lead.
 */
function checkTree(tree: usize, indexes: u32, waits: i32): bool {
  const rows = load<u32>(tree, T_ROW_COUNT);
  const stride = load<u32>(tree, T_STRIDE);
  const shift = load<u32>(tree, T_SHIFT);
  const depth = shift / CELL_BITS;
  if (shift % CELL_BITS != 0 || depth > <u32>TREE_DEPTH || indexes == 0 || (indexes - 1) >>> shift >= stride) return false;
  if (<u64>rows * stride > 0x10000000 || !inTables(load<u32>(tree, T_ROWS), rows * stride, 4)) return false;
  const pages = load<u32>(tree, T_PAGES);
  let first: u32 = 0;
  let end: u32 = 0;
  for (let d: u32 = 0; d < depth; d++) {
    const next = load<u32>(tree + (d << 2), T_ENDS);
    if (next < end || next > 0x1000000 || !inTables(pages, next, CELL_SLOTS << 2)) return false;
    if (!checkCells(pages + end * (CELL_SLOTS << 2), (next - end) * CELL_SLOTS, d, first, end, waits)) return false;
    first = end;
    end = next;
  }
  return checkCells(load<u32>(tree, T_ROWS), rows * stride, depth, first, end, waits);
}

/** Words that are residuals (depth 0), or pages from `first` to before `end`. */
function checkCells(at: usize, count: u32, depth: u32, first: u32, end: u32, waits: i32): bool {
  const residuals = head(H_RESIDUAL_COUNT);
  for (; count > 0; count--) {
    const word = load<u32>(at);
    if (depth != 0) {
      if (word < first || word >= end) return false;
    } else if (waits == VERDICT_DENY) {
      if (word > head(H_GROUP_FIRST)) return false;
    } else {
      if (word >= residuals) return false;
      if (!isLater(word, waits)) return false;
    }
    at += 4;
  }
  return true;
}

/**
 * INVARIANT: each phase leads to a later one. Any residual may follow phase 1 (`waits` VERDICT_OPEN). After the
 * name a residual may need only the identity, and after the identity it is decided (VERDICT_ALLOW). Residuals after
 * phase 1 have no time entries, because their rows were chosen for the time.
 */
function isLater(residual: u32, waits: i32): bool {
  if (waits == VERDICT_OPEN) return true;
  const at: usize = head(H_RESIDUALS) + residual * RESIDUAL_BYTES;
  const verdict = load<i32>(at, R_RESIDUAL_VERDICT);
  return verdict != VERDICT_OPEN && (verdict != VERDICT_IDENTITY || waits == VERDICT_IDENTITY) && load<u32>(at, R_RESIDUAL_TIME_COUNT) == 0;
}

function checkResiduals(): bool {
  const residuals = head(H_RESIDUAL_COUNT);
  if (!inTables(head(H_RESIDUALS), residuals, RESIDUAL_BYTES)) return false;
  if (!inTables(head(H_TIMES), head(H_TIME_COUNT), TIME_BYTES)) return false;
  let at: usize = head(H_RESIDUALS);
  for (let left = residuals; left > 0; left--) {
    const verdict = load<i32>(at, R_RESIDUAL_VERDICT);
    const code = load<i32>(at, R_RESIDUAL_CODE);
    const rule = load<i32>(at, R_RESIDUAL_RULE);
    const row = load<u32>(at, R_RESIDUAL_ROW);
    const tree = verdict == VERDICT_OPEN ? H_NAME_TREE : H_IDENTITY_TREE;
    const waits = verdict == VERDICT_OPEN || verdict == VERDICT_IDENTITY;
    // Bits of what counts a source are in residuals without a rule.
    if (waits ? row >= load<u32>(<usize>(TABLES_BASE + tree), T_ROW_COUNT) : row != 0 && code != CODE_NO_MATCH) return false;
    if (!checkOutcome(verdict, code, rule)) return false;
    const first = load<u32>(at, R_RESIDUAL_TIME_FIRST);
    if (!checkTimes(first, load<u32>(at, R_RESIDUAL_TIME_COUNT))) return false;
    at += RESIDUAL_BYTES;
  }
  return true;
}

/** Verdict, code and rule agree with each other. */
function checkOutcome(verdict: i32, code: i32, rule: i32): bool {
  const ruled = <u32>rule < head(H_RULE_COUNT);
  if (verdict == VERDICT_ALLOW) return code == CODE_ALLOWED && ruled;
  if (verdict == VERDICT_OPEN) return code == CODE_OPEN && rule == NO_RULE;
  if (verdict == VERDICT_IDENTITY) return code == CODE_OPEN_IDENTITY && rule == NO_RULE;
  if (verdict != VERDICT_DENY) return false;
  if (code == CODE_DENY_RULE || code == CODE_DENY_NAME || code == CODE_DENY_IDENTITY) return ruled;
  if (code == CODE_NO_ALLOW || code == CODE_EXPIRED) return ruled || rule == NO_RULE;
  return (code == CODE_NO_MATCH || code == CODE_NO_NAME || code == CODE_NO_IDENTITY) && rule == NO_RULE;
}

/** The times of one residual rise, and refer to residuals that have no times. */
function checkTimes(first: u32, count: u32): bool {
  const times = head(H_TIME_COUNT);
  if (first > times || count > times - first) return false;
  let before: u64 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const at: usize = head(H_TIMES) + (first + i) * TIME_BYTES;
    if (load<u64>(at) <= before) return false;
    before = load<u64>(at);
    const residual = load<u32>(at, R_TIME_RESIDUAL);
    if (residual >= head(H_RESIDUAL_COUNT)) return false;
    if (load<u32>(<usize>head(H_RESIDUALS) + residual * RESIDUAL_BYTES, R_RESIDUAL_TIME_COUNT) != 0) return false;
  }
  return true;
}

function checkNames(): bool {
  const nodes = head(H_NAME_NODE_COUNT);
  const buckets = head(H_NAME_BUCKET_COUNT);
  const bytes = head(H_NAME_BYTE_COUNT);
  const ends = head(H_NAME_END_COUNT);
  const classes = head(H_NAME_CLASS_COUNT);
  if (nodes == 0 || nodes > 0x4000000 || buckets == 0 || buckets > 0x4000000 || !isPowerOrZero(buckets) || classes == 0) return false;
  if (!inTables(head(H_NAME_NODES), nodes, NAME_BYTES) || !inTables(head(H_NAME_BUCKETS), buckets + 1, 4)) return false;
  if (!inTables(head(H_NAME_BYTES), bytes, 1) || !inTables(head(H_NAME_ENDS), ends, END_BYTES)) return false;
  for (let i: u32 = 0; i < nodes; i++) {
    const at: usize = head(H_NAME_NODES) + i * NAME_BYTES;
    const label = load<u32>(at, R_NAME_LABEL);
    const length = label & ((1 << NAME_LENGTH_BITS) - 1);
    const offset = label >>> NAME_LENGTH_BITS;
    if (i == 0 ? length != 0 : length == 0) return false;
    if (load<u32>(at, R_NAME_PARENT) >= nodes || offset > bytes || length > bytes - offset || load<u32>(at, R_NAME_END) >= ends) return false;
  }
  if (!checkBuckets(head(H_NAME_BUCKETS), buckets, nodes, MAX_NAME_PROBES)) return false;
  if (load<u32>(TABLES_BASE + H_LEAD_TREE, T_ROW_COUNT) != head(H_LISTENER_COUNT) - head(H_GROUP_FIRST)) return false;
  if (!checkTree(TABLES_BASE + H_LEAD_TREE, classes, VERDICT_DENY)) return false;
  return checkBelow(head(H_NAME_ENDS), ends * (END_BYTES >> 2), classes) && checkTree(TABLES_BASE + H_NAME_TREE, classes, VERDICT_IDENTITY);
}

/** Every node but the root is in exactly one bucket, and buckets follow one another. */
function checkBuckets(starts: usize, buckets: u32, nodes: u32, most: u32): bool {
  let before: u32 = 1;
  for (let i: u32 = 0; i <= buckets; i++) {
    const next = load<u32>(starts + ((<usize>i) << 2));
    if (i == 0 ? next != 1 : next < before || next - before > most) return false;
    before = next;
  }
  return before == nodes;
}

function checkIdentities(): bool {
  const nodes = head(H_IDENTITY_NODE_COUNT);
  const buckets = head(H_IDENTITY_BUCKET_COUNT);
  const bytes = head(H_IDENTITY_BYTE_COUNT);
  const ends = head(H_IDENTITY_END_COUNT);
  const classes = head(H_IDENTITY_CLASS_COUNT);
  if (nodes == 0 || nodes > 0x4000000 || buckets == 0 || buckets > 0x4000000 || !isPowerOrZero(buckets) || classes == 0) return false;
  if (!inTables(head(H_IDENTITY_NODES), nodes, IDENTITY_BYTES) || !inTables(head(H_IDENTITY_BUCKETS), buckets + 1, 4)) return false;
  if (!inTables(head(H_IDENTITY_BYTES), bytes, 1) || !inTables(head(H_IDENTITY_ENDS), ends, IDENTITY_END_BYTES)) return false;
  for (let i: u32 = 0; i < nodes; i++) {
    const at: usize = head(H_IDENTITY_NODES) + i * IDENTITY_BYTES;
    const length = load<u32>(at, R_IDENTITY_LENGTH) >>> 1;
    const offset = load<u32>(at, R_IDENTITY_OFFSET);
    if (load<u32>(at, R_IDENTITY_PARENT) >= nodes || offset > bytes || length > bytes - offset || load<u32>(at, R_IDENTITY_END) >= ends) return false;
  }
  if (!checkBuckets(head(H_IDENTITY_BUCKETS), buckets, nodes, MAX_IDENTITY_PROBES)) return false;
  for (let i: u32 = 0; i < ends; i++) {
    if (!checkBelow(<usize>head(H_IDENTITY_ENDS) + i * IDENTITY_END_BYTES, 2, classes)) return false;
  }
  return checkTree(TABLES_BASE + H_IDENTITY_TREE, classes, VERDICT_ALLOW);
}

/** Whether every word of the tables is as the compiler wrote it. */
function checkSeal(): bool {
  let first: u32 = SEAL_START;
  let second: u32 = 0;
  const end = head(H_TABLES_END);
  for (let at: u32 = TABLES_BASE; at < end; at += 4) {
    if (at == TABLES_BASE + H_SEAL) at += SEAL_BYTES;
    const word = load<u32>(at);
    first = rotl<u32>(first ^ word, SEAL_TURN_FIRST) * SEAL_PRIME_FIRST;
    second = rotl<u32>(second + word, SEAL_TURN_SECOND) * SEAL_PRIME_SECOND;
  }
  return head(H_SEAL) == first && head(H_SEAL + 4) == second;
}

export function checkTables(): i32 {
  if (!checkHeader()) return 1;
  if (!checkStatePlaces()) return 2;
  if (!checkLimits()) return 3;
  if (!checkListeners()) return 4;
  if (!checkPorts()) return 5;
  if (!checkResiduals() || load<u32>(TABLES_BASE + H_CELL_TREE, T_ROW_COUNT) != head(H_CLASS_COUNT)) return 6;
  if (head(H_COLUMN_COUNT) < head(H_LISTENER_COUNT) || !checkTree(TABLES_BASE + H_CELL_TREE, max(head(H_COLUMN_COUNT), 1), VERDICT_OPEN)) return 6;
  if (!checkFamily(TABLES_BASE + H_FAMILY4, 1)) return 7;
  if (!checkFamily(TABLES_BASE + H_FAMILY6, 4)) return 8;
  if (!checkNames()) return 9;
  if (!checkIdentities()) return 11;
  if (!checkSeal()) return 10;
  return 0;
}
