// Where a name leads at the ports that an expose shares, for a request that names one of the exposes.
import type { PolicyInfo } from "./module.ts";
import { leadAmong } from "../net/name_patterns.ts";

/** A request to an expose at a port where its name leads to another one. */
export interface Misled {
  readonly expose: string;
  readonly port: number;
  /** Null where no expose has the name. */
  readonly leads: string | null;
}

/** `sni` is canonical; null: the client sends none. Null where the name leads to this expose at each of its ports. */
export function misled({ listeners, groups }: Pick<PolicyInfo, "listeners" | "groups">, expose: string, sni: string | null): Misled | null {
  for (const { members, ports } of groups) {
    const own = members.flatMap((id) => listeners[id] ?? []);
    if (!own.some(({ name }) => name === expose)) continue;
    const found = leadAmong(own, sni);
    if (found?.name !== expose) return { expose, port: ports[0]?.first ?? 0, leads: found?.name ?? null };
  }
  return null;
}

/** `on port 443 a client that sends no name leads to no expose, and not to …`, in a message. */
export function misledText({ expose, port, leads }: Misled, sni: string | null): string {
  const name = sni === null ? "a client that sends no name" : `\`${sni}\``;
  return `on port ${port} ${name} leads to ${leads === null ? "no expose" : `\`${leads}\``}, and not to \`${expose}\``;
}
