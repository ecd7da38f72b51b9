// Reads the files of certificates and authorities. OpenSSL never gets their text: it gets what was
// read and checked here, written anew, so that nothing is used that wasn't looked at, and the reverse.
import { createPrivateKey, X509Certificate, type KeyObject } from "node:crypto";
import { readTrustedFile } from "../../runtime/host/trusted_file.ts";
import { certificateParts } from "./certificate_parts.ts";
import { createContext, type Shown, type Trusted } from "./context.ts";
import { pemText, readBlocks, type PemBlock } from "./pem.ts";
import { readRevocations, type NewestUsed, type Revocations } from "./revocation.ts";
import { weakness } from "./strength.ts";

/** Of one file. */
const MOST_PEM_BYTES = 1024 * 1024;
const MOST_CERTIFICATES = 1024;
/**
 * Of a chain, and of the names of authorities, as they are sent. TLS has room for 65,535 bytes, some of
 * which other fields take; what is longer fails in every handshake.
 */
export const MOST_SENT_BYTES = 65_000;

/** The value that one table of the configuration gives, and the warnings about it. */
export interface Loaded<T> {
  readonly value: T;
  /** When the first of what is used ends. */
  readonly notAfter: Date;
  /** Each a sentence. */
  readonly warnings: readonly string[];
}

/** Throws an Error with one sentence about what can't be used. */
export function readShown(certPath: string, keyPath: string, now: Date): Loaded<Shown> {
  const [leaf, ...others] = readCertificates(certPath, "certificate");
  const key = readKey(keyPath);
  if (leaf === undefined) throw new Error(`\`${certPath}\` has no certificate in PEM`);
  const late = timeFault(leaf, now);
  if (late !== null) throw new Error(`a certificate of \`${certPath}\` ${late}`);
  if (!leaf.checkPrivateKey(key)) throw new Error(`\`${keyPath}\` is not the key of the first certificate of \`${certPath}\``);
  const warnings: string[] = [];
  const between = others.filter((one) => {
    const fault = timeFault(one, now);
    if (fault !== null) warnings.push(`${described(one)} of \`${certPath}\` is left out: it ${fault}`);
    return fault === null;
  });
  const chain = [leaf, ...between];
  for (const one of chain) checkStrength(one, certPath);
  // Each is sent with its length, in three bytes.
  const sent = chain.reduce((sum, { raw }) => sum + raw.length + 3, 0);
  if (sent > MOST_SENT_BYTES)
    throw new Error(
      `the chain in \`${certPath}\` has ${sent} bytes, and a handshake has room for ${MOST_SENT_BYTES}: remove the certificates that clients don't need`,
    );
  const shown = { chain: pemOf(chain), key: String(key.export({ type: "pkcs8", format: "pem" })) };
  // OpenSSL reports its errors now, and not at a handshake.
  createContext([shown], null);
  return { value: shown, notAfter: firstEnd(chain), warnings };
}

export interface LoadedAuthority extends Loaded<Trusted> {
  /** Null where the configuration names none. */
  readonly revocations: Revocations | null;
}

/** Throws an Error with one sentence about what can't be used. `used`: its lists that were in use. */
export function readAuthority(
  name: string,
  { file, crl }: { readonly file: string; readonly crl?: readonly string[] | undefined },
  now: Date,
  used: NewestUsed | null,
): LoadedAuthority {
  const trusted = readTrusted(name, file, now);
  if (crl === undefined) return { ...trusted, revocations: null };
  const revocations = readRevocations(crl, now, used);
  const read = withLists(trusted, revocations);
  createContext([], read.value);
  // The entries are read now, so that a list that is damaged inside is not used.
  revocations.has("");
  return read;
}

function withLists(trusted: Loaded<Trusted>, revocations: Revocations): LoadedAuthority {
  return { ...trusted, value: { ...trusted.value, crls: revocations.pem() }, revocations };
}

/** With the newer ones of the lists that are in use meanwhile. */
export function withNewerLists(authority: LoadedAuthority, inUse: LoadedAuthority | undefined): LoadedAuthority {
  const newer = authority.revocations?.withNewer(inUse?.revocations ?? null) ?? null;
  return newer === null || newer === authority.revocations ? authority : withLists(authority, newer);
}

/** Throws an Error with one sentence about what can't be used. */
export function readTrusted(name: string, path: string, now: Date): Loaded<Trusted> {
  const all = readCertificates(path, "authority");
  if (all.length === 0) throw new Error(`\`${path}\` has no certificate in PEM`);
  for (const one of all) if (!one.ca) throw new Error(`a certificate of \`${path}\` is not an authority's (basicConstraints without CA)`);
  const warnings: string[] = [];
  const expired = all.filter((one) => new Date(one.validTo) <= now);
  const kept = all.filter((one) => !expired.includes(one));
  // Those that led to an expired one alone would be trusted by themselves, which the user didn't configure.
  const orphans = orphansOf(kept, expired);
  const used = kept.filter((one) => !orphans.has(one));
  for (const one of expired) warnings.push(`${described(one)} of \`${path}\` is left out: it ${timeFault(one, now) ?? "has expired"}`);
  for (const one of orphans) warnings.push(`${described(one)} of \`${path}\` is left out: the authority that issued it has expired`);
  for (const one of used) {
    const fault = timeFault(one, now);
    if (fault !== null) warnings.push(`${described(one)} of \`${path}\` ${fault}: its clients are refused until then`);
    checkStrength(one, path);
  }
  if (!used.some((one) => timeFault(one, now) === null)) {
    throw new Error(`a certificate of \`${path}\` ${timeFault(all[0] ?? new X509Certificate(""), now) ?? "was issued by an authority that has expired"}`);
  }
  // Each name is sent with its length, in two bytes.
  const sent = used.reduce((sum, { raw }) => sum + (certificateParts(raw)?.subjectBytes ?? MOST_SENT_BYTES) + 2, 0);
  if (sent > MOST_SENT_BYTES) {
    throw new Error(
      `the names of the ${used.length} authorities in \`${path}\` take ${sent} bytes, and a handshake has room for ${MOST_SENT_BYTES}: split them among several exposes`,
    );
  }
  const trusted: Trusted = { name, roots: pemOf(used), partial: isPartial(used) };
  createContext([], trusted);
  return { value: trusted, notAfter: firstEnd(used), warnings };
}

/** In the order of the file, each once. */
function readCertificates(path: string, what: string): readonly X509Certificate[] {
  const certificates = new Map<string, X509Certificate>();
  for (const { label, der, line } of blocksOf(path, what)) {
    switch (label) {
      case "CERTIFICATE":
      case "X509 CERTIFICATE": {
        const one = certificateOf(der);
        if (one === null) throw new Error(`a certificate of \`${path}\` can't be read (line ${line})`);
        certificates.set(one.fingerprint256, one);
        break;
      }
      case "TRUSTED CERTIFICATE":
        throw new Error(
          `\`${path}\` has a TRUSTED CERTIFICATE in line ${line}, whose own rules of trust would be lost: \`openssl x509 -in FILE -out NEW\` writes the certificate alone`,
        );
      case "X509 CRL":
        throw new Error(`\`${path}\` has a revocation list in line ${line}: put it into a file of its own, and name that in \`crl\``);
      default:
        if (isKey(label) || label.endsWith(" PARAMETERS") || label === "PUBLIC KEY") break;
        throw new Error(`\`${path}\` has a ${label} in line ${line}, which is no certificate: remove it`);
    }
  }
  if (certificates.size > MOST_CERTIFICATES) throw new Error(`\`${path}\` has more than ${MOST_CERTIFICATES} certificates`);
  return [...certificates.values()];
}

function certificateOf(der: Buffer): X509Certificate | null {
  try {
    const one = new X509Certificate(der);
    return one.raw.equals(der) ? one : null;
  } catch {
    return null;
  }
}

function blocksOf(path: string, what: string): readonly PemBlock[] {
  const read = (access: "public" | "private"): readonly PemBlock[] => {
    const file = readTrustedFile(path, MOST_PEM_BYTES, what, access);
    if (!file.ok) throw new Error(file.error);
    const bytes = file.value;
    const pem = readBlocks(bytes);
    if ("fault" in pem) throw new Error(`\`${path}\` ${pem.fault}`);
    // ASN.1's SEQUENCE, with a length in more than one byte.
    if (pem.blocks.length === 0 && bytes[0] === 0x30 && (bytes[1] ?? 0) > 0x80)
      throw new Error(`\`${path}\` is DER, not PEM: \`openssl x509 -inform DER -in FILE -out NEW\` writes it as PEM`);
    if (pem.blocks.length === 0 && bytes.includes(0)) throw new Error(`\`${path}\` is not PEM: it has zero bytes, as UTF-16 does`);
    return pem.blocks;
  };
  const blocks = read(what === "key" ? "private" : "public");
  // A file that contains a key too is a key's file.
  return what !== "key" && blocks.some(({ label }) => isKey(label)) ? read("private") : blocks;
}

function readKey(path: string): KeyObject {
  const notOne = `\`${path}\` is not a private key in PEM without a passphrase`;
  const keys = blocksOf(path, "key").filter(({ label }) => isKey(label));
  const [only] = keys;
  if (only === undefined) throw new Error(notOne);
  if (keys.length > 1) throw new Error(`\`${path}\` has ${keys.length} private keys: keep only the certificate's own`);
  const type =
    only.label === "PRIVATE KEY" ? "pkcs8"
    : only.label === "EC PRIVATE KEY" ? "sec1"
    : only.label === "RSA PRIVATE KEY" ? "pkcs1"
    : null;
  if (type === null) throw new Error(notOne);
  try {
    return createPrivateKey({ key: only.der, format: "der", type });
  } catch {
    throw new Error(notOne);
  }
}

function isKey(label: string): boolean {
  return label.endsWith("PRIVATE KEY");
}

/** The certificates whose only issuers in this list have expired. */
function orphansOf(kept: readonly X509Certificate[], expired: readonly X509Certificate[]): ReadonlySet<X509Certificate> {
  const gone = new Set<X509Certificate>();
  if (expired.length === 0) return gone;
  const issuersOf = issuersAmong([...kept, ...expired]);
  const lost = new Set(expired);
  for (let before = -1; before < gone.size;) {
    before = gone.size;
    for (const one of kept) {
      const issuers = gone.has(one) ? [] : issuersOf(one);
      if (issuers.length === 0 || !issuers.every((by) => lost.has(by))) continue;
      gone.add(one);
      lost.add(one);
    }
  }
  return gone;
}

/** Whether one of them leads to no root that is among them. */
function isPartial(all: readonly X509Certificate[]): boolean {
  const issuersOf = issuersAmong(all);
  return !all.every((from) => {
    const seen = new Set([from]);
    for (const one of seen) {
      const issuers = issuersOf(one);
      if (issuers.includes(one)) return true;
      for (const by of issuers) seen.add(by);
    }
    return false;
  });
}

/** Those of `all` that signed a certificate. Each is looked for by its name first, so that keys are seldom tried. */
function issuersAmong(all: readonly X509Certificate[]): (one: X509Certificate) => readonly X509Certificate[] {
  const bySubject = new Map<string, X509Certificate[]>();
  for (const one of all) bySubject.set(one.subject, [...(bySubject.get(one.subject) ?? []), one]);
  const known = new Map<X509Certificate, readonly X509Certificate[]>();
  return (one) => {
    const found = known.get(one) ?? (bySubject.get(one.issuer) ?? []).filter((by) => one.checkIssued(by) && one.verify(by.publicKey));
    known.set(one, found);
    return found;
  };
}

function checkStrength(one: X509Certificate, path: string): void {
  const weak = weakness(one, one.subject === one.issuer && one.verify(one.publicKey) ? "own" : "another's");
  if (weak !== null) throw new Error(`${described(one)} of \`${path}\` has ${weak}`);
}

/** After "it" or a name; null where it is valid. INVARIANT: a date that can't be read compares false, and is a fault. */
function timeFault({ validFrom, validTo }: X509Certificate, now: Date): string | null {
  if (!(new Date(validTo) > now)) return `has expired (${validTo})`;
  return new Date(validFrom) <= now ? null : `is not yet valid (${validFrom})`;
}

/** Names are others' words: what is no plain letter is shown by its number. */
function described({ subject }: X509Certificate): string {
  const name = String(subject).split("\n").join(", ").slice(0, 128);
  return `the certificate \`${name.replace(/[^ -~]|`/g, (c) => `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`)}\``;
}

function pemOf(all: readonly X509Certificate[]): string {
  return all.map(({ raw }) => pemText("CERTIFICATE", raw)).join("");
}

function firstEnd(all: readonly X509Certificate[]): Date {
  return new Date(Math.min(...all.map(({ validTo }) => new Date(validTo).getTime())));
}
