// The engine as a plugin of Envoy: a network filter of the proxy-wasm ABI 0.2.1 around the unchanged sources of runtime/engine. It decides
// when a connection is there, names the cluster of the listener that admits it, and closes every other one. Caps and limits are
// not counted: each worker of Envoy has a memory of its own.

import { E_CLOCK, E_COUNT, E_FLAGS, E_MAGIC, ENVOY_MAGIC, FLAG_FORWARDED, FLAG_HELLO, FLAG_STRICT } from "../abi/envoy";
import { DETAIL_BASE, DETAIL_LISTENER, PROTO_TCP, STATUS_VALID } from "../abi/layout";
import { VERDICT_ALLOW } from "../abi/verdicts";
import { clock, hello, listenerAt, scratch, validate } from "../engine/main";
import { a, b, c, d, port, readAddress } from "./address";
import { allocate, close, forwardTo, localAddress, page, seconds, serverName, sourceAddress, value } from "./envoy";
import { canonical } from "./name";

const CONTINUE: u32 = 0;
const STOP: u32 = 1;

export function proxy_abi_version_0_2_1(): void {}

export function proxy_on_memory_allocate(size: u32): u32 {
  return <u32>allocate(size);
}

export function malloc(size: u32): u32 {
  return <u32>allocate(size);
}

/** False: Envoy does not start the module. */
export function proxy_on_vm_start(context: u32, size: u32): u32 {
  return u32(load<u32>(page(), E_MAGIC) == <u32>ENVOY_MAGIC && validate() == 0);
}

export function proxy_on_configure(context: u32, size: u32): u32 {
  return load<u32>(STATUS_VALID);
}

export function proxy_on_context_create(context: u32, parent: u32): void {}

export function proxy_on_new_connection(context: u32): u32 {
  const listener = decide();
  if (listener >= 0 && forwardTo(listener)) return CONTINUE;
  close();
  return STOP;
}

export function proxy_on_done(context: u32): u32 {
  return 1;
}

export function proxy_on_delete(context: u32): void {}

function flagsOf(listener: u32): u32 {
  return listener < load<u32>(page(), E_COUNT) ? <u32>load<u8>(page() + listener, E_FLAGS) : 0;
}

/** The listener that admits the connection; -1: none does. */
function decide(): i32 {
  if (!readAddress(value(), localAddress())) return -1;
  const place = listenerAt(PROTO_TCP, port, a, b, c, d);
  if (place < 0) return -1;
  const flags = flagsOf(place);
  if ((flags & FLAG_FORWARDED) == 0) return -1;
  let length: i32 = 0;
  if (flags & FLAG_HELLO) {
    length = serverName();
    if (length < 0) return -1;
    if (length > 0 && !canonical(value(), length, scratch())) {
      if (flags & FLAG_STRICT) return -1;
      length = 0;
    }
  }
  if (!readAddress(value(), sourceAddress())) return -1;
  const fixed = load<u64>(page(), E_CLOCK);
  const now = fixed != 0 ? fixed : seconds();
  clock(0, 0, <u32>(now >> 32), <u32>now);
  if (hello(place, a, b, c, d, length) != VERDICT_ALLOW) return -1;
  const admitting = load<u32>(DETAIL_BASE, DETAIL_LISTENER);
  return flagsOf(admitting) & FLAG_FORWARDED ? <i32>admitting : -1;
}
