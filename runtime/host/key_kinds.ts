// Recognises which kind of key a file contains, for messages alone.

export type KeyKind = "public" | "private" | "encrypted" | "certificate" | "ssh_public" | "ssh_private" | "der_public" | "der_private" | "raw";

/** `text`: the file's bytes as Latin-1 or UTF-8. Null where it is no known kind of key. */
export function kindOfKey(text: string): KeyKind | null {
  // RFC 8410 in DER: a SEQUENCE, for a private key the version, and the identifier 1.3.101.112.
  if (text.slice(0, 24).includes("\u0006\u0003+ep")) return text.slice(0, 6).includes("\u0002\u0001\u0000") ? "der_private" : "der_public";
  if (/^\s*(?:[0-9A-Fa-f]{64}|[A-Za-z0-9+/_-]{43}=?)\s*$/.test(text)) return "raw";
  if (/BEGIN OPENSSH PRIVATE KEY/.test(text)) return "ssh_private";
  if (/BEGIN ENCRYPTED PRIVATE KEY|ENCRYPTED/.test(text)) return "encrypted";
  if (/BEGIN [A-Z ]*PRIVATE KEY/.test(text)) return "private";
  if (/BEGIN (?:TRUSTED |X509 )?CERTIFICATE-/.test(text)) return "certificate";
  if (/BEGIN [A-Z0-9 ]*PUBLIC KEY/.test(text)) return "public";
  return /^\s*(?:ssh-|ecdsa-sha2-|sk-)[a-z0-9@.-]+ [A-Za-z0-9+/]/.test(text) ? "ssh_public" : null;
}
