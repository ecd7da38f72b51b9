// Envoy's side of the proxy-wasm ABI 0.2.1, as far as a decision needs it. Text that is passed to Envoy is stored as
// numbers, because a module of a policy has no data besides its tables.

import { E_ARGUMENT, E_OUT, E_PATH, E_VALUE, E_VALUE_BYTES, ENVOY_PAGES } from "../abi/envoy";
import { proxy_call_foreign_function, proxy_close_stream, proxy_get_current_time_nanoseconds, proxy_get_property } from "./env";

const OK: u32 = 0;
const DOWNSTREAM: u32 = 2;
/** As long as the connection of the client. */
const LIFE_OF_CONNECTION: u8 = 2;
const NANOSECONDS: u64 = 1_000_000_000;
/** Tags of fields in a message of protocol buffers: bytes 1 and 2, number 3. */
const FIELD_PATH: u8 = 0x0a;
const FIELD_VALUE: u8 = 0x12;
const FIELD_SPAN: u8 = 0x18;

/** Address of the plugin's own page. */
export function page(): usize {
  return (<usize>(memory.size() - ENVOY_PAGES)) << 16;
}

/** Where Envoy may write `size` bytes; 0: nowhere. Each value takes the place of the one before. */
export function allocate(size: usize): usize {
  return size <= <usize>E_VALUE_BYTES ? page() + E_VALUE : 0;
}

/** Where a property has been written. */
export function value(): usize {
  return page() + E_VALUE;
}

/** Length of the value of the property whose path is the first `length` bytes there; -1: it can't be had. */
function property(length: usize): i32 {
  const out = page() + E_OUT;
  store<u64>(out, 0);
  if (proxy_get_property(page() + E_PATH, length, out, out + 4) != OK) return -1;
  const size = load<u32>(out, 4);
  if (size == 0) return 0;
  return size <= <u32>E_VALUE_BYTES && load<u32>(out) == <u32>value() ? <i32>size : -1;
}

/** `source.address`: `192.0.2.1:443` or `[2001:db8::1]:443`. */
export function sourceAddress(): i32 {
  const path = page() + E_PATH;
  store<u64>(path, 0x6100_6563_7275_6f73); // "source", 0, "a"
  store<u64>(path, 0x7373_6572_6464, 8); // "ddress"
  return property(14);
}

/** `destination.address`: what the client connected to, in the same form. */
export function localAddress(): i32 {
  const path = page() + E_PATH;
  store<u64>(path, 0x7461_6e69_7473_6564); // "destinat"
  store<u64>(path, 0x7264_6461_006e_6f69, 8); // "ion", 0, "addr"
  store<u64>(path, 0x73_7365, 16); // "ess"
  return property(19);
}

/** `connection.requested_server_name`; empty where the hello has none. */
export function serverName(): i32 {
  const path = page() + E_PATH;
  store<u64>(path, 0x6974_6365_6e6e_6f63); // "connecti"
  store<u64>(path, 0x6575_7165_7200_6e6f, 8); // "on", 0, "reque"
  store<u64>(path, 0x7265_735f_6465_7473, 16); // "sted_ser"
  store<u64>(path, 0x656d_616e_5f72_6576, 24); // "ver_name"
  return property(32);
}

/** UTC seconds; 0: not known. */
export function seconds(): u64 {
  const out = page() + E_OUT;
  store<u64>(out, 0);
  return proxy_get_current_time_nanoseconds(out) == OK ? load<u64>(out) / NANOSECONDS : 0;
}

/** Closes the client's connection. */
export function close(): void {
  proxy_close_stream(DOWNSTREAM);
}

/** Names the cluster `expose.N` to the TCP proxy, which forwards nothing where none is named. False: Envoy did not take it. */
export function forwardTo(listener: u32): bool {
  const name = page() + E_PATH;
  store<u64>(name, 0x6f76_6e65_5f74_6573); // "set_envo"
  store<u64>(name, 0x7265_746c_6966_5f79, 8); // "y_filter"
  store<u64>(name, 0x6574_6174_735f, 16); // "_state"
  const start = page() + E_ARGUMENT;
  store<u8>(start, FIELD_PATH);
  store<u8>(start, 23, 1);
  store<u64>(start, 0x6374_2e79_6f76_6e65, 2); // "envoy.tc"
  store<u64>(start, 0x2e79_786f_7270_5f70, 10); // "p_proxy."
  store<u64>(start, 0x72_6574_7375_6c63, 18); // "cluster"
  store<u8>(start, FIELD_VALUE, 25);
  store<u64>(start, 0x2e65_736f_7078_65, 27); // "expose."
  let digits: usize = 1;
  for (let rest = listener; rest >= 10; rest /= 10) digits++;
  store<u8>(start, <u8>(7 + digits), 26);
  let rest = listener;
  for (let at = digits; at > 0; at--) {
    store<u8>(start + 33 + at, <u8>(48 + (rest % 10)));
    rest /= 10;
  }
  const end = start + 34 + digits;
  store<u8>(end, FIELD_SPAN);
  store<u8>(end, LIFE_OF_CONNECTION, 1);
  const out = page() + E_OUT;
  return proxy_call_foreign_function(name, 22, start, end + 2 - start, out, out + 4) == OK;
}
