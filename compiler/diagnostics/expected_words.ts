// ING106 out of the parser: a part, a word or a kind of word that is missing. Their data and their words.
// A part of the family ING1xx, see syntax_words.ts.
import { quote } from "./quote.ts";
import { didYouMean, type Words } from "./sentence.ts";

/** Parts of the language of which none was found, although one must be there. */
export type Part =
  | "member"
  /** A protocol behind the ports of another one. */
  | "ports"
  | "identity"
  | "identities"
  | "proto"
  | "time"
  | "duration"
  | "mode"
  | "backend"
  | "proxy"
  | "amplify"
  | "limitKey"
  | "capKey"
  | "target"
  | "fact"
  | "reason"
  | "outcome"
  | "rule"
  /** What `dryrun` comes before. */
  | "dryrun"
  | "subject"
  | "use"
  | "statement"
  | "other";

/** Words that have no one spelling. */
export type WordKind = "word" | "name" | "qualified" | "number" | "range" | "rate" | "length" | "literal" | "text" | "parameter";

/** The constructs in which a missing word has words of its own. */
export type Construct =
  | "set"
  | "expose"
  | "template"
  | "import"
  | "rule"
  | "annotation"
  | "bind"
  | "outcome"
  | "file"
  | "claim"
  | "fact"
  | "test"
  | "invariant"
  | "credential"
  | "alpn"
  | "use";

export type Expected = {
  /** As written; null at the end of the file. */
  readonly found: string | null;
  /** Where it is shown: at what was found, or behind the line or the file that lacks it. */
  readonly at: "found" | "line_end" | "file_end";
} & (
  | { readonly of: "part"; readonly part: Part; readonly near: string | null }
  /** `word`: a keyword or a sign. */
  | { readonly of: "word"; readonly word: string; readonly in: Construct | null; readonly near: string | null }
  | { readonly of: "kind"; readonly kind: WordKind; readonly in: Construct | null }
  /** The `{` behind the first line of a block. */
  | { readonly of: "block"; readonly hint: MemberHint | null }
);

/** The likely meaning of a word behind the members of a set: another `member`, or a `range`. */
export type MemberHint = "member" | "range";

export const MEMBER_HINTS: Readonly<Record<MemberHint, string>> = {
  member: "members of a set are separated by commas, and `except` comes before those that are taken out",
  range: "a range of ports is `9500-9509`, without blanks; a range of addresses is written as prefixes",
};

const AN_IDENTITY = ['an identity such as `dns "jump.example"`', "an identity is `uri`, `dns`, `ip` or `sha256` and a text in quotes"] as const;
const ON = "an expose says its protocol and its ports: `on tcp 443`, or `on tcp, udp 53` for both";
const EXPOSE_LINE = "the first line of an expose is `expose NAME [service S] on tcp PORTS [bind NET] [via NET] [for HOSTS] [as MODE] {`";

const PARTS: Readonly<Record<Part, readonly [wanted: string, help: string | null]>> = {
  member: ["a member of the set", "members are names, addresses, ports or texts; write a comma only between two of them"],
  ports: ["a member of the set", "for the same ports of both protocols write `on tcp, udp 53`; for other ports write an expose of its own"],
  identity: AN_IDENTITY,
  identities: AN_IDENTITY,
  proto: ["`tcp` or `udp`", ON],
  time: ["a time", "a time is UTC: `2027-03-01T00:00Z`"],
  duration: ["a duration", "a duration is a number and a unit: `0s`, `10s`, `5m`, `1h` or `2d`"],
  mode: ["a mode", "the modes are tcp, passthrough, tls, mtls and direct"],
  backend: [
    '`127.0.0.1:PORT`, `unix "PATH"` or `remote ADDRESS:PORT`',
    "a backend is a loopback address with a port, a unix socket, or an address of another host: `remote 10.0.3.7:8080`",
  ],
  proxy: ["`v1` or `v2`", "`backend 127.0.0.1:8080 proxy v2`: the backend first receives the client's address, by the PROXY protocol"],
  amplify: ["a number or `any`", "`amplify 30` sends a client at most thirty times the bytes that it sent; `amplify any` sets no bound"],
  limitKey: ["`source`, `listener` or `identity`", "a limit counts per source, per listener or per identity: `limit 200/s per source`"],
  capKey: ["`source` or `identity`", "a cap's further parts are `N per source` and `N per identity`"],
  target: ["the name of an expose, or `tcp` and a port", "`from 192.0.2.1 to web => allow`, or `to tcp 443`"],
  fact: ["`sni` or `client`", null],
  reason: ["a reason", "the reasons are policy, cidr, sni, rate and mtls"],
  outcome: ["`allow` or `deny REASON`", "the reasons are policy, cidr, sni, rate and mtls"],
  rule: ["`allow` or `deny`", null],
  dryrun: ["`allow`, `deny`, `cap` or `limit`", "write `dryrun` before a rule, a cap or a limit that is evaluated and not enforced"],
  subject: ["`any`, the name of an expose, or `tcp` and ports", "`never from internet to any as tcp`, `only from office to console`"],
  use: ["the name of a template", "a template is used as `use NAME(ARGUMENT, …)`"],
  statement: ["a statement", null],
  other: ["something else", null],
};

export const WORD_KINDS: Readonly<Record<WordKind, string>> = {
  word: "a name or an address",
  name: "a name",
  qualified: "a name out of an import",
  number: "a number",
  range: "a range",
  rate: "a rate such as `200/s`",
  length: "a prefix length such as `/24`",
  literal: "a literal",
  text: "a text in quotes",
  parameter: "a parameter such as `$a`",
};

const NAMES: Partial<Readonly<Record<Construct, string>>> = {
  set: "a name for the set",
  expose: "a name for the expose",
  template: "a name for the template",
  import: "a name for the import",
  rule: "a name for the rule",
  annotation: "`owner`, `ticket`, `why` or `lint`",
  bind: "the name of a service",
  outcome: "the name of a rule",
};

/** Help where a word is missing, wherever that is. */
const HELP: ReadonlyMap<string, string> = new Map([
  ["on", "an expose says its protocol and its ports: `on tcp 443`"],
  ["max", 'a list file says how many entries it may have: `file "list.txt" max 1000`'],
  ["connections", "`cap 1000 connections`, then perhaps `, 20 per source`"],
  ["in", "`repeat 500 in 10s from 192.0.2.1 to web => allow 400, deny rate 100`"],
  ["KiB", "a module is measured in KiB: `module 64 KiB`"],
]);

const KIND_HELP: Partial<Readonly<Record<WordKind, string>>> = {
  rate: "a rate is a number and a unit: `200/s`, `30/m` or `5/h`",
  length: "a source key has a length for IPv4 and one for IPv6: `per source /24 /56`",
  parameter: "a parameter is `$` and a name: `template web($name, $port) { … }`",
};

/** Help where a word or a kind of word is missing in one construct. */
const HELP_IN: ReadonlyMap<string, string> = new Map([
  ["file number", 'a list file says how many entries it may have: `file "list.txt" max 1000 min 1`'],
  ["import as", 'an import has a short name: `import "nets.ingress" as nets`'],
  ["import text", 'a file is named in quotes: `import "nets.ingress" as nets`'],
  ["claim to", "a claim says about what it speaks: `never from internet to console`"],
  ["fact text", 'write the name of the client\'s hello in quotes: `sni "www.example.com"`'],
  ["test text", 'a test has a title: `test "who may come" { … }`'],
  ["invariant text", 'an invariant has a title: `invariant "the console is ours" { … }`'],
  ["annotation text", 'write an annotation\'s text in quotes: `@owner "web"`'],
  ["credential text", 'a certificate is named in quotes: `cert "web-2027"`'],
  ["alpn text", 'protocols are written in quotes, the preferred one first: `alpn "h2", "http/1.1"`'],
  ["use (", "a template is used as `use NAME(ARGUMENT, …)`, with `()` if it takes none"],
  ["template (", "a template has a list of parameters, `()` if it takes none: `template web($name) { … }`"],
  ["use )", "an argument is one name, number, literal or text; arguments are separated by commas"],
  ["template )", "parameters are separated by commas: `template web($name, $port) { … }`"],
  ["expose {", EXPOSE_LINE],
]);

export const END = "the end of the file";
/** The label at the last word of a file that ends too early. */
export const ENDS_HERE = "the text ends here";

const LABELS: Readonly<Record<Expected["at"], string>> = { found: "", line_end: "missing here", file_end: ENDS_HERE };

export function expectedWords(data: Expected): Words {
  const [wanted, help] = wantedIn(data);
  return { message: `expected ${wanted}, found ${data.found === null ? END : quote(data.found)}`, ...(help === null ? {} : { help }), label: LABELS[data.at] };
}

function wantedIn(data: Expected): readonly [wanted: string, help: string | null] {
  switch (data.of) {
    case "part": {
      const [wanted, help] = PARTS[data.part];
      return [wanted, data.near === null ? help : didYouMean(data.near)];
    }
    case "word":
      return [`\`${data.word}\``, data.near === null ? (HELP_IN.get(`${data.in ?? ""} ${data.word}`) ?? HELP.get(data.word) ?? null) : didYouMean(data.near)];
    case "kind": {
      const name = data.kind === "name" && data.in !== null ? NAMES[data.in] : undefined;
      return [name ?? WORD_KINDS[data.kind], HELP_IN.get(`${data.in ?? ""} ${data.kind}`) ?? KIND_HELP[data.kind] ?? null];
    }
    case "block":
      return ["`{`", data.hint === null ? EXPOSE_LINE : MEMBER_HINTS[data.hint]];
  }
}
