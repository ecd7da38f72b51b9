// The bytes that the compiler writes and the engine reads. Plain un-annotated i32 literals:
// the AssemblyScript compiler and tsc both read this file.
//
//   0        16        64         128          256        1024
//   | unused | detail  | clock    | seed,status | work     | tables … | scratch | state …
//
// Offsets named H_* count bytes from TABLES_BASE, R_* from the start of their record. All
// words are little-endian u32 unless a line says u64. Every offset stored in the header is an
// address in memory, a multiple of 8, at or above TABLES_BASE.

/** Layout and meaning of everything below; a host knows those of this release and of the two before it. */
export const ABI_VERSION = 3;
/** "INGR" */
export const TABLES_MAGIC = 1380404809;
export const PAGE_BYTES = 65536;
/** The most memory that a module may have, in 64 KiB pages (256 MiB). */
export const MAX_PAGES = 4096;

// ---- fixed places -------------------------------------------------------------------------
/** The answer to the last single question: verdict, reason, code, rule. */
export const DETAIL_BASE = 16;
export const DETAIL_VERDICT = 0;
export const DETAIL_REASON = 4;
export const DETAIL_CODE = 8;
export const DETAIL_RULE = 12;
/** The listener that decided: the one of the request, or that to which a group's name led; the group where none did. */
export const DETAIL_LISTENER = 16;
/** Of a charge that admits: the code with which the first dryrun cap or limit would have refused, or 0. */
export const DETAIL_WOULD = 20;
export const DETAIL_BYTES = 24;
/** u64 milliseconds, never falling. */
export const CLOCK_MONO = 64;
/** u64 UTC seconds, never falling. */
export const CLOCK_WALL = 72;
/** 1 while the last clock that was set had a wall clock. */
export const CLOCK_KNOWN = 80;
/** Two u64 words of SipHash key. */
export const SEED_BASE = 128;
/** 1 after `validate` has passed. */
export const STATUS_VALID = 144;
/** Connections that `recount` had no free entry for; while this is above 0, source caps refuse. */
export const CAP_LOST = 148;
/** Debts of the limits of the current request, one u64 per limit. */
export const WORK_DEBTS = 256;
/** Fingerprints for the same limits, one u64 per limit. */
export const WORK_PRINTS = 512;
export const TABLES_BASE = 1024;

// ---- header -------------------------------------------------------------------------------
export const H_MAGIC = 0;
export const H_VERSION = 4;
/** Address of the first byte after the tables. */
export const H_TABLES_END = 8;
export const H_LISTENERS = 12;
export const H_LISTENER_COUNT = 16;
export const H_CLASS_COUNT = 20;
export const H_RESIDUALS = 28;
export const H_RESIDUAL_COUNT = 32;
export const H_RULE_COUNT = 36;
export const H_PORT_KEYS = 40;
export const H_PORT_SPANS = 44;
export const H_PORT_COUNT = 48;
export const H_PORT_ENTRIES = 52;
export const H_PORT_ENTRY_COUNT = 56;
export const H_BINDS = 60;
export const H_BIND_COUNT = 64;
export const H_LIMITS = 68;
export const H_LIMIT_COUNT = 72;
/** The two family blocks, FAMILY_BYTES each. */
export const H_FAMILY4 = 76;
export const H_FAMILY6 = 116;
export const H_SCRATCH = 156;
export const H_SCRATCH_BYTES = 160;
export const H_LISTENER_STATE = 164;
export const H_LIMIT_STATE = 168;
export const H_LIMIT_TABLE = 172;
/** Number of sets of WAYS entries, a power of two; 0 if no limit has a key. */
export const H_LIMIT_SETS = 176;
export const H_SKETCH = 180;
/** Cells in each of the SKETCH_ROWS rows, a power of two. */
export const H_SKETCH_CELLS = 184;
export const H_CAP_TABLE = 188;
export const H_CAP_SETS = 192;
export const H_MEMORY_END = 196;
/** Maximum number of loop iterations of one decision, computed by the compiler. */
export const H_MAX_STEPS = 200;
/** Columns of a row of cells: the listeners, the groups, then the shadows. */
export const H_COLUMN_COUNT = 204;
export const H_TIMES = 208;
export const H_TIME_COUNT = 212;
export const H_NAME_NODES = 216;
/** At least 1: node 0 is the root. */
export const H_NAME_NODE_COUNT = 220;
/** First node of each bucket; one more behind the last says where that ends. */
export const H_NAME_BUCKETS = 224;
/** A power of two. */
export const H_NAME_BUCKET_COUNT = 228;
export const H_NAME_BYTES = 232;
export const H_NAME_BYTE_COUNT = 236;
export const H_NAME_CLASS_COUNT = 240;
export const H_NAME_ENDS = 244;
export const H_NAME_END_COUNT = 248;
/** Initial value of the hash of every name. */
export const H_NAME_SEED = 252;
/** The two trees of cells, TREE_BYTES each: (class, column) and (row of names, class of names) to a residual. */
export const H_CELL_TREE = 256;
export const H_NAME_TREE = 296;
/** (row of identities, class of identities) to a residual. */
export const H_IDENTITY_TREE = 336;
export const H_IDENTITY_NODES = 376;
/** At least 1: node 0 is the root. */
export const H_IDENTITY_NODE_COUNT = 380;
/** First node of each bucket; one more behind the last says where that ends. */
export const H_IDENTITY_BUCKETS = 384;
/** A power of two. */
export const H_IDENTITY_BUCKET_COUNT = 388;
export const H_IDENTITY_BYTES = 392;
export const H_IDENTITY_BYTE_COUNT = 396;
export const H_IDENTITY_ENDS = 400;
export const H_IDENTITY_END_COUNT = 404;
export const H_IDENTITY_CLASS_COUNT = 408;
/** Initial value of the hash of every word. */
export const H_IDENTITY_SEED = 412;
/** u64 FNV-1a-64 of each service that may bind the wildcard address over udp at a port that the kernel chooses. */
export const H_DIALERS = 416;
export const H_DIALER_COUNT = 420;
/** The records of listeners before this number are listeners; those from it on are groups (runtime/abi/groups.ts). */
export const H_GROUP_FIRST = 424;
/** (group, class of names) to one more than the listener that the name leads to, or 0. */
export const H_LEAD_TREE = 428;
/** Two checksum words over all other words of the tables; compiler/emit/seal.ts computes them. */
export const H_SEAL = 472;
export const HEADER_BYTES = 480;

// ---- seal ---------------------------------------------------------------------------------
// Each half of the seal folds in every word of the tables in order, with a left rotation and a
// multiplication. Changing any one word changes both halves; other damage goes undetected once in 2^64.
export const SEAL_BYTES = 8;
export const SEAL_START = 1380404809;
export const SEAL_TURN_FIRST = 13;
export const SEAL_TURN_SECOND = 19;
export const SEAL_PRIME_FIRST = -1640531535;
export const SEAL_PRIME_SECOND = -2048144777;

// ---- family block: (address) -> class -----------------------------------------------------
// Without a root, lookup is one binary search over all keys. With a root, 16 bits choose a root value and
// 8 and 8 more bits choose a page value each; IPv6 then searches a bucket of the low 96 bits.
/** Address of 65,536 values, or 0 if the family has no trie. */
export const F_ROOT = 0;
export const F_PAGES = 4;
export const F_PAGE_COUNT = 8;
/** Number of pages at depth 2, which come first; the rest are at depth 3. */
export const F_PAGE_UPPER = 12;
export const F_VALUES = 16;
export const F_VALUE_COUNT = 20;
export const F_BUCKETS = 24;
export const F_BUCKET_COUNT = 28;
/** Interval starts, ascending; 1 word per key (v4), 4 (v6), or 3 (v6 with a root). */
export const F_KEYS = 32;
export const F_KEY_COUNT = 36;
export const FAMILY_BYTES = 40;
// The classes follow the keys, one word per key, at keys + count * words * 4.

/** A value of root and pages: kind in the low two bits, number above. */
export const VALUE_CLASS = 0;
export const VALUE_PAGE = 1;
export const VALUE_BUCKET = 2;
export const VALUE_SHIFT = 2;
// page: eight times { u32 bitmap of the run starts, u32 number of the values before them }
export const PAGE_BYTES_TRIE = 64;
// bucket: { u32 first key, u32 count }
export const BUCKET_BYTES = 8;
export const ROOT_SLOTS = 65536;

// ---- tree of cells: (row, index) -> number -------------------------------------------------
// A row has a word for each index, or for each 16, 256, … of them the number of a page of 16 words,
// and so on down. Equal pages are stored once, so rows cost only what they differ by.
//
//   row       | n | n | …            T_STRIDE words; index >>> T_SHIFT chooses
//   page        -> | n | n | … 16    4 bits of the index choose, T_SHIFT / 4 times
//
// The pages of the last step come first; T_ENDS gives, for each step back from it, where its pages end.
export const T_ROWS = 0;
export const T_ROW_COUNT = 4;
export const T_STRIDE = 8;
export const T_SHIFT = 12;
export const T_PAGES = 16;
/** TREE_DEPTH words: pages up to the end of each depth, counted from the last step. */
export const T_ENDS = 20;
export const TREE_BYTES = 40;
export const TREE_DEPTH = 5;
export const CELL_BITS = 4;
export const CELL_SLOTS = 16;

// ---- listener record ----------------------------------------------------------------------
// A group has a record too, with the cap 0, by which nothing is ever charged to it, and no limits.
/** u64 FNV-1a-64 of the expose's name, which identifies it across reloads. */
export const R_LISTENER_IDENTITY = 0;
/** 1 if the listener binds any address. */
export const R_LISTENER_BIND_ANY = 8;
export const R_LISTENER_CAP = 12;
/** The first of its records in the table of limits: its caps per key, then its limits. */
export const R_LISTENER_LIMIT_FIRST = 16;
export const R_LISTENER_LIMIT_COUNT = 20;
/** The column that also counts dryrun rules, or 0 if no dryrun rule applies to the listener. */
export const R_LISTENER_SHADOW = 24;
/** The column whose residuals have, in R_RESIDUAL_ROW, a bit for each of these records that counts the source; 0 if all of them count every source. */
export const R_LISTENER_COUNTED = 28;
/** Bits of the records that count identities; no source counts in them. */
export const R_LISTENER_IDENTITIES = 32;
/** u64 FNV-1a-64 of the subject that may bind there: ingressd, or in mode `direct` the service, with a token. */
export const R_LISTENER_BINDER = 40;
export const LISTENER_BYTES = 48;
/** 8 limits and 8 caps per source, dryrun ones included; two caps per identity, one of them dryrun; and a dryrun cap of all connections. */
export const MAX_LIMITS_PER_LISTENER = 19;

// ---- residual set: what is still undecided after phase 1 ----------------------------------
// Rules with an end make the outcome depend on the wall clock. The fields of a record apply when
// every such end has passed, or when no clock is known. Before that, the first time entry that is
// still in the future gives the residual that applies instead, which has no entries of its own.
/** VERDICT_*; VERDICT_OPEN needs the name, VERDICT_IDENTITY the client's identity. */
export const R_RESIDUAL_VERDICT = 0;
export const R_RESIDUAL_CODE = 4;
/** Canonical rule number, or NO_RULE. */
export const R_RESIDUAL_RULE = 8;
/** Row of the name cells for VERDICT_OPEN, row of the identity cells for VERDICT_IDENTITY, bits in a column of R_LISTENER_COUNTED, else 0. */
export const R_RESIDUAL_ROW = 12;
export const R_RESIDUAL_TIME_FIRST = 16;
export const R_RESIDUAL_TIME_COUNT = 20;
export const RESIDUAL_BYTES = 24;
export const NO_RULE = -1;

// time entry: u64 UTC seconds, u32 residual, u32 0; the entries of one residual rise strictly
export const R_TIME_UNTIL = 0;
export const R_TIME_RESIDUAL = 8;
export const TIME_BYTES = 16;

// ---- names: (SNI) -> class ----------------------------------------------------------------
// A trie of labels from the right, its edges in one hash table: a bucket is a run of nodes. A node
// is found by its parent and its label, compared byte by byte. The end record of the deepest matching
// node gives the class: `self` if the name ends there, `one` if exactly one more label precedes it,
// `deep` if more do. Class 0 is for a missing name. A name cell (row, class) is a residual that is
// decided or needs the identity.
export const R_NAME_PARENT = 0;
/** The label's offset in the bytes, and its length in the low NAME_LENGTH_BITS. */
export const R_NAME_LABEL = 4;
export const R_NAME_END = 8;
export const NAME_BYTES = 12;
export const NAME_LENGTH_BITS = 6;
export const R_END_SELF = 0;
export const R_END_ONE = 4;
export const R_END_DEEP = 8;
export const END_BYTES = 12;
/** Bytes of the longest name that is looked up (a DNS name in text has at most 253). */
export const MAX_NAME_BYTES = 255;
export const MAX_LABEL_BYTES = 63;
/** Nodes of the largest bucket. */
export const MAX_NAME_PROBES = 32;
/** FNV-1a, 32 bits, from the seed over the name from its end to the label's first byte, dots too. */
export const NAME_HASH_PRIME = 16777619;

// ---- identities: (a certificate's words) -> classes ----------------------------------------
// A trie of the parts between the `/` of a word (`uri:spiffe://corp.example/ops/web`), from the left;
// no part ends after a `?` or `#`. An edge is a whole part, or (lowest bit of its length set) a prefix of
// a part. A whole part wins over any prefix, and a longer prefix over a shorter one. The class is in the
// end record of the last node: in `self` if the word ends there, in `deep` if no edge matches the rest.
// Class 0 is for a word that is in no set. An identity cell (row, class) is a residual that is decided.
// Of the words of one certificate, the deny with the lowest rule decides, else the allow with the lowest.
//
//   scratch: | name … 256 | u16 n, n bytes | u16 n, n bytes | …
export const R_IDENTITY_PARENT = 0;
export const R_IDENTITY_OFFSET = 4;
/** Twice the length of the part, plus 1 if it is only a prefix of one. */
export const R_IDENTITY_LENGTH = 8;
export const R_IDENTITY_END = 12;
export const IDENTITY_BYTES = 16;
export const R_IDENTITY_END_SELF = 0;
export const R_IDENTITY_END_DEEP = 4;
/** 1 if an edge from this node is a prefix of a part. */
export const R_IDENTITY_END_OPENS = 8;
export const IDENTITY_END_BYTES = 12;
/** Offset of the words in scratch, after the longest name. */
export const SCRATCH_IDENTITY = 256;
/** Maximum number of words of one certificate: 64 names and its hash. */
export const MAX_IDENTITY_WORDS = 65;
/** Maximum size of the words without their lengths: 8 KiB of names and 71 bytes for the hash. */
export const MAX_IDENTITY_WORD_BYTES = 8263;
/** Nodes of the largest bucket. */
export const MAX_IDENTITY_PROBES = 32;

// ---- ports --------------------------------------------------------------------------------
// keys: ascending u32 proto << 16 | port, each the start of an interval; spans: { u32 first
// entry, u32 count }; entry: { u32 listener, u32 first bind interval, u32 count, u32 0 };
// bind interval: first and last address, four words each.
export const PORT_SPAN_BYTES = 8;
export const R_ENTRY_LISTENER = 0;
export const R_ENTRY_BIND_FIRST = 4;
export const R_ENTRY_BIND_COUNT = 8;
export const PORT_ENTRY_BYTES = 16;
export const BIND_BYTES = 32;
export const PROTO_TCP = 6;
export const PROTO_UDP = 17;

// dialer: u64, in ascending order
export const DIALER_BYTES = 8;
export const MAX_DIALERS = 4096;

// ---- limit record -------------------------------------------------------------------------
/**
 * u64 from listener, kind, period and prefix lengths: what identifies a limit across reloads. Several limits may have the same one, and a debt
 * under one of them is then taken over by all. That of a cap is its own. `dryrun` has no part in it.
 */
export const R_LIMIT_IDENTITY = 0;
/** Of a cap: connections at a time. */
export const R_LIMIT_COUNT = 8;
/** Of a cap 1, and so is its burst. */
export const R_LIMIT_PERIOD_MS = 12;
export const R_LIMIT_BURST = 16;
/** u16 LIMIT_PER_LISTENER, LIMIT_PER_KEY, CAP_PER_KEY or CAP_PER_LISTENER; LIMIT_DRYRUN is added where the limit or cap refuses nothing. */
export const R_LIMIT_KIND = 20;
/** u16 12 bits of a hash of the sources that it counts, 0 where it counts all; it decides only which enforced limits take over the debts of a dryrun one. */
export const R_LIMIT_FROM = 22;
export const R_LIMIT_V4 = 24;
export const R_LIMIT_V6 = 28;
export const LIMIT_BYTES = 32;
export const LIMIT_PER_LISTENER = 0;
/** The key is a source, or 128 bits of an identity's hash, which are stored like an address. */
export const LIMIT_PER_KEY = 1;
export const CAP_PER_KEY = 2;
/** The connections of the listener, which its own state counts; only a dryrun cap has a record for them. */
export const CAP_PER_LISTENER = 3;
export const LIMIT_DRYRUN = 256;
/** The first 10 bits of fe80::/10; prefix lengths do not apply to such a source. */
export const LINK_LOCAL_BITS = 1018;
export const IDENTITY_KEY_V4 = 32;
export const IDENTITY_KEY_V6 = 128;
export const MAX_LIMIT_COUNT = 1000000;
export const MAX_LIMIT_BURST = 1000000;
/** 7 days. */
export const MAX_PERIOD_MS = 604800000;
/** burst x period is below 2^43, so that a debt fits 64 bits in units of 2^-20 ms. */
export const DEBT_BITS = 43;
export const MAX_LIMITS = 65535;

// ---- state --------------------------------------------------------------------------------
// listener state: u32 connections; limit state: u64 theoretical arrival time (listener keys)
export const LISTENER_STATE_BYTES = 8;
export const LIMIT_STATE_BYTES = 8;
/** Entries of one set: one cache line. */
export const WAYS = 4;
// limit entry: u64 fingerprint (48 bits) << 16 | limit + 1, u64 theoretical arrival time
// cap entry:   u64 fingerprint, u32 connections, u32 1 for a dryrun cap, else 0
export const ENTRY_BYTES = 16;
export const SET_BYTES = 64;
export const SKETCH_ROWS = 2;
export const SKETCH_CELL_BYTES = 8;
/** Number of neighbouring sets in which a cap entry may be stored. */
export const CAP_PROBE_SETS = 8;
/** Monotonic milliseconds saturate here (2^43, 278 years), so that time x rate fits 63 bits. */
export const MONO_BITS = 43;
/** Debts are exported in units of 2^-20 ms. */
export const DEBT_SHIFT = 20;

// ---- scratch: batch and state records -----------------------------------------------------
// batch: listener, a, b, c, d, zone in; verdict, would << 24 | reason << 16 | code, rule out
export const R_BATCH_LISTENER = 0;
export const R_BATCH_SOURCE = 4;
export const R_BATCH_VERDICT = 20;
export const R_BATCH_CODE = 24;
export const R_BATCH_RULE = 28;
/** Interface number of a link-local source, else 0; the rule is written over it. */
export const BATCH_ZONE = 28;
export const BATCH_BYTES = 32;
// state: u64 limit identity, u64 fingerprint or cell, u64 debt, u32 kind, u32 cells per row
export const R_STATE_IDENTITY = 0;
export const R_STATE_PRINT = 8;
export const R_STATE_DEBT = 16;
/** STATE_*; of a dryrun limit with its count above the low byte, so that only a limit of that rate takes its debt over. */
export const R_STATE_KIND = 24;
/** Cells in a row of the sketch; of a dryrun limit R_LIMIT_FROM << 20 and its burst. */
export const R_STATE_CELLS = 28;
export const STATE_BYTES = 32;
export const STATE_LISTENER = 1;
export const STATE_SOURCE = 2;
export const STATE_SKETCH = 3;
