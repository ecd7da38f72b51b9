// `ingressd check-config`: reads all layers as a start would, looks at every file that a start opens
// (check_files.ts), and says everything that is wrong. Nothing is made, changed or loaded.
import { systemClock } from "../../runtime/shell/clock.ts";
import { checkFiles, type Surroundings } from "./check_files.ts";
import type { Result } from "../../runtime/result/result.ts";
import { configExit } from "../config/read.ts";
import type { Decoded } from "../config/decode.ts";
import { placeText, problemText, shown, type Place, type Problem } from "../config/problem.ts";
import { envelopeJson } from "../../runtime/shell/envelope.ts";
import { exitClass } from "../../runtime/shell/exit.ts";
import { endWithoutReader } from "../../runtime/shell/head.ts";
import { EXIT_OK, EXIT_REJECTED, EXIT_UNSUPPORTED } from "../exit.ts";
import type { ConfigWords } from "./arguments.ts";
import { end, show } from "./ending.ts";
import { readLayers } from "./layers.ts";
import type { Outcome } from "./order.ts";

export function runCheckConfig({ json, ...words }: ConfigWords & { readonly json: boolean }): void {
  endWithoutReader();
  const layers = readLayers(words);
  if (!layers.ok) return end(layers.error);
  show(checkConfig(layers.value, json));
}

/** `problems` are those of the layers; where there are none, the files are looked at. */
export function checkConfig(decoded: Result<Decoded, readonly Problem[]>, json: boolean, around: Omit<Surroundings, "config"> = surroundings()): Outcome {
  const found = decoded.ok ? ofFiles(decoded.value, around) : [];
  const problems = decoded.ok ? found.filter(({ warning }) => !warning) : decoded.error;
  if (problems.length > 0 || !decoded.ok) {
    const first = problems[0];
    const message = problems.length === 1 && first !== undefined ? problemText(first) : `${problems.length} things are wrong`;
    const data = problems.map(({ key, value, reason, place, code }) => ({
      code: code ?? "config",
      key,
      value: value ?? null,
      reason,
      place: placeJson(place),
    }));
    const text = problems.map(problemText).join("\n");
    const exitCode = configExit(problems);
    return json ? envelope(exitCode, message, { problems: data }) : { exitCode, stdout: "", stderr: text };
  }
  const { config, places } = decoded.value;
  const given = [...places].map(([key, place]) => ({ key, place: placeText(place), value: valueAt(config, key) })).sort((a, b) => (a.key < b.key ? -1 : 1));
  if (json)
    return envelope(EXIT_OK, "the configuration is sound", {
      config,
      places: Object.fromEntries([...places].map(([key, place]) => [key, placeJson(place)])),
      warnings: found.map(({ key, reason, place }) => ({ key, reason, place: placeJson(place) })),
    });
  const lines = given.map(({ key, place, value }) => `  ${key} = ${shown(value)}  (${place})`);
  return {
    exitCode: EXIT_OK,
    stdout: [`the configuration is sound: ${given.length} keys are given, the rest are defaults`, ...lines].join("\n"),
    stderr: found.map((one) => `WARNING: ${problemText(one)}`).join("\n"),
  };
}

function surroundings(): Omit<Surroundings, "config"> {
  return { env: process.env, now: new Date(systemClock().wallMs()) };
}

function ofFiles({ config, places }: Decoded, around: Omit<Surroundings, "config">): (Problem & { readonly warning: boolean })[] {
  return checkFiles({ config, ...around }).map((one) => ({ ...one, place: places.get(one.key) ?? { layer: "default" } }));
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

const CODES: Readonly<Record<number, string>> = { [EXIT_OK]: "ok", [EXIT_REJECTED]: "config", [EXIT_UNSUPPORTED]: "unsupported" };

function envelope(exitCode: number, message: string, data: object): Outcome {
  return { exitCode, stdout: envelopeJson({ class: exitClass(exitCode), code: CODES[exitCode] ?? "internal", message, data }), stderr: "" };
}
