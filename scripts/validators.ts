// Compiles the validators of the message schemas to plain JavaScript. ajv needs tens of milliseconds and megabytes to
// compile a schema, so this is not done at each start.
import { readdirSync, readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import standaloneCode from "ajv/dist/standalone/index.js";
import { buildSync } from "esbuild";

const FOLDER = new URL("../schemas/intents/", import.meta.url);
const SUFFIX = ".schema.json";

/** `gateway/control/validators.mjs`: one export per schema of `schemas/intents`, named like its file. */
export function validatorsText(): string {
  const names = readdirSync(FOLDER)
    .filter((name) => name.endsWith(SUFFIX))
    .sort();
  const ajv = new Ajv2020({
    useDefaults: true,
    allErrors: false,
    verbose: true,
    strict: true,
    strictRequired: false,
    allowUnionTypes: true,
    schemas: names.map((name): object => schema(name)),
    code: { source: true, esm: true, lines: true },
  });
  const exported = Object.fromEntries(names.map((name) => [name.slice(0, -SUFFIX.length), schema(name).$id]));
  // ajv's output uses `require` for the few helper functions that it calls.
  const { outputFiles } = buildSync({
    stdin: { contents: standaloneCode.default(ajv, exported), resolveDir: new URL("../", import.meta.url).pathname, loader: "js" },
    bundle: true,
    write: false,
    format: "esm",
    platform: "neutral",
    mainFields: ["main"],
    target: "node20.19",
    legalComments: "none",
  });
  return `// Written by \`npm run docs\` from schemas/intents, with ajv. Don't edit it.\n${outputFiles[0]?.text ?? ""}`;
}

function schema(name: string): { readonly $id: string } {
  const parsed: unknown = JSON.parse(readFileSync(new URL(name, FOLDER), "utf8"));
  if (typeof parsed !== "object" || parsed === null || !("$id" in parsed) || typeof parsed.$id !== "string")
    throw new Error(`schemas/intents/${name} has no $id`);
  return { ...parsed, $id: parsed.$id };
}
