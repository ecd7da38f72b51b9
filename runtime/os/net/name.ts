// The canonical form of a server name, by the rules of gateway/tls/server_name.ts: lower case, no trailing
// dot, 1 to 253 bytes, labels of 1 to 63 bytes from a-z 0-9 - _, and no IP literal (a name whose last label is a
// number counts as one). A name without such a form is refused, never repaired.

import { NAME } from "./layout";

const NAME_MOST: u32 = 253;
const LABEL_MOST: u32 = 63;
const DOT: u32 = 46;

function isDigit(byte: u32): bool {
  return byte - 48 < 10;
}

/** Whether the label of `length` bytes is decimal digits, or 0x and hexadecimal ones. */
function isNumber(label: usize, length: u32): bool {
  const hex = length >= 2 && load<u8>(label) == 48 && load<u8>(label, 1) == 120;
  for (let i: u32 = hex ? 2 : 0; i < length; i++) {
    const byte = <u32>load<u8>(label + i);
    if (!isDigit(byte) && !(hex && byte - 97 < 6)) return false;
  }
  return true;
}

/** Makes the `length` bytes at NAME canonical in place. Returns the new length, or 0 if refused. */
export function canonical(length: u32): u32 {
  if (length > 0 && length <= NAME_MOST + 1 && load<u8>(NAME + length - 1) == DOT) length--;
  if (length == 0 || length > NAME_MOST) return 0;
  let label: u32 = 0;
  for (let i: u32 = 0; i < length; i++) {
    let byte = <u32>load<u8>(NAME + i);
    if (byte - 65 < 26) byte += 32;
    if (byte == DOT) {
      if (label == 0) return 0;
      label = 0;
      continue;
    }
    if (byte - 97 >= 26 && !isDigit(byte) && byte != 45 && byte != 95) return 0;
    if (++label > LABEL_MOST) return 0;
    store<u8>(NAME + i, byte);
  }
  // The name must end with a label, not with a dot.
  if (label == 0 || isNumber(NAME + length - label, label)) return 0;
  return length;
}
