// The kernel as a second oracle: lists as nft interval sets in a network namespace, loaded and queried in chunks of the
// address space. nft reports every element that is missing; answers are used only if the numbers of found and missing
// elements add up to the number of queries.
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ownFolder } from "../suite.ts";
import { addressText, edges, isV4, prefixText, rangeOf, type Prefix } from "../oracle/space.ts";

/** Prefixes a chunk: a miss makes nft read the chunk's sets anew, so they stay small. */
const CHUNK = 150;

export function kernelMissing(): string | null {
  const tried = spawnSync("unshare", ["-n", "nft", "list", "ruleset"], { encoding: "utf8" });
  return tried.status === 0 ? null : `nft in a network namespace: ${tried.error?.message ?? tried.stderr.trim()}`;
}

const setName = (list: string): string => list.replace(/\W/g, "_");

/** Loads sets and queries elements in order; true if the kernel's set has the element. */
function query(sets: ReadonlyMap<string, readonly Prefix[]>, questions: readonly { readonly list: string; readonly address: bigint }[]): boolean[] {
  const folder = ownFolder("nft-");
  const tables = [...sets].map(([list, prefixes]) => {
    const elements = prefixes.length === 0 ? "" : `elements = { ${prefixes.map(prefixText).join(", ")} }\n`;
    return `set ${setName(list)} {\ntype ipv4_addr\nflags interval\nauto-merge\n${elements}}\n`;
  });
  writeFileSync(join(folder, "load"), `table inet t {\n${tables.join("")}}\n`);
  const lines = questions.map(({ list, address }) => `get element inet t ${setName(list)} { ${addressText(address)} }`);
  writeFileSync(join(folder, "queries"), `${lines.join("\n")}\n`);
  // nft -i continues after an error; without its line editor it is forty times as quick.
  writeFileSync(join(folder, ".editrc"), "edit off\n");
  const { status, stdout, stderr } = spawnSync("unshare", ["-n", "sh", "-ec", "nft -f load; nft -i <queries"], {
    cwd: folder,
    encoding: "utf8",
    maxBuffer: 2 ** 28,
    env: { ...process.env, EDITRC: join(folder, ".editrc"), HOME: folder },
  });
  const missing = new Set([...stderr.matchAll(/^Error: Could not process rule: No such file or directory\n(get element .*)$/gm)].map((m) => m[1]));
  const misses = lines.filter((line) => missing.has(line)).length;
  const hits = stdout.match(/elements = \{/g)?.length ?? 0;
  if (status !== 0 || hits + misses !== lines.length) throw new Error(`nft answered ${hits} + ${misses} of ${lines.length}: ${stderr.slice(0, 500)}`);
  return lines.map((line) => !missing.has(line));
}

export interface KernelAnswers {
  /** For each list: the edges of its prefixes, and which of the list and the last list contain them. */
  readonly members: ReadonlyMap<string, ReadonlyMap<bigint, ReadonlySet<string>>>;
  readonly queried: number;
}

/** Queries for each edge of a list whether that list has it, and then whether the last list has it. */
export function queryKernel(lists: ReadonlyMap<string, readonly Prefix[]>): KernelAnswers {
  const last = [...lists.keys()].at(-1) ?? "";
  const all = [...lists]
    .flatMap(([list, prefixes]) => prefixes.map((prefix) => ({ list, prefix, ...rangeOf(prefix) })))
    .sort((a, b) => (a.first < b.first ? -1 : 1));
  const members = new Map([...lists.keys()].map((list) => [list, new Map<bigint, Set<string>>()]));
  let queried = 0;
  // The longest prefix here spans less than a chunk; what ends before a chunk can't reach into it.
  for (let from = 0; from < all.length; from += CHUNK) {
    const chunk = all.slice(from, from + CHUNK);
    const low = chunk.reduce((least, p) => (p.first < least ? p.first : least), chunk[0]?.first ?? 0n) - 1n;
    const high = chunk.reduce((most, p) => (p.last > most ? p.last : most), 0n) + 1n;
    const near = all.filter((p) => p.last >= low && p.first <= high);
    const sets = new Map([...lists.keys()].map((list) => [list, near.filter((p) => p.list === list).map((p) => p.prefix)]));
    const questions = chunk
      .flatMap(({ list, prefix }) =>
        edges(prefix)
          .filter(isV4)
          .map((address) => ({ list, address })),
      )
      .filter(({ list, address }) => members.get(list)?.has(address) === false);
    const unique = [...new Map(questions.map((q) => [`${q.list} ${q.address}`, q])).values()];
    const own = query(sets, unique);
    unique.forEach((q, i) => members.get(q.list)?.set(q.address, new Set(own[i] === true ? [q.list] : [])));
    // A member of a list may be in the last one as well; the others are settled.
    const again = unique.filter((q, i) => own[i] === true && q.list !== last).map((q) => ({ ...q, list: last, of: q.list }));
    const also = query(sets, again);
    again.forEach((q, i) => {
      if (also[i] === true) members.get(q.of)?.get(q.address)?.add(last);
    });
    queried += unique.length + again.length;
  }
  return { members, queried };
}
