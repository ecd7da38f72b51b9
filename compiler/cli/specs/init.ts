// The row of `ingressc init` in the command table. commands/init.ts runs it.
import type { CommandSpec } from "../../../runtime/shell/command_table.ts";

export const init = {
  summary: "write a first policy for what listens on this host",
  operands: [],
  flags: { out: { short: "o", value: "OUT", says: "where the policy is written, a file that is not there yet (default: standard output)" } },
  manual: [
    "Reads the sockets of this host, in its network namespace, and changes nothing. For each one that",
    "others can reach, the policy has an expose with `allow from any`, a backend on loopback at a free",
    "port (20,000 above the service's, or the next), and the line of its configuration that moves the",
    "service there, where the program is nginx, Redis or PostgreSQL; and tests. sshd is never moved.",
    "Run it as root: another user sees no programs, and no owners but by number.",
    "",
    "  ingressc init -o host.ingress && ingressc test host.ingress",
  ].join("\n"),
} as const satisfies CommandSpec;
