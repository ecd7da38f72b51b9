// The engine's C with faults: once the clock was set to a time whose upper word is 0xdead, the call that the lower word names traps, or
// gives an answer that contradicts itself. The crates are copied with it, so that those of the project stay as they are.
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PROJECT } from "./rust.ts";

/** Calls with an answer, by the number of their fault. */
const ANSWERS = { accept6: 1, batch: 2, hello: 3, charge: 4, bind: 5 } as const;
const OTHERS = { listenerAt: 6, release: 7, connections: 8, clock: 9 } as const;

/** `trap` of each call; of those with an answer an allow with the code of a refusal; a verdict that there isn't; a name that leads nowhere. */
export const FAULTS: readonly number[] = [
  ...Object.values(ANSWERS),
  ...Object.values(OTHERS),
  ...Object.values(ANSWERS).map((kind) => 100 + kind),
  200 + ANSWERS.accept6,
  200 + ANSWERS.hello,
];

const BEFORE = `#include "abi.h"
#include <string.h>
static u32 fault;
static void set(w2c_engine* instance, u32 at, u32 value) { memcpy(instance->w2c_memory.data + at, &value, sizeof value); }
static u32 answers(w2c_engine* instance, u32 verdict, u32 reason, u32 code, u32 listener) {
  set(instance, INGRESS_DETAIL_BASE + INGRESS_DETAIL_VERDICT, verdict);
  set(instance, INGRESS_DETAIL_BASE + INGRESS_DETAIL_REASON, reason);
  set(instance, INGRESS_DETAIL_BASE + INGRESS_DETAIL_CODE, code);
  set(instance, INGRESS_DETAIL_BASE + INGRESS_DETAIL_RULE, (u32)INGRESS_NO_RULE);
  set(instance, INGRESS_DETAIL_BASE + INGRESS_DETAIL_LISTENER, listener);
  return verdict;
}
static u32 admits(w2c_engine* instance) {
  const u32 at = w2c_engine_scratch(instance);
  set(instance, at + INGRESS_R_BATCH_VERDICT, INGRESS_ALLOW);
  set(instance, at + INGRESS_R_BATCH_CODE, INGRESS_REASON_POLICY << 16 | INGRESS_CODE_NOT_EXPOSED);
  set(instance, at + INGRESS_R_BATCH_RULE, (u32)INGRESS_NO_RULE);
  return 1;
}
`;

/** The statements at the begin of a call. */
function first(name: string): string {
  const traps = (kind: number): string => `  if (fault == ${kind}) wasm_rt_trap(WASM_RT_TRAP_UNREACHABLE);\n`;
  const answers = (fault: number, words: string): string => `  if (fault == ${fault}) return answers(instance, ${words});\n`;
  if (name === "clock") return `  if (var_p0 == 0xdead) { fault = var_p1; return; }\n${traps(OTHERS.clock)}`;
  if (name in OTHERS) return traps(OTHERS[name as keyof typeof OTHERS]);
  const kind = ANSWERS[name as keyof typeof ANSWERS];
  if (name === "batch") return `${traps(kind)}  if (fault == ${100 + kind}) return admits(instance);\n`;
  const refusal = answers(100 + kind, "INGRESS_ALLOW, INGRESS_REASON_POLICY, INGRESS_CODE_NOT_EXPOSED, 0");
  const other =
    name === "accept6" ? answers(200 + kind, "77, INGRESS_REASON_NONE, INGRESS_CODE_ALLOWED, 0")
    : name === "hello" ? answers(200 + kind, "INGRESS_ALLOW, INGRESS_REASON_NONE, INGRESS_CODE_ALLOWED, 0x7fffffff")
    : "";
  return `${traps(kind)}${refusal}${other}`;
}

export function brokenEngine(text: string): string {
  let out = text;
  for (const name of [...Object.keys(ANSWERS), ...Object.keys(OTHERS)]) {
    const head = new RegExp(`^(?:u32|void) w2c_engine_${name}\\(w2c_engine\\* instance[^)]*\\) \\{\\n`, "m");
    const found = head.exec(out)?.[0];
    if (found === undefined) throw new Error(`engine.c has no ${name}`);
    out = out.replace(found, `${found}${first(name)}`);
  }
  const include = '#include "engine.h"\n';
  if (!out.includes(include)) throw new Error("engine.c does not include engine.h");
  return out.replace(include, `${include}${BEFORE}`);
}

/** A copy of the crates and of the program of the vectors with this engine; returns the program's folder. */
export function copyBroken(place: string): string {
  const skipped = (path: string): boolean => !path.endsWith("/target");
  for (const folder of ["crates", "tests/crates/vectors"]) cpSync(join(PROJECT, folder), join(place, folder), { recursive: true, filter: skipped });
  const engine = join(place, "crates/ingress-engine-sys/c/engine.c");
  writeFileSync(engine, brokenEngine(readFileSync(engine, "utf8")));
  return join(place, "tests/crates/vectors");
}
