// The places of a table are divided among the open ports: half of them are reserved in equal parts, at least one each,
// and any port may use the others. So the clients of one port can't take every place from those of another.
//
// An entry of both tables begins with its state, of which 1 is one in use, and has its ports at C_PORTS.

import { C_PORTS, PARTS, PORT_COUNT } from "./layout";

let openPorts: u32 = 1;

export function setPorts(count: u32): void {
  openPorts = max(1, min(count, <u32>PORT_COUNT));
}

/** Number of places of a table of `size` that are reserved for each port. */
function reserve(size: u32): u32 {
  return max(1, size / 2 / openPorts);
}

/** A port, and how many entries within its part were counted: only for the time of one call. */
function partAt(index: u32): usize {
  return <usize>PARTS + <usize>(index << 3);
}

/** Whether `port` may have one more entry of a table of `size` entries: within its part, or where nobody's part is needed for it. */
export function hasRoom(first: usize, bytes: u32, size: u32, port: u32): bool {
  const part = reserve(size);
  let free: u32 = 0;
  let own: u32 = 0;
  /** Number of entries that are within the part of their port. */
  let within: u32 = 0;
  let known: u32 = 0;
  for (let i: u32 = 0; i < size; i++) {
    const entry = first + <usize>(i * bytes);
    if (load<u32>(entry) != 1) {
      free++;
      continue;
    }
    const at = load<u32>(entry, C_PORTS) & 0xffff;
    own += u32(at == port);
    let k: u32 = 0;
    while (k < known && load<u32>(partAt(k)) != at) k++;
    if (k == <u32>PORT_COUNT) continue;
    if (k == known) {
      store<u32>(partAt(k), at);
      store<u32>(partAt(k), 0, 4);
      known++;
    }
    const counted = load<u32>(partAt(k), 4);
    if (counted == part) continue;
    store<u32>(partAt(k), counted + 1, 4);
    within++;
  }
  return free > 0 && (own < part || free + within > openPorts * part);
}
