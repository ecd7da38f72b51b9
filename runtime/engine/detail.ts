// The answer to a request: four words in memory that the host reads, and the verdict as the call's
// result. A deny is written first; only `allow` overwrites it.

import { DETAIL_BASE, DETAIL_CODE, DETAIL_REASON, DETAIL_RULE, DETAIL_VERDICT, NO_RULE } from "../abi/layout";
import { REASON_NONE, VERDICT_ALLOW, VERDICT_DENY } from "../abi/verdicts";

export function deny(reason: i32, code: i32, rule: i32): i32 {
  store<i32>(DETAIL_BASE, VERDICT_DENY, DETAIL_VERDICT);
  store<i32>(DETAIL_BASE, reason, DETAIL_REASON);
  store<i32>(DETAIL_BASE, code, DETAIL_CODE);
  store<i32>(DETAIL_BASE, rule, DETAIL_RULE);
  return VERDICT_DENY;
}

export function allow(code: i32, rule: i32): i32 {
  store<i32>(DETAIL_BASE, VERDICT_ALLOW, DETAIL_VERDICT);
  store<i32>(DETAIL_BASE, REASON_NONE, DETAIL_REASON);
  store<i32>(DETAIL_BASE, code, DETAIL_CODE);
  store<i32>(DETAIL_BASE, rule, DETAIL_RULE);
  return VERDICT_ALLOW;
}

/** Neither refused nor admitted yet, because the fact that `verdict` needs is not yet known. */
export function open(verdict: i32, code: i32): i32 {
  store<i32>(DETAIL_BASE, verdict, DETAIL_VERDICT);
  store<i32>(DETAIL_BASE, REASON_NONE, DETAIL_REASON);
  store<i32>(DETAIL_BASE, code, DETAIL_CODE);
  store<i32>(DETAIL_BASE, NO_RULE, DETAIL_RULE);
  return verdict;
}
