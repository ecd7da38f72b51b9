// The settings of a source.
import { parseLocation, type Location } from "../../runtime/distribution/location.ts";
import { readTrustedFile } from "../../runtime/host/trusted_file.ts";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import type { Config } from "../config/read.ts";

const MOST_CA_BYTES = 1024 * 1024;

export interface Settings {
  readonly location: Location;
  /** The only authorities that are trusted, in PEM; null: those of Node. */
  readonly ca: string | null;
  /** Differs where another source is due. */
  readonly id: string;
}

/** The authorities are read each time, because their file may be renewed. The error is one sentence. */
export function readSettings(config: Config): Result<Settings, string> {
  const location = parseLocation(config.policy.source ?? "");
  if (!location.ok) return failed(`policy.source ${location.error}`);
  const ca = readAuthorities(config);
  return ca.ok ? ok({ location: location.value, ca: ca.value, id: `${settingsOf(config)}\n${ca.value ?? ""}` }) : ca;
}

/** Null where Node's own authorities are trusted. */
export function readAuthorities({ source }: Pick<Config, "source">): Result<string | null, string> {
  if (source.ca === undefined) return ok(null);
  const bytes = readTrustedFile(source.ca, MOST_CA_BYTES, "source.ca");
  if (!bytes.ok) return bytes;
  const text = new TextDecoder().decode(bytes.value);
  return text.includes("-----BEGIN CERTIFICATE-----") ? ok(text) : failed(`source.ca \`${source.ca}\` has no certificate in PEM`);
}

/** The settings that name a source, and those by which other bytes are good. */
export function settingsOf({ policy, source }: Config): string {
  return JSON.stringify([policy.source, policy.max_bytes, policy.trusted_keys, source.ca, source.token_file]);
}
