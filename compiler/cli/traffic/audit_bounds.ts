// The bounds of fields of audit records. gateway/audit/line.ts writes them, and tests compare the two.

/** Bytes of every field but `client`; one that has so many may have been cut. */
export const FIELD_BYTES = 256;
/** Bytes of a server name that was recorded whole. */
export const MAX_NAME = 255;
