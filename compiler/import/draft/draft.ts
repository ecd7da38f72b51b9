// The form that every importer makes of another program's configuration, before it is a policy's text: exposes, and what was left out.
import type { Stretch } from "./context.ts";
import type { AddressSet, PortRange } from "../../policy/policy.ts";

export type Protocol = "tcp" | "udp";

export interface DraftAllow {
  readonly from: AddressSet;
  /** Server names; null where the rule reads none. */
  readonly hosts: readonly string[] | null;
}

export interface DraftExpose {
  /** The part of the source that names its backends; null where none does. */
  readonly at: Stretch | null;
  /** The name that it would like; names are made unique later. */
  readonly name: string;
  /** A comment above it; null where there is nothing to say. */
  readonly note: string | null;
  /** The reason of what the language wants a reason for; null: none. */
  readonly why: string | null;
  readonly protocols: readonly Protocol[];
  readonly ports: readonly PortRange[];
  /** Local addresses; null: all. */
  readonly bind: AddressSet | null;
  /** The peers that say who their client is. */
  readonly via: AddressSet | null;
  /** The names that lead to it; null where it has the port alone. */
  readonly hosts: readonly string[] | null;
  readonly mode: "tcp" | "passthrough" | "tls";
  /** With `tls`: the names of certificates. */
  readonly certs: readonly string[];
  /** The protocols that are offered behind TLS. */
  readonly alpn: readonly string[];
  /** `127.0.0.1:8080`, `remote 10.0.3.7:8080`, `unix "/run/a.sock"`; none where a service registers. */
  readonly backends: readonly string[];
  readonly proxy: "v1" | "v2" | null;
  /** The most connections of one source address, and of all; null where the source has no such bound. */
  readonly perSource: number | null;
  readonly connections: number | null;
  readonly allows: readonly DraftAllow[];
}

/** Values of an expose that most formats never set. */
export const PLAIN = {
  at: null,
  note: null,
  why: null,
  bind: null,
  via: null,
  hosts: null,
  mode: "tcp",
  certs: [],
  alpn: [],
  backends: [],
  proxy: null,
  perSource: null,
  connections: null,
} as const satisfies Partial<DraftExpose>;

export interface Draft {
  /** Lines of the comment at the top, after the first. */
  readonly header: readonly string[];
  readonly exposes: readonly DraftExpose[];
}
