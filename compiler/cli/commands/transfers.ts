// The commands that transfer modules over a network, loaded together.
import { run as pullRun } from "./pull.ts";
import { run as pushRun } from "./push.ts";
import type { Run } from "../command.ts";

export const TRANSFER_COMMANDS = { push: { run: pushRun }, pull: { run: pullRun } } as const satisfies Readonly<Record<string, { readonly run: Run }>>;
