// The guard without one of its points each: what is taken out of its sources, and the test with a real
// process that has to notice. Every text occurs exactly once in its file.
import { BINDS } from "./binds.ts";
import { CALLS } from "./calls.ts";
import type { Mutant } from "./edits.ts";
import { NAMESPACES } from "./namespaces.ts";
import { POLICIES } from "./policies.ts";
import { PROCESSES } from "./processes.ts";
import { RIGHTS } from "./rights.ts";
import { TOKENS } from "./tokens.ts";

export const MUTANTS: readonly Mutant[] = [...BINDS, ...CALLS, ...PROCESSES, ...RIGHTS, ...NAMESPACES, ...TOKENS, ...POLICIES];
