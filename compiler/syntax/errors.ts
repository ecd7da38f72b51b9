// The parser's own complaints in the author's words. Chevrotain has one string per error, so
// code, message, help and replacement travel in it on a line each; parse.ts takes them apart.
import { EOF, type IParserErrorMessageProvider, type IToken, type TokenType } from "chevrotain";
import type { UntypedCode } from "../diagnostics/words.ts";
import { nearest, nearestAlone } from "../../runtime/text/nearest.ts";
import { quote } from "../diagnostics/quote.ts";
import { isKeyword } from "./keywords.ts";
import { KW, Param, RBrace, Rate, Slash } from "./tokens.ts";

export interface Complaint {
  readonly code: UntypedCode;
  readonly message: string;
  readonly help: string | null;
  /** The text that should replace the token, where it was nearly written. */
  readonly instead: string | null;
}

/** The missing part of a rule whose alternatives all fail, or whose only token is missing. */
const WANTED = new Map<string, readonly [wanted: string, help: string | null]>([
  ["member", ["a member of the set", "members are names, addresses, ports or texts; write a comma only between two of them"]],
  ["identity", ['an identity such as `dns "jump.example"`', "an identity is `uri`, `dns`, `ip` or `sha256` and a text in quotes"]],
  ["identities", ['an identity such as `dns "jump.example"`', "an identity is `uri`, `dns`, `ip` or `sha256` and a text in quotes"]],
  ["proto", ["`tcp` or `udp`", "an expose says its protocol and its ports: `on tcp 443`"]],
  ["time", ["a time", "a time is UTC: `2027-03-01T00:00Z`"]],
  ["duration", ["a duration", "a duration is a number and a unit: `0s`, `10s`, `5m` or `1h`"]],
  ["mode", ["a mode", "the modes are tcp, passthrough, tls, mtls and direct"]],
  ["backend", ['`127.0.0.1:PORT` or `unix "PATH"`', "a backend is a loopback address with a port, or a unix socket"]],
  ["limitKey", ["`source`, `listener` or `identity`", "a limit counts per source, per listener or per identity: `limit 200/s per source`"]],
  ["capKey", ["`source` or `identity`", "a cap's further parts are `N per source` and `N per identity`"]],
  ["target", ["the name of an expose, or `tcp` and a port", "`from 192.0.2.1 to web => allow`, or `to tcp 443`"]],
  ["fact", ["`sni` or `client`", null]],
  ["reason", ["a reason", "the reasons are policy, cidr, sni, rate and mtls"]],
  ["outcome", ["`allow` or `deny REASON`", "the reasons are policy, cidr, sni, rate and mtls"]],
  ["rule", ["`allow` or `deny`", "write `dryrun` before `allow` or `deny`"]],
  ["subject", ["`any`, the name of an expose, or `tcp` and ports", "`never from internet to any as tcp`, `only from office to console`"]],
  ["use", ["the name of a template", "a template is used as `use NAME(ARGUMENT, …)`"]],
]);

/** Other languages' names for a word that is wanted. */
const OF_SOURCE = { ip: "source", src: "source", address: "source", addr: "source" };
const SAME: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  limitKey: { ...OF_SOURCE, server: "listener", total: "listener" },
  capKey: OF_SOURCE,
  outcome: { accept: "allow", permit: "allow", allowed: "allow", ok: "allow" },
};

/** Rules of a single token that is named by its meaning. */
const ONE_TOKEN = new Set(["time", "duration", "mode"]);

/** Help where a token is missing, whatever the rule. */
const HELP = new Map<TokenType, string>([
  [KW.on, "an expose says its protocol and its ports: `on tcp 443`"],
  [KW.max, 'a list file says how many entries it may have: `file "list.txt" max 1000`'],
  [KW.connections, "`cap 1000 connections`, then perhaps `, 20 per source`"],
  [KW.in, "`repeat 500 in 10s from 192.0.2.1 to web => allow 400, deny rate 100`"],
  [KW.KiB, "a module is measured in KiB: `module 64 KiB`"],
  [Rate, "a rate is a number and a unit: `200/s`, `30/m` or `5/h`"],
  [Slash, "a source key has a length for IPv4 and one for IPv6: `per source /24 /56`"],
  [Param, "a parameter is `$` and a name: `template web($name, $port) { … }`"],
]);

/** Help where a token is missing in one rule. */
const HELP_IN = new Map<string, string>([
  ["file (Integer)", 'a list file says how many entries it may have: `file "list.txt" max 1000 min 1`'],
  ["import (kw_as)", 'an import has a short name: `import "nets.ingress" as nets`'],
  ["import (Text)", 'a file is named in quotes: `import "nets.ingress" as nets`'],
  ["claim (kw_to)", "a claim says about what it speaks: `never from internet to console`"],
  ["fact (Text)", 'write the name of the client\'s hello in quotes: `sni "www.example.com"`'],
  ["testHead (Text)", 'a test has a title: `test "who may come" { … }`'],
  ["invariant (Text)", 'an invariant has a title: `invariant "the console is ours" { … }`'],
  ["annotation (Text)", 'write an annotation\'s text in quotes: `@owner "web"`'],
  ["credential (Text)", 'a certificate is named in quotes: `cert "web-2027"`'],
  ["use (LParen)", "a template is used as `use NAME(ARGUMENT, …)`, with `()` if it takes none"],
  ["templateHead (LParen)", "a template has a list of parameters, `()` if it takes none: `template web($name) { … }`"],
  ["use (RParen)", "an argument is one name, number, literal or text; arguments are separated by commas"],
  ["templateHead (RParen)", "parameters are separated by commas: `template web($name, $port) { … }`"],
  ["expose (LBrace)", "the first line of an expose is `expose NAME [service S] on tcp PORTS [bind NET] [as MODE] {`"],
]);

export const messages: IParserErrorMessageProvider = {
  buildMismatchTokenMessage({ expected, actual, ruleName }) {
    if (expected === RBrace) {
      const help = isEnd(actual) ? "add the `}` that closes the block" : "close the block with `}`, or move the text into another block";
      return pack({ code: "ING107", message: `the block is not closed ${before(actual)}`, help, instead: null });
    }
    if (WANTED.has(ruleName) && ONE_TOKEN.has(ruleName)) return pack(wantedIn(ruleName, actual));
    const wanted = expected.name === "Name" ? nameIn(ruleName) : (expected.LABEL ?? expected.name);
    const guess = didYouMean(actual, [expected]);
    const help = guess?.help ?? HELP_IN.get(`${ruleName} (${expected.name})`) ?? HELP.get(expected) ?? null;
    return pack({ code: "ING106", message: `expected ${wanted}, found ${found(actual)}`, help, instead: guess?.instead ?? null });
  },
  buildNoViableAltMessage({ expectedPathsPerAlt, actual, ruleName }) {
    const complaint = wantedIn(ruleName, actual[0]);
    const guess = didYouMean(
      actual[0],
      expectedPathsPerAlt.flat().flatMap((path) => path.slice(0, 1)),
    );
    return pack(guess === null ? complaint : { ...complaint, ...guess });
  },
  buildEarlyExitMessage({ actual, ruleName }) {
    return pack(wantedIn(ruleName, actual[0]));
  },
  buildNotAllInputParsedMessage({ firstRedundant }) {
    return pack({ code: "ING106", message: `expected a statement, found ${found(firstRedundant)}`, help: null, instead: null });
  },
};

export function unpack(message: string): Complaint {
  const [code = "", text = "", help = "", instead = ""] = message.split("\n");
  const known = (["ING106", "ING107"] as const).find((c) => c === code);
  return { code: known ?? "ING106", message: text, help: help === "" ? null : help, instead: instead === "" ? null : instead };
}

function pack(c: Complaint): string {
  return [c.code, c.message, c.help ?? "", c.instead ?? ""].join("\n");
}

function wantedIn(rule: string, actual: IToken | undefined): Complaint {
  const [wanted, help] = WANTED.get(rule) ?? ["something else", null];
  const instead = sameAs(rule, actual?.image ?? "");
  return { code: "ING106", message: `expected ${wanted}, found ${found(actual)}`, help, instead };
}

function sameAs(rule: string, word: string): string | null {
  const words = Object.hasOwn(SAME, rule) ? SAME[rule] : undefined;
  return words !== undefined && Object.hasOwn(words, word) ? (words[word] ?? null) : null;
}

/** Where a keyword was wanted and nearly written. */
function didYouMean(actual: IToken | undefined, wanted: readonly TokenType[]): Pick<Complaint, "help" | "instead"> | null {
  const words = wanted.map((type) => type.name.replace(/^kw_/, "")).filter(isKeyword);
  const guess = actual === undefined ? null : nearest(actual.image, words);
  return guess === null || guess === actual?.image ? null : { help: `did you mean \`${guess}\`?`, instead: nearestAlone(actual?.image ?? "", words) };
}

function nameIn(rule: string): string {
  switch (rule) {
    case "declaration":
      return "a name for the set";
    case "exposeHead":
      return "a name for the expose";
    case "templateHead":
      return "a name for the template";
    case "import":
      return "a name for the import";
    case "matcher":
      return "a name for the rule";
    case "annotation":
      return "`owner`, `ticket` or `why`";
    case "bindLine":
      return "the name of a service";
    case "outcome":
      return "the name of a rule";
    default:
      return "a name";
  }
}

function found(token: IToken | undefined): string {
  return token === undefined || isEnd(token) ? "the end of the file" : quote(token.image);
}

function before(token: IToken): string {
  return isEnd(token) ? "at the end of the file" : `before ${quote(token.image)}`;
}

function isEnd(token: IToken): boolean {
  return token.tokenType === EOF;
}
