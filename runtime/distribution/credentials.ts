// Credentials for a host: a token file, or the `auth` entries of Docker's configuration. The files are read at each use, so that a new
// token counts from the next request on, and they are refused where other users could read them.
import { homedir } from "node:os";
import { join } from "node:path";
import { lstatSync } from "node:fs";
import { readTrustedFile } from "../host/trusted_file.ts";
import { failed, ok, type Result } from "../result/result.ts";
import type { Environment } from "./proxy.ts";

const MOST_TOKEN_BYTES = 16 * 1024;
const MOST_CONFIG_BYTES = 1024 * 1024;

/** The value of `Authorization` for a host with its port; null for none. The error is one sentence. */
export type CredentialsOf = (host: string) => Result<string | null, string>;

/** The token of a file with one line. `path`: absolute and normal. */
export function readBearerToken(path: string): Result<string, string> {
  const bytes = readTrustedFile(path, MOST_TOKEN_BYTES, "the token file", "private");
  if (!bytes.ok) return bytes;
  const token = new TextDecoder().decode(bytes.value).trim();
  return /^[\x21-\x7e]+$/.test(token) ? ok(token) : failed(`the token file \`${path}\` must contain one line of printable characters`);
}

/** Docker's configuration of this user. */
export function dockerConfigPath(env: Environment): string {
  const folder = env["DOCKER_CONFIG"] ?? "";
  return join(folder === "" ? join(env["HOME"] ?? homedir(), ".docker") : folder, "config.json");
}

export function dockerCredentials(path: string): CredentialsOf {
  return (host) => {
    if (isMissing(path)) return ok(null);
    const bytes = readTrustedFile(path, MOST_CONFIG_BYTES, "Docker's configuration", "private");
    if (!bytes.ok) return bytes;
    const config = parsed(new TextDecoder().decode(bytes.value));
    if (config === null) return failed(`Docker's configuration \`${path}\` is not a JSON object`);
    const entry = [...Object.entries(tableAt(config, "auths"))].find(([key]) => hostOf(key) === host)?.[1];
    const auth = isTable(entry) ? entry["auth"] : undefined;
    if (typeof auth === "string" && auth !== "")
      return isLogin(auth) ? ok(`Basic ${auth}`) : failed(`the entry of ${host} in \`${path}\` is not base64 of USER:PASSWORD`);
    const helper = tableAt(config, "credHelpers")[host] ?? config["credsStore"];
    if (helper !== undefined)
      return failed(`\`${path}\` names a credential helper for ${host}, and helpers are not run: write the login there as \`auth\`, or use a token file`);
    if (isTable(entry) && entry["identitytoken"] !== undefined)
      return failed(`the entry of ${host} in \`${path}\` has an identity token, which is not supported: use a token file`);
    return ok(null);
  };
}

/** `https://registry.example/v1/` and `registry.example` name one host. */
function hostOf(key: string): string {
  return key.replace(/^https?:\/\//, "").split("/")[0] ?? "";
}

function isLogin(auth: string): boolean {
  return /^[A-Za-z0-9+/]+={0,2}$/.test(auth) && Buffer.from(auth, "base64").includes(0x3a);
}

function isMissing(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) === undefined;
  } catch (error) {
    // Without a home there is no configuration in it.
    return error instanceof Error && "code" in error && error.code === "ENOTDIR";
  }
}

type Table = Readonly<Record<string, unknown>>;

export function isTable(value: unknown): value is Table {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function tableAt(table: Table, key: string): Table {
  const value = table[key];
  return isTable(value) ? value : {};
}

/** Null where the text is not the JSON of an object. */
export function parsed(text: string): Table | null {
  try {
    const value: unknown = JSON.parse(text);
    return isTable(value) ? value : null;
  } catch {
    return null;
  }
}
