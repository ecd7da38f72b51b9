// Several certificates of one expose: a client gets the first whose kind of key it supports. OpenSSL has room for one of each
// kind, and takes of those that a client supports the one that its own lists of signatures and ciphers have first.
import { X509Certificate } from "node:crypto";

/** With a certificate in PEM. */
interface Shown {
  readonly chain: string;
}

export type KeyKind = "ec" | "rsa" | "ed25519";

const SIGNATURES: Readonly<Record<KeyKind, readonly string[]>> = {
  ec: ["ECDSA+SHA256", "ECDSA+SHA384", "ECDSA+SHA512"],
  rsa: ["RSA-PSS+SHA256", "RSA-PSS+SHA384", "RSA-PSS+SHA512", "RSA+SHA256", "RSA+SHA384", "RSA+SHA512"],
  ed25519: ["ed25519"],
};

/** Null for a kind that is none of these. */
export function kindOf({ chain }: Shown): KeyKind | null {
  const kind = new X509Certificate(chain).publicKey.asymmetricKeyType;
  if (kind === "rsa-pss") return "rsa";
  return kind === "ec" || kind === "rsa" || kind === "ed25519" ? kind : null;
}

/** Why these can't be shown by one expose, as the end of a sentence; null where they can. */
export function kindsProblem(all: readonly Shown[]): string | null {
  if (all.length < 2) return null;
  const kinds = all.map(kindOf);
  const twice = kinds.find((kind, i) => kinds.indexOf(kind) !== i);
  return twice === undefined ? null : (
      `two of its certificates have keys of the kind ${twice ?? "that is not known"}, and a client could get only one of them: name one of each kind`
    );
}

/** OpenSSL's list of signatures with those of the first certificate first. Those of others are in it, because clients sign, too. */
export function signaturesFor(all: readonly Shown[]): string {
  const own = all.map(kindOf).filter((kind) => kind !== null);
  const kinds: readonly KeyKind[] = [...new Set<KeyKind>([...own, "ec", "ed25519", "rsa"])];
  return kinds.flatMap((kind) => SIGNATURES[kind]).join(":");
}

/** The ciphers of TLS 1.2 with those of the first certificate's key first, else in their order. */
export function ciphersFor(ciphers: readonly string[], all: readonly Shown[]): readonly string[] {
  const [first] = all;
  if (all.length < 2 || first === undefined) return ciphers;
  const isFirst = kindOf(first) === "rsa" ? (name: string): boolean => !name.includes("ECDSA") : (name: string): boolean => name.includes("ECDSA");
  return [...ciphers.filter(isFirst), ...ciphers.filter((name) => !isFirst(name))];
}
