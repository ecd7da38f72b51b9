// Checks the files that a start opens, without a start: reads those that it reads, and looks whether it could write
// those that it writes. Nothing is made, changed or loaded.
import { accessSync, closeSync, constants, lstatSync, openSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { readTrustedFile } from "../../runtime/host/trusted_file.ts";
import type { Config } from "../config/read.ts";
import { readToken } from "../control/http.ts";
import { readGuardKey } from "../intents/guard_key.ts";
import { unusableText } from "../kernel/choice.ts";
import { foundCalls } from "../kernel/self_test.ts";
import { createKeeper, stateDirectory } from "../reload/keeper.ts";
import { systemDisk } from "../../runtime/shell/disk.ts";
import { stateDirectoryFault } from "../../runtime/shell/revision.ts";
import { readTrustedKeys } from "../../runtime/shell/trusted_keys.ts";
import { readBearerToken } from "../../runtime/distribution/credentials.ts";
import { readAuthorities } from "../source/settings.ts";
import { readAuthority, readShown, type Loaded } from "../tls/certificate_files.ts";

export interface Finding {
  /** The key that names the file. */
  readonly key: string;
  readonly reason: string;
  /** A start does without it, and says so. */
  readonly warning: boolean;
}

export interface Surroundings {
  readonly config: Config;
  readonly env: NodeJS.ProcessEnv;
  readonly now: Date;
}

type Look = (at: Surroundings) => readonly Finding[];

const LOOKS: readonly Look[] = [
  ({ config: { forwarder } }) => {
    const calls = forwarder === "kernel" ? foundCalls() : null;
    return calls === null || calls.ok ? [] : [{ key: "forwarder", reason: unusableText(calls.error), warning: false }];
  },
  ({ config: { policy } }) => {
    const keys = readTrustedKeys(policy.trusted_keys, "policy.trusted_keys");
    return keys.ok ? [] : unusable("policy.trusted_keys", keys.error);
  },
  ({
    config: {
      policy: { file, max_bytes: most },
    },
  }) => {
    const bytes = file === undefined ? null : readTrustedFile(resolve(file), most, "policy");
    return bytes === null || bytes.ok ? [] : unusable("policy.file", bytes.error);
  },
  ({ config }) => {
    const ca = readAuthorities(config);
    return ca.ok ? [] : unusable("source.ca", ca.error);
  },
  ({
    config: {
      source: { token_file: path },
    },
  }) => {
    const token = path === undefined ? null : readBearerToken(path);
    return token === null || token.ok ? [] : unusable("source.token_file", token.error);
  },
  ({
    config: {
      metrics: { token_file: path },
    },
  }) => {
    const token = path === undefined ? null : readToken(path);
    return token === null || token.ok ? [] : unusable("metrics.token_file", token.error.message);
  },
  ({
    config: {
      guard: { key_file: path },
    },
  }) => {
    const key = readGuardKey(path);
    return key.ok ? [] : unusable("guard.key_file", key.error.message);
  },
  ({
    config: {
      audit: { file },
    },
  }) => {
    const fault = auditFault(file);
    return fault === null ? [] : unusable("audit.file", fault);
  },
  stateFindings,
  ({ config: { certs }, now }) => Object.entries(certs).flatMap(([name, { cert, key }]) => loaded(`certs.${name}.cert`, () => readShown(cert, key, now))),
  ({ config: { cas }, now }) => Object.entries(cas).flatMap(([name, entry]) => loaded(`cas.${name}.file`, () => readAuthority(name, entry, now, null))),
];

export function checkFiles(at: Surroundings): readonly Finding[] {
  return LOOKS.flatMap((look) => look(at));
}

function unusable(key: string, why: string): readonly Finding[] {
  return [{ key, reason: `can't be used: ${why}`, warning: false }];
}

function loaded(key: string, read: () => Loaded<unknown>): readonly Finding[] {
  try {
    return read().warnings.map((reason) => ({ key, reason, warning: true }));
  } catch (error) {
    return unusable(key, error instanceof Error ? error.message : String(error));
  }
}

function stateFindings({ config, env }: Surroundings): readonly Finding[] {
  const directory = stateDirectory(config, env);
  if (directory === null) {
    return config.policy.trusted_keys === undefined ?
        []
      : [{ key: "policy.trusted_keys", reason: "needs a directory that keeps the highest revision over restarts: name one with state_dir", warning: false }];
  }
  if (isMissing(directory)) {
    const fault = folderFault(nearestAbove(directory));
    return fault === null ? [] : unusable("state_dir", fault);
  }
  const fault = stateDirectoryFault(directory, "ingressd", "state_dir");
  if (fault !== null) return unusable("state_dir", fault);
  const keeper = createKeeper(directory, () => config.policy.max_bytes, systemDisk);
  const mark = keeper.mark();
  return mark.ok ? [] : unusable("state_dir", mark.error);
}

/** As the gateway opens it, but where it is missing, or opening it would be noticed. */
function auditFault(path: string): string | null {
  if (path === "-" || path === "/dev/stdout" || path === "/dev/stderr") return null;
  try {
    if (isMissing(path)) return folderFault(dirname(resolve(path)));
    if (lstatSync(path).isFile()) closeSync(openSync(path, constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW | constants.O_NONBLOCK));
    else if (lstatSync(path).isSymbolicLink()) return "it is a link, and records are never written through one: name the file itself";
    // A pipe's reader would take an open and close for its end.
    else accessSync(path, constants.W_OK);
    return null;
  } catch (error) {
    return `it can't be opened for appending (${causeOf(error)}): name a file that ingressd may write`;
  }
}

/** Why nothing can be made in a directory; null where it can. */
function folderFault(folder: string): string | null {
  try {
    if (!statSync(folder).isDirectory()) return `it can't be made: \`${folder}\` is not a directory`;
    accessSync(folder, constants.W_OK | constants.X_OK);
    return null;
  } catch (error) {
    return `it can't be made in \`${folder}\` (${causeOf(error)}): name another one`;
  }
}

/** The directories above it are made too. */
function nearestAbove(path: string): string {
  const above = dirname(path);
  return isMissing(above) && above !== path ? nearestAbove(above) : above;
}

/** Below a file nothing is. */
function isMissing(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) === undefined;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOTDIR") return true;
    throw error;
  }
}

function causeOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
