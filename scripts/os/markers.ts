// The lines that the image may print, from schemas/markers.toml: the self-test fails at any other.
import { readFileSync } from "node:fs";
import { parse } from "smol-toml";

const FILE = new URL("../../schemas/markers.toml", import.meta.url);
const FAILED = / FAIL$|^kernel: (?:fell|refused) /;

/** The keys of the list, in its order. */
export function listedMarkers(toml: string = readFileSync(FILE, "utf8")): readonly string[] {
  const { marker } = parse(toml);
  return typeof marker === "object" ? Object.keys(marker) : [];
}

/** The marker that a line is; null: none. */
export function markerOf(line: string, listed: readonly string[] = listedMarkers()): string | null {
  return listed.find((text) => (/[=(]$/.test(text) ? line.length > text.length + 1 && line.startsWith(text) && line.endsWith(")") : line === text)) ?? null;
}

/** One sentence for each line that a good run doesn't have. */
export function faultsOf(output: string): readonly string[] {
  const listed = listedMarkers();
  return output
    .split("\n")
    .filter((line) => line !== "")
    .flatMap((line) =>
      markerOf(line, listed) === null ? [`\`${line}\` is no marker`]
      : FAILED.test(line) ? [`\`${line}\` is a failure`]
      : [],
    );
}
