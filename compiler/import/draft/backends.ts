// Backends of other programs: an address with a port, on this host or on another one, or a unix socket. A host name is none: a policy looks up no names.
import { formatAddress, isLoopback, isV4, parseAddress } from "../../../runtime/net/address.ts";
import { notRemote } from "../../../runtime/net/remote.ts";
import { MAX_UNIX_PATH_BYTES } from "../../source/bounds.ts";

/** Why a text is none. */
export const NO_BACKEND = "is no backend: a literal address with a port, or a unix socket; a policy looks up no names";

/** `127.0.0.1:8080`, `remote 10.0.3.7:8080` or `unix "/run/a.sock"`, as a policy writes it; null: no policy has such a backend. */
export function backendText(text: string): string | null {
  const path = /^unix[:@](\/.*)$/.exec(text)?.[1] ?? null;
  if (path !== null) {
    const isPlain = /^(?:\/[A-Za-z0-9_+,@-][A-Za-z0-9_.+,@-]*)+$/.test(path) && path.length <= MAX_UNIX_PATH_BYTES;
    return isPlain ? `unix "${path}"` : null;
  }
  const [, host = "", port = ""] = /^(.*):(\d{1,5})$/.exec(text) ?? [];
  const address = parseAddress(host.replace(/^\[(.*)\]$/, "$1"));
  const number = Number(port);
  if (address === null || number < 1 || number > 65_535) return null;
  if (!isLoopback(address) && notRemote(address) !== null) return null;
  const remote = isLoopback(address) ? "" : "remote ";
  return isV4(address) ? `${remote}${formatAddress(address)}:${number}` : `${remote}[${formatAddress(address)}]:${number}`;
}
