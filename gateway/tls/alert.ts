// A fatal alert before any key is known (RFC 8446 section 6): what a client shows its user in place of "connection reset".

/** The name leads to no expose, or its expose refuses it. */
export const UNRECOGNIZED_NAME = 112;

const ALERT = 21;
const FATAL = 2;

/** The whole record. */
export function alertRecord(description: number): Buffer {
  return Buffer.of(ALERT, 3, 3, 0, 2, FATAL, description);
}
