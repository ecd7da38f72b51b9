// The policy in force: read, checked in a thread of its own, and replaced as a whole. What can't be
// loaded changes nothing.
import { randomBytes } from "node:crypto";
import { openEngine, denial } from "../host/ask.ts";
import { isRefusal } from "../host/load.ts";
import { loadPolicyInWorker } from "../host/loadInWorker.ts";
import { isFileRefusal, readTrustedFile } from "../host/trustedFile.ts";
import type { Decision } from "../host/decision.ts";
import type { ValidToken } from "../host/token.ts";
import type { PolicyEngine } from "../host/module.ts";
import { CODE_NO_MODULE } from "../abi/verdicts.ts";
import type { Judge } from "./broker.ts";
import type { Clock } from "../shell/clock.ts";

const MOST_BYTES = 256 * 1024 * 1024;
const MOST_CHECK_MS = 30_000;
const SEED_BYTES = 16;

/** Which policy is in force, and as which one of those that this guard has loaded. */
export interface PolicyName {
  readonly generation: number;
  readonly sha256: string;
  readonly tree_sha256: string;
}

export interface PolicyInForce {
  readonly judge: Judge;
  name(): PolicyName | null;
  /** The same of one who has shown this token. */
  permit(token: ValidToken): Decision;
  /** The tree hash of the policy in force. */
  tree(): string | null;
  /** Reads the file again; null, or why the former policy stays. */
  load(): Promise<string | null>;
}

/** `path`: absolute and normal. */
export function policyInForce(path: string, service: string, clock: Clock): PolicyInForce {
  const seed = randomBytes(SEED_BYTES);
  let engine: PolicyEngine | null = null;
  let generation = 0;
  return {
    name: () => (engine === null ? null : { generation, sha256: engine.info.sha256, tree_sha256: engine.info.treeSha256 }),
    permit(token) {
      if (engine === null) return denial(CODE_NO_MODULE);
      engine.setClock({ monoMs: clock.monoMs(), wallSeconds: Math.floor(clock.wallMs() / 1000) });
      return engine.bindWithToken(token);
    },
    tree: () => engine?.info.treeSha256 ?? null,
    judge(proto, address, port) {
      if (engine === null) return denial(CODE_NO_MODULE);
      engine.setClock({ monoMs: clock.monoMs(), wallSeconds: Math.floor(clock.wallMs() / 1000) });
      return engine.bind({ subject: service, proto, address, port });
    },
    async load() {
      const bytes = readTrustedFile(path, MOST_BYTES, "policy");
      if (isFileRefusal(bytes)) return bytes.refused;
      const loaded = await loadPolicyInWorker(bytes, null, MOST_CHECK_MS);
      if (isRefusal(loaded)) return `policy \`${path}\` is refused: ${loaded.message} (${loaded.code})`;
      engine = openEngine(loaded, seed);
      generation++;
      return null;
    },
  };
}
