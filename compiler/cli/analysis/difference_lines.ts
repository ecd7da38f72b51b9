// A difference as lines, most dangerous first: all that opens (listeners, what may reach one and could not, other changes of a
// listener), then all that closes, and apart from these what only `dryrun` rules would change.
import { NEVER, type Diagram } from "../../analysis/diagrams.ts";
import type { Difference, ListenerChange, PlaceOf } from "../../analysis/difference.ts";
import { INVALID_NAMES, NEW_BUDGETS, type FactChange } from "../../analysis/facts.ts";
import type { ListenerModel } from "../../analysis/model.ts";
import type { Row } from "../../analysis/rows.ts";
import { backendText, codeText, factText } from "./fact_text.ts";
import { weightOf } from "../../wording/largest_parts.ts";
import { firstWitness, rowSentence, rowsText, witnessText, type RowsText } from "../../wording/row_text.ts";
import type { Side } from "./side.ts";
import { placesText, targetText } from "../../wording/place_text.ts";

export type LineKind = "listener_opened" | "listener_closed" | "opened" | "closed" | "changed" | "dryrun_opened" | "dryrun_closed" | "dryrun_changed" | "dial";

export interface DiffLine {
  readonly kind: LineKind;
  /** Null: it only says what a `dryrun` rule, cap or limit would do. */
  readonly effect: "opens" | "closes" | null;
  /** The name of the listener, in the second policy where it is there; or of a service that dials. */
  readonly listener: string;
  /** `tcp 443, 8443`; empty for a dial. */
  readonly place: string;
  /** Empty for a dial. */
  readonly places: readonly PlaceOf[];
  /** One sentence without an end. */
  readonly text: string;
  /** Of what opens or closes; null where nothing is said of requests. */
  readonly rows: RowsText | null;
  /** Of the range that is shown first. */
  readonly witness: string | null;
  /** One request of a row of `requests`. */
  readonly witnessOf: (row: Row) => string;
  readonly fact: FactChange | null;
  /** The requests; empty where nothing is said of any. */
  readonly requests: Diagram;
}

const MOST_RANGES = 8;
/** Of openings, and then of closings. */
const ORDER: readonly LineKind[] = [
  "listener_opened",
  "opened",
  "listener_closed",
  "closed",
  "changed",
  "dial",
  "dryrun_opened",
  "dryrun_closed",
  "dryrun_changed",
];
const EFFECTS: readonly DiffLine["effect"][] = ["opens", "closes", null];

export function differenceLines(difference: Difference, before: Side, after: Side): readonly DiffLine[] {
  const writer = new LineWriter(difference, before, after);
  const lines = difference.listeners.flatMap((change) => writer.lines(change));
  const dial =
    (effect: "opens" | "closes") =>
    (service: string): DiffLine => ({
      kind: "dial",
      effect,
      listener: service,
      place: "",
      places: [],
      text: effect === "opens" ? "may now use udp as a client" : "may no longer use udp as a client",
      rows: null,
      witness: null,
      witnessOf: () => "",
      fact: null,
      requests: NEVER,
    });
  const all = [
    ...lines,
    ...difference.dialsAdded.map(dial("opens")).map((line) => ({ line, size: 0n })),
    ...difference.dialsRemoved.map(dial("closes")).map((line) => ({ line, size: 0n })),
  ];
  const rank = ({ kind, effect }: DiffLine): number => EFFECTS.indexOf(effect) * ORDER.length + ORDER.indexOf(kind);
  return all.sort((x, y) => rank(x.line) - rank(y.line) || (x.size > y.size ? -1 : Number(x.size < y.size))).map(({ line }) => line);
}

interface SizedLine {
  readonly line: DiffLine;
  readonly size: bigint;
}

class LineWriter {
  readonly #difference: Difference;
  readonly #before: Side;
  readonly #after: Side;

  constructor(difference: Difference, before: Side, after: Side) {
    this.#difference = difference;
    this.#before = before;
    this.#after = after;
  }

  lines(change: ListenerChange): readonly SizedLine[] {
    const [old, now] = [this.#before.model.listeners[change.before ?? -1], this.#after.model.listeners[change.after ?? -1]];
    const listener = now ?? old;
    if (listener === undefined) return [];
    const lines: SizedLine[] = [];
    if (old === undefined) lines.push(this.#listener("opens", listener, change));
    if (now === undefined) lines.push(this.#listener("closes", listener, change));
    if (old !== undefined && now !== undefined) {
      if (change.opened !== NEVER) lines.push(this.#moved("opened", change.opened, listener, change));
      if (change.closed !== NEVER) lines.push(this.#moved("closed", change.closed, old, change));
      for (const fact of change.facts) lines.push({ line: this.#fact(fact, listener, change), size: 0n });
    }
    if (change.shadowOpened !== change.opened && change.shadowOpened !== NEVER) lines.push(this.#moved("dryrun_opened", change.shadowOpened, listener, change));
    if (change.shadowClosed !== change.closed && change.shadowClosed !== NEVER)
      lines.push(this.#moved("dryrun_closed", change.shadowClosed, old ?? listener, change));
    return lines;
  }

  #listener(effect: "opens" | "closes", listener: ListenerModel, change: ListenerChange): SizedLine {
    const opens = effect === "opens";
    const d = opens ? change.opened : change.closed;
    const side = opens ? this.#after : this.#before;
    const rows = rowsText(this.#difference.space, d, side.nets, MOST_RANGES, listener.mode === "mtls");
    const reach = d === NEVER ? "nobody" : rowsSentence(rows).replace(/^from /, "");
    const verb = opens ? "reachable from" : "was reachable from";
    const number = (opens ? change.after : change.before) ?? -1;
    const isOther = (opens ? this.#difference.pairedAfter : this.#difference.pairedBefore).has(number);
    const head =
      opens ?
        isOther ? "listens here too"
        : "new listener"
      : isOther ? "no longer listens here"
      : "listener removed";
    const owner = side.owners[number] ?? null;
    const facts = opens ? `, ${openingBackend(listener)}, owner ${owner === null ? "nobody" : codeText(owner)}` : "";
    const kind = opens ? "listener_opened" : "listener_closed";
    const text = `${head}, ${d === NEVER ? `which nobody ${opens ? "can reach" : "could reach"}` : `${verb} ${reach}`}${facts}`;
    return { line: this.#line(kind, effect, listener, change, text, rows, d), size: this.#size(d) };
  }

  #moved(kind: "opened" | "closed" | "dryrun_opened" | "dryrun_closed", d: Diagram, listener: ListenerModel, change: ListenerChange): SizedLine {
    const opens = kind === "opened" || kind === "dryrun_opened";
    const isDryrun = kind === "dryrun_opened" || kind === "dryrun_closed";
    const side = opens ? this.#after : this.#before;
    const rows = rowsText(this.#difference.space, d, side.nets, MOST_RANGES, this.#needsCertificate(change, opens));
    const said = opens ? "may now be reached" : "may no longer be reached";
    const text = `${isDryrun ? `with its \`dryrun\` rules it ${said}` : said} ${rowsSentence(rows)}`;
    const effect = opens ? "opens" : "closes";
    return { line: this.#line(kind, isDryrun ? null : effect, listener, change, text, rows, d), size: this.#size(d) };
  }

  #fact(fact: FactChange, listener: ListenerModel, change: ListenerChange): DiffLine {
    const { what, effect, before, after } = fact;
    if (effect === null) {
      const text = `its \`${what}\` caps and limits are other ones: ${factText(what, before, this.#before)}, now ${factText(what, after, this.#after)}`;
      return { ...this.#line("dryrun_changed", null, listener, change, text, null, NEVER), fact };
    }
    if (what === INVALID_NAMES) {
      const now = effect === "opens" ? "is no longer refused, and counts as one without a name" : "is refused, and counted as one without a name";
      return {
        ...this.#line("changed", effect, listener, change, `a client whose server name is an address, empty or no host name ${now}`, null, NEVER),
        fact,
      };
    }
    if (what === NEW_BUDGETS) {
      const text = `\`limits\` have another name, key or window, so every budget is full again: ${factText(what, before, this.#before)}, now ${factText(what, after, this.#after)}`;
      return { ...this.#line("changed", effect, listener, change, text, null, NEVER), fact };
    }
    const bounds = what === "cap" || what === "limits" || what === "amplify";
    const be = what === "limits" ? "are" : "is";
    const verb =
      !bounds ? "is another one"
      : effect === "opens" ? `${be} looser`
      : `${be} tighter`;
    const text = `\`${what}\` ${verb}: ${factText(what, before, this.#before)}, now ${factText(what, after, this.#after)}`;
    return { ...this.#line("changed", effect, listener, change, text, null, NEVER), fact };
  }

  #line(
    kind: LineKind,
    effect: DiffLine["effect"],
    listener: ListenerModel,
    change: ListenerChange,
    text: string,
    rows: RowsText | null,
    d: Diagram,
  ): DiffLine {
    const { space } = this.#difference;
    const needsCertificate = listener.mode === "mtls" || this.#needsCertificate(change, true) || this.#needsCertificate(change, false);
    const { places } = change;
    const target = targetText(listener, places, this.#hasOneName(change));
    const witnessOf = (row: Row): string => witnessText(space, row, target, needsCertificate);
    const first = d === NEVER || rows === null ? null : rows.first;
    return {
      kind,
      effect,
      listener: listener.name,
      place: placesText(places),
      places,
      text,
      rows: d === NEVER ? null : rows,
      witness: first === null ? null : firstWitness(space, first, target, needsCertificate),
      witnessOf,
      fact: null,
      requests: d,
    };
  }

  #needsCertificate({ before, after }: ListenerChange, opens: boolean): boolean {
    return (opens ? this.#after.model.listeners[after ?? -1] : this.#before.model.listeners[before ?? -1])?.mode === "mtls";
  }

  /** Whether both policies mean the same by the listener's name, and nothing else: an expose on tcp and udp is two listeners of one name. */
  #hasOneName({ before, after }: ListenerChange): boolean {
    const names = [
      { model: this.#before.model, i: before },
      { model: this.#after.model, i: after },
    ].map(({ model, i }) => {
      const name = model.listeners[i ?? -1]?.name;
      return name !== undefined && model.listeners.filter((other) => other.name === name).length === 1 ? name : null;
    });
    return names[0] !== null && names[0] === names[1];
  }

  #size(d: Diagram): bigint {
    if (d === NEVER) return 0n;
    const { space } = this.#difference;
    return this.#weight(d, space.sourceLevel);
  }

  /** Of the sources of a set, whatever the other facts are: of the row with the most. */
  #weight(d: Diagram, sourceLevel: number): bigint {
    const { space } = this.#difference;
    let most = 0n;
    const seen = new Set<Diagram>();
    const open = [d];
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      if (node === NEVER || seen.has(node)) continue;
      seen.add(node);
      if (space.diagrams.levelOf(node) < sourceLevel) {
        open.push(space.diagrams.lowOf(node), space.diagrams.highOf(node));
        continue;
      }
      const weight = weightOf(space.addressesOf(node));
      if (weight > most) most = weight;
    }
    return most;
  }
}

function rowsSentence({ rows, more }: RowsText): string {
  return `${rows.map(rowSentence).join("; ")}${more > 0 ? `; and ${more} more combinations` : ""}`;
}

function openingBackend({ mode, rest }: ListenerModel): string {
  if (mode === "direct") return "served by the service itself";
  const backend = rest.get("backend") ?? null;
  return backend === null ? "backend that the service registers" : `backend ${backendText(backend) ?? codeText(JSON.stringify(backend))}`;
}
