// Programs whose configuration `init` knows: the line that makes them listen on loopback alone.
import { formatAddress, isV4, isWildcard } from "../../../runtime/net/address.ts";
import { isWide, type Listener } from "./listeners.ts";

/** Lines of a comment: where the service goes, and how. */
export function movingLines(listener: Listener, port: number): readonly string[] {
  const { program, addresses } = listener;
  switch (program) {
    case "nginx": {
      const listens = addresses.map((address) => {
        const text = isV4(address) ? formatAddress(address) : `[${formatAddress(address)}]`;
        return isV4(address) && isWildcard(address) ? `listen ${listener.port};` : `listen ${text}:${listener.port};`;
      });
      return [`nginx: write \`listen 127.0.0.1:${port};\` in place of ${listens.map((text) => `\`${text}\``).join(" and ")}`];
    }
    case "redis-server":
    case "valkey-server":
      return [`redis.conf: \`bind 127.0.0.1\` and \`port ${port}\``];
    case "postgres":
      return [`postgresql.conf: \`listen_addresses = '127.0.0.1'\` and \`port = ${port}\``];
    default:
      return [`${program ?? "its program"}: make it listen on 127.0.0.1:${port}, and nowhere else`];
  }
}

/** Why a listener is not moved; null where it is. `all`: those of the host. */
export function staysBecause(listener: Listener, all: readonly Listener[]): string | null {
  const { program, port, protocol } = listener;
  if (program === "sshd" || (protocol === "tcp" && port === 22 && (program === null || program === "systemd")))
    return "is never moved: if ingressd did not start, or refused you by mistake, nobody could log in to repair it";
  if (program === "ingressd") return "is ingressd itself";
  if (program === "systemd")
    return "is a socket that systemd has for a service, which may be sshd: `systemctl list-sockets` names the service; write its expose yourself";
  const other = all.find((one) => one !== listener && areOnePlace(listener, one));
  if (other !== undefined)
    return `shares its port with ${other.program ?? "a program that this user may not see"}, and a policy has one expose there: write it yourself`;
  return null;
}

/** Two exposes of these can't be in one policy: a connection would be of both. */
function areOnePlace(a: Listener, b: Listener): boolean {
  if (a.protocol !== b.protocol || a.port !== b.port) return false;
  const places = new Set(a.addresses.map(formatAddress));
  return isWide(a) || isWide(b) || b.addresses.some((address) => places.has(formatAddress(address)));
}
