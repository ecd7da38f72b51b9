// The bounds of what the compiler reads. Each is a diagnostic when it is passed, and each is
// tested at N and at N + 1. Sizes of text are UTF-8 bytes.
import { DEBT_BITS, MAX_PERIOD_MS } from "../../runtime/abi/layout.ts";

export const MAX_SOURCE_BYTES = 4 * 1024 * 1024;
/** Words and signs of all sources, comments aside; with it goes the memory that reading needs. */
export const MAX_WORDS = 1_000_000;
export const MAX_LIST_BYTES = 64 * 1024 * 1024;
/** Names that are compared with mistyped ones; a second or so. */
export const MAX_LOOKS = 500_000;
/** Imports from the entry file to another, by the shortest way. */
export const MAX_IMPORT_DEPTH = 8;
/** `import` statements of the whole policy. */
export const MAX_IMPORTS = 1_024;
/** Bytes that all imports of a policy read; the entry file aside. */
export const MAX_IMPORTED_BYTES = 16 * 1024 * 1024;
/** Templates that use templates. */
export const MAX_TEMPLATE_DEPTH = 16;
/** Words and groups of words that all templates of a policy make. */
export const MAX_EXPANDED_PLACES = 1_000_000;
/** Blocks within blocks. */
export const MAX_NESTING = 64;
/** `allow` and `deny` of the whole policy. */
export const MAX_RULES = 100_000;
/** Addresses and prefixes that are written in the policy or listed in its list files. */
export const MAX_PREFIXES = 2_000_000;
/** Host names and patterns that are written in the policy or listed in its list files. */
export const MAX_HOSTS = 500_000;
/** Labels that all set operations on host names may read. */
export const MAX_SET_HOSTS = 20_000_000;
/** Client identities that are written in the policy, and pairs of them that set operations may compare. */
export const MAX_IDS = 10_000;
export const MAX_SET_IDS = 20_000_000;
export const MAX_ID_BYTES = 2_048;
/** Nodes that the patterns of all identities make together, where they overlap. */
export const MAX_IDENTITY_NODES = 1_000_000;
/** Characters of an annotation. */
export const MAX_ANNOTATION = 512;
/** Characters of the name of a certificate or of an authority. */
export const MAX_CREDENTIAL = 128;
/** Certificates of one expose. */
export const MAX_CERTS = 8;
/** Protocols of one `alpn`, and bytes of one: a hello gives its length in one byte. */
export const MAX_PROTOCOLS = 16;
export const MAX_PROTOCOL_BYTES = 255;
/** Connections of one `repeat`, and its longest time. */
export const MAX_REPEAT = 100_000;
export const MAX_REPEAT_MS = 28 * 24 * 3_600_000;
export const MAX_EXPOSES = 4_096;
/** Port ranges of all exposes, after names are resolved. */
export const MAX_PORT_RANGES = 65_536;
/** Intervals of local addresses of one `bind`. */
export const MAX_BIND_INTERVALS = 1_024;
/** Intervals of addresses of one `via`. */
export const MAX_VIA_INTERVALS = 1_024;
export const MAX_SERVICE_BYTES = 48;
/** Names of sets, exposes and rules; a service's name is shorter. */
export const MAX_NAME_BYTES = 128;
export const MAX_CAP_CONNECTIONS = 1_000_000;
/** Concurrent connections of a listener for which no `cap` is written. */
export const DEFAULT_CAP_CONNECTIONS = 10_000;
export const MAX_LIMIT_COUNT = 1_000_000;
export const MAX_LIMIT_BURST = 1_000_000;
export const MAX_LIMITS = 8;
/** Caps per source or identity and limits of all exposes: an entry of the engine's table has 16 bits for the number of its limit. */
export const MAX_COUNTS = 65_535;
/** Caps per source of one expose. */
export const MAX_SOURCE_CAPS = 8;
/** The longest window of a limit. The shortest is a second, since no unit is shorter. */
export const MAX_WINDOW_MS = MAX_PERIOD_MS;
/** A burst times its window in milliseconds is below this, so that the engine computes a debt of it exactly. */
export const MAX_BURST_MS = 2 ** DEBT_BITS;
/** Bytes that a client of a flow may be sent for each that it sent; protocols that need more prove the address themselves. */
export const MAX_AMPLIFY = 1_000;
/** The part of a source that is its key in caps and limits, where none is written. */
export const DEFAULT_KEY_V4 = 32;
export const DEFAULT_KEY_V6 = 64;
/** Backends of one expose. */
export const MAX_BACKENDS = 32;
/** Bytes of a unix socket's path: sun_path has 108 with its final NUL. */
export const MAX_UNIX_PATH_BYTES = 107;
/** Intervals that all set operations of a policy may read, and that all sets may have. */
export const MAX_SET_WORK = 100_000_000;
export const MAX_SET_INTERVALS = 8_000_000;
/** Steps of dividing addresses and names by all sets, such as a word of a row that is made anew: some ten seconds. */
export const MAX_LOWER_WORK = 100_000_000;
/** Places at which all rules together may take effect: a rule at an expose, or at the shadow of one. */
export const MAX_EFFECTS = 20_000_000;
/** Pairs of a set of host names and a kind of names that is in it. */
export const MAX_NAME_MEMBERS = 20_000_000;
/** Errors shown of one list file. */
export const MAX_LIST_ERRORS = 10;
/** Errors shown of one policy. */
export const MAX_ERRORS = 100;
/** Characters of the author's text in one message. */
export const MAX_QUOTE = 48;
