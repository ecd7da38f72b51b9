// Which keys and signatures of certificates are strong enough: 112 bits of security, as OpenSSL's level 2
// requires, on every Node alike. An unknown algorithm is refused.
import type { KeyObject, X509Certificate } from "node:crypto";
import { certificateParts, type CertificateParts } from "./certificate_parts.ts";
import { readInside, readValues, OBJECT_IDENTIFIER, SEQUENCE } from "./der.ts";

const LEAST_RSA_BITS = 2048;
const CURVES: ReadonlySet<string> = new Set(["prime256v1", "secp384r1", "secp521r1", "secp256k1", "brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1"]);

/** 1.2.840.113549.1.1.10 */
const RSA_PSS = "2a864886f70d01010a";
/** 2.16.840.1.101.3.4.3, below which are ML-DSA, SLH-DSA and the signatures over SHA-3. */
const NIST_SIGNATURES = /^60864801650304030([9a-f])$|^6086480165030403(1[0-9a-f])$/;
const SIGNATURES: ReadonlySet<string> = new Set([
  // 1.2.840.113549.1.1: RSA over SHA-256, 384, 512, 224
  "2a864886f70d01010b",
  "2a864886f70d01010c",
  "2a864886f70d01010d",
  "2a864886f70d01010e",
  // 1.2.840.10045.4.3: ECDSA over SHA-224, 256, 384, 512
  "2a8648ce3d040301",
  "2a8648ce3d040302",
  "2a8648ce3d040303",
  "2a8648ce3d040304",
  // 1.3.101: Ed25519, Ed448
  "2b6570",
  "2b6571",
]);
/** 2.16.840.1.101.3.4.2: SHA-256, 384, 512, 224 and SHA-3. */
const PSS_HASH = /^60864801650304020[1-46-9a]$/;

/** Why a certificate is too weak, after "has"; null where it isn't. The signature that an authority puts on itself proves nothing and may be old. */
export function weakness(certificate: X509Certificate, signature: "own" | "another's"): string | null {
  let key: KeyObject;
  try {
    key = certificate.publicKey;
  } catch {
    return "a key of a kind that is not known here";
  }
  const weak = weakKey(key);
  if (weak !== null || signature === "own") return weak;
  const parts = certificateParts(certificate.raw);
  return parts !== null && isStrong(parts) ? null : "a signature that is too weak or not known: SHA-256 at least is needed";
}

function weakKey({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): string | null {
  switch (type) {
    case "rsa":
    case "rsa-pss": {
      const bits = details?.modulusLength ?? 0;
      return bits >= LEAST_RSA_BITS ? null : `an RSA key of ${bits} bits, and ${LEAST_RSA_BITS} at least are needed`;
    }
    case "ec": {
      const curve = details?.namedCurve ?? "none that is named";
      return CURVES.has(curve) ? null : `a key on the curve ${curve}, and P-256 at least is needed`;
    }
    case "ed25519":
    case "ed448":
      return null;
    default:
      return /^(?:ml|slh)-dsa-/.test(String(type)) ? null : `a key of the kind ${String(type)}, which is not served`;
  }
}

function isStrong({ signature, parameters }: CertificateParts): boolean {
  if (SIGNATURES.has(signature) || NIST_SIGNATURES.test(signature)) return true;
  if (signature !== RSA_PSS || parameters?.tag !== SEQUENCE) return false;
  // RSASSA-PSS-params ::= SEQUENCE { hashAlgorithm [0], ... }; without it the hash is SHA-1.
  const hash = readValues(parameters.content)?.find(({ tag }) => tag === 0xa0);
  const [id] = (hash === undefined ? null : readInside(hash.content, SEQUENCE)) ?? [];
  return id?.tag === OBJECT_IDENTIFIER && PSS_HASH.test(id.content.toString("hex"));
}
