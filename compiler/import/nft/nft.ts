// nftables: what its chains for incoming packets accept, as exposes without backends. Requests are divided where any rule does, by protocol,
// port and local address; for each of these cells the sources are computed, and equal cells become one expose.
import { ANY4, ANY6 } from "../../check/sets/builtin_nets.ts";
import { EMPTY, size, union } from "../../check/sets/intervals.ts";
import type { AddressSet } from "../../policy/policy.ts";
import type { Cell } from "../draft/bounds.ts";
import { exposesOfCells } from "../draft/cells.ts";
import type { Context } from "../draft/context.ts";
import type { Draft } from "../draft/draft.ts";
import { Evaluation } from "./evaluate.ts";
import { noteLeftOut } from "./left_out.ts";
import { readRuleset, type Base } from "./ruleset.ts";

/** Hooks that an incoming packet passes before a program gets it. */
const INCOMING: ReadonlySet<string> = new Set(["ingress", "prerouting", "input"]);
/** Families whose chains see IPv4, IPv6. */
const SEES = { 4: new Set(["inet", "ip", "netdev", "bridge"]), 6: new Set(["inet", "ip6", "netdev", "bridge"]) } as const;
const TOP = { at: 0, end: 0 };

export function importNft(context: Context): Draft | null {
  const ruleset = readRuleset(context);
  if (ruleset === null) return null;
  const incoming = ruleset.bases.filter(({ hook }) => INCOMING.has(hook));
  const filters = (family: 4 | 6): boolean => incoming.some((base) => base.hook === "input" && SEES[family].has(base.family) && base.family !== "bridge");
  const families = ([4, 6] as const).filter(filters);
  if (families.length === 0)
    return context.fault(
      "ING875",
      TOP,
      "no chain with the hook `input` is in it, so nothing of it says who may connect",
      "run `nft -j list ruleset` on the host whose rules you want",
    );
  for (const family of [4, 6] as const)
    if (!families.includes(family))
      context.omit(TOP, `IPv${family}`, `no chain with the hook \`input\` sees it, so the file does not say who may connect over it`);
  noteLeftOut(context, ruleset, incoming);
  const evaluation = new Evaluation(ruleset.chains);
  const exposes = (["tcp", "udp"] as const).flatMap((protocol) =>
    exposesOfCells(protocol, families, ruleset.edges, (cell) => sourcesOf(cell, incoming, evaluation)),
  );
  if (evaluation.isExhausted)
    return context.fault("ING877", TOP, "its rules, ports and addresses together are too many to be evaluated", "import a part of it, for example one table");
  return {
    header: ["No expose has a backend: nftables does not say where a service is. Add `backend`, or let the services register."],
    exposes,
  };
}

/** Every chain of every hook must let a packet through. */
function sourcesOf(cell: Cell, incoming: readonly Base[], evaluation: Evaluation): AddressSet {
  let sources = cell.family === 4 ? ANY4 : ANY6;
  for (const { chain, accepts, family } of incoming) {
    if (!SEES[cell.family].has(family)) continue;
    const { accepted, returned } = evaluation.walk(chain, cell, sources);
    sources = accepts ? union([accepted, returned]) : accepted;
  }
  evaluation.spend(10 * size(sources));
  return evaluation.isExhausted ? EMPTY : sources;
}
