// A certificate for the self-test, which signs itself: a fresh key on P-256, so that no key is in the program.
import { createPublicKey, generateKeyPairSync, sign } from "node:crypto";
import type { Shown } from "../tls/context.ts";
import { pemText } from "../tls/pem.ts";

export interface SelfSigned extends Shown {
  readonly der: Buffer;
  /** PKCS #8. */
  readonly keyDer: Buffer;
}

const SEQUENCE = 0x30;
const SET = 0x31;
/** ecdsa-with-SHA256, 1.2.840.10045.4.3.2 */
const ALGORITHM = value(SEQUENCE, value(0x06, Buffer.from("2a8648ce3d040302", "hex")));
/** From 1950, as X.509 counts, so that a clock that is wrong does no harm. */
const VALID = value(SEQUENCE, value(0x17, Buffer.from("700101000000Z")), value(0x18, Buffer.from("99991231235959Z")));
/** basicConstraints: an authority. */
const EXTENSIONS = value(
  0xa3,
  value(
    SEQUENCE,
    value(
      SEQUENCE,
      value(0x06, Buffer.from("551d13", "hex")),
      value(0x01, Buffer.from([0xff])),
      value(0x04, value(SEQUENCE, value(0x01, Buffer.from([0xff])))),
    ),
  ),
);

export function selfSigned(name: string): SelfSigned {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const keyDer = privateKey.export({ type: "pkcs8", format: "der" });
  const spki = createPublicKey(privateKey).export({ type: "spki", format: "der" });
  const who = value(SEQUENCE, value(SET, value(SEQUENCE, value(0x06, Buffer.from("550403", "hex")), value(0x0c, Buffer.from(name)))));
  const one = value(0x02, Buffer.from([1]));
  const body = value(SEQUENCE, value(0xa0, value(0x02, Buffer.from([2]))), one, ALGORITHM, who, VALID, who, spki, EXTENSIONS);
  const der = value(SEQUENCE, body, ALGORITHM, value(0x03, Buffer.from([0]), sign("sha256", body, privateKey)));
  return { chain: pemText("CERTIFICATE", der), key: pemText("PRIVATE KEY", keyDer), der, keyDer };
}

/** A value of DER: its tag, its length in the shortest form, its content. */
function value(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const n = content.length;
  const length =
    n < 0x80 ? [n]
    : n < 0x100 ? [0x81, n]
    : [0x82, n >> 8, n & 255];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}
