// The meaning of each format's parts, as tables: small sources with requests that the policy admits and refuses, and what is left out. Most rows
// are about something that must not be admitted.
import * as assert from "uvu/assert";
import type { Format } from "../../compiler/import/import.ts";
import { suite } from "../suite.ts";
import { decider, imported, refusals, type Request } from "./imported.ts";

export interface Row {
  readonly title: string;
  readonly format: Format;
  readonly text: string;
  /** `from 198.51.100.7 to tcp 80 local 10.0.0.1 sni a.example` */
  readonly admits?: readonly string[];
  readonly refuses?: readonly string[];
  /** Each matches a part that is left out; as many as there are. */
  readonly left?: readonly RegExp[];
  /** A part of the policy. */
  readonly written?: RegExp;
}

const request = (text: string): Request => {
  const [, source = "", protocol = "", port = "", local = source.includes(":") ? "2001:db8::1" : "10.0.0.1", name = null] =
    /^from (\S+) to (tcp|udp) (\d+)(?: local (\S+))?(?: sni (\S+))?$/.exec(text) ?? [];
  return { source, protocol: protocol === "udp" ? "udp" : "tcp", port: Number(port), local, name };
};

export type Fault = readonly [format: Format, text: string, expected: RegExp];

/** A test of each row and of each text that is refused. */
export function runRows(name: string, rows: readonly Row[], faults: readonly Fault[]): void {
  const test = suite(name);
  for (const row of rows) test(row.title, () => checkRow(row));
  for (const [i, [format, text, expected]] of faults.entries())
    test(`${format}: ${text.slice(0, 60).replaceAll("\n", " ")} is refused (${i})`, async () => {
      const [first = "nothing was refused"] = await refusals(format, text);
      assert.match(first, expected);
    });
  test.run();
}

async function checkRow({ format, text, admits = [], refuses = [], left = [], written }: Row): Promise<void> {
  const result = await imported(format, text);
  const decide = decider(result.text);
  for (const one of admits) assert.ok(decide(request(one)), `admits ${one}\n${result.text}`);
  for (const one of refuses) assert.not.ok(decide(request(one)), `refuses ${one}\n${result.text}`);
  const found = result.left.map(({ what, why }) => `${what}: ${why}`);
  assert.is(found.length, left.length, `${found.join("\n")}\n${result.text}`);
  left.forEach((pattern, i) => assert.match(found[i] ?? "", pattern));
  if (written !== undefined) assert.match(result.text, written);
}
