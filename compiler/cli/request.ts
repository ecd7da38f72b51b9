// The request of `explain`, in the words of a test line:
//   from ADDRESS to NAME          from ADDRESS to tcp PORT
//   bind SUBJECT on ADDRESS:PORT
import { parseAddress, type Address } from "../../runtime/net/address.ts";
import { nearest } from "../nearest.ts";
import { quote } from "../quote.ts";
import type { Target } from "./ask.ts";
import { usage, type Outcome } from "./outcome.ts";

export type Request =
  | { readonly kind: "from"; readonly source: Address; readonly to: Target }
  | { readonly kind: "bind"; readonly subject: string; readonly address: Address; readonly port: number };

const SHAPE = "write `from 203.0.113.9 to web`, `from 203.0.113.9 to tcp 443` or `bind web on 0.0.0.0:443`";
/** Clauses of edition 1 that a request may have one day. */
const LATER = ["sni", "client", "at", "local", "closing", "by"];
const NAME = /^[A-Za-z_][A-Za-z0-9_-]*$/;

/** `exposes` are the names of the policy, for advice. */
export function parseRequest(text: string, exposes: readonly string[]): Request | Outcome {
  const words = text.trim().split(/\s+/);
  const first = words[0] ?? "";
  if (first === "from") return parseFrom(words, exposes);
  if (first === "bind") return parseBind(words);
  return wrong(first === "" ? "the request is empty" : `a request begins with \`from\` or \`bind\`, not ${quote(first)}`);
}

export function isRequest(x: Request | Outcome): x is Request {
  return "kind" in x;
}

function parseFrom(words: readonly string[], exposes: readonly string[]): Request | Outcome {
  const [, sourceText = "", to = "", target = "", ...rest] = words;
  const source = address(sourceText);
  if (!Array.isArray(source)) return source;
  if (to !== "to") return wrong(to === "" ? "the request ends before `to`" : `${quote(to)} stands where \`to\` is expected`);
  if (target === "") return wrong("the request ends before its target");
  const proto = target === "tcp" || target === "udp" ? target : null;
  const over = rest[proto === null ? 0 : 1];
  if (over !== undefined) return beyond(over);
  if (proto !== null) {
    const port = portNumber(rest[0] ?? "");
    return typeof port === "number" ? { kind: "from", source, to: { kind: "port", proto, port, local: null } } : port;
  }
  if (exposes.includes(target)) return { kind: "from", source, to: { kind: "expose", name: target } };
  const near = nearest(target, exposes);
  const known = exposes.length === 0 ? "this policy exposes nothing" : `it exposes ${exposes.slice(0, 8).map(quote).join(", ")}`;
  return usage("unknown_expose", `the policy has no expose ${quote(target)}`, near === null ? known : `did you mean ${quote(near)}?`);
}

function parseBind(words: readonly string[]): Request | Outcome {
  const [, subject = "", on = "", endpoint = "", ...rest] = words;
  if (!NAME.test(subject)) return wrong(`${quote(subject)} is not the name of a service`);
  if (on !== "on") return wrong(on === "" ? "the request ends before `on`" : `${quote(on)} stands where \`on\` is expected`);
  if (rest[0] !== undefined) return beyond(rest[0]);
  const match = /^(?:\[([^\]]*)\]|([^:]*)):([^:]*)$/.exec(endpoint);
  if (match === null) return wrong(`${quote(endpoint)} is not an address with a port`);
  const host = match[1] ?? match[2] ?? "";
  const found = address(host);
  if (!Array.isArray(found)) return found;
  const port = portNumber(match[3] ?? "");
  return typeof port === "number" ? { kind: "bind", subject, address: found, port } : port;
}

function address(text: string): [number, number, number, number] | Outcome {
  const found = parseAddress(text);
  if (found !== null) return [...found];
  return wrong(text === "" ? "the request has no address" : `${quote(text)} is not an IPv4 or IPv6 address`);
}

function portNumber(text: string): number | Outcome {
  const port = /^[1-9][0-9]{0,4}$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= 65535) return port;
  return wrong(text === "" ? "the request has no port" : `${quote(text)} is not a port from 1 to 65535`);
}

function beyond(word: string): Outcome {
  if (!LATER.includes(word)) return wrong(`${quote(word)} is one word too many`);
  return {
    class: "unsupported",
    code: "policy.unsupported_request",
    message: `\`${word}\` in a request is not in this release`,
    help: SHAPE,
  };
}

function wrong(message: string): Outcome {
  return usage("request", message, SHAPE);
}
