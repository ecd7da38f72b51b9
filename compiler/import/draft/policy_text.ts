// A draft as the text of a policy. Nothing of the source reaches the text but addresses and ports that were read as such, names that are
// made of ASCII letters and digits, server names that the language accepts, and comments on one line without control characters.
import { printable } from "../../diagnostics/quote.ts";
import { ANY, ANY4, ANY6 } from "../../check/sets/builtin_nets.ts";
import { equal, isEmpty, subtract } from "../../check/sets/intervals.ts";
import type { AddressSet, PortRange } from "../../policy/policy.ts";
import { prefixesOf, withoutGaps } from "./addresses.ts";
import type { LeftOut } from "./context.ts";
import type { Draft, DraftAllow, DraftExpose } from "./draft.ts";

/** Members that are written in a rule; a longer set gets a name. */
const MOST_INLINE = 6;
const MAX_NAME = 40;
/** Addresses of gaps that are tried. */
const GAPS = [1, 16, 256, 65_536, 2 ** 24];
const MAX_COMMENT = 300;

/** Without an `edition`'s newline at the end; `program` is what the source configures. */
export function policyText(draft: Draft, left: readonly LeftOut[], program: string, path: string): string {
  const nets = new Nets();
  const names = new Names();
  const exposes = draft.exposes.map((expose) => exposeText(expose, names, nets));
  const lines = [
    "edition 1",
    comment(`imported from ${program}, ${path}`),
    ...draft.header.map(comment),
    ...(left.length === 0 ? [] : ["#", "# left out:", ...left.map(({ place, what, why }) => comment(`line ${place.line}: ${what}: ${why}`))]),
    "",
    ...nets.declarations(),
    ...exposes,
  ];
  return `${lines.join("\n")}\n`;
}

/** One line that no character of the source can end. */
export function comment(text: string): string {
  const line = printable(text.replace(/\s+/g, " "));
  return `# ${line.length > MAX_COMMENT ? `${line.slice(0, MAX_COMMENT)}…` : line}`.trimEnd();
}

function exposeText(expose: DraftExpose, names: Names, nets: Nets): string {
  const { note, why, protocols, ports, bind, via, hosts, mode, certs, alpn, backends, proxy, perSource, connections, allows } = expose;
  const caps = [...(connections === null ? [] : [`${connections} connections`]), ...(perSource === null ? [] : [`${perSource} per source /32 /128`])];
  const head = [
    `expose ${names.unique(expose.name)} on ${protocols.join(", ")} ${ports.map(portText).join(", ")}`,
    ...(bind === null ? [] : [`bind ${nets.text(bind)}`]),
    ...(via === null ? [] : [`via ${nets.text(via)}`]),
    ...(hosts === null ? [] : [`for ${hosts.map(quoted).join(", ")}`]),
    ...(mode === "tcp" ? [] : [`as ${mode}`]),
  ].join(" ");
  return [
    "",
    ...(note === null ? [] : [comment(note)]),
    ...(why === null ? [] : [`@why ${quoted(why)}`]),
    `${head} {`,
    ...(backends.length === 0 ? [] : [`backend ${backends.join(", ")}${proxy === null ? "" : ` proxy ${proxy}`}`]),
    ...(certs.length === 0 ? [] : [`cert ${certs.map(quoted).join(", ")}`]),
    ...(alpn.length === 0 ? [] : [`alpn ${alpn.map(quoted).join(", ")}`]),
    // No source bounds what a service answers, so nothing is bounded here.
    ...(protocols.includes("udp") ? ["amplify any"] : []),
    ...(caps.length === 0 ? [] : [`cap ${caps.join(", ")}`]),
    ...allows.filter(({ from }) => !isEmpty(from)).map((allow) => allowText(allow, nets)),
    "}",
  ].join("\n");
}

function allowText({ from, hosts }: DraftAllow, nets: Nets): string {
  return `allow from ${nets.text(from)}${hosts === null ? "" : ` sni ${hosts.map(quoted).join(", ")}`}`;
}

export function portText({ first, last }: PortRange): string {
  return first === last ? String(first) : `${first}-${last}`;
}

function quoted(name: string): string {
  return `"${name}"`;
}

/** Names of exposes, each once. */
export class Names {
  readonly #used = new Set<string>(["ingressd", "tcp", "udp"]);

  unique(wish: string): string {
    const bare = wish
      .replace(/[^A-Za-z0-9_]+/g, "_")
      .replace(/^_+|_+$/g, "")
      .slice(0, MAX_NAME);
    const base =
      bare === "" ? "service"
      : /^[0-9]/.test(bare) ? `n${bare}`
      : bare;
    for (let i = 1; ; i++) {
      const name = i === 1 ? base : `${base}_${i}`;
      if (this.#used.has(name)) continue;
      this.#used.add(name);
      return name;
    }
  }
}

/** Sets of addresses as members, or as declared nets where they are long. */
class Nets {
  readonly #named = new Map<string, { readonly name: string; readonly text: string }>();

  text(set: AddressSet): string {
    for (const [net, name] of [
      [ANY, "any"],
      [ANY4, "any4"],
      [ANY6, "any6"],
    ] as const)
      if (equal(set, net)) return name;
    const key = set.bounds.join();
    const known = this.#named.get(key);
    if (known !== undefined) return known.name;
    const members = membersOf(set);
    if (members.count <= MOST_INLINE) return members.text;
    const name = `sources_${this.#named.size + 1}`;
    this.#named.set(key, { name, text: members.text });
    return name;
  }

  declarations(): readonly string[] {
    return [...this.#named.values()].map(({ name, text }) => `net ${name} = ${text}`);
  }
}

/** The shortest of: the prefixes of a set, and what is missing of a whole family or of both. */
function membersOf(set: AddressSet): { readonly text: string; readonly count: number } {
  const parts = prefixesOf(set);
  const plain = { text: parts.join(", "), count: parts.length };
  const others = (
    [
      [ANY, "any"],
      [ANY4, "any4"],
      [ANY6, "any6"],
    ] as const
  ).flatMap(([whole, name]) => {
    if (!isEmpty(subtract(set, whole))) return [];
    const missing = prefixesOf(subtract(whole, set));
    return [{ text: `${name} except ${missing.join(", ")}`, count: missing.length + 1 }];
  });
  // A few addresses that are missing within a prefix are written as such.
  const filled = GAPS.flatMap((most) => {
    const whole = withoutGaps(set, most);
    const missing = prefixesOf(subtract(whole, set));
    const within = prefixesOf(whole);
    return missing.length === 0 ? [] : [{ text: `${within.join(", ")} except ${missing.join(", ")}`, count: within.length + missing.length + 1 }];
  });
  return [plain, ...others, ...filled].reduce((best, next) => (next.count < best.count ? next : best));
}
