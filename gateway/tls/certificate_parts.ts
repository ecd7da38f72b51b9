// The parts of a certificate that Node does not give, read out of its DER (RFC 5280 section 4.1).
import { OBJECT_IDENTIFIER, readInside, readValues, SEQUENCE, type DerValue } from "./der.ts";

export interface CertificateParts {
  /** Content of the object identifier of the signature's algorithm, in hexadecimal. */
  readonly signature: string;
  /** The algorithm's parameters; null where there are none. */
  readonly parameters: DerValue | null;
  /** Bytes of the subject's name as it is sent, its tag and length included. */
  readonly subjectBytes: number;
}

const VERSION = 0xa0;

export function certificateParts(der: Buffer): CertificateParts | null {
  const [body, algorithm] = readInside(der, SEQUENCE) ?? [];
  const fields = body?.tag === SEQUENCE ? readValues(body.content) : null;
  const [id, parameters = null] = algorithm?.tag === SEQUENCE ? (readValues(algorithm.content) ?? []) : [];
  if (fields === null || fields === undefined || id?.tag !== OBJECT_IDENTIFIER) return null;
  // version? serial signature issuer validity subject ...
  const subject = fields[fields[0]?.tag === VERSION ? 5 : 4];
  if (subject?.tag !== SEQUENCE) return null;
  const { length } = subject.content;
  const head =
    length < 0x80 ? 2
    : length < 0x100 ? 3
    : length < 0x10000 ? 4
    : 5;
  return { signature: id.content.toString("hex"), parameters, subjectBytes: head + length };
}
