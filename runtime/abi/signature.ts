// The signature section, the only section that may follow a module's hash. The signature is Ed25519
// over SIGNATURE_DOMAIN followed by every byte of the file before the signature itself, so it covers
// the section's own head, key id and revision as well as the module.
//
//   offset  bytes  field
//        0      1  version (1)
//        1      1  algorithm (1: Ed25519)
//        2     16  key id: the first bytes of the SHA-256 of the 32-byte public key
//       18      8  revision, u64, low byte first
//       26     64  signature; the last bytes of the file

export const SIGNATURE_VERSION = 1;
export const SIGNATURE_ALGORITHM = 1;
export const S_VERSION = 0;
export const S_ALGORITHM = 1;
export const S_KEY_ID = 2;
export const S_REVISION = 18;
export const S_SIGNATURE = 26;
export const SIGNATURE_BYTES = 64;
/** Of the section's body. */
export const SIGNATURE_BODY_BYTES = 90;
export const KEY_ID_BYTES = 16;
export const PUBLIC_KEY_BYTES = 32;
/** The highest revision: 2^53 - 1. The lowest is 1. */
export const MAX_REVISION = 9007199254740991;
/** The signed message starts with these characters and a zero byte, so a signature made for another purpose is never valid here. */
export const SIGNATURE_DOMAIN = "ingressd policy signature v1";
