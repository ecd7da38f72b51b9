// The facts in the PROXY header of an admitted connection.
import type { Permit } from "../../runtime/host/decision.ts";
import { identityOf } from "../../runtime/host/identity.ts";
import type { PolicyEngine } from "../../runtime/host/module.ts";
import type { ConnectionTable, Known } from "../connection/table.ts";
import { proxyHeader, type Certified, type Endpoint } from "../forward/proxy_header.ts";

const FINGERPRINT = "sha256:";

/** Null where the backend gets no header, or where none can be made: then the connection must end. */
export function headerFor(table: ConnectionTable, row: number, local: Endpoint, engine: PolicyEngine | null): Buffer | null {
  const version = table.backend[row]?.proxy ?? null;
  const source = table.sourceOf(row);
  if (version === null || typeof source === "number") return null;
  const known = table.identity[row];
  return proxyHeader(version, {
    source: { address: source, port: table.sourcePort[row] ?? 0 },
    // A peer that names its client says where that client connected to.
    local: table.via[row]?.destination ?? local,
    name: table.name[row] ?? null,
    protocol: table.protocol[row] ?? null,
    certified: known === undefined || version === "v1" ? null : certified(table, row, known, engine),
  });
}

function certified(table: ConnectionTable, row: number, { identity }: Known, engine: PolicyEngine | null): Certified {
  const fingerprint = identity.words.find((word) => word.startsWith(FINGERPRINT));
  return {
    identity: matched(table, row, identity.words, engine),
    sha256: fingerprint === undefined ? null : Buffer.from(fingerprint.slice(FINGERPRINT.length), "hex"),
  };
}

/**
 * The first name for which the rule that admitted would have admitted alone, as the module itself says. An allow matches
 * when one of the names does, and no deny matched any of them, so a decision for each name alone finds the one that matched.
 */
function matched(table: ConnectionTable, row: number, words: readonly string[], engine: PolicyEngine | null): string | null {
  const permit: Permit | undefined = table.permit[row];
  const source = table.sourceOf(row);
  const listener = table.listener[row] ?? -1;
  if (engine === null || permit === undefined || typeof source === "number" || listener < 0) return null;
  const isMatch = (word: string): boolean => {
    const alone = engine.identity(listener, source, table.name[row] ?? null, identityOf([word]));
    return alone.allowed && alone.rule === permit.rule;
  };
  // The certificate's own word comes last: a name says more.
  const names = words.filter((word) => !word.startsWith(FINGERPRINT));
  return [...names, ...words.filter((word) => word.startsWith(FINGERPRINT))].find(isMatch) ?? null;
}
