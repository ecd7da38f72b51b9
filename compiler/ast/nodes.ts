// The abstract tree of a policy as it was written: names unresolved, literals as text. Types
// only; build.ts makes it, check/ reads it. `broken` marks what a syntax error cut short or
// what holds something that is not in this release: its error is told, so nothing may be said
// about what seems to be missing there.
import type { SourceFile, Span } from "../source.ts";

/** A piece of the author's text. */
export interface Piece {
  readonly text: string;
  readonly span: Span;
}

export type Member =
  | ({ readonly kind: "name" } & Piece)
  /** `a.b`, a name out of an import. */
  | ({ readonly kind: "qualified" } & Piece)
  /** What begins like an address. */
  | ({ readonly kind: "literal" } & Piece)
  /** `443`; `9500-9509` */
  | ({ readonly kind: "number" } & Piece)
  /** Text in quotes; without them. */
  | ({ readonly kind: "text" } & Piece)
  | { readonly kind: "file"; readonly path: Piece; readonly max: Piece; readonly span: Span };

export interface SetNode {
  readonly members: readonly Member[];
  /** Null where no `except` is written. */
  readonly except: readonly Member[] | null;
  readonly broken: boolean;
  readonly span: Span;
}

interface Declared {
  readonly name: Piece;
  readonly set: SetNode;
  readonly span: Span;
}

export interface NetNode extends Declared {
  readonly kind: "net";
}

export interface PortsNode extends Declared {
  readonly kind: "ports";
}

export interface RuleNode {
  readonly kind: "rule";
  readonly action: "allow" | "deny";
  readonly name: Piece | null;
  readonly on: SetNode | null;
  readonly from: SetNode | null;
  readonly broken: boolean;
  readonly span: Span;
}

export interface BackendNode {
  readonly kind: "backend";
  readonly target: { readonly kind: "tcp" | "unix" } & Piece;
  readonly span: Span;
}

/** Null: none is written. */
export type KeyNode = { readonly v4: Piece; readonly v6: Piece } | null;

export interface CapNode {
  readonly kind: "cap";
  readonly connections: Piece;
  readonly perSource: { readonly connections: Piece; readonly key: KeyNode } | null;
  readonly span: Span;
}

export interface LimitNode {
  readonly kind: "limit";
  readonly rate: Piece;
  readonly burst: Piece | null;
  readonly per: { readonly kind: "listener" } | { readonly kind: "source"; readonly key: KeyNode };
  readonly span: Span;
}

export type ClauseNode = RuleNode | BackendNode | CapNode | LimitNode;

export interface ExposeNode {
  readonly kind: "expose";
  readonly name: Piece;
  readonly service: Piece | null;
  /** Null where the ports could not be read. */
  readonly ports: SetNode | null;
  readonly bind: SetNode | null;
  readonly clauses: readonly ClauseNode[];
  readonly broken: boolean;
  readonly span: Span;
}

export type OutcomeNode = { readonly verdict: "allow" } | { readonly verdict: "deny"; readonly reason: Piece };

export type TestLineNode =
  | {
      readonly kind: "from";
      readonly source: Piece;
      readonly to: { readonly kind: "expose" | "port" } & Piece;
      readonly outcome: OutcomeNode;
      readonly span: Span;
    }
  | {
      readonly kind: "bind";
      readonly subject: Piece;
      readonly endpoint: Piece;
      readonly outcome: OutcomeNode;
      readonly span: Span;
    };

export interface TestNode {
  readonly kind: "test";
  readonly title: Piece;
  readonly lines: readonly TestLineNode[];
  readonly span: Span;
}

export interface PolicyNode {
  readonly file: SourceFile;
  readonly nets: readonly NetNode[];
  readonly ports: readonly PortsNode[];
  readonly exposes: readonly ExposeNode[];
  readonly denies: readonly RuleNode[];
  readonly tests: readonly TestNode[];
  /** True where something was refused already, so that the policy can't be used. */
  readonly incomplete: boolean;
  /** Names that something refused may have declared: unknown ones among them are not reported. */
  readonly doubtful: { readonly names: ReadonlySet<string>; readonly imports: ReadonlySet<string>; readonly all: boolean };
}
