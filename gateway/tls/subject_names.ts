// The identity of a client: the typed subject alternative names of its certificate, out of the DER itself
// (RFC 5280 section 4.2.1.6). Never the common name, and never a joined text, in which one name can
// look like two. The words are those of a policy's `ids`:
//
//   dns:jump.corp.example   uri:spiffe://corp.example/ops/web   ip:192.0.2.7   email:ops@corp.example
//   other:4:<sha256>        a name of a kind that no pattern can mean; it counts all the same
//   sha256:<sha256>         the certificate itself, not one of its names
//
// A name that is not plainly what its type says refuses the certificate as a whole: a reader that
// skipped it would admit a client that a `deny` names. So does one that can be written in two ways, or that the
// verifier's name constraints read as another name (runtime/net/name_forms.ts).
import { createHash } from "node:crypto";
import { formatAddress, isV4, type Address } from "../../runtime/net/address.ts";
import { dnsName, emailName, uriName } from "../../runtime/net/name_forms.ts";
import { MAX_IDENTITY_BYTES, MAX_IDENTITY_NAMES } from "../../runtime/host/identity.ts";
import { BOOLEAN, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, readInside, readValues, SEQUENCE, type DerValue } from "./der.ts";

const SUBJECT_FAULTS = [
  "certificate_malformed",
  "names_twice",
  "names_malformed",
  "too_many_names",
  "names_too_large",
  "dns_name",
  "uri_name",
  "ip_name",
  "email_name",
] as const;
export type SubjectFault = (typeof SUBJECT_FAULTS)[number];

export type SubjectNames = { readonly words: readonly string[] } | { readonly fault: SubjectFault };

/** 2.5.29.17 */
const SUBJECT_ALT_NAME = Buffer.from([0x55, 0x1d, 0x11]);
const VERSION = 0xa0;
const EXTENSIONS = 0xa3;
/** Context tags of GeneralName, all but the constructed bit. */
const EMAIL = 1;
const DNS = 2;
const URI = 6;
const IP = 7;
const LAST_NAME_TAG = 8;

/** `der` is a whole certificate that TLS has verified. At most MAX_IDENTITY_NAMES names and their words' MAX_IDENTITY_BYTES. */
export function subjectNames(der: Buffer): SubjectNames {
  const extension = namesExtension(der);
  if (typeof extension === "string") return { fault: extension };
  const words: string[] = [];
  let bytes = 0;
  if (extension !== null) {
    const names = readInside(extension, SEQUENCE);
    // An empty list is not one (RFC 5280), and would be no name that anybody meant.
    if (names === null || names.length === 0) return { fault: "names_malformed" };
    if (names.length > MAX_IDENTITY_NAMES) return { fault: "too_many_names" };
    for (const name of names) {
      const word = wordOf(name);
      if ("fault" in word) return word;
      bytes += word.word.length;
      words.push(word.word);
    }
  }
  if (bytes > MAX_IDENTITY_BYTES) return { fault: "names_too_large" };
  return { words: [...words, `sha256:${sha256(der)}`] };
}

/** The content of the extension; null where the certificate has none. */
function namesExtension(der: Buffer): Buffer | null | SubjectFault {
  const [body] = readInside(der, SEQUENCE) ?? [];
  const fields = body?.tag === SEQUENCE ? readValues(body.content) : null;
  if (fields === null) return "certificate_malformed";
  // version? serial signature issuer validity subject key issuerId? subjectId? extensions?
  const rest = fields[0]?.tag === VERSION ? fields.slice(1) : fields;
  if (rest[0]?.tag !== INTEGER || rest.length < 6) return "certificate_malformed";
  const last = rest.slice(6).find(({ tag }) => tag === EXTENSIONS);
  if (last === undefined) return null;
  const extensions = readInside(last.content, SEQUENCE);
  if (extensions === null) return "certificate_malformed";
  let found: Buffer | null = null;
  for (const { tag, content } of extensions) {
    const parts = tag === SEQUENCE ? readValues(content) : null;
    const [id, second, third] = parts ?? [];
    const value = second?.tag === BOOLEAN ? third : second;
    const expected = second?.tag === BOOLEAN ? 3 : 2;
    if (parts?.length !== expected || id?.tag !== OBJECT_IDENTIFIER || value?.tag !== OCTET_STRING) return "certificate_malformed";
    if (!id.content.equals(SUBJECT_ALT_NAME)) continue;
    if (found !== null) return "names_twice";
    found = value.content;
  }
  return found;
}

type Word = { readonly word: string } | { readonly fault: SubjectFault };

function wordOf({ tag, content }: DerValue): Word {
  const kind = tag & 0x1f;
  const primitive = (tag & 0x20) === 0;
  if (tag >> 6 !== 2 || kind > LAST_NAME_TAG) return { fault: "names_malformed" };
  switch (kind) {
    case DNS:
      return named("dns", primitive ? dnsName(content.toString("latin1")) : null, "dns_name");
    case URI:
      return named("uri", primitive ? uriName(content.toString("latin1")) : null, "uri_name");
    case IP:
      return named("ip", primitive ? ipName(content) : null, "ip_name");
    case EMAIL:
      return named("email", primitive ? emailName(content.toString("latin1")) : null, "email_name");
    default:
      return { word: `other:${kind}:${sha256(content)}` };
  }
}

function named(type: string, name: string | null, fault: SubjectFault): Word {
  return name === null ? { fault } : { word: `${type}:${name}` };
}

/** Four bytes are IPv4, sixteen IPv6; never IPv4 in sixteen. */
function ipName(bytes: Buffer): string | null {
  if (bytes.length === 4) return formatAddress([0, 0, 0xffff, bytes.readUInt32BE(0)]);
  if (bytes.length !== 16) return null;
  const address: Address = [bytes.readUInt32BE(0), bytes.readUInt32BE(4), bytes.readUInt32BE(8), bytes.readUInt32BE(12)];
  return isV4(address) ? null : formatAddress(address);
}

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
