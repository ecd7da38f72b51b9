// A target of `ingressc build`: how a policy is written for an engine that exists already, and how what that
// engine runs is read back.
import type { Result } from "../../runtime/result/result.ts";
import type { AddressSet, HostNode, PortRange } from "../policy/policy.ts";
import type { Plan } from "./plan.ts";

/** The clauses that a target can have. Any other is refused; nothing is approximated. */
export interface Abilities {
  readonly modes: ReadonlySet<string>;
  readonly udp: boolean;
  /** `written`: the port is opened as the rules say. `left out`: the service binds it, and the target has no part in it. */
  readonly direct: "written" | "left out";
  /** Moments at which an allow begins or ends. */
  readonly times: boolean;
  readonly bind: boolean;
  /** `forwarded`: connections go to the backend of the policy. `own`: the service itself listens at the port of the expose. */
  readonly backends: "forwarded" | "own";
  /** Of a target that forwards: the header of version 2 has the server name, where one was read, or lacks it. */
  readonly proxyV2?: "without names";
}

export interface Options {
  /** As the user wrote it. */
  readonly file: string;
  readonly wholeHost: boolean;
  readonly selector: { readonly key: string; readonly value: string } | null;
  /** Where the target gets the module that it runs, over http; null: in its configuration. `text` is the URL, an IPv6 `host` has no brackets. */
  readonly codeUrl: { readonly text: string; readonly host: string; readonly port: number } | null;
}

/** Files by their names; a target with one file has the name of the output itself, which is empty here. */
export type Files = ReadonlyMap<string, string>;

export interface Emitter {
  readonly name: string;
  /** Of the output that is written where nothing else is said. */
  readonly ending: string;
  /** Several files in a folder. */
  readonly isFolder: boolean;
  readonly can: Abilities;
  emit(plan: Plan, options: Options): Result<Files, readonly TooMuch[]>;
  /** Files beside those of a plan that was written, of other bytes than text. */
  readonly binaries?: (plan: Plan) => ReadonlyMap<string, Uint8Array>;
  /** Reads the configuration that the engine runs. `wanted` are the files that it should have, of this plan. */
  read(running: string, wanted: Files, plan: Plan): Result<Running, string>;
}

/** Something of a listener that the target has no room for. */
export interface TooMuch {
  readonly listener: number;
  readonly what: string;
}

/** The connections that an engine admits, as it says itself. */
export interface Running {
  readonly places: readonly RunningPlace[];
  /** Of ports that no place has. */
  readonly otherPorts: "as the policy says" | "refused";
  /** Parts that are not of this program, one sentence each. */
  readonly strange: readonly string[];
  /** The policy's hash, as the engine says it; nothing depends on it. */
  readonly hash: string | null;
}

export interface RunningPlace {
  readonly name: string;
  readonly proto: "tcp" | "udp";
  readonly ports: readonly PortRange[];
  /** Null: any address of the host. */
  readonly local: AddressSet | null;
  /** The first that fits decides; where none does, the connection is refused. */
  readonly rules: readonly RunningRule[];
}

export interface RunningRule {
  readonly admits: boolean;
  readonly sources: AddressSet;
  /** Null: whatever the name is, or none. */
  readonly names: RunningNames | null;
  /** Words of which a certificate has one; null or absent: whatever the certificate is, or none. */
  readonly clients?: readonly string[] | null;
  /** UTC seconds, as those of a rule. */
  readonly after: number | null;
  readonly until: number | null;
}

export interface RunningNames {
  readonly nameless: boolean;
  readonly hosts: HostNode;
}
