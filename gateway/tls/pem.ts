// Reads PEM (RFC 7468): the blocks of a file as bytes. Text around blocks, a byte order mark, CR LF and a
// missing line end between two blocks are taken as what they mean. A block that is torn, or that only
// looks like one, is refused: a reader that skipped it would lose a certificate without a word.

export interface PemBlock {
  /** `CERTIFICATE`, `PRIVATE KEY` and so on. */
  readonly label: string;
  readonly der: Buffer;
  /** Of its first marker, from 1 on. */
  readonly line: number;
}

export type Pem = { readonly blocks: readonly PemBlock[] } | { readonly fault: string };

const MARKER = /-----(BEGIN|END) ([A-Z0-9][A-Z0-9 ]*)-----/g;
/** A line that a person would take for a marker. */
const NEARLY = /-{2,}[ \t]*(?:BEGIN|END)\b/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** The fault is the second half of a sentence about the file. */
export function readBlocks(bytes: Uint8Array): Pem {
  const text = Buffer.from(bytes).toString("latin1");
  const lineAt = (at: number): number => (text.slice(0, at).match(/\n/g)?.length ?? 0) + 1;
  const blocks: PemBlock[] = [];
  let open: { readonly label: string; readonly begin: number; readonly from: number } | null = null;
  let behind = 0;
  for (const { 0: marker, 1: word, 2: label = "", index } of text.matchAll(MARKER)) {
    const here = `line ${lineAt(index)}`;
    const end = index + marker.length;
    if (open === null) {
      const stray = NEARLY.exec(text.slice(behind, index));
      if (stray !== null) return { fault: `has a damaged marker in line ${lineAt(behind + stray.index)}: a marker is \`-----BEGIN ${label}-----\`` };
      if (word === "END") return { fault: `ends a ${label} in ${here} that it never began` };
      open = { label, begin: index, from: end };
    } else {
      if (word === "BEGIN" || label !== open.label)
        return { fault: `has no \`-----END ${open.label}-----\` for the block that begins in line ${lineAt(open.begin)}` };
      const body = text.slice(open.from, index);
      if (/^\s*(?:Proc-Type|DEK-Info):/m.test(body))
        return { fault: `has a ${label} in line ${lineAt(open.begin)} that a passphrase encrypts: write it without one` };
      const base64 = body.replace(/\s/g, "");
      if (base64 === "" || !BASE64.test(base64)) return { fault: `has a ${label} in line ${lineAt(open.begin)} that is not base64` };
      blocks.push({ label, der: Buffer.from(base64, "base64"), line: lineAt(open.begin) });
      open = null;
    }
    behind = end;
  }
  if (open !== null) return { fault: `has no \`-----END ${open.label}-----\` for the block that begins in line ${lineAt(open.begin)}` };
  const stray = NEARLY.exec(text.slice(behind));
  return stray === null ? { blocks } : { fault: `has a damaged marker in line ${lineAt(behind + stray.index)}` };
}

export function pemText(label: string, der: Buffer): string {
  return `-----BEGIN ${label}-----\n${(der.toString("base64").match(/.{1,64}/g) ?? []).join("\n")}\n-----END ${label}-----\n`;
}
