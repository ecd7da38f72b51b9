// ING6xx: bounds of sources and policies. Their data and their words.
import {
  MAX_BACKENDS,
  MAX_BIND_INTERVALS,
  MAX_COUNTS,
  MAX_EXPOSES,
  MAX_HOSTS,
  MAX_IDS,
  MAX_IMPORTED_BYTES,
  MAX_IMPORTS,
  MAX_IMPORT_DEPTH,
  MAX_NESTING,
  MAX_PORT_RANGES,
  MAX_PREFIXES,
  MAX_RULES,
  MAX_SOURCE_BYTES,
  MAX_TEMPLATE_DEPTH,
  MAX_WORDS,
} from "../source/bounds.ts";
import { MAX_DIALERS, MAX_PAGES, PAGE_BYTES } from "../../runtime/abi/layout.ts";
import { quote } from "./quote.ts";
import type { WordsOf } from "./sentence.ts";
import { grouped } from "../../runtime/text/number.ts";

/** The part of a policy that uses the most of something; `name` is null where it has none. */
export type SetUse = { readonly kind: "net" | "hosts" | "ids"; readonly name: string | null };
/** `share`: its part of what all sets use, 0 to 1. */
export type SetShare = SetUse & { readonly share: number };

export interface BoundData {
  ING601: { readonly bound: "bytes" | "words" };
  ING602: null;
  ING603: null;
  ING604:
    { readonly bound: "prefixes" | "set_work" | "set_intervals" | "port_ranges" | "port_work" } | { readonly bound: "bind_intervals"; readonly used: number };
  ING605: { readonly statement: "expose" | "dial" };
  ING606: null;
  ING607: { readonly bound: "memory" | "overlaps" | "work" | "names" | "identities" | "effects"; readonly largest: readonly SetShare[] };
  ING608: { readonly bound: "imports" | "bytes" | "words" | "depth" };
  ING609: { readonly bound: "depth"; readonly template: string } | { readonly bound: "places" };
  ING610: { readonly bound: "hosts" | "host_work" | "ids" | "id_work" };
  ING612: { readonly groups: number; readonly members: number };
  /** `written`: the burst has a number of its own, and is not the count. */
  ING613: { readonly burst: number; readonly window: string; readonly most: number; readonly written: boolean };
  ING614: null;
  ING616: { readonly used: number; readonly most: number };
  ING617: { readonly backends: number };
  ING611: { readonly bound: string; readonly used: number; readonly most: number; readonly largest: BudgetUse | null };
}

/** The part of a policy that uses the most of a budget. */
export type BudgetUse =
  | { readonly by: "expose"; readonly name: string; readonly n: number }
  | { readonly by: "list" | "written"; readonly n: number }
  | { readonly by: "module"; readonly exposes: number; readonly rules: number; readonly prefixes: number };

const LISTS = 'put long address lists into files of their own: `net x = file "list.txt" max 100000`';
const NAME_LARGE = "name a large set once and use its name, instead of building it anew in many places";
const MEMORY_MIB = (MAX_PAGES * PAGE_BYTES) / 2 ** 20;

const TOO_LARGE: Readonly<Record<BoundData["ING607"]["bound"], string>> = {
  memory: `the policy needs more than ${MEMORY_MIB} MiB of memory`,
  overlaps: `the overlaps of the policy's sets need more than ${MEMORY_MIB} MiB of memory`,
  work: "the policy's sets overlap in more ways than the compiler follows",
  names: "the policy's sets of host names overlap in more ways than the compiler follows",
  identities: "the policy's patterns of identities overlap in more ways than the compiler follows",
  effects: "the policy's rules apply to more listeners than the compiler follows",
};

export const BOUND_WORDS: WordsOf<BoundData> = {
  ING601: ({ bound }) => ({
    message:
      bound === "bytes" ? `the file is larger than ${MAX_SOURCE_BYTES / 1024 / 1024} MiB` : `the file has more than ${grouped(MAX_WORDS)} words and signs`,
    help: LISTS,
  }),
  ING602: () => ({ message: `blocks are nested more than ${MAX_NESTING} deep`, help: "close the blocks that are open" }),
  ING603: () => ({ message: `a policy has at most ${MAX_RULES} rules`, help: "put the addresses of several rules into one net" }),
  ING604: (data) => {
    switch (data.bound) {
      case "prefixes":
        return { message: `the policy has more than ${MAX_PREFIXES} addresses and prefixes`, help: "shorten the lists, or merge their prefixes" };
      case "set_work":
        return { message: "the sets of the policy are too large to be computed", help: NAME_LARGE };
      case "set_intervals":
        return { message: "the sets of the policy are too large together", help: NAME_LARGE };
      case "port_ranges":
        return { message: `the exposes of a policy have at most ${MAX_PORT_RANGES} ranges of ports`, help: "expose whole ranges instead of single ports" };
      case "port_work":
        return { message: "the sets of ports of the policy are too large together", help: "name a large set once and use its name" };
      case "bind_intervals":
        return {
          message: `a \`bind\` has at most ${MAX_BIND_INTERVALS} ranges of addresses, and this one has ${data.used}`,
          help: "name the nets of the interfaces",
        };
    }
  },
  ING605: ({ statement }) =>
    statement === "expose" ?
      { message: `a policy has at most ${MAX_EXPOSES} exposes`, help: "give one expose several ports, or split the policy" }
    : { message: `a policy has at most ${MAX_DIALERS} \`dial\``, help: "remove those that no service needs" },
  ING606: () => ({ message: "there are more errors, which are not shown", label: "the next is here", help: "fix the errors above first" }),
  ING607: ({ bound, largest }) => ({
    message: `${TOO_LARGE[bound]}${largest.length === 0 ? "" : `; the most comes from ${largest.map(setName).join(", ")}`}`,
    label: largest[0] === undefined ? "" : shareOf(largest[0]),
    related: largest.slice(1).map(shareOf),
    help:
      bound === "memory" ?
        "split the largest sets, or drop listeners that no longer serve"
      : "sets that overlap in many ways at once make a case of their own of each overlap: join those that are always used together, or take one out of the other with `except`",
  }),
  ING608: ({ bound }) => {
    switch (bound) {
      case "imports":
        return { message: `a policy has at most ${MAX_IMPORTS} imports`, help: "put small files together" };
      case "bytes":
        return {
          message: `the imports of a policy have more than ${MAX_IMPORTED_BYTES / 1024 / 1024} MiB`,
          help: 'put long lists into list files: `file "…" max N`',
        };
      case "words":
        return {
          message: `the files of a policy have more than ${grouped(MAX_WORDS)} words and signs together`,
          help: 'put long lists into list files: `file "…" max N`',
        };
      case "depth":
        return { message: `imports go at most ${MAX_IMPORT_DEPTH} deep`, help: "import the file nearer to the entry file" };
    }
  },
  ING609: (data) =>
    data.bound === "depth" ?
      {
        message: `templates that use templates go at most ${MAX_TEMPLATE_DEPTH} deep, and ${quote(data.template)} goes deeper`,
        help: "write one of them out where it is used",
      }
    : { message: "the templates of the policy make too much text", help: "use a template with much in it less often: name a large set once, and use its name" },
  ING610: ({ bound }) => {
    switch (bound) {
      case "hosts":
        return { message: `the policy has more than ${MAX_HOSTS} host names`, help: 'use patterns such as `"**.example.com"`' };
      case "host_work":
        return { message: "the sets of host names of the policy are too large to be computed", help: NAME_LARGE };
      case "ids":
        return { message: `the policy has more than ${MAX_IDS} identities`, help: 'use patterns such as `uri "spiffe://corp.example/ops/*"`' };
      case "id_work":
        return {
          message: "the sets of identities of the policy are too large to be computed",
          help: "name a large set once and use its name, and take out patterns that overlap fewer of its members",
        };
    }
  },
  ING612: ({ groups, members }) => ({
    message: `exposes share ports in more than ${grouped(groups)} ways, or have more than ${grouped(members)} places there`,
    help: "let exposes that share ports have the same ones",
  }),
  ING614: () => ({
    message: `a policy has at most ${grouped(MAX_COUNTS)} caps per source or identity and limits`,
    help: "give one expose several ports, or remove the ones that others imply",
  }),
  ING613: ({ burst, window, most, written }) => ({
    message: `a burst of ${grouped(burst)} is too large for ${quote(window)}: in a window that long at most ${grouped(most)} are counted exactly`,
    help: `${written ? "write" : "without `burst` it is the count; add"} \`burst ${most}\` or less, or take a shorter window`,
  }),
  ING616: ({ used, most }) => ({
    message: `this \`via\` has ${grouped(used)} ranges of addresses, and the most is ${grouped(most)}`,
    help: "name the nets of the load balancers, and not each of their addresses",
  }),
  ING617: ({ backends }) => ({
    message: `an expose has at most ${MAX_BACKENDS} backends, and this one has ${backends}`,
    help: "put a load balancer of the service's own behind the gateway, or write several exposes on different ports",
  }),
  ING611: ({ bound, used, most, largest }) => ({
    message:
      bound === "module" || bound === "steps" ?
        `the module needs ${used} ${bound === "module" ? "KiB" : "steps"}, and its budget is ${most}${budgetUse(largest)}`
      : `the policy has ${used} ${bound}, and its budget is ${most}${budgetUse(largest)}`,
    help: "make the policy smaller, or raise the budget where it is set",
    related: ["most of them here"],
  }),
};

function shareOf(use: SetShare): string {
  return `${setName(use)}: ${Math.round(use.share * 100)} % of it`;
}

/** A set by its name, or by the rule that uses it. */
function setName({ kind, name }: SetUse): string {
  if (name !== null) return quote(name);
  return (
    kind === "net" ? "the sources of a rule"
    : kind === "hosts" ? "the names of a rule"
    : "the identities of a rule"
  );
}

function budgetUse(use: BudgetUse | null): string {
  switch (use?.by) {
    case undefined:
      return "";
    case "expose":
      return `; the most, ${use.n}, come from ${quote(use.name)}`;
    case "list":
    case "written":
      return `; the most, ${use.n}, come from ${use.by === "list" ? "this list" : "the sets that are written out"}`;
    case "module":
      return `; the most comes from ${use.exposes} exposes, ${use.rules} rules and ${use.prefixes} prefixes`;
  }
}
