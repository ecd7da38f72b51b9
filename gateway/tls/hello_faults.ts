// The words for what is wrong with a ClientHello. Each leads to a refusal with the reason `sni`;
// docs/passthrough.md has one row for each.
import { NAME_FAULTS } from "./server_name.ts";

/** Faults of the records that contain the hello. */
const RECORD_FAULTS = [
  "not_tls",
  "ssl2",
  "record_type",
  "record_version",
  "record_length",
  "too_many_records",
  "not_client_hello",
  "too_large",
  "after_hello",
  "cut_short",
] as const;

/** Faults of the hello itself. */
const BODY_FAULTS = [
  "hello_length",
  "hello_version",
  "session_id",
  "cipher_suites",
  "compression_methods",
  "extensions_length",
  "extension_length",
  "duplicate_extension",
  "server_name_length",
  "name_type",
  "two_names",
  "alpn_length",
] as const;

export const HELLO_FAULTS = [...RECORD_FAULTS, ...BODY_FAULTS, ...NAME_FAULTS] as const;
export type HelloFault = (typeof HELLO_FAULTS)[number];
