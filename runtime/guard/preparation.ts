// Everything that a guard needs before it starts its program. Whatever is missing or refused is a reason not to start it.
import { resolve } from "node:path";
import { ok, failed, type Result } from "../result/result.ts";
import { systemClock, type Clock } from "../shell/clock.ts";
import { EXIT_CODES } from "../shell/exit.ts";
import { openLibc, type Libc } from "../shell/libc.ts";
import { prepareStateDirectory } from "../shell/revision.ts";
import type { Command } from "./arguments.ts";
import { openAudit, type AuditFile } from "./audit_file.ts";
import { confinement, type Confinement } from "./confinement.ts";
import { architecture, type Architecture } from "./filter.ts";
import { prepareIsolation, type Isolation } from "./isolation.ts";
import { openKernel, type Kernel } from "./kernel.ts";
import { openKey } from "./key.ts";
import { inheritedSockets } from "./launch.ts";
import { networkDescriptors } from "./namespace.ts";
import { guardPolicy, type GuardPolicy, type Signatures } from "./policy.ts";

export type RunCommand = Extract<Command, { readonly kind: "run" }>;

/** Why no program was started. */
export interface Refusal {
  readonly exitCode: number;
  readonly sentence: string;
}

export interface Machine {
  readonly libc: Libc;
  readonly architecture: Architecture;
  readonly kernel: Kernel;
}

export interface Prepared extends Machine {
  readonly confined: Confinement;
  readonly clock: Clock;
  /** Absolute. */
  readonly path: string;
  readonly signatures: Signatures | null;
  readonly policy: GuardPolicy;
  readonly audit: AuditFile | null;
  /** The key of tokens; null where the program gets no port under a token. */
  readonly key: Uint8Array | null;
  readonly isolation: Isolation | null;
}

const missing = (sentence: string): Result<never, Refusal> => failed({ exitCode: EXIT_CODES.missing, sentence: `${sentence}: nothing was started` });
const rejected = (sentence: string): Result<never, Refusal> => failed({ exitCode: EXIT_CODES.reject, sentence: `${sentence}: nothing was started` });

/** The calls of this machine's kernel. */
export function openMachine(): Result<Machine, Refusal> {
  const found = architecture(process.arch);
  if (found === null || process.platform !== "linux") {
    return missing(`it supports Linux on x64 and arm64, not ${process.platform} on ${process.arch}`);
  }
  const libc = openLibc();
  if (libc === null) return missing("it needs koffi, an optional dependency that is not installed here");
  return ok({ libc, architecture: found, kernel: openKernel(libc, found) });
}

/** `lost`: called when the program's namespace can no longer be reached. */
export async function prepare(command: RunCommand, say: (sentence: string) => void, lost: () => void): Promise<Result<Prepared, Refusal>> {
  const { service, isolate, tokens } = command;
  const opened = openMachine();
  if (!opened.ok) return opened;
  const { libc, kernel } = opened.value;
  const confined = confinement(libc, tokens !== null, process.geteuid?.() === 0);
  if (!confined.ok) return missing(confined.error);
  const inherited = isolate ? networkDescriptors(kernel) : inheritedSockets();
  if (inherited.length > 0) {
    const sentence = `descriptor ${inherited.join(", ")} is a socket ${isolate ? "of the network outside" : "that could be listened on"}: start it with a file or a pipe there`;
    return failed({ exitCode: EXIT_CODES.reject, sentence });
  }
  const path = resolve(command.policy);
  const clock = systemClock();
  const signatures =
    command.signatures === null ?
      null
    : {
        trustedKeys: command.signatures.trustedKeys.map((key) => resolve(key)),
        stateDirectory: resolve(command.signatures.stateDirectory),
      };
  const noState = signatures === null ? null : prepareStateDirectory(signatures.stateDirectory, "this guard", "--state-dir");
  if (noState !== null) return rejected(noState);
  const policy = guardPolicy(path, service, clock, signatures);
  const loaded = await policy.load("always");
  if (!loaded.ok) return rejected(loaded.error.message);
  const audit = command.audit === null ? ok(null) : openAudit(command.audit);
  if (!audit.ok) return rejected(audit.error);
  const key = tokens === null ? ok(null) : openKey(tokens.key, process.geteuid?.() ?? 0);
  if (!key.ok) return rejected(key.error);
  const isolation = isolate ? prepareIsolation({ service, sockets: command.sockets, say, lost }) : ok(null);
  if (!isolation.ok) return (isolation.error.because === "missing" ? missing : rejected)(isolation.error.sentence);
  return ok({ ...opened.value, confined: confined.value, clock, path, signatures, policy, audit: audit.value, key: key.value, isolation: isolation.value });
}
