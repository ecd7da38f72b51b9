// Programs whose configuration `init` knows: the line that makes them listen on loopback alone.
import { formatAddress, isV4, isWildcard } from "../../../runtime/net/address.ts";
import type { Listener } from "./listeners.ts";

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

/** Why a listener is not moved; null where it is. */
export function staysBecause({ program, port, protocol }: Listener): string | null {
  if (program === "sshd" || (protocol === "tcp" && port === 22 && (program === null || program === "systemd")))
    return "is never moved: if ingressd did not start, or refused you by mistake, nobody could log in to repair it";
  if (program === "ingressd") return "is ingressd itself";
  return null;
}
