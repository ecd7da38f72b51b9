// The instructions of a code section, for tests of what an engine can do. Supports MVP instructions only; anything else
// is an error. https://webassembly.github.io/spec/core/binary/instructions.html
import { readUnsigned } from "../../runtime/abi/sections.ts";

const I32 = 0x7f;
const I64 = 0x7e;

export function opcodes(code: Uint8Array): readonly number[] {
  const out: number[] = [];
  let at = 0;
  const byte = (): number => {
    const value = code[at++];
    if (value === undefined) throw new Error("the code ends in the middle of an instruction");
    return value;
  };
  const unsigned = (): number => {
    const read = readUnsigned(code, at);
    if (read === null) throw new Error(`no number at ${at}`);
    at = read[1];
    return read[0];
  };
  /** A LEB128 of any length whose value doesn't matter. */
  const skip = (): void => {
    while (byte() >= 0x80);
  };

  const functions = unsigned();
  for (let i = 0; i < functions; i++) {
    const end = unsigned() + at;
    for (let groups = unsigned(); groups > 0; groups--) {
      unsigned();
      const type = byte();
      if (type !== I32 && type !== I64) throw new Error(`a local of the type 0x${type.toString(16)}`);
    }
    while (at < end) {
      const op = byte();
      out.push(op);
      if (op === 0x0e) for (let targets = unsigned() + 1; targets > 0; targets--) unsigned();
      else if (op === 0x11 || (op >= 0x28 && op <= 0x3e)) {
        skip();
        skip();
      } else if ((op >= 0x02 && op <= 0x04) || op === 0x0c || op === 0x0d || op === 0x10 || (op >= 0x20 && op <= 0x24) || (op >= 0x3f && op <= 0x42)) skip();
      else if (op === 0x43) at += 4;
      else if (op === 0x44) at += 8;
      else if (op > 0xbf || (op >= 0x06 && op <= 0x0a) || (op >= 0x12 && op <= 0x19) || (op >= 0x1c && op <= 0x1f) || (op >= 0x25 && op <= 0x27))
        throw new Error(`not an MVP instruction: 0x${op.toString(16)}`);
    }
    if (at !== end) throw new Error("an instruction goes beyond its function");
  }
  if (at !== code.length) throw new Error("bytes behind the last function");
  return out;
}
