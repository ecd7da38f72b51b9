// Where an expose leads to: a loopback endpoint or a unix socket.
import { formatAddress, isLoopback } from "../../../runtime/net/address.ts";
import type { BackendNode } from "../../ast/nodes.ts";
import { MAX_UNIX_PATH_BYTES } from "../../source/bounds.ts";
import { readEndpoint } from "../names/endpoint.ts";
import type { Backend, ProxyVersion } from "../../policy/policy.ts";
import { sayProblem, type Report } from "../../diagnostics/report.ts";

/** Null where it is wrong, or none is written. */
export function checkProxy(report: Report, { proxy }: BackendNode): ProxyVersion | null {
  const version = VERSIONS.find((known) => known === proxy?.text) ?? null;
  if (proxy !== null && version === null) {
    const near = VERSIONS.find((known) => known.slice(1) === proxy.text.replace(/\D/g, ""));
    report.say("ING433", { version: proxy.text }, proxy.span, near === undefined ? {} : { replace: near });
  }
  return version;
}

const VERSIONS: readonly ProxyVersion[] = ["v1", "v2"];

export function checkBackend(report: Report, { target }: BackendNode): Backend | null {
  if (target.kind === "unix") return unixBackend(report, target);
  const endpoint = readEndpoint(target.text);
  if (!endpoint.ok) {
    sayProblem(report, endpoint.error, target.span);
    return null;
  }
  const { address, port } = endpoint.value;
  if (!isLoopback(address)) {
    report.say("ING403", { backend: target.text }, target.span);
    return null;
  }
  return { kind: "tcp", host: formatAddress(address), port };
}

function unixBackend(report: Report, { text, span }: BackendNode["target"]): Backend | null {
  const bytes = new TextEncoder().encode(text).length;
  const fault =
    text === "" ? "empty"
    : !text.startsWith("/") ? "relative"
    : text.endsWith("/") ? "folder"
    : text.split("/").some((part) => part === ".." || part === ".") ? "dots"
    : bytes > MAX_UNIX_PATH_BYTES ? "too_long"
    : null;
  if (fault === null) return { kind: "unix", path: text };
  report.say("ING404", { path: text, fault }, span);
  return null;
}
