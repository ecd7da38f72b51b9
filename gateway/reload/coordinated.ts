// Changes that a coordinator outside of this process finishes, such as a configuration broker that changes several
// gateways as one: `prepare`, then `commit` or `abort` by id over the control socket.
//
// A prepared change has a lease. When the lease ends, when the connection that prepared it closes, or when the gateway
// stops, the change is aborted. One is prepared at a time. A second `prepare` is refused and does not wait, so that two
// coordinators that each prepared at one gateway and want the other one can't block each other.
//
// A commit is final: `abort` of a committed change is refused.
import { randomBytes } from "node:crypto";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import type { GatewayClock } from "../clock.ts";
import type { ChangeCounts } from "../audit/counters.ts";
import type { Change } from "./change.ts";
import type { Reloader } from "./reload.ts";
import { reportSentence, type Refused, type Report } from "./report.ts";
import type { Outlook } from "./transaction.ts";

export const LEASE_MS = 10_000;
export const LEASE_MOST_MS = 60_000;
/** Changes that are over and whose answers are given again; the oldest is forgotten. */
export const REMEMBERED = 16;

const ID_BYTES = 16;

/** The connection that prepares. */
export interface Owner {
  /** Unique over all connections. */
  readonly number: number;
  /** False once it has closed. */
  readonly alive: () => boolean;
}

export interface Leased {
  /** 32 random hexadecimal digits. */
  readonly id: string;
  readonly leaseMs: number;
  readonly outlook: Outlook;
}

export interface Aborted {
  readonly id: string;
  readonly because: string;
}

export interface CoordinatedSetup {
  readonly reloader: Pick<Reloader, "prepare">;
  readonly clock: Pick<GatewayClock, "monoMs">;
  readonly counts: ChangeCounts;
  readonly say: (sentence: string) => void;
}

interface Row extends Leased {
  readonly owner: number;
  /** Monotonic milliseconds; a commit is in time until then. */
  readonly untilMs: number;
  /** Null once it is over. */
  change: Change | null;
  /** Null until `commit` is called; the same answer is given each time. */
  answer: Promise<Result<Report, Refused>> | null;
  /** Why it was aborted; null where it was not. */
  aborted: string | null;
}

export class CoordinatedChanges {
  readonly #setup: CoordinatedSetup;
  readonly #rows = new Map<string, Row>();
  /** From the call of `prepare` on, until the change is over. */
  #busy = false;

  constructor(setup: CoordinatedSetup) {
    this.#setup = setup;
  }

  /** Checks the policy file and opens its new ports without serving anybody there. `leaseMs`: 1 to LEASE_MOST_MS. */
  async prepare(owner: Owner, leaseMs: number): Promise<Result<Leased, Refused>> {
    const current = this.current();
    if (this.#busy) {
      const until = current === null ? "" : `; it is aborted in ${current.expiresInMs} ms unless it is committed`;
      return this.#refuse({ cause: "busy", message: `another change is prepared${until}: try again when it is over` });
    }
    this.#busy = true;
    try {
      return await this.#prepare(owner, leaseMs);
    } finally {
      this.#busy = this.current() !== null;
    }
  }

  /** The answer of an id is the same each time, also after a failure and over another connection. */
  async commit(id: string): Promise<Result<Report, Refused>> {
    const row = this.#rows.get(id);
    if (row === undefined) return failed(unknown(id));
    row.answer ??= this.#commit(row);
    return row.answer;
  }

  /** Succeeds, too, where the change was aborted before. */
  async abort(id: string): Promise<Result<Aborted, Refused>> {
    const row = this.#rows.get(id);
    if (row === undefined) return failed(unknown(id));
    if (row.answer !== null && row.aborted === null && (await row.answer).ok) {
      return failed({ cause: "committed", message: `change ${id} is committed: to go back, put the previous policy in the file's place and reload` });
    }
    await this.#abort(row, "its coordinator aborted it");
    return ok({ id, because: row.aborted ?? "its commit failed" });
  }

  /** A connection has closed: what it prepared and did not commit is aborted. */
  async ownerGone(number: number): Promise<void> {
    for (const row of this.#rows.values()) if (row.owner === number) await this.#abort(row, "the connection that prepared it closed");
  }

  /** Whether a connection has a change prepared, so that its silence is no reason to close it. */
  isOwner(number: number): boolean {
    return this.current()?.owner === number;
  }

  /** The change that is prepared; null where none is. */
  current(): (Leased & { readonly owner: number; readonly expiresInMs: number }) | null {
    for (const row of this.#rows.values()) {
      if (row.change !== null) return { ...row, expiresInMs: Math.max(0, row.untilMs - this.#setup.clock.monoMs()) };
    }
    return null;
  }

  async #prepare(owner: Owner, leaseMs: number): Promise<Result<Leased, Refused>> {
    const { reloader, clock, counts, say } = this.#setup;
    const id = randomBytes(ID_BYTES).toString("hex");
    let row: Row | null = null;
    const early: string[] = [];
    // INVARIANT: a commit at the last millisecond of the lease is in time, one a millisecond later is not.
    const change = await reloader.prepare({
      afterMs: leaseMs + 1,
      aborted: (because) => {
        if (row === null) early.push(because);
        else this.#over(row, because);
      },
    });
    if (!change.ok) return this.#refuse(change.error);
    row = {
      id,
      leaseMs,
      outlook: change.value.outlook,
      owner: owner.number,
      untilMs: clock.monoMs() + leaseMs,
      change: change.value,
      answer: null,
      aborted: null,
    };
    this.#remember(row);
    counts.prepared++;
    const { opens, closes, info } = row.outlook;
    say(
      `change ${id} is prepared: policy ${info.sha256.slice(0, 12)}${listed("opens", opens)}${listed("closes", closes)}; it is aborted unless it is committed within ${leaseMs} ms`,
    );
    for (const because of early) this.#over(row, because);
    if (!owner.alive()) await this.#abort(row, "the connection that prepared it closed");
    const { aborted } = row;
    return aborted === null ? ok({ id, leaseMs, outlook: row.outlook }) : failed({ cause: "aborted", message: `change ${id} was aborted: ${aborted}` });
  }

  async #commit(row: Row): Promise<Result<Report, Refused>> {
    const { counts, say } = this.#setup;
    const { change, id } = row;
    const report = change === null ? null : await change.commit().finally(() => this.#free(row));
    if (row.aborted !== null || report === null) return failed({ cause: "aborted", message: `change ${id} was aborted: ${row.aborted ?? "it is over"}` });
    if (!report.ok) {
      say(`change ${id} failed: ${report.error.message}`);
      return this.#refuse(report.error);
    }
    counts.committed++;
    say(`change ${id} is committed: ${reportSentence(report.value)}`);
    return report;
  }

  async #abort(row: Row, because: string): Promise<void> {
    if (row.change === null || row.answer !== null) return;
    const { change } = row;
    this.#over(row, because);
    await change.abort();
  }

  #over(row: Row, because: string): void {
    if (row.aborted !== null) return;
    row.aborted = because;
    this.#free(row);
    this.#setup.counts.aborted++;
    this.#setup.say(`change ${row.id} is aborted: ${because}`);
  }

  #free(row: Row): void {
    row.change = null;
    this.#busy = false;
  }

  #remember(row: Row): void {
    this.#rows.set(row.id, row);
    for (const oldest of this.#rows.keys()) if (this.#rows.size > REMEMBERED) this.#rows.delete(oldest);
  }

  #refuse(error: Refused): Result<never, Refused> {
    this.#setup.counts.refused++;
    return failed(error);
  }
}

function unknown(id: string): Refused {
  return { cause: "unknown", message: `no change has the id ${id}: prepare it first (the last ${REMEMBERED} changes of this run are remembered)` };
}

function listed(word: string, list: readonly string[]): string {
  return list.length === 0 ? "" : `, ${word} ${list.join(" ")}`;
}
