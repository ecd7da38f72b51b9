// The backends of an expose as a policy writes them.
import type { BackendInfo, ListenerInfo } from "../../runtime/host/module.ts";

export function backendsText({ backends, proxy }: Pick<ListenerInfo, "backends" | "proxy">): string {
  return backends.length === 0 ? "by registration" : `${backends.map(backendText).join(", ")}${proxy === null ? "" : ` proxy ${proxy}`}`;
}

export function backendText(backend: BackendInfo): string {
  if (backend.kind === "unix") return `unix ${backend.path}`;
  const endpoint = `${backend.host.includes(":") ? `[${backend.host}]` : backend.host}:${backend.port}`;
  return backend.kind === "remote" ? `remote ${endpoint}` : endpoint;
}
