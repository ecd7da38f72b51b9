// Where a policy is pulled from and pushed to: `https://HOST/PATH`, or `oci://REGISTRY/REPOSITORY:TAG` (or `@sha256:DIGEST`).
import { failed, ok, type Result } from "../result/result.ts";

export interface HttpsLocation {
  readonly kind: "https";
  /** As it was written. */
  readonly text: string;
  readonly url: URL;
}

export interface OciLocation {
  readonly kind: "oci";
  readonly text: string;
  /** Host and port, as in a URL. */
  readonly registry: string;
  readonly repository: string;
  /** A tag, or `sha256:` and 64 lower-case hexadecimal digits. */
  readonly reference: string;
}

export type Location = HttpsLocation | OciLocation;

export const MOST_LOCATION = 2048;

const PART = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const OCI = new RegExp(`^oci://([A-Za-z0-9.-]+(?::[0-9]{1,5})?|\\[[0-9A-Fa-f:.]+\\](?::[0-9]{1,5})?)/(${PART}(?:/${PART})*)(:|@)(.+)$`, "u");
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;
const MOST_REPOSITORY = 255;

/** The error is a predicate with the remedy: "must be …". */
export function parseLocation(text: string): Result<Location, string> {
  if (text.length > MOST_LOCATION) return failed(`has more than ${MOST_LOCATION} characters`);
  if (text.startsWith("https://")) return https(text);
  if (text.startsWith("oci://")) return oci(text);
  if (text.startsWith("http://")) return failed("must begin with https://, because anyone on the path can change or withhold what is sent over http");
  return failed("must be https://HOST/PATH or oci://REGISTRY/REPOSITORY:TAG");
}

function https(text: string): Result<Location, string> {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || url.hostname === "") return failed("is no URL: write https://HOST/PATH");
  if (url.username !== "" || url.password !== "")
    return failed("must not contain a password, because it is shown in status and messages: put a token into a file of its own");
  if (url.hash !== "") return failed("must not have a fragment (`#…`), which is never sent");
  return ok({ kind: "https", text, url });
}

function oci(text: string): Result<Location, string> {
  const [, registry = "", repository = "", mark = "", reference = ""] = OCI.exec(text) ?? [];
  if (registry === "") return failed("must be oci://REGISTRY/REPOSITORY:TAG or oci://REGISTRY/REPOSITORY@sha256:DIGEST, the repository in lower case");
  if (!URL.canParse(`https://${registry}/`)) return failed(`names the registry \`${registry}\`, which is no host with a port`);
  if (repository.length > MOST_REPOSITORY) return failed(`has a repository of more than ${MOST_REPOSITORY} characters`);
  if (mark === ":" && !TAG.test(reference)) return failed("has a tag that no registry takes: write at most 128 letters, digits, `.`, `_` and `-`");
  if (mark === "@" && !DIGEST.test(reference)) return failed("has a digest that is not `sha256:` and 64 lower-case hexadecimal digits");
  return ok({ kind: "oci", text, registry, repository, reference });
}

export function isDigest(text: string): boolean {
  return DIGEST.test(text);
}

/** Whether a URL's host is this machine, whatever a resolver says. */
export function isLoopback({ hostname }: Pick<URL, "hostname">): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(?:\.[0-9]{1,3}){3}$/.test(hostname);
}
