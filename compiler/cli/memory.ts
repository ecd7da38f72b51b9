// How `build` shows how much a module contains, where its profile bounds it.
import { grouped } from "../../runtime/text/number.ts";
import type { CompileStats } from "../compile.ts";
import { OS_CODE_BYTES } from "../../runtime/abi/profiles.ts";
import { WAYS } from "../../runtime/abi/layout.ts";

const number = (n: number): string => grouped(n);

/** Nothing for the profile `host`, whose memory follows the policy. */
export function memoryRows({ profile, usedBytes, memoryBytes, codeBytes, sizes }: CompileStats): readonly (readonly [string, string])[] {
  if (profile === "host") return [];
  const { limitSets, sketchCells, capEntries } = sizes;
  return [
    ["profile", profile],
    ["memory", `${number(usedBytes)} of ${number(memoryBytes)} bytes`],
    ["code", `${number(codeBytes)} of ${number(OS_CODE_BYTES)} bytes`],
    ...(limitSets === 0 ? [] : [["limits", `${number(limitSets * WAYS)} sources apart, then a sketch of 2 x ${number(sketchCells)}`] as const]),
    ...(capEntries === 0 ? [] : [["caps", `${number(capEntries)} places for sources`] as const]),
  ];
}

export function memoryJson({ usedBytes, memoryBytes, codeBytes, sizes: { scratchBytes, limitSets, sketchCells, capEntries } }: CompileStats): unknown {
  return { bytes: memoryBytes, usedBytes, codeBytes, scratchBytes, limitEntries: limitSets * WAYS, sketchCells, capEntries };
}
