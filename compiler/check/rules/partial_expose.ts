// The input of the checks that compare exposes. Types only; exposes.ts makes it.
import type { ExposeNode } from "../../ast/nodes.ts";
import type { FlatExpose } from "../names/expand.ts";
import type { AddressSet, Backend, CheckedExpose, Mode, NamePattern } from "../../policy/policy.ts";
import type { PortSet } from "../names/port_numbers.ts";

/** The parsed part of an expose; the parts that others are compared with may be missing. */
export interface PartialExpose {
  readonly node: ExposeNode;
  readonly clauses: FlatExpose["clauses"];
  readonly service: string;
  readonly proto: "tcp" | "udp" | null;
  readonly mode: Mode | null;
  readonly ports: PortSet | null;
  /** Null: any. Undefined: not parsed. */
  readonly bind: AddressSet | null | undefined;
  /** Null: no `via`. Undefined: not parsed. */
  readonly via: AddressSet | null | undefined;
  /** Null: no `for`. Undefined: not parsed. */
  readonly names: readonly NamePattern[] | null | undefined;
  readonly backend: Backend | null;
  /** Null where anything is wrong. */
  readonly checked: CheckedExpose | null;
}
