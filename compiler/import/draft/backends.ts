// Backends of other programs: a loopback address with a port, or a unix socket; anything else is not on this host.
import { formatAddress, isLoopback, isV4, parseAddress } from "../../../runtime/net/address.ts";
import { MAX_UNIX_PATH_BYTES } from "../../source/bounds.ts";

/** `127.0.0.1:8080` or `unix "/run/a.sock"`, as a policy writes it; null: not a backend of this host. */
export function backendText(text: string): string | null {
  const path = /^unix[:@](\/.*)$/.exec(text)?.[1] ?? null;
  if (path !== null) {
    const isPlain = /^(?:\/[A-Za-z0-9_+,@-][A-Za-z0-9_.+,@-]*)+$/.test(path) && path.length <= MAX_UNIX_PATH_BYTES;
    return isPlain ? `unix "${path}"` : null;
  }
  const [, host = "", port = ""] = /^(.*):(\d{1,5})$/.exec(text) ?? [];
  const address = parseAddress(host.replace(/^\[(.*)\]$/, "$1"));
  const number = Number(port);
  if (address === null || !isLoopback(address) || number < 1 || number > 65_535) return null;
  return isV4(address) ? `${formatAddress(address)}:${number}` : `[${formatAddress(address)}]:${number}`;
}
