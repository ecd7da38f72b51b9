// Reads the answers of a running module. Only this file makes Permits: one line turns the module's "allow" into a Permit, and
// every other path, a trap included, ends in a Denial.
import * as abi from "../abi/layout.ts";
import { CODES, isCode, type CodeNumber } from "../abi/names.ts";
import * as v from "../abi/verdicts.ts";
import { denial, mintPermit, type Answer, type Denial, type Pending } from "./decision.ts";

/** A Permit has one of these codes. */
const ADMITTING: ReadonlySet<CodeNumber> = new Set([v.CODE_ALLOWED, v.CODE_LOOPBACK_BIND, v.CODE_GATEWAY_BIND, v.CODE_DIRECT_BIND, v.CODE_DIAL_BIND]);

const PENDING: Pending = { allowed: false, later: true };

/** The codes with which a dryrun cap or limit may say that it would have refused. */
const RATE_CODES: ReadonlySet<CodeNumber> = new Set([
  v.CODE_CAP_LISTENER,
  v.CODE_CAP_SOURCE,
  v.CODE_CAP_IDENTITY,
  v.CODE_CAP_TABLE,
  v.CODE_LIMIT_LISTENER,
  v.CODE_LIMIT_SOURCE,
  v.CODE_LIMIT_IDENTITY,
]);

export class Answers {
  readonly #view: DataView;
  readonly #rules: number;
  #failure: Denial | null = null;
  /** The last refusal: the next one is mostly the same. */
  #refusal: Denial | null = null;

  /** `view`: the module's memory; `rules`: how many it has. */
  constructor(view: DataView, rules: number) {
    this.#view = view;
    this.#rules = rules;
  }

  /** The answer to everything once the engine is poisoned; null before. */
  get failure(): Denial | null {
    return this.#failure;
  }

  /** The refusal of a request that the module does not get. */
  refuse(code: CodeNumber): Denial {
    return this.#failure ?? denial(code);
  }

  poison(code: CodeNumber): Denial {
    this.#failure = denial(code);
    return this.#failure;
  }

  /** A trap poisons the engine for good. */
  run<T>(call: () => T, otherwise: T): T {
    if (this.#failure !== null) return otherwise;
    try {
      return call();
    } catch {
      this.poison(v.CODE_MODULE_TRAP);
      return otherwise;
    }
  }

  /** Runs a call that returns a verdict and writes its reason, code and rule into the detail words. */
  query(call: () => number): Answer {
    const verdict = this.run(call, v.VERDICT_DENY);
    return this.#failure ?? this.read(verdict);
  }

  /** The same for a call that charges, which also says what dryrun caps and limits would have refused. Modules of earlier releases have 0 there. */
  charged(call: () => number): Answer {
    const verdict = this.run(call, v.VERDICT_DENY);
    return this.#failure ?? this.read(verdict, this.detail(abi.DETAIL_WOULD));
  }

  /** The answer that the detail words have. */
  read(verdict: number, would: number = v.CODE_NONE): Answer {
    if (this.detail(abi.DETAIL_VERDICT) !== verdict) return this.poison(v.CODE_MODULE_RESULT);
    return this.decision(verdict, this.detail(abi.DETAIL_REASON), this.detail(abi.DETAIL_CODE), this.detail(abi.DETAIL_RULE), would);
  }

  detail(field: number): number {
    return this.#view.getInt32(abi.DETAIL_BASE + field, true);
  }

  /** INVARIANT: the answer's numbers agree with each other; otherwise the engine is poisoned. */
  decision(verdict: number, reason: number, code: number, rule: number, wouldCode: number): Answer {
    if (!isCode(code) || rule < abi.NO_RULE || rule >= this.#rules) return this.poison(v.CODE_MODULE_RESULT);
    const { name, reason: due } = CODES[code];
    if (reason !== due) return this.poison(v.CODE_MODULE_RESULT);
    // A connection that is refused was charged to nothing.
    if (wouldCode !== v.CODE_NONE && (verdict === v.VERDICT_DENY || !isCode(wouldCode) || !RATE_CODES.has(wouldCode))) return this.poison(v.CODE_MODULE_RESULT);
    const would = wouldCode !== v.CODE_NONE && isCode(wouldCode) ? CODES[wouldCode].name : undefined;
    if (verdict === v.VERDICT_ALLOW && ADMITTING.has(code)) return mintPermit(name, rule, would);
    const pending = would === undefined ? PENDING : { ...PENDING, would };
    if (verdict === v.VERDICT_OPEN && code === v.CODE_OPEN) return pending;
    if (verdict === v.VERDICT_IDENTITY && code === v.CODE_OPEN_IDENTITY) return pending;
    if (verdict === v.VERDICT_DENY && due !== v.REASON_NONE) {
      if (this.#refusal === null || this.#refusal.code !== name || this.#refusal.rule !== rule) this.#refusal = denial(code, rule);
      return this.#refusal;
    }
    return this.poison(v.CODE_MODULE_RESULT);
  }
}
