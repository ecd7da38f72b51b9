// The abstract tree of one file as it was written: names unresolved, templates not expanded,
// literals as text. Types only; build.ts makes it, check/ and print read it. It keeps everything
// that an author wrote but comments and layout. `broken` marks what a syntax error cut short: its
// error is reported, so nothing may be said about what seems to be missing there.
import type { SourceFile, Span } from "../source/source.ts";

/** A piece of the author's text; a text in quotes without them. */
export interface Piece {
  readonly text: string;
  readonly span: Span;
  /** The piece is a template's parameter, `$a`, and no text that only looks like one. */
  readonly param?: true;
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
  /** `uri "spiffe://…"`; the text without its quotes. */
  | { readonly kind: "id"; readonly type: "uri" | "dns" | "ip" | "sha256"; readonly pattern: Piece; readonly span: Span }
  /** `file "bad.txt" max 1000 min 1`; null: no `min` is written. */
  | { readonly kind: "file"; readonly path: Piece; readonly max: Piece; readonly min: Piece | null; readonly span: Span }
  /** `$a`, a template's parameter. */
  | ({ readonly kind: "param" } & Piece);

export interface SetNode {
  readonly members: readonly Member[];
  /** Null where no `except` is written. */
  readonly except: readonly Member[] | null;
  readonly broken: boolean;
  readonly span: Span;
}

export type AnnotationName = "owner" | "ticket" | "why" | "lint";

/** `@owner "web"`, before an expose, a `dial`, a rule or a set; `value` without its quotes. */
export interface AnnotationNode {
  readonly name: AnnotationName;
  /** `@lint off ING821 "why"`: the code; only of `lint`. */
  readonly off?: Piece;
  readonly value: Piece;
  readonly span: Span;
}

interface Declared {
  readonly name: Piece;
  readonly set: SetNode;
  readonly annotations: readonly AnnotationNode[];
  readonly span: Span;
}

/** `net`, `ports`, `hosts` and `ids`: four spaces of names. */
export type SetDeclaration = Declared & { readonly kind: "net" | "ports" | "hosts" | "ids" };

export type ProtoNode = { readonly proto: "tcp" | "udp"; readonly span: Span };

export interface RuleNode {
  readonly kind: "rule";
  readonly action: "allow" | "deny";
  readonly dryrun: boolean;
  readonly name: Piece | null;
  /** `on tcp 443`, `on tcp, udp 53`; only in a `deny` at top level. */
  readonly on: { readonly protos: readonly ProtoNode[]; readonly ports: SetNode } | null;
  readonly from: SetNode | null;
  readonly sni: SetNode | null;
  readonly client: SetNode | null;
  readonly after: Piece | null;
  readonly until: Piece | null;
  readonly annotations: readonly AnnotationNode[];
  readonly broken: boolean;
  readonly span: Span;
}

/** `127.0.0.1:8080`, `remote 10.0.3.7:8080` without the word, or `unix "PATH"` without the word and the quotes. */
export type BackendTarget = { readonly kind: "tcp" | "unix" | "remote" } & Piece;

export interface BackendNode {
  readonly kind: "backend";
  /** At least one; their order means nothing. */
  readonly targets: readonly BackendTarget[];
  /** `proxy v2`: the version alone. */
  readonly proxy: Piece | null;
  readonly span: Span;
}

/** `cert "ec", "rsa"`, `ca "name"`, `alpn "h2", "http/1.1"`; without the quotes, and at least one. */
export interface TextsNode {
  readonly kind: "cert" | "ca" | "alpn";
  readonly values: readonly Piece[];
  readonly span: Span;
}

/** Null: none is written. */
export type KeyNode = { readonly v4: Piece; readonly v6: Piece } | null;

export interface CapNode {
  readonly kind: "cap";
  readonly dryrun: boolean;
  /** Of the listener; null where the clause has no such number. */
  readonly connections: Piece | null;
  readonly perSource: readonly SourceCapNode[];
  readonly perIdentity: { readonly connections: Piece; readonly span: Span } | null;
  readonly span: Span;
}

/** `20 per source /24 /48 from NET` */
export interface SourceCapNode {
  readonly connections: Piece;
  readonly key: KeyNode;
  /** The sources that it counts; null: all. */
  readonly from: SetNode | null;
  readonly span: Span;
}

export interface LimitNode {
  readonly kind: "limit";
  readonly dryrun: boolean;
  readonly rate: Piece;
  readonly burst: Piece | null;
  readonly per:
    | { readonly kind: "listener" | "identity"; readonly span: Span }
    | { readonly kind: "source"; readonly key: KeyNode; readonly from: SetNode | null; readonly span: Span };
  readonly span: Span;
}

/** `amplify 30`, `amplify any`. */
export interface AmplifyNode {
  readonly kind: "amplify";
  readonly factor: Piece;
  readonly broken: boolean;
  readonly span: Span;
}

/** `use NAME(…)`; arguments are single members. */
export interface UseNode {
  readonly kind: "use";
  /** A name, or `a.b` out of an import. */
  readonly template: Piece;
  readonly args: readonly Member[];
  readonly span: Span;
}

export type ClauseNode = RuleNode | BackendNode | CapNode | LimitNode | AmplifyNode | TextsNode | UseNode;

export interface ExposeNode {
  readonly kind: "expose";
  readonly name: Piece;
  readonly service: Piece | null;
  /** One, or both; none where they could not be read. */
  readonly protos: readonly ProtoNode[];
  /** Null where the ports could not be read. */
  readonly ports: SetNode | null;
  readonly bind: SetNode | null;
  /** `via NET`: the peers that say who their client is; null where none is written. */
  readonly via: SetNode | null;
  /** `for HOSTS`: the names that lead here; null where none is written. */
  readonly hosts: SetNode | null;
  /** Null: none is written. */
  readonly mode: Piece | null;
  readonly clauses: readonly ClauseNode[];
  readonly annotations: readonly AnnotationNode[];
  readonly broken: boolean;
  readonly span: Span;
}

/** `dial NAME on udp` */
export interface DialNode {
  readonly kind: "dial";
  readonly service: Piece;
  readonly proto: ProtoNode | null;
  readonly annotations: readonly AnnotationNode[];
  readonly broken: boolean;
  readonly span: Span;
}

export type OutcomeNode = {
  readonly verdict: "allow" | "deny";
  /** The word behind `deny`. */
  readonly reason: Piece | null;
  /** `by NAME`. */
  readonly by: Piece | null;
  /** In `repeat`: how many. */
  readonly count: Piece | null;
  readonly span: Span;
};

/** `from 203.0.113.9 via 10.0.0.5 to web sni "a" client dns "b"` */
export interface RequestNode {
  readonly source: Piece;
  /** The peer whose PROXY header names the source; null where none is written. */
  readonly via: Piece | null;
  /** An expose by its name, or `tcp 443 local 10.0.0.1`. */
  readonly to: ({ readonly kind: "expose" } & Piece) | ({ readonly kind: "port"; readonly proto: ProtoNode; readonly local: Piece | null } & Piece);
  readonly sni: Piece | null;
  /** SANs of the client's certificate. */
  readonly client: readonly Member[] | null;
  readonly span: Span;
}

export type TestLineNode =
  | {
      readonly kind: "from";
      readonly request: RequestNode;
      /** `repeat 500 in 0s closing`; null where the line has none. */
      readonly repeat: { readonly count: Piece; readonly duration: Piece; readonly closing: boolean; readonly span: Span } | null;
      /** One, or with `repeat` one or two. */
      readonly outcomes: readonly OutcomeNode[];
      readonly span: Span;
    }
  | {
      readonly kind: "bind";
      readonly subject: Piece;
      readonly endpoint: Piece;
      /** `bind web on udp 0.0.0.0:53`; tcp where none is written. */
      readonly proto: ProtoNode | null;
      readonly outcome: OutcomeNode;
      readonly span: Span;
    };

export interface TestNode {
  readonly kind: "test";
  readonly title: Piece;
  readonly at: Piece | null;
  readonly lines: readonly TestLineNode[];
  readonly span: Span;
}

export interface ImportNode {
  readonly kind: "import";
  readonly path: Piece;
  readonly alias: Piece;
  /** `@lint off` alone. */
  readonly annotations: readonly AnnotationNode[];
  readonly span: Span;
}

export interface TemplateNode {
  readonly kind: "template";
  readonly name: Piece;
  /** `$a` each. */
  readonly params: readonly Piece[];
  /** Statements where it is used at top level, clauses where it is used in an expose. */
  readonly body: readonly (StatementNode | ClauseNode)[];
  readonly annotations: readonly AnnotationNode[];
  readonly broken: boolean;
  readonly span: Span;
}

export type BudgetWord = "ports" | "rules" | "prefixes" | "connections" | "module" | "steps";

export interface BudgetNode {
  readonly kind: "budget";
  readonly entries: readonly { readonly word: BudgetWord; readonly value: Piece; readonly span: Span }[];
  readonly span: Span;
}

/** `never from NET to X …`, `only P to X`, `always from NET to X …`. */
export interface ClaimNode {
  readonly word: "never" | "only" | "always";
  readonly from: SetNode | null;
  readonly sni: SetNode | null;
  readonly client: SetNode | null;
  /** `any`, an expose's name, or `tcp 443`. */
  readonly to: ({ readonly kind: "any" | "expose" } & Piece) | ({ readonly kind: "ports"; readonly proto: ProtoNode; readonly ports: SetNode } & Piece);
  /** `as MODE`. */
  readonly mode: Piece | null;
  readonly at: Piece | null;
  readonly span: Span;
}

export interface InvariantNode {
  readonly kind: "invariant";
  readonly title: Piece;
  readonly claims: readonly ClaimNode[];
  readonly span: Span;
}

export type StatementNode = SetDeclaration | ExposeNode | DialNode | RuleNode | TestNode | ImportNode | TemplateNode | UseNode | BudgetNode | InvariantNode;

export interface PolicyNode {
  readonly file: SourceFile;
  /** In the order of the text; `edition 1` and annotations are no statements here. */
  readonly statements: readonly StatementNode[];
  /** True where something was refused already, so that the policy can't be used. */
  readonly incomplete: boolean;
  /** Names that something refused may have declared: unknown ones among them are not reported. */
  readonly doubtful: { readonly names: ReadonlySet<string>; readonly imports: ReadonlySet<string>; readonly all: boolean };
}
