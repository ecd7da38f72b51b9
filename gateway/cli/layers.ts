// The configuration as the command line gives it: defaults, the file, the environment, the flags.
import { resolve } from "node:path";
import { readTrustedFile } from "../../runtime/host/trusted_file.ts";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { configFailure, readConfig, type Config } from "../config/read.ts";
import type { Decoded } from "../config/decode.ts";
import type { Problem } from "../config/problem.ts";
import { defaultControlPath } from "../control/socket_path.ts";
import { EXIT_REJECTED, failure, type Failure } from "../exit.ts";
import type { ConfigWords } from "./arguments.ts";

const MOST_CONFIG_BYTES = 1024 * 1024;

export function loadConfig(words: ConfigWords): Result<Config, Failure> {
  const layers = readLayers(words);
  if (!layers.ok) return layers;
  const decoded = layers.value;
  return decoded.ok ? ok(decoded.value.config) : failed(configFailure(decoded.error));
}

/** Defaults, the file, the environment, the flags. The outer error says why the file can't be read. */
export function readLayers({ config: path, sets, policy, control }: ConfigWords): Result<Result<Decoded, readonly Problem[]>, Failure> {
  const bytes = path === null ? null : readTrustedFile(resolve(path), MOST_CONFIG_BYTES, "configuration");
  if (bytes?.ok === false) return failed(failure(EXIT_REJECTED, bytes.error));
  return ok(
    readConfig({
      file: path === null || bytes === null ? null : { name: path, text: new TextDecoder().decode(bytes.value) },
      env: process.env,
      sets,
      flags: [
        ...(policy === null ? [] : [{ flag: "--policy", path: ["policy", "file"], value: resolve(policy) }]),
        ...(control === null ? [] : [{ flag: "--control", path: ["control", "socket"], value: resolve(control) }]),
      ],
    }),
  );
}

export function controlPath(config: Config): string {
  return config.control.socket ?? defaultControlPath(process.env);
}
