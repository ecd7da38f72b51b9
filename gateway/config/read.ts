// The configuration: layers of text -> Config, or every problem with key, value, reason and place.
// Keys, defaults and bounds are in config/keys.ts, one row each.
import { parse, TomlError } from "smol-toml";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { characterName, takenFor } from "../../runtime/text/characters.ts";
import { decode, type Decoded } from "./decode.ts";
import type { Config } from "./keys.ts";
import { addDocument, addEnvironment, addFlag, addValue, newLayers } from "./layers.ts";
import { lineOf } from "./place.ts";
import { codeOf, problemText, type Problem } from "./problem.ts";
import { failure, EXIT_REJECTED, EXIT_UNSUPPORTED, type Failure } from "../exit.ts";
import { canonicalBackend, type BackendAddress } from "../forward/backend.ts";

export type { Config } from "./keys.ts";

export interface Sources {
  /** The file's text, and how messages call it; null where none is given. */
  readonly file: { readonly name: string; readonly text: string } | null;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** `KEY=VALUE` of each `--set`, in order. */
  readonly sets: readonly string[];
  /** Keys that have a flag of their own. */
  readonly flags: readonly { readonly flag: string; readonly path: readonly string[]; readonly value: string }[];
}

/** Problems that get their line; looking for one reads the text many times. */
const MOST_LINES = 100;

/** defaults < file < environment < flags */
export function readConfig({ file, env, sets, flags }: Sources): Result<Decoded, readonly Problem[]> {
  const layers = newLayers();
  if (file !== null) {
    const { name, text } = file;
    try {
      addDocument(layers, parse(text), (path) => ({ layer: "file", file: name, path, line: null }));
    } catch (error) {
      if (!(error instanceof TomlError)) throw error;
      const reason = `${error.message.split("\n")[0] ?? "not TOML"}${strangeNote(text.split("\n")[error.line - 1] ?? "")}`;
      layers.problems.push({ key: "", reason, place: { layer: "file", file: `${name}:${error.line}:${error.column}`, path: [], line: null } });
    }
  }
  addEnvironment(layers, env);
  for (const assignment of sets) addFlag(layers, assignment);
  for (const { flag, path, value } of flags) addValue(layers, path, value, flag);
  const decoded = decode(layers);
  if (decoded.ok || file === null) return decoded;
  return failed(decoded.error.map((problem, i) => (i < MOST_LINES ? withLine(problem, file.text) : problem)));
}

/** A blank that is none, or a letter that only looks like one of ASCII, is what TOML can't read more often than what it names. */
function strangeNote(line: string): string {
  const strange = [...new Set(line.replace(/\r$/, ""))].filter((c) => takenFor(c) !== null).slice(0, 4);
  return strange.length === 0 ? "" : `; the line contains ${strange.map(characterName).join(", ")}`;
}

function withLine(problem: Problem, text: string): Problem {
  const { place } = problem;
  if (place.layer !== "file" || place.path.length === 0) return problem;
  return { ...problem, place: { ...place, line: lineOf(text, place.path) } };
}

/** `name` is how messages call the text; an empty text is the default configuration. */
export function parseConfig(text: string, name: string): Result<Config, Failure> {
  const decoded = readConfig({ file: { name, text }, env: {}, sets: [], flags: [] });
  return decoded.ok ? ok(decoded.value.config) : failed(configFailure(decoded.error));
}

/** One line a problem. */
export function configFailure(problems: readonly Problem[]): Failure {
  return failure(configExit(problems), problems.map(problemText).join("\n"));
}

export function configExit(problems: readonly Problem[]): number {
  return codeOf(problems) === "unsupported" ? EXIT_UNSUPPORTED : EXIT_REJECTED;
}

/** The default configuration. */
export function defaultConfig(): Config {
  const config = parseConfig("", "the default configuration");
  if (!config.ok) throw new Error(config.error.message);
  return config.value;
}

const allowedOf = new WeakMap<Config["allowed_backends"], ReadonlySet<string>>();

/** The allowed backends in the form that backends are compared in. */
export function allowedBackends(config: Pick<Config, "allowed_backends">): ReadonlySet<string> {
  const known = allowedOf.get(config.allowed_backends);
  if (known !== undefined) return known;
  const keys = config.allowed_backends.map((text) => canonicalBackend(text));
  const allowed = new Set(keys.filter((b): b is BackendAddress => typeof b !== "string").map((b) => b.key));
  allowedOf.set(config.allowed_backends, allowed);
  return allowed;
}
