// A state directory and trusted keys on the disk, for tests of what outlives a restart.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { PolicyInfo } from "../../runtime/host/module.ts";
import { newSigner, signed, type Signer } from "../host/signed.ts";
import { temporaryFolder, type Under } from "./gateway_under_test.ts";

export interface StateUnderTest {
  readonly directory: string;
  readonly copy: string;
  readonly mark: string;
  readonly ours: Signer;
  /** The file of our public key. */
  readonly keyPath: string;
  /** TOML with the state directory only, and with our key trusted too. */
  readonly kept: string;
  readonly trusting: string;
  /** Signed by us. */
  readonly sign: (module: Uint8Array, revision: number) => Uint8Array;
  /** The revision in the mark's text, null without a file. */
  readonly revision: () => number | null;
}

export function newState(): StateUnderTest {
  const folder = temporaryFolder();
  const directory = join(folder, "state");
  mkdirSync(directory, { mode: 0o700 });
  const ours = newSigner();
  const keyPath = join(folder, "ours.pub");
  writeFileSync(keyPath, ours.pem, { mode: 0o644 });
  const kept = `state_dir = "${directory}"`;
  const mark = join(directory, "revision.mark");
  return {
    directory,
    mark,
    ours,
    keyPath,
    kept,
    copy: join(directory, "last_good.wasm"),
    trusting: `${kept}\n[policy]\nwatch = false\ntrusted_keys = ["${keyPath}"]`,
    sign: (module, revision) => signed(module, ours, { revision: BigInt(revision) }),
    revision: () => {
      try {
        return Number(/ revision=(\d+) /.exec(readFileSync(mark, "utf8"))?.[1] ?? Number.NaN);
      } catch (error) {
        if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
        throw error;
      }
    },
  };
}

export interface PolicyStatus {
  readonly source: string;
  readonly instead_of: string | null;
  readonly signature: PolicyInfo["signature"];
}

/** The parts of `status` that say which policy is in force and why. */
export async function policyStatus(gateway: Under): Promise<PolicyStatus> {
  const status = await gateway.daemon.status();
  if (!hasPolicy(status)) throw new Error("no policy in status");
  return status.policy;
}

function hasPolicy(value: unknown): value is { readonly policy: PolicyStatus } {
  return (
    typeof value === "object" && value !== null && "policy" in value && typeof value.policy === "object" && value.policy !== null && "source" in value.policy
  );
}
