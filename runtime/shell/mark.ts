// The revision high-water mark: the highest signed revision that was in force, and which module it
// was. One line of text that says of itself whether it is whole:
//
//   ingressd mark v1 revision=7 sha256=<64 hex digits> check=<16 hex digits>
import { createHash } from "node:crypto";
import { MAX_REVISION } from "../abi/signature.ts";
import type { SignatureInfo } from "../host/module.ts";

export interface Mark {
  readonly revision: number;
  /** The module's own hash, lower-case hex. */
  readonly sha256: string;
}

export function markText({ revision, sha256 }: Mark): string {
  const facts = `ingressd mark v1 revision=${revision} sha256=${sha256}`;
  return `${facts} check=${checkOf(facts)}\n`;
}

/** Null for anything that `markText` does not write. */
export function parseMark(text: string): Mark | null {
  const match = /^(ingressd mark v1 revision=([1-9][0-9]{0,15}) sha256=([0-9a-f]{64})) check=([0-9a-f]{16})\n$/.exec(text);
  const [, facts = "", revision = "", sha256 = "", check] = match ?? [];
  return match !== null && Number(revision) <= MAX_REVISION && checkOf(facts) === check ? { revision: Number(revision), sha256 } : null;
}

function checkOf(facts: string): string {
  return createHash("sha256").update(facts).digest("hex").slice(0, 16);
}

/** Why a policy may not follow the mark (`revision_old`, `revision_reused`), or null. */
export function belowMark({ revision }: SignatureInfo, sha256: string, mark: Mark): string | null {
  if (revision > mark.revision || (revision === mark.revision && sha256 === mark.sha256)) return null;
  if (revision === mark.revision)
    return `(revision_reused): revision ${revision} was in force with another module (${mark.sha256.slice(0, 12)}): sign this one with revision ${mark.revision + 1} or more`;
  return `(revision_old): it has revision ${revision}, and revision ${mark.revision} was in force here: to go back to it, sign it again with revision ${mark.revision + 1} or more`;
}
