// Host names as the language has them: one canonical form (lower case, no trailing dot, A-labels),
// so that what a client sends can be compared byte by byte. A name that is not ASCII is refused
// with its A-label instead of being converted, since the tables for that change with the years
// and two builds of one policy must not differ.
import { asSeen, characterName, likenessesIn, unseenIn } from "../../../runtime/text/characters.ts";
import { MAX_HOST_LABEL, MAX_HOST_NAME, type HostNameFault } from "../../diagnostics/literal_words.ts";
import { readPrefix } from "./literals.ts";
import { isProblem, problem, type Problem } from "../../diagnostics/report.ts";

export interface HostPattern {
  /** From the right; without the `*`. */
  readonly labels: readonly string[];
  readonly wild: "none" | "one" | "deep";
}

/** `www.example.com`, `*.example.com`, `**.example.com`, `*` or `**`. */
export function readHostPattern(text: string): HostPattern | Problem {
  const star = /^(\*{1,2})(?:\.([^]*))?$/.exec(text);
  if (star === null) {
    if (text.includes("*")) return problem("ING316", { literal: text, of: "host", fault: "not_a_label" });
    const name = readHostName(text);
    return typeof name === "string" ? { labels: fromRight(name), wild: "none" } : name;
  }
  const wild = star[1] === "*" ? "one" : "deep";
  const rest = star[2];
  if (rest === undefined) return { labels: [], wild };
  if (rest.includes("*")) return problem("ING316", { literal: text, of: "host", fault: "not_the_first" });
  const name = readHostName(rest);
  if (typeof name === "string") return { labels: fromRight(name), wild };
  return { ...name, replace: name.replace === null ? null : `${star[1] ?? ""}.${name.replace}` };
}

function fromRight(name: string): string[] {
  return name.split(".").reverse();
}

/** The canonical form of one name. */
export function readHostName(text: string): string | Problem {
  const no = (fault: HostNameFault, replace: string | null = null): Problem => problem("ING315", { literal: text, ...fault }, replace);
  if (text === "") return no({ fault: "empty" });
  // Nothing is long that is not too long as a name.
  if (text.length > 4 * MAX_HOST_NAME) return no({ fault: "too_long" });
  const url = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/([^/:?#@]+)\/?([/:?#][^]*)?$/.exec(text);
  if (url !== null) return no({ fault: "url" }, url[2] === undefined ? good(url[1] ?? "") : null);
  const port = /^([^:]+):[0-9]+$/.exec(text);
  if (port !== null) return no({ fault: "port" });
  const unseen = unseenIn(text);
  if (unseen.length > 0)
    return no(
      { fault: "unseen", characters: unseen.map(characterName) },
      unseen.some((c) => /\p{Cc}/u.test(c)) ? null : good([...text].filter((c) => !unseen.includes(c)).join("")),
    );
  const wire = ascii(text);
  if (wire === null) return no({ fault: "form" });
  // Two names look alike: which of them is meant, only the author knows.
  if (wire !== text && likenessesIn(text).length > 0) return no({ fault: "not_ascii", wire, seen: asSeen(text) });
  if (wire !== text) return no({ fault: "not_ascii", wire, seen: null }, good(wire));
  const name = text.toLowerCase().replace(/\.$/, "");
  if (name.startsWith(".")) return no({ fault: "leading_dot", parent: name.slice(1) });
  if (isAddress(name) || /^[0-9.]+$/.test(name)) return no({ fault: "address" });
  if (/[^a-z0-9._-]/.test(name)) return no({ fault: "form" });
  if (name.length > MAX_HOST_NAME) return no({ fault: "too_long" });
  for (const label of name.split(".")) {
    if (label === "") return no({ fault: "empty_label" });
    if (label.length > MAX_HOST_LABEL) return no({ fault: "label_too_long" });
    if (label.startsWith("-") || label.endsWith("-")) return no({ fault: "hyphen" });
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
