// Where an expose leads to: loopback endpoints, unix sockets, and endpoints of other hosts.
import { formatAddress, isLoopback } from "../../../runtime/net/address.ts";
import { notRemote } from "../../../runtime/net/remote.ts";
import type { BackendNode, BackendTarget } from "../../ast/nodes.ts";
import { MAX_BACKENDS, MAX_UNIX_PATH_BYTES } from "../../source/bounds.ts";
import type { Span } from "../../source/source.ts";
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

/** Those that are right, in canonical order: which is written first means nothing. */
export function checkBackends(report: Report, { targets }: BackendNode): readonly Backend[] {
  const first = new Map<string, Span>();
  const backends: { readonly key: string; readonly backend: Backend }[] = [];
  for (const target of targets) {
    const backend = checkBackend(report, target);
    if (backend === null) continue;
    const key = backend.kind === "unix" ? `unix:${backend.path.replace(/\/{2,}/g, "/")}` : `${backend.host} ${String(backend.port).padStart(5, "0")}`;
    const before = first.get(key);
    if (before === undefined) {
      first.set(key, target.span);
      backends.push({ key, backend });
    } else report.say("ING445", { backend: target.text }, target.span, { related: [before] });
  }
  const extra = targets[MAX_BACKENDS];
  if (extra !== undefined) report.say("ING617", { backends: targets.length }, extra.span);
  return backends.sort((a, b) => (a.key < b.key ? -1 : 1)).map(({ backend }) => backend);
}

function checkBackend(report: Report, target: BackendTarget): Backend | null {
  if (target.kind === "unix") return unixBackend(report, target);
  const endpoint = readEndpoint(target.text);
  if (!endpoint.ok) {
    sayProblem(report, endpoint.error, target.span);
    return null;
  }
  const { address, port } = endpoint.value;
  if (target.kind === "remote") {
    const fault = notRemote(address);
    if (fault === null) return { kind: "remote", host: formatAddress(address), port };
    report.say("ING447", { backend: target.text, fault }, target.span);
    return null;
  }
  if (!isLoopback(address)) {
    report.say("ING403", { backend: target.text }, target.span);
    return null;
  }
  return { kind: "tcp", host: formatAddress(address), port };
}

function unixBackend(report: Report, { text, span }: BackendTarget): Backend | null {
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
