// `ingressd check-config`: reads all layers as a start would, and the key and token files that they
// name, and says everything that is wrong. Nothing is made, opened or loaded.
import { configExit, isDecoded, type Config } from "./config.ts";
import type { Decoded } from "./config/decode.ts";
import { placeText, problemText, shown, type Place, type Problem } from "./config/problem.ts";
import { isHttpToken, readToken } from "./control/http.ts";
import { EXIT_OK, EXIT_REJECTED, EXIT_UNSUPPORTED } from "./exit.ts";
import type { Outcome } from "./order.ts";
import { readGuardKey } from "./intents/guard_key.ts";
import { isUntrusted, readTrustedKeys } from "../runtime/shell/trusted_keys.ts";

/** A look at files that the configuration names: the key that names them, and why they can't be used. */
export type FileCheck = (config: Config) => { readonly key: string; readonly reason: string } | null;

const FILES: readonly FileCheck[] = [
  ({ policy }) => {
    const keys = readTrustedKeys(policy.trusted_keys);
    return isUntrusted(keys) ? { key: "policy.trusted_keys", reason: `can't be used: ${keys.refused}` } : null;
  },
  ({ metrics: { token_file: path } }) => {
    const token = path === undefined ? null : readToken(path);
    return token === null || isHttpToken(token) ? null : { key: "metrics.token_file", reason: `can't be used: ${token.message}` };
  },
  ({ guard: { key_file: path } }) => {
    const key = readGuardKey(path);
    return key === null || key instanceof Uint8Array ? null : { key: "guard.key_file", reason: `can't be used: ${key.message}` };
  },
  ({ state_dir: directory, policy }) => (directory === undefined && policy.trusted_keys !== undefined && process.env["STATE_DIRECTORY"] === undefined
    ? { key: "policy.trusted_keys", reason: "needs a directory that keeps the highest revision over restarts: name one with state_dir" } : null),
];

/** `problems` are those of the layers; where there are none, the files are looked at. */
export function checkConfig(decoded: Decoded | readonly Problem[], json: boolean): Outcome {
  const problems = isDecoded(decoded) ? problemsOfFiles(decoded) : decoded;
  if (problems.length > 0 || !isDecoded(decoded)) {
    const first = problems[0];
    const message = problems.length === 1 && first !== undefined ? problemText(first) : `${problems.length} things are wrong`;
    const data = problems.map(({ key, value, reason, place, code }) => ({ code: code ?? "config", key, value: value ?? null, reason, place: placeJson(place) }));
    const text = problems.map(problemText).join("\n");
    const exitCode = configExit(problems);
    return json ? envelope(exitCode, message, { problems: data }) : { exitCode, stdout: "", stderr: text };
  }
  const { config, places } = decoded;
  const given = [...places].map(([key, place]) => ({ key, place: placeText(place), value: valueAt(config, key) })).sort((a, b) => (a.key < b.key ? -1 : 1));
  if (json) return envelope(EXIT_OK, "the configuration is sound", { config, places: Object.fromEntries([...places].map(([key, place]) => [key, placeJson(place)])) });
  const lines = given.map(({ key, place, value }) => `  ${key} = ${shown(value)}  (${place})`);
  return { exitCode: EXIT_OK, stdout: [`the configuration is sound: ${given.length} keys are given, the rest are defaults`, ...lines].join("\n"), stderr: "" };
}

function problemsOfFiles({ config, places }: Decoded): Problem[] {
  return FILES.flatMap((look): Problem[] => {
    const wrong = look(config);
    return wrong === null ? [] : [{ ...wrong, place: places.get(wrong.key) ?? { layer: "default" } }];
  });
}

function valueAt(config: unknown, key: string): unknown {
  let at = config;
  for (const part of key.split(".")) at = typeof at === "object" && at !== null ? Object.entries(at).find(([name]) => name === part)?.[1] : undefined;
  return at;
}

function placeJson(place: Place): object {
  switch (place.layer) {
    case "file":
      return { layer: place.layer, file: place.file, line: place.line };
    case "default":
    case "environment":
    case "flag":
      return place;
    default:
      return place satisfies never;
  }
}

const WORDS: Readonly<Record<number, readonly [className: string, code: string]>> = { [EXIT_OK]: ["ok", "ok"], [EXIT_REJECTED]: ["reject", "config"], [EXIT_UNSUPPORTED]: ["unsupported", "unsupported"] };

function envelope(exitCode: number, message: string, data: object): Outcome {
  const [className, code] = WORDS[exitCode] ?? ["internal", "internal"];
  return { exitCode, stdout: JSON.stringify({ ok: exitCode === EXIT_OK, class: className, code, message, data }), stderr: "" };
}
