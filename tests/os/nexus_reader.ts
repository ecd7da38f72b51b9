// Starts nexus_reader.py, the independent reader of what is written for Open Nexus OS; null where there is no Python with tomllib.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const READER = fileURLToPath(new URL("nexus_reader.py", import.meta.url));

export const hasReader = spawnSync("python3", ["-c", "import tomllib"]).status === 0;

export interface ReadRule {
  readonly class: number;
  readonly allow: boolean;
  readonly address: number;
  readonly ranges: readonly (readonly [number, number])[];
  readonly max_payload: number;
  readonly cidr: readonly [address: string, length: number];
}

/** The union of all answers; a test reads those of its request. */
export interface ReaderAnswer {
  readonly fault?: string;
  readonly answers?: readonly boolean[];
  readonly subject?: string;
  readonly epoch?: number;
  readonly rules?: readonly ReadRule[];
  readonly exposures?: readonly Readonly<Record<string, unknown>>[];
}

/** One answer for each request, in their order. */
export function readAll(requests: readonly object[]): readonly ReaderAnswer[] {
  const ran = spawnSync("python3", ["-B", READER], {
    input: requests.map((request) => JSON.stringify(request)).join("\n"),
    maxBuffer: 2 ** 28,
    encoding: "utf8",
  });
  if (ran.status !== 0) throw new Error(ran.stderr);
  const answers = ran.stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as ReaderAnswer);
  if (answers.length !== requests.length) throw new Error(`${answers.length} answers to ${requests.length} requests`);
  return answers;
}
