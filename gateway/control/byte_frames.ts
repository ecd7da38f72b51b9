// Byte frames on a socket of JSON lines: how one is recognised, and its answer, in its own protocol, that it is not spoken here.
import { CODE_BAD_INTENT, REASON_POLICY } from "../../runtime/abi/verdicts.ts";
import { encodeExposeReply, EXPOSE_MAGIC, isExposeFrame } from "../intents/expose_frame.ts";
import { LEASE_MAGIC, refusingReply } from "../intents/lease_frame.ts";

/** Of both protocols: magic, version, operation, nonce. */
export const BYTE_FRAME_HEAD = 8;
/** No version will be as large as a printable character or a line's end. */
const MOST_VERSION = 8;

/** `perhaps` where more bytes decide. */
export function beginsByteFrame(bytes: Uint8Array): "yes" | "no" | "perhaps" {
  const [first, second, version] = bytes;
  if (first === undefined) return "no";
  if (first !== EXPOSE_MAGIC[0]) return "no";
  if (second === undefined) return "perhaps";
  if (second !== EXPOSE_MAGIC[1] && second !== LEASE_MAGIC[1]) return "no";
  if (version === undefined) return "perhaps";
  return version <= MOST_VERSION ? "yes" : "no";
}

/** `head` has `BYTE_FRAME_HEAD` bytes. */
export function answerToByteFrame(head: Uint8Array): Uint8Array {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const [op, nonce] = [view.getUint8(3), view.getUint32(4, true)];
  if (head[1] === LEASE_MAGIC[1]) return refusingReply(op, nonce, "unsupported", REASON_POLICY, CODE_BAD_INTENT);
  // Another version is malformed in that protocol.
  return isExposeFrame(head) ?
      encodeExposeReply({ kind: "answer", op, nonce, status: "unsupported", reason: "none" })
    : encodeExposeReply({ kind: "answer", op: 0, nonce: 0, status: "malformed", reason: "none" });
}
