// The canonical form of a server name, as gateway/tls/server_name.ts has it for a hello that is passed on unchanged.

const DOT: u32 = 46;
const MOST_BYTES: usize = 253;
const MOST_OF_LABEL: usize = 63;

function lower(byte: u32): u32 {
  return byte - 65 < 26 ? byte + 32 : byte;
}

/** Whether a lower-case byte may be in a label: letters, digits, `-` and `_`. */
function fits(byte: u32): bool {
  return byte - 97 < 26 || byte - 48 < 10 || byte == 45 || byte == 95;
}

/** Whether a label is a number, decimal or after `0x`: an address, where it is the last one. */
function isNumber(label: usize, length: usize): bool {
  const hex = length >= 2 && load<u8>(label) == 48 && load<u8>(label + 1) == 120;
  for (let i: usize = hex ? 2 : 0; i < length; i++) {
    const byte = <u32>load<u8>(label + i);
    if (byte - 48 >= 10 && !(hex && byte - 97 < 6)) return false;
  }
  return true;
}

/** Writes the `length` bytes at `from` to `to` in lower case; false: they are no canonical name. */
export function canonical(from: usize, length: usize, to: usize): bool {
  if (length == 0 || length > MOST_BYTES) return false;
  let label: usize = 0;
  for (let i: usize = 0; i < length; i++) {
    const byte = lower(<u32>load<u8>(from + i));
    store<u8>(to + i, <u8>byte);
    if (byte == DOT) {
      if (i == label) return false;
      label = i + 1;
      continue;
    }
    if (!fits(byte) || i - label >= MOST_OF_LABEL) return false;
  }
  return label < length && !isNumber(to + label, length - label);
}
