// Gives rows their backends, with the charges for them, and notes those that fail.
import { bump, type Counters } from "../audit/counters.ts";
import { CHARGED_BACKEND, CHARGED_OPEN, moveTo, type Account } from "../connection/charges.ts";
import type { BackendFailure } from "../end.ts";
import type { Backend } from "../forward/backends.ts";
import { BackendChoice, type ChoiceSetup } from "./backend_choice.ts";

export interface ChoosingSetup extends ChoiceSetup {
  readonly account: Account;
  readonly counters: Pick<Counters, "traffic">;
}

/** INVARIANT: where the choice fails inside, there is no other backend. */
export function unlessFailed(choose: () => boolean): boolean {
  try {
    return choose();
  } catch {
    return false;
  }
}

export class Choosing {
  readonly #setup: ChoosingSetup;
  readonly #choice: BackendChoice;

  constructor(setup: ChoosingSetup) {
    this.#setup = setup;
    this.#choice = new BackendChoice(setup);
  }

  /** How many more connections the backends may have under way. */
  room(backends: readonly Backend[]): number {
    return this.#choice.room(backends);
  }

  /** False where none can be had. */
  first(row: number, backends: readonly Backend[], charges: number): boolean {
    return this.#give(row, backends, charges);
  }

  /** The row's backend could not take it. */
  failed(row: number, because: BackendFailure): void {
    const backend = this.#setup.account.table.backend[row];
    if (backend === undefined) return;
    this.#choice.failed(backend);
    this.#count(row, backend, because);
  }

  /** In place of the one that has failed. False where there is none that the row has not tried. */
  next(row: number, backends: readonly Backend[], charges = CHARGED_BACKEND | CHARGED_OPEN): boolean {
    const { table } = this.#setup.account;
    const last = table.backend[row];
    const tried = (table.tried[row] ??= new Set<string>());
    if (last !== undefined) tried.add(last.address.key);
    return this.#give(row, backends, charges);
  }

  #give(row: number, backends: readonly Backend[], charges: number): boolean {
    const { account } = this.#setup;
    const { table } = account;
    const choice = this.#choice.choose(backends, table.tried[row] ?? null, (backend) => this.#count(row, backend, "full"));
    if (choice === null) return false;
    table.choices[row] = Math.min(choice.choices, 255);
    moveTo(account, row, choice.backend, charges);
    return true;
  }

  #count(row: number, { address }: Backend, because: BackendFailure): void {
    const { account, counters } = this.#setup;
    bump(counters.traffic.of(account.table.expose[row]?.name ?? "", address.key).failures, because);
  }
}
