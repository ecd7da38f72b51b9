// Where a connection is forwarded to: a literal loopback address with a port, or a unix socket. An address of another host
// could make the gateway a way into any network, so a policy has to say `remote`, and the configuration has to allow it.
import { formatEndpoint, isLoopback, parseAddress, type Address } from "../../runtime/net/address.ts";
import { notRemote } from "../../runtime/net/remote.ts";

export type BackendAddress =
  | { readonly kind: "tcp"; readonly host: string; readonly address: Address; readonly port: number; readonly key: string; readonly remote: boolean }
  | { readonly kind: "unix"; readonly path: string; readonly key: string };

/** The longest path of the kernel's sockaddr_un, in bytes. */
const UNIX_PATH_BYTES = 107;

/** From `127.0.0.1:80`, `[::1]:80` or `unix:/path`; a string is the reason for refusing it. */
export function canonicalBackend(text: string): BackendAddress | string {
  if (text.startsWith("unix:")) return unixBackend(text.slice(5));
  const match = /^(?:\[([^\]]*)\]|([^:]*)):([0-9]{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  if (match === null || host === undefined) {
    return "write a loopback address with a port (127.0.0.1:8080, [::1]:8080) or unix:/path";
  }
  return tcpBackend(host, Number(match[3]));
}

export function tcpBackend(host: string, port: number): BackendAddress | string {
  const address = parseAddress(host);
  if (address === null) return "the host must be a literal address: names are never looked up";
  if (!isLoopback(address)) return "a backend must be a loopback address (127.0.0.0/8 or ::1): the gateway forwards to this host only";
  return endpoint(address, port, false);
}

/** On another host. Whether it is one, and is allowed, is looked at when it is used (networks.ts). */
export function remoteBackend(host: string, port: number): BackendAddress | string {
  const address = parseAddress(host);
  if (address === null) return "the host must be a literal address: names are never looked up";
  return notRemote(address) === null ? endpoint(address, port, true) : "it is no address that another host can have";
}

/** From the key of a backend that was allowed before. */
export function keyedBackend(key: string): BackendAddress | string {
  const local = canonicalBackend(key);
  if (typeof local !== "string") return local;
  const [, host = "", port = ""] = /^\[?([^\]]*)\]?:([0-9]{1,5})$/.exec(key) ?? [];
  return remoteBackend(host, Number(port));
}

function endpoint(address: Address, port: number, remote: boolean): BackendAddress | string {
  if (!Number.isInteger(port) || port < 1 || port > 65535) return "the port must be 1..65535";
  const key = formatEndpoint(address, port);
  return { kind: "tcp", host: key.slice(0, key.lastIndexOf(":")).replace(/^\[|\]$/g, ""), address, port, key, remote };
}

export function unixBackend(path: string): BackendAddress | string {
  if (!path.startsWith("/")) return "the path of a unix socket must be absolute";
  if (path.includes("\0") || path.split("/").some((part) => part === "." || part === "..")) {
    return "the path of a unix socket must have no `.`, `..` or NUL in it";
  }
  if (Buffer.byteLength(path) > UNIX_PATH_BYTES) return `the path of a unix socket must have at most ${UNIX_PATH_BYTES} bytes`;
  const clean = path.replace(/\/{2,}/g, "/");
  return { kind: "unix", path: clean, key: `unix:${clean}` };
}
