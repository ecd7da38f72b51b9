// The policy in force: read, checked in a thread of its own, and replaced as a whole. What can't be
// loaded changes nothing.
import { randomBytes } from "node:crypto";
import { openEngine, denial } from "../host/ask.ts";
import { isRefusal } from "../host/load.ts";
import { loadPolicyInWorker } from "../host/load_in_worker.ts";
import { isFileRefusal, readTrustedFileInTurns } from "../host/trusted_file.ts";
import type { Decision } from "../host/decision.ts";
import type { ValidToken } from "../host/token.ts";
import type { PolicyEngine, PolicyInfo } from "../host/module.ts";
import { CODE_NO_MODULE } from "../abi/verdicts.ts";
import type { Moments } from "../shell/clock.ts";
import { systemDisk } from "../shell/disk.ts";
import { markText } from "../shell/mark.ts";
import { revisionsIn } from "../shell/revision.ts";
import { isUntrusted, readTrustedKeys } from "../shell/trusted_keys.ts";
import type { Judge } from "./broker.ts";

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
  /** Reads the file again. `unchanged`: its bytes are those in force; a string says why the previous policy stays. */
  load(): Promise<"loaded" | "unchanged" | { readonly refused: string }>;
}

/** Whose signatures count, and where the highest revision is kept over restarts; null: no signature is asked for. */
export interface Signatures {
  /** Absolute paths of public keys, one at least. */
  readonly trustedKeys: readonly string[];
  /** A directory that prepareStateDirectory has taken. */
  readonly stateDirectory: string;
}

/** `path`: absolute and normal. */
export function policyInForce(path: string, service: string, clock: Moments, signatures: Signatures | null): PolicyInForce {
  const seed = randomBytes(SEED_BYTES);
  const revisions = signatures === null ? null : revisionsIn(signatures.stateDirectory);
  let engine: PolicyEngine | null = null;
  /** Of the file's bytes in force. */
  let inForce = "";
  let generation = 0;
  const setClock = (at: PolicyEngine): void => at.setClock({ monoMs: clock.monoMs(), wallSeconds: Math.floor(clock.wallMs() / 1000) });

  /** Puts the mark that is due in its place. Throws what the disk says. */
  async function keepRevision(info: PolicyInfo): Promise<void> {
    const due = revisions?.due(info) ?? null;
    if (revisions === null || due === null) return;
    const coming = `${revisions.path}.${process.pid}.new`;
    await systemDisk.write(coming, Buffer.from(markText(due)));
    await systemDisk.replace(coming, revisions.path);
  }

  async function read(): Promise<"loaded" | "unchanged" | { readonly refused: string }> {
    const file = await readTrustedFileInTurns(path, MOST_BYTES, "policy");
    if (isFileRefusal(file)) return file;
    const trust = readTrustedKeys(signatures?.trustedKeys);
    if (isUntrusted(trust)) return { refused: `policy \`${path}\` can't be verified: ${trust.refused}` };
    // Which keys are trusted may have changed since: then the same bytes are looked at again.
    if (file.sha256 === inForce && signatures === null) return "unchanged";
    const loaded = await loadPolicyInWorker(file.bytes, trust, MOST_CHECK_MS);
    if (isRefusal(loaded)) return { refused: `policy \`${path}\` is refused: ${loaded.message} (${loaded.code})` };
    const old = revisions?.refusal(loaded.info) ?? null;
    if (old !== null) return { refused: `policy \`${path}\` is refused ${old}` };
    if (file.sha256 === inForce) return "unchanged";
    const opened = openEngine(loaded, seed);
    try {
      await keepRevision(loaded.info);
    } catch (error) {
      return { refused: `policy \`${path}\` is refused, because its revision could not be kept in the state directory (${error instanceof Error ? error.message : String(error)})` };
    }
    engine = opened;
    inForce = file.sha256;
    generation++;
    return "loaded";
  }

  return {
    name: () => (engine === null ? null : { generation, sha256: engine.info.sha256, tree_sha256: engine.info.treeSha256 }),
    permit(token) {
      if (engine === null) return denial(CODE_NO_MODULE);
      setClock(engine);
      return engine.bindWithToken(token);
    },
    tree: () => engine?.info.treeSha256 ?? null,
    judge(proto, address, port) {
      if (engine === null) return denial(CODE_NO_MODULE);
      setClock(engine);
      return engine.bind({ subject: service, proto, address, port });
    },
    async load() {
      try {
        return await read();
      } catch (error) {
        return { refused: `policy \`${path}\` can't be loaded (${error instanceof Error ? error.message : String(error)})` };
      }
    },
  };
}
