// The codes that no small policy can have: each needs a larger one, a program, or a policy of another kind. bounds.test.ts, services.test.ts,
// profile_os.test.ts and tests/import have them.
import type { DiagnosticCode } from "../../compiler/diagnostics/codes.ts";

/** Of a policy that is written for another program; tests/fleet has them. */
export const TARGET_CODES: readonly DiagnosticCode[] = [
  "ING900",
  "ING901",
  "ING902",
  "ING903",
  "ING904",
  "ING905",
  "ING906",
  "ING907",
  "ING908",
  "ING909",
  "ING910",
];

/** Of a policy that is written for Open Nexus OS; tests/os has them. */
export const NEXUS_CODES: readonly DiagnosticCode[] = ["ING925", "ING926", "ING927", "ING928", "ING929", "ING930", "ING931", "ING932", "ING933"];

/** Ascending. */
export const CODES_WITHOUT_CASE: readonly DiagnosticCode[] = [
  "ING209",
  "ING601",
  "ING602",
  "ING603",
  "ING604",
  "ING605",
  "ING606",
  "ING607",
  "ING608",
  "ING609",
  "ING610",
  "ING612",
  "ING614",
  "ING616",
  "ING806",
  "ING873",
  "ING874",
  "ING875",
  "ING877",
  ...TARGET_CODES,
  ...NEXUS_CODES,
];
