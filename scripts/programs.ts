// The programs of this package, for what is written from their command tables.
import { INGRESSC } from "../compiler/cli/command_table.ts";
import { INGRESSD } from "../gateway/cli/command_table.ts";
import { INGRESS_GUARD } from "../runtime/guard/command_table.ts";
import type { ProgramSpec } from "../runtime/shell/command_table.ts";

export const PROGRAMS: readonly ProgramSpec[] = [INGRESSC, INGRESSD, INGRESS_GUARD];
