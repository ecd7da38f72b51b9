// The last page of the memory of `policy.envoy.wasm`: what the plugin knows besides the tables, and its work space. Offsets
// count bytes from the start of that page.

export const ENVOY_PAGES = 1;

/** "INGV" */
export const ENVOY_MAGIC = 0x56474e49;
export const E_MAGIC = 0;
/** Listeners and groups of the tables, each with a byte of flags. */
export const E_COUNT = 4;
/** UTC seconds as u64, for `--as-of`; 0: Envoy's clock. */
export const E_CLOCK = 8;
/** Where Envoy writes a number or an address and a length. */
export const E_OUT = 16;
export const E_PATH = 64;
export const E_ARGUMENT = 256;
/** Where Envoy puts the value of a property. */
export const E_VALUE = 1024;
export const E_VALUE_BYTES = 7168;
export const E_FLAGS = 8192;
export const E_MOST_FLAGS = 57344;

/** Envoy forwards connections to the backend of the listener. */
export const FLAG_FORWARDED = 1;
/** A hello has come, whose server name decides. */
export const FLAG_HELLO = 2;
/** A server name that is no host name is refused; without this flag it counts as none. */
export const FLAG_STRICT = 4;
