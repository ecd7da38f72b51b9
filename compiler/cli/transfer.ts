// The part that `push` and `pull` share: the settings of a transfer from the command line, and the outcome of one that failed.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { HttpSetup } from "../../runtime/distribution/http.ts";
import { parseLocation, type Location } from "../../runtime/distribution/location.ts";
import type { Trouble, TroubleCode } from "../../runtime/distribution/trouble.ts";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { systemClock } from "../../runtime/shell/clock.ts";
import type { Arguments } from "../../runtime/shell/command_line.ts";
import { usage, type Outcome, type OutcomeClass } from "./outcome.ts";

export interface Transfer {
  readonly http: HttpSetup;
  readonly location: Location;
  /** Absolute. */
  readonly tokenFile: string | null;
}

export function readTransfer(text: string, args: Arguments): Result<Transfer, Outcome> {
  const location = parseLocation(text);
  if (!location.ok)
    return failed(usage("location", `\`${text}\` ${location.error}`, "write oci://REGISTRY/REPOSITORY:TAG; `pull` also takes https://HOST/PATH"));
  const path = args.flags.get("ca");
  const ca = path === undefined ? ok(null) : readAuthorities(path);
  if (!ca.ok) return ca;
  const clock = systemClock();
  const http = { clock, wallMs: () => clock.wallMs(), env: process.env, ca: ca.value };
  const tokenFile = args.flags.get("token-file");
  return ok({ http, location: location.value, tokenFile: tokenFile === undefined ? null : resolve(tokenFile) });
}

function readAuthorities(path: string): Result<string, Outcome> {
  try {
    const text = readFileSync(path, "utf8");
    return text.includes("-----BEGIN CERTIFICATE-----") ?
        ok(text)
      : failed(usage("authorities", `\`${path}\` has no certificate in PEM`, "name another file with `--ca`"));
  } catch (error) {
    const because = error instanceof Error ? error.message : String(error);
    return failed(usage("unreadable_file", `\`${path}\` can't be read (${because})`, "name another file with `--ca`"));
  }
}

const CLASSES: Readonly<Partial<Record<TroubleCode, OutcomeClass>>> = {
  settings: "usage",
  media_type: "reject",
  malformed: "reject",
  digest: "reject",
  too_large: "reject",
};

/** `what` was to be done: "pull `oci://…`". */
export function transferFailed(what: string, { code, message }: Trouble): Outcome {
  return { class: CLASSES[code] ?? "delegate", code: `policy.transfer_${code}`, message: `can't ${what} (${code}): ${message}` };
}
