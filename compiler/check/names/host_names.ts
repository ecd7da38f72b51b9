// Host names as the language has them: one canonical form (lower case, no trailing dot, A-labels),
// so that what a client sends can be compared byte by byte. A name that is not ASCII is refused
// with its A-label instead of being converted, since the tables for that change with the years
// and two builds of one policy must not differ.
import { asSeen, characterName, likenessesIn, unseenIn } from "../../../runtime/text/characters.ts";
import { quote } from "../../diagnostics/quote.ts";
import { readPrefix } from "./literals.ts";
import { isProblem, type Problem } from "../../diagnostics/report.ts";

/** RFC 1035: without a trailing dot. */
const MAX_NAME = 253;
const MAX_LABEL = 63;

export interface HostPattern {
  /** From the right; without the `*`. */
  readonly labels: readonly string[];
  readonly wild: "none" | "one" | "deep";
}

/** `www.example.com`, `*.example.com`, `**.example.com`, `*` or `**`. */
export function readHostPattern(text: string): HostPattern | Problem {
  const star = /^(\*{1,2})(?:\.([^]*))?$/.exec(text);
  if (star === null) {
    if (text.includes("*")) return problem("ING316", `the \`*\` in ${quote(text)} is not a whole label at the left`, "`*.example.com` is one label more, `**.example.com` one or more; nothing else can be left open", null);
    const name = readHostName(text);
    return typeof name === "string" ? { labels: fromRight(name), wild: "none" } : name;
  }
  const wild = star[1] === "*" ? "one" : "deep";
  const rest = star[2];
  if (rest === undefined) return { labels: [], wild };
  if (rest.includes("*")) return problem("ING316", `${quote(text)} has a \`*\` behind its first label`, "only the leftmost label can be left open", null);
  const name = readHostName(rest);
  if (typeof name === "string") return { labels: fromRight(name), wild };
  return { ...name, replace: name.replace === null ? null : `${star[1] ?? ""}.${name.replace}` };
}

function fromRight(name: string): string[] {
  return name.split(".").reverse();
}

/** The canonical form of one name. */
export function readHostName(text: string): string | Problem {
  const no = (why: string, help: string, replace: string | null = null): Problem => problem("ING315", `${quote(text)} ${why}`, help, replace);
  if (text === "") return no("is empty", "write a name such as `www.example.com`");
  // Nothing is long that is not too long as a name.
  if (text.length > 4 * MAX_NAME) return no(`is longer than ${MAX_NAME} characters`, "no name in DNS is that long");
  const url = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/([^/:?#@]+)\/?([/:?#][^]*)?$/.exec(text);
  if (url !== null) return no("is a URL, and a name is wanted here", "a client names the host alone", url[2] === undefined ? good(url[1] ?? "") : null);
  const port = /^([^:]+):[0-9]+$/.exec(text);
  if (port !== null) return no("has a port", "the name stands alone; ports stand behind `on tcp`", null);
  const unseen = unseenIn(text);
  if (unseen.length > 0) return no(`holds ${unseen.map(characterName).join(", ")}`, "remove it", unseen.some((c) => /\p{Cc}/u.test(c)) ? null : good([...text].filter((c) => !unseen.includes(c)).join("")));
  const wire = ascii(text);
  if (wire === null) return no("is not a host name", "a name has letters, digits, hyphens and dots: `www.example.com`");
  // Two names look alike: which of them is meant, only the author knows.
  if (wire !== text && likenessesIn(text).length > 0) return no("is not written in A-labels", `write ${quote(asSeen(text))}, or ${quote(wire)} if the other letters are meant`);
  if (wire !== text) return no("is not written in A-labels", `a client sends it as ${quote(wire)}; write that`, good(wire));
  const name = text.toLowerCase().replace(/\.$/, "");
  if (name.startsWith(".")) return no("begins with a dot", `write ${quote(`**${name}`)} for all names below ${quote(name.slice(1))}, and ${quote(name.slice(1))} itself beside it if it is meant too`);
  if (isAddress(name) || /^[0-9.]+$/.test(name)) return no("is an address, and a name is wanted here", "a client that connects to an address sends no name");
  if (/[^a-z0-9._-]/.test(name)) return no("is not a host name", "a name has letters, digits, hyphens and dots: `www.example.com`");
  if (name.length > MAX_NAME) return no(`is longer than ${MAX_NAME} characters`, "no name in DNS is that long");
  for (const label of name.split(".")) {
    if (label === "") return no("has an empty label", "one dot stands between two labels");
    if (label.length > MAX_LABEL) return no(`has a label of more than ${MAX_LABEL} characters`, `a label has at most ${MAX_LABEL} characters`);
    if (label.startsWith("-") || label.endsWith("-")) return no("has a label with a hyphen at its edge", "a label begins and ends with a letter or a digit");
  }
  return name;
}

function isAddress(name: string): boolean {
  // Every address begins with a digit or has a colon, and few names do.
  return /^[0-9]|:/.test(name) && !isProblem(readPrefix(name));
}

function good(text: string): string | null {
  const name = readHostName(text);
  return typeof name === "string" ? name : null;
}

/** The form in ASCII; null if it has none. */
function ascii(text: string): string | null {
  if (/^[!-~]*$/.test(text)) return text;
  if (/[\s%/?#@:\\[\]]/.test(text)) return null;
  try {
    const { hostname } = new URL(`http://${text}/`);
    return hostname === "" || !/^[!-~]+$/.test(hostname) ? null : hostname;
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}

function problem(code: Problem["code"], message: string, help: string, replace: string | null): Problem {
  return { code, message, help, replace };
}
