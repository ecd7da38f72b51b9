// The configuration in force, and the one that a reload would put in its place. Every part of the gateway has the same
// object, and reads a value of it when it needs one, so that a commit changes all of them in one turn.
//
//   stage     read and checked; nothing takes effect     an error: the reload is refused as a whole
//   (reload)  what is prepared reads `upcoming`
//   commit    `config` has the new values                abort puts the previous ones back
import { createHash } from "node:crypto";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import type { Failure } from "../exit.ts";
import type { Part, Participant } from "../participant.ts";
import { changedKeys } from "./changed.ts";
import type { Config } from "./keys.ts";
import { withoutRestart } from "./restart_only.ts";

export interface LiveConfigSetup {
  readonly first: Config;
  /** The configuration as it would be read now; null where nobody reads it again. */
  readonly read: (() => Result<Config, Failure>) | null;
  /** Why a configuration that was read can't be put in force, with the remedy; null where it can. */
  readonly check: (next: Config) => string | null;
}

interface Staged {
  readonly next: Config;
  /** As it was read, with the values that need a restart. */
  readonly sha256: string;
  readonly changed: readonly string[];
  readonly restart: readonly string[];
}

/** The facts about the configuration in status and in the answer of a reload. */
export interface ConfigState {
  /** 1 at the start, and one more for each reload that changed a value. */
  readonly generation: number;
  /** Of the values that were read last and not refused, in one form. */
  readonly sha256: string;
  /** Keys that the last reload changed. */
  readonly changed: readonly string[];
  /** Keys whose value differs from the one in force, because they are read at the start only. */
  readonly restart: readonly string[];
  /** Why the configuration was refused when it was read last; null where it was not. */
  readonly refused: string | null;
}

export class LiveConfig {
  /** In force. INVARIANT: one object for the whole run; tables in it are the same, too. */
  readonly config: Config;
  readonly participant: Participant = { name: "the configuration", prepare: async () => ok(this.#part()) };
  readonly #setup: LiveConfigSetup;
  readonly #hooks: ((before: Config, after: Config) => void)[] = [];
  #staged: Staged | null = null;
  #state: ConfigState;

  constructor(setup: LiveConfigSetup) {
    this.#setup = setup;
    this.config = structuredClone(setup.first);
    this.#state = { generation: 1, sha256: hashOf(setup.first), changed: [], restart: [], refused: null };
  }

  get state(): ConfigState {
    return this.#state;
  }

  /** The configuration that a change under way would put in force; else the one in force. */
  get upcoming(): Config {
    return this.#staged?.next ?? this.config;
  }

  /** Called in the turn of a commit, or of its taking back, where a value has changed. */
  onChange(hook: (before: Config, after: Config) => void): void {
    this.#hooks.push(hook);
  }

  /** Reads and checks it. Whether a value differs from those that were read before; the error has every problem with place and remedy. */
  stage(): Result<boolean, string> {
    this.#staged = null;
    const read = this.#setup.read?.();
    if (read === undefined) return ok(false);
    const refused = (because: string): Result<never, string> => {
      this.#state = { ...this.#state, refused: because };
      return failed(because);
    };
    if (!read.ok) return refused(`the configuration is refused: ${read.error.message}`);
    const { next, restart } = withoutRestart(this.config, read.value);
    const fault = this.#setup.check(next);
    if (fault !== null) return refused(`the configuration is refused: ${fault}`);
    this.#staged = { next, sha256: hashOf(read.value), changed: changedKeys(this.config, next), restart };
    const isOther = this.#staged.sha256 !== this.#state.sha256 || this.#state.refused !== null;
    this.#state = { ...this.#state, refused: null };
    return ok(isOther);
  }

  /** Puts what is read now in force by itself, where no policy is in force that would have to change with it. */
  adopt(): void {
    if (this.stage().ok) void this.#part().commit();
  }

  /** Gives up what was staged and not committed. */
  unstage(): void {
    this.#staged = null;
  }

  #part(): Part {
    const staged = this.#staged;
    const [before, state] = [structuredClone(this.config), this.#state];
    let isCommitted = false;
    return {
      commit: () => {
        this.#staged = null;
        if (staged === null) return;
        isCommitted = true;
        const { next, sha256, changed, restart } = staged;
        this.#state = { generation: state.generation + (changed.length > 0 ? 1 : 0), sha256, changed, restart, refused: null };
        this.#replace(before, next);
      },
      restoring: () => {
        if (isCommitted) this.#staged = { next: before, sha256: state.sha256, changed: [], restart: state.restart };
      },
      abort: () => {
        this.#staged = null;
        if (!isCommitted) return;
        this.#state = { ...state, generation: this.#state.generation + (this.#state.changed.length > 0 ? 1 : 0) };
        this.#replace(structuredClone(this.config), before);
      },
    };
  }

  #replace(before: Config, after: Config): void {
    overwrite(this.config, structuredClone(after));
    if (changedKeys(before, after).length > 0) for (const hook of this.#hooks) hook(before, this.config);
  }
}

/** The keys that a reload changed, and those that need a restart, as the end of a sentence; empty where there are none. */
export function changesOf({ generation, changed, restart }: ConfigState): string {
  const did = changed.length > 0 ? `; configuration generation ${generation}: ${changed.join(", ")}` : "";
  return restart.length > 0 ? `${did}; read at the start only, and not in force before a restart: ${restart.join(", ")}` : did;
}

/** Of all values, defaults included, whatever their order in a file. */
function hashOf(config: Config): string {
  return createHash("sha256")
    .update(JSON.stringify(sorted(config)))
    .digest("hex");
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, one]) => [key, sorted(one)]),
  );
}

/** The tables of `target` stay the same objects. */
function overwrite(target: object, source: object): void {
  for (const name of Object.keys(target)) if (!Object.hasOwn(source, name)) Reflect.deleteProperty(target, name);
  for (const [name, value] of Object.entries(source)) {
    const old: unknown = Reflect.get(target, name);
    if (isTable(old) && isTable(value)) overwrite(old, value);
    else Reflect.set(target, name, value);
  }
}

function isTable(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
