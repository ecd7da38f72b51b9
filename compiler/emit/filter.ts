// The ports that a policy allows one subject to bind, as an ABI filter's profile of version 1: phase 0 without the engine.
// A rule that it can't express is not approximated; the profile is refused with the reasons.
import { encodeFilter, FILTER_MAX_RULES, type FilterRule } from "../../runtime/abi/filter.ts";
import { fnv1a64 } from "../../runtime/abi/fnv.ts";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import type { CheckedExpose, CheckedPolicy, PortRange } from "../policy/policy.ts";
import type { Span } from "../source/source.ts";

/** The subject that binds for every expose that is not `direct`. */
const GATEWAY = "ingressd";

export interface Profile {
  readonly bytes: Uint8Array;
  readonly subject: bigint;
  readonly rules: readonly FilterRule[];
}

export interface Misfit {
  /** One sentence, lower case, no period. */
  readonly reason: string;
  /** Null where it is of the whole. */
  readonly span: Span | null;
}

export function filterProfile(policy: CheckedPolicy, subject: string): Result<Profile, readonly Misfit[]> {
  const own = bindsOf(policy, subject);
  const misfits: Misfit[] = [
    ...own.flatMap(misfitsOf),
    ...policy.dials
      .filter(({ service }) => service === subject)
      .map(({ span }) => ({ reason: `\`${subject}\` may dial over udp, and version 1 has no protocols: port 0 would be open over tcp too`, span })),
  ];
  const rules = joined(own.filter((e) => e.bind === null).flatMap((e) => e.ports)).map(({ first, last }): FilterRule => ({ action: "allow", first, last }));
  if (misfits.length === 0 && rules.length > FILTER_MAX_RULES)
    misfits.push({ reason: `\`${subject}\` needs ${rules.length} rules, and a profile has at most ${FILTER_MAX_RULES}`, span: null });
  if (misfits.length > 0) return failed(misfits);
  return ok({ bytes: encodeFilter({ subject: fnv1a64(subject), rules }), subject: fnv1a64(subject), rules });
}

/** The exposes whose ports the subject binds. */
export function bindsOf({ exposes }: CheckedPolicy, subject: string): readonly CheckedExpose[] {
  return exposes.filter((e) => (e.mode === "direct" ? e.service : GATEWAY) === subject);
}

function misfitsOf({ name, proto, mode, bind, span }: CheckedExpose): Misfit[] {
  if (mode === "direct") return [{ reason: `\`${name}\` is bound with a token (\`as direct\`), and a filter sees none`, span }];
  if (proto === "udp") return [{ reason: `\`${name}\` is exposed on udp, and version 1 has no protocols: its ports would be open over tcp too`, span }];
  return bind === null ? [] : [{ reason: `\`${name}\` is bound at some addresses alone, and version 1 has ports only: it would open all addresses`, span }];
}

/** Sorted, disjoint and not adjacent. */
export function joined(ports: readonly PortRange[]): readonly PortRange[] {
  const out: { first: number; last: number }[] = [];
  for (const { first, last } of [...ports].sort((a, b) => a.first - b.first)) {
    const before = out.at(-1);
    if (before !== undefined && first <= before.last + 1) before.last = Math.max(before.last, last);
    else out.push({ first, last });
  }
  return out;
}
