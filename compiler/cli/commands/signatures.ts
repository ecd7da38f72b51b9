// The commands of keys and signatures, loaded together.
import { run as keygenRun } from "./keygen.ts";
import { run as signRun } from "./sign.ts";
import { run as verifyRun } from "./verify.ts";
import type { Run } from "../command.ts";

export const SIGNATURE_COMMANDS = { keygen: { run: keygenRun }, sign: { run: signRun }, verify: { run: verifyRun } } as const satisfies Readonly<
  Record<string, { readonly run: Run }>
>;
