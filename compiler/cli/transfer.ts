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

/** `reading`: a pull, whose source has something wrong; `writing`: a push. */
type Direction = "reading" | "writing";

const same = (text: string): Readonly<Record<Direction, string>> => ({ reading: text, writing: text });

/** The remedy of each kind of failure; every code has one. */
const REMEDIES: Readonly<Record<TroubleCode, Readonly<Record<Direction, string>>>> = {
  unreachable: same("check the host and its port, and whether it is reached through a proxy (`HTTPS_PROXY`, `NO_PROXY`); then run it again"),
  tls: same(
    "name the file of the authority that signed the server's certificate with `--ca`; where the certificate has ended or is for another name, renew it",
  ),
  slow: same("run it again; if it stays so, look at the server and the network before it"),
  truncated: same("run it again; if it stays so, look at the server, or at a proxy before it that breaks off"),
  too_large: {
    reading: "check that the location has a policy, and no other file",
    writing: "the answer is no registry's: check the location",
  },
  encoded: same("switch compression off at the server or the proxy for this location"),
  redirect: same("write the place that the server names in the location itself, where it is https; a login is for one host alone"),
  status: {
    reading: "check the repository with its tag, or the path; `skopeo list-tags` shows the tags of a repository",
    writing: "check the repository in the location, and that the registry takes artifacts of OCI 1.1",
  },
  login: {
    reading: "name a file with a token by `--token-file`, or write the registry's login as `auth` to `~/.docker/config.json`",
    writing: "name a file with a token that may write by `--token-file`, or write such a login as `auth` to `~/.docker/config.json`",
  },
  malformed: {
    reading: "check the location; where it is of a registry, push the policy there again with `ingressc push`",
    writing: "check that the location is of a registry",
  },
  media_type: {
    reading: "check the tag: what it names was not pushed by `ingressc push`",
    writing: "check that the location is of a registry",
  },
  digest: {
    reading: "run it again; if it stays so, the registry or a proxy before it changes bytes: find out which, and push the policy again",
    writing: "run it again; if it stays so, the registry or a proxy before it changes bytes: find out which",
  },
  settings: same("correct what the sentence names: a file of `--token-file` or of Docker's login, the location, or `HTTPS_PROXY`"),
  ending: same("run it again"),
};

/** `what` was to be done: "pull `oci://…`". */
export function transferFailed(direction: Direction, what: string, { code, message }: Trouble): Outcome {
  return {
    class: CLASSES[code] ?? "delegate",
    code: `policy.transfer_${code}`,
    message: `can't ${what} (${code}): ${message}`,
    help: REMEDIES[code][direction],
  };
}
