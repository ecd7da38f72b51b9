// Damages a subject's module many times and counts the outcomes.
import { loadPolicy } from "../../../runtime/host/load.ts";
import { load } from "../../oracle/ask.ts";
import { chance } from "../../oracle/random.ts";
import { answersOf, hinted, type Answers } from "./answers.ts";
import { damaged, partsOf, type Seal } from "./mutate.ts";
import type { Subject } from "./subjects.ts";

export interface Outcomes {
  readonly name: string;
  tried: number;
  /** The damage changed nothing. */
  untouched: number;
  /** Refusals by code. */
  readonly refused: Map<string, number>;
  /** Loaded, and every answer equals the good module's. */
  same: number;
  /** Loaded, with different answers, but none allows what the good module denies. */
  stricter: number;
  /** Loaded, and allows something that the good module denies. */
  readonly opened: string[];
  /** Loaded, and an answer was out of range or trapped; the host denies everything from then on. */
  readonly odd: string[];
}

/** How the answers differ from the good module's. */
export function flips(good: Answers, now: Answers): { readonly differs: boolean; readonly opens: boolean; readonly odd: boolean } {
  let [differs, opens, odd] = [false, false, false];
  now.verdicts.forEach((verdict, i) => {
    const before = good.verdicts[i];
    if (verdict < 0) odd = true;
    if (verdict !== before || now.codes[i] !== good.codes[i]) differs = true;
    // A request that is no longer refused counts as an opening too.
    if (verdict > 0 && before === 0) opens = true;
    if (verdict === 1 && before === 2) opens = true;
  });
  now.charged.forEach((code, i) => {
    if (code !== good.charged[i]) differs = true;
    if (code === "allowed" && good.charged[i] !== "allowed") opens = true;
    if (code === "module_trap" || code === "module_result") odd = true;
  });
  return { differs, opens, odd };
}

export function outcomesOf(subject: Subject, times: number, seed: number, seal: Seal): Outcomes {
  const parts = partsOf(subject.module);
  const good = load(subject.module);
  const usual = answersOf(good, subject, subject.sources);
  const out: Outcomes = { name: subject.name, tried: 0, untouched: 0, refused: new Map(), same: 0, stricter: 0, opened: [], odd: [] };
  for (let i = 0; i < times; i++) {
    const { module, how, words } = damaged(parts, chance(seed + i), seal);
    out.tried++;
    if (Buffer.compare(module, subject.module) === 0) {
      out.untouched++;
      continue;
    }
    const loaded = loadPolicy(module);
    if (!loaded.ok) {
      out.refused.set(loaded.error.code, (out.refused.get(loaded.error.code) ?? 0) + 1);
      continue;
    }
    const near = hinted(words);
    const whole = flips(usual, answersOf(loaded.value, subject, subject.sources));
    const close = flips(answersOf(good, subject, near), answersOf(loaded.value, subject, near));
    const what = `${subject.name}, seed ${seed + i}: ${how}`;
    if (whole.odd || close.odd) out.odd.push(what);
    if (whole.opens || close.opens) out.opened.push(what);
    else if (whole.differs || close.differs) out.stricter++;
    else out.same++;
  }
  return out;
}

export function refusedIn({ refused }: Outcomes): number {
  return [...refused.values()].reduce((sum, n) => sum + n, 0);
}

export function outcomeLine({ name, tried, untouched, refused, same, stricter, opened, odd }: Outcomes): string {
  const codes = [...refused]
    .sort()
    .map(([code, n]) => `${n} ${code}`)
    .join(", ");
  return `corrupt: ${name}: ${tried} damaged, ${untouched} by nothing; refused ${codes}; loaded: ${same} the same, ${stricter} stricter or otherwise named, ${opened.length} open more, ${odd.length} odd`;
}
