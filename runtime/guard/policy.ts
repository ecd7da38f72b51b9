// The guard's policy: loaded and put in force by the rules that ingressd has too (runtime/shell/policy_in_force.ts). It
// decides binds.
import { randomBytes } from "node:crypto";
import { denial, type Decision } from "../host/decision.ts";
import type { PolicyEngine } from "../host/module.ts";
import type { ValidToken } from "../host/token.ts";
import { MAX_MODULE_BYTES } from "../host/verify.ts";
import { CODE_NO_MODULE } from "../abi/verdicts.ts";
import { failed, ok, type Result } from "../result/result.ts";
import type { Clock, Moments } from "../shell/clock.ts";
import { systemDisk } from "../shell/disk.ts";
import { followPolicy } from "../shell/follow_policy.ts";
import type { LoadFailure } from "../shell/policy_check.ts";
import { policyInForce, type LoadWhen } from "../shell/policy_in_force.ts";
import { revisionsIn } from "../shell/revision.ts";
import type { Judge } from "./broker.ts";

const MOST_CHECK_MS = 30_000;
const SEED_BYTES = 16;

/** Which policy is in force, and as which one of those that this guard has loaded. */
export interface PolicyName {
  readonly generation: number;
  readonly sha256: string;
  readonly tree_sha256: string;
}

export interface GuardPolicy {
  readonly judge: Judge;
  name(): PolicyName | null;
  /** The decision about a service that has shown this token. */
  permit(token: ValidToken): Decision;
  /** The tree hash of the policy in force. */
  tree(): string | null;
  /** Reads the file and puts it in force; any failure keeps the previous policy. `if_changed`: see PolicyInForce. Never rejects. */
  load(when: LoadWhen): Promise<Result<"loaded" | "unchanged", LoadFailure>>;
}

/** Whose signatures count, and where the highest revision is kept over restarts; null: no signature is needed. */
export interface Signatures {
  /** Absolute paths of public keys, one at least. */
  readonly trustedKeys: readonly string[];
  /** A directory that prepareStateDirectory has accepted. */
  readonly stateDirectory: string;
}

/** `path`: absolute and normal. */
export function guardPolicy(path: string, service: string, clock: Moments, signatures: Signatures | null): GuardPolicy {
  const seed = randomBytes(SEED_BYTES);
  const revisions = signatures === null ? null : revisionsIn(signatures.stateDirectory);
  const inForce = policyInForce({
    path,
    maxBytes: MAX_MODULE_BYTES,
    checkMs: MOST_CHECK_MS,
    trustedKeys: signatures?.trustedKeys,
    keysOption: "--trusted-key",
    revisions,
    follows: "file_and_keys",
  });

  function evaluate(question: (engine: PolicyEngine) => Decision): Decision {
    const { engine } = inForce;
    if (engine === null) return denial(CODE_NO_MODULE);
    engine.setClock({ monoMs: clock.monoMs(), wallSeconds: Math.floor(clock.wallMs() / 1000) });
    return question(engine);
  }

  return {
    name() {
      const { engine, generation } = inForce;
      return engine === null ? null : { generation, sha256: engine.info.sha256, tree_sha256: engine.info.treeSha256 };
    },
    permit: (token) => evaluate((engine) => engine.bindWithToken(token)),
    tree: () => inForce.engine?.info.treeSha256 ?? null,
    judge: (proto, address, port) => evaluate((engine) => engine.bind({ subject: service, proto, address, port })),
    async load(when) {
      const loaded = await inForce.load(when);
      if (!loaded.ok) return loaded;
      const candidate = loaded.value;
      if (candidate === null) return ok("unchanged");
      const opened = await candidate.open(seed);
      if (!opened.ok) {
        candidate.discard("not_now");
        return opened;
      }
      try {
        await revisions?.keep(candidate.policy.info, systemDisk);
      } catch (error) {
        candidate.discard("not_now");
        return failed({
          cause: "state",
          message: `policy \`${path}\` is refused, because its revision could not be kept in the state directory (${error instanceof Error ? error.message : String(error)})`,
        });
      }
      candidate.commit(opened.value);
      return ok("loaded");
    },
  };
}

export interface ReloadSetup {
  readonly policy: Pick<GuardPolicy, "load">;
  /** Absolute and normal. */
  readonly path: string;
  readonly trustedKeys: readonly string[];
  readonly clock: Clock;
  readonly say: (sentence: string) => void;
  /** Another policy is in force. */
  readonly reloaded: () => void;
}

/** Reads the policy again on SIGHUP, and when its path, or that of a trusted key, leads to other bytes. */
export function reloadOnChange({ policy, path, trustedKeys, clock, say, reloaded }: ReloadSetup): void {
  const following = followPolicy({
    paths: [path, ...trustedKeys],
    clock,
    say,
    async load(because) {
      const result = await policy.load(because === "signal" ? "always" : "if_changed");
      if (!result.ok) return say(`${result.error.message}: the previous policy stays in force`);
      if (result.value === "unchanged") return;
      reloaded();
      say("the policy was read again and is in force");
    },
  });
  process.on("SIGHUP", following.signal);
}
