// How `build` shows how much a module contains, where its profile bounds it.
import { grouped } from "../../runtime/text/number.ts";
import type { CompileStats } from "../compile.ts";
import { OS_CODE_BYTES } from "../../runtime/abi/profiles.ts";
import { WAYS } from "../../runtime/abi/layout.ts";

const number = (n: number): string => grouped(n);

/** The memory of the profile `host` follows the policy, so that only the places of limits are shown of it. */
export function memoryRows(stats: CompileStats): readonly (readonly [string, string])[] {
  const { profile, usedBytes, memoryBytes, codeBytes, sizes } = stats;
  const limits = limitsRow(stats);
  if (profile === "host") return limits;
  return [
    ["profile", profile],
    ["memory", `${number(usedBytes)} of ${number(memoryBytes)} bytes`],
    ["code", `${number(codeBytes)} of ${number(OS_CODE_BYTES)} bytes`],
    ...limits,
    ...(sizes.capEntries === 0 ? [] : [["caps", `${number(sizes.capEntries)} places for sources`] as const]),
  ];
}

function limitsRow({ sizes: { limitSets, sketchCells }, exactSourcesPerDay }: CompileStats): readonly (readonly [string, string])[] {
  if (exactSourcesPerDay === null) return [];
  const places = `${number(limitSets * WAYS)} sources apart, then a sketch of 2 x ${number(sketchCells)}`;
  return [["limits", `${places}; exact for ${number(exactSourcesPerDay)} sources a day that use up every limit`]];
}

export function memoryJson({ usedBytes, memoryBytes, codeBytes, exactSourcesPerDay, sizes }: CompileStats): unknown {
  const { scratchBytes, limitSets, sketchCells, capEntries } = sizes;
  return { bytes: memoryBytes, usedBytes, codeBytes, scratchBytes, limitEntries: limitSets * WAYS, exactSourcesPerDay, sketchCells, capEntries };
}
