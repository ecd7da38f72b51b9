// The configuration as the command line gives it: defaults, the file, the environment, the flags.
import { resolve } from "node:path";
import { isFileRefusal, readTrustedFile } from "../../runtime/host/trusted_file.ts";
import { configFailure, isDecoded, readConfig, type Config } from "../config/read.ts";
import type { Decoded } from "../config/decode.ts";
import type { Problem } from "../config/problem.ts";
import { defaultControlPath } from "../control/socket_path.ts";
import { EXIT_REJECTED, failure, isFailure, type Failure } from "../exit.ts";
import type { ConfigWords } from "./arguments.ts";

const MOST_CONFIG_BYTES = 1024 * 1024;

export function loadConfig(words: ConfigWords): Config | Failure {
  const layers = readLayers(words);
  if (isFailure(layers)) return layers;
  return isDecoded(layers) ? layers.config : configFailure(layers);
}

/** Defaults, the file, the environment, the flags. */
export function readLayers({ config: path, sets, policy, control }: ConfigWords): Decoded | readonly Problem[] | Failure {
  const bytes = path === null ? null : readTrustedFile(resolve(path), MOST_CONFIG_BYTES, "configuration");
  if (bytes !== null && isFileRefusal(bytes)) return failure(EXIT_REJECTED, bytes.refused);
  return readConfig({
    file: path === null || bytes === null ? null : { name: path, text: new TextDecoder().decode(bytes) },
    env: process.env,
    sets,
    flags: [
      ...(policy === null ? [] : [{ flag: "--policy", path: ["policy", "file"], value: resolve(policy) }]),
      ...(control === null ? [] : [{ flag: "--control", path: ["control", "socket"], value: resolve(control) }]),
    ],
  });
}

export function controlPath(config: Config): string {
  return config.control.socket ?? defaultControlPath(process.env);
}
