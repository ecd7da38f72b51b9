// The parser's own complaints in the author's words. Chevrotain carries one string an error, so
// code, message and help travel in it on a line each; parse.ts takes them apart.
import { EOF, type IParserErrorMessageProvider, type IToken, type TokenType } from "chevrotain";
import type { DiagnosticCode } from "../codes.ts";
import { quote } from "../quote.ts";
import { KW, RBrace, Rate, Slash } from "./tokens.ts";

export interface Complaint {
  readonly code: DiagnosticCode;
  readonly message: string;
  readonly help: string | null;
}

/** What was wanted in a rule whose alternatives all fail. */
const WANTED = new Map<string, readonly [wanted: string, help: string | null]>([
  ["member", ["a member of the set", "members are names, addresses or ports; a comma stands only between two of them"]],
  ["proto", ["`tcp`", "an expose says its protocol and its ports: `on tcp 443`"]],
  ["backend", ["`127.0.0.1:PORT` or `unix \"PATH\"`", "a backend is a loopback address with a port, or a unix socket"]],
  ["per", ["`source` or `listener`", "a limit counts per source or per listener: `limit 200/s per source`"]],
  ["perSource", ["`source`", "a cap's second part is `N per source`"]],
  ["target", ["the name of an expose, or `tcp` and a port", "`from 192.0.2.1 to web => allow`, or `to tcp 443`"]],
  ["reason", ["a reason: policy, cidr or rate", null]],
  ["outcome", ["`allow` or `deny REASON`", "the reasons are policy, cidr and rate"]],
]);

const HELP = new Map<TokenType, string>([
  [KW.on, "an expose says its protocol and its ports: `on tcp 443`"],
  [KW.max, "a list file says how many entries it may have: `file \"list.txt\" max 1000`"],
  [KW.connections, "`cap 1000 connections`, then perhaps `, 20 per source`"],
  [Rate, "a rate is a number and a unit: `200/s`, `30/m` or `5/h`"],
  [Slash, "a source key has a length for IPv4 and one for IPv6: `per source /24 /56`"],
]);

export const messages: IParserErrorMessageProvider = {
  buildMismatchTokenMessage({ expected, actual, ruleName }) {
    if (expected === RBrace) {
      const help = isEnd(actual) ? "add the `}` that closes the block" : "close the block with `}`, or move the text into another block";
      return pack({ code: "ING107", message: `the block is not closed ${before(actual)}`, help });
    }
    const wanted = expected.name === "Name" ? nameIn(ruleName) : (expected.LABEL ?? expected.name);
    return pack({ code: "ING106", message: `expected ${wanted}, found ${found(actual)}`, help: HELP.get(expected) ?? null });
  },
  buildNoViableAltMessage({ actual, ruleName }) {
    return pack(wantedIn(ruleName, actual[0]));
  },
  buildEarlyExitMessage({ actual, ruleName }) {
    return pack(wantedIn(ruleName, actual[0]));
  },
  buildNotAllInputParsedMessage({ firstRedundant }) {
    return pack({ code: "ING106", message: `expected a statement, found ${found(firstRedundant)}`, help: null });
  },
};

export function unpack(message: string): Complaint {
  const [code = "", text = "", help = ""] = message.split("\n");
  const known = (["ING106", "ING107"] as const).find((c) => c === code);
  return { code: known ?? "ING106", message: text, help: help === "" ? null : help };
}

function pack(c: Complaint): string {
  return [c.code, c.message, c.help ?? ""].join("\n");
}

function wantedIn(rule: string, actual: IToken | undefined): Complaint {
  const [wanted, help] = WANTED.get(rule) ?? ["something else", null];
  return { code: "ING106", message: `expected ${wanted}, found ${found(actual)}`, help };
}

function nameIn(rule: string): string {
  switch (rule) {
    case "net":
    case "ports":
      return "a name for the set";
    case "exposeHead":
      return "a name for the expose";
    case "matcher":
      return "a name for the rule";
    case "bindLine":
      return "the name of a service";
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
