// ingressc who: everybody who can reach an expose or a port.
import type { Arguments } from "../../../runtime/shell/command_line.ts";
import { failed, ok, type Result } from "../../../runtime/result/result.ts";
import { nearest } from "../../../runtime/text/nearest.ts";
import { parseAddress, type Address } from "../../../runtime/net/address.ts";
import { cellsOf, type Cell } from "../../analysis/cells.ts";
import { NEVER, type Diagram } from "../../analysis/diagrams.ts";
import type { ListenerModel, PolicyModel } from "../../analysis/model.ts";
import { Permitted, withinBudget } from "../../analysis/permitted.ts";
import type { Row } from "../../analysis/rows.ts";
import { Space } from "../../analysis/space.ts";
import { contains } from "../../check/sets/intervals.ts";
import { requestsJson } from "../analysis/difference_json.ts";
import { readNodes } from "../analysis/nodes.ts";
import { placesText, targetText } from "../../wording/place_text.ts";
import { firstWitness, rowSentence, rowsText, witnessText, type RowsText } from "../../wording/row_text.ts";
import { readSide, type Side } from "../analysis/side.ts";
import { listText, sourcesText } from "../../wording/sources_text.ts";
import type { Surroundings } from "../command.ts";
import { count, usage, type Outcome } from "../outcome.ts";

type Target =
  | { readonly kind: "expose"; readonly name: string }
  | { readonly kind: "port"; readonly proto: "tcp" | "udp"; readonly port: number; readonly local: Address | null };

/** Ranges of each listener that are shown. */
const MOST_RANGES = 256;
const MOST_BALANCERS = 4;
const SHAPE = "write `ingressc who FILE to web` or `ingressc who FILE to tcp 443`";

export async function run(args: Arguments, { progress }: Surroundings): Promise<Outcome> {
  const [file = "", to = "", ...words] = args.operands;
  if (to !== "to") return usage("who", `expected \`to\`, found \`${to}\``, SHAPE);
  const nodes = readNodes(args);
  if (!nodes.ok) return nodes.error;
  const side = readSide(file, progress);
  if (!side.ok) return side.error;
  const target = readTarget(words, side.value);
  if (!target.ok) return target.error;
  progress.begin("computing who is admitted");
  const found = withinBudget(() => answers(side.value, target.value, nodes.value, args.flags.has("json")));
  if (!found.ok) {
    return {
      class: "no",
      code: "policy.not_proven",
      message: `not proven: the policy needs more than ${count(nodes.value, "node")}`,
      help: "give it more with `--nodes N`",
      data: { proven: false, nodes: nodes.value },
    };
  }
  const place = words.join(" ");
  const message = found.value.every(({ reach }) => reach === null) ? `nobody can reach \`${place}\`` : `\`${place}\` can be reached`;
  return {
    class: "ok",
    code: "policy.who",
    message,
    data: {
      to: place,
      proven: true,
      listeners: found.value.map(({ listener, place: at, reach, witness, requests }) => ({
        listener,
        place: at,
        rows: reach?.rows ?? [],
        moreRows: reach?.more ?? 0,
        requests,
        witness,
      })),
    },
    report: (p) =>
      found.value.length === 0 ? message : found.value.map((answer) => `${p.bold(answer.listener)} (${answer.place}): ${sentence(answer)}`).join("\n"),
  };
}

export interface ListenerAnswer {
  readonly listener: string;
  readonly place: string;
  /** Null: nobody. */
  readonly reach: RowsText | null;
  readonly witness: string | null;
  /** Exactly, for programs; empty in a text for people. */
  readonly requests: readonly unknown[];
}

export function sentence({ reach, witness }: ListenerAnswer): string {
  if (reach === null) return "nobody can reach it";
  const more = reach.more > 0 ? [`and ${count(reach.more, "more combination")}`] : [];
  return ["can be reached", ...[...reach.rows.map(rowSentence), ...more].map((text) => `  ${text}`), `  for example: ${witness ?? ""}`]
    .join("\n")
    .replaceAll("`", "");
}

/** Throws OutOfNodes where `nodes` are too few. `most`: ranges of each listener. */
export function answers(
  { model, nets }: Pick<Side, "model" | "nets">,
  target: Target,
  nodes: number,
  isData: boolean,
  most = MOST_RANGES,
): readonly ListenerAnswer[] {
  const space = new Space([model], nodes);
  const permitted = new Permitted(space, model);
  const found = new Map<string, { readonly i: number; readonly d: Diagram; readonly cells: Cell[]; readonly isShared: boolean }>();
  for (const cell of cellsOf([model])) {
    if (!isMeant(cell, target)) continue;
    const members = cell.members[0] ?? [];
    for (const i of members) {
      if (target.kind === "expose" && model.listeners[i]?.name !== target.name) continue;
      const d = permitted.cell(members, [i]);
      const known = found.get(`${i} ${d}`);
      if (known === undefined) found.set(`${i} ${d}`, { i, d, cells: [cell], isShared: permitted.leads(members, i) !== null });
      else known.cells.push(cell);
    }
  }
  return [...found.values()].flatMap(({ i, d, cells, isShared }) => {
    const listener = model.listeners[i];
    if (listener === undefined) return [];
    const places = cells.map(({ proto, ports, local }) => ({ proto, ports, local, isShared }));
    const target = targetText(listener, places, nameIsUnique(model, listener));
    const example = (row: Row): string => witnessText(space, row, target, listener.mode === "mtls");
    const reach = d === NEVER ? null : rowsText(space, d, nets, most, listener.mode === "mtls");
    const first = reach?.first ?? null;
    return [
      {
        listener: listener.name,
        place: `${placesText(places)}${viaText(listener, model, nets)}`,
        requests: isData ? requestsJson(space, d, example) : [],
        reach,
        witness: first === null ? null : firstWitness(space, first, target, listener.mode === "mtls"),
      },
    ];
  });
}

/** An expose on tcp and udp is two listeners of one name, so that a request has to name the protocol. */
function nameIsUnique({ listeners }: PolicyModel, { name }: ListenerModel): boolean {
  return listeners.filter((other) => other.name === name).length === 1;
}

/** The load balancers whose headers name the source. */
function viaText({ rest }: ListenerModel, model: PolicyModel, nets: Side["nets"]): string {
  const via = rest.get("via");
  if (typeof via !== "string") return "";
  const { parts, more } = sourcesText(model.net(via), nets, MOST_BALANCERS);
  return ` via ${listText(parts, more).replaceAll("`", "")}`;
}

function isMeant({ proto, ports, local }: Cell, target: Target): boolean {
  if (target.kind === "expose") return true;
  const isHere = proto === target.proto && ports.some(({ first, last }) => first <= target.port && target.port <= last);
  return isHere && (target.local === null || local === null || contains(local, target.local));
}

function readTarget(words: readonly string[], { model }: Side): Result<Target, Outcome> {
  const [first = "", second, third, fourth] = words;
  const names = [...new Set(model.listeners.map(({ name }) => name))];
  if (first !== "tcp" && first !== "udp") {
    if (words.length > 1) return failed(usage("who", `expected the end after \`${first}\`, found \`${second ?? ""}\``, SHAPE));
    if (names.includes(first)) return ok({ kind: "expose", name: first });
    const near = nearest(first, names);
    return failed(usage("unknown_expose", `the policy has no expose \`${first}\``, near === null ? SHAPE : `did you mean \`${near}\`?`));
  }
  const port = /^[0-9]{1,5}$/.test(second ?? "") ? Number(second) : 0;
  if (port < 1 || port > 65_535) return failed(usage("who", `\`${second ?? ""}\` is no port`, "a port is a whole number from 1 to 65535"));
  if (third === undefined) return ok({ kind: "port", proto: first, port, local: null });
  const local = third === "local" && words.length === 4 ? parseAddress(fourth ?? "") : null;
  if (local === null) return failed(usage("who", `expected \`local ADDRESS\`, found \`${words.slice(2).join(" ")}\``, "write `to tcp 443 local 192.0.2.1`"));
  return ok({ kind: "port", proto: first, port, local });
}
