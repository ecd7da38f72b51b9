// Reads the files of certificates, authorities and revocation lists into a credential set.
import type { GatewayClock } from "../clock.ts";
import { readAuthority, readShown, withNewerLists } from "./certificate_files.ts";
import type { CredentialConfig, CredentialSet, Kind } from "./credential_set.ts";
import { NewestLists } from "./newest_lists.ts";
import { filesAt } from "./revocation.ts";

/** Large lists of authorities take long to read: what is only missing is looked for without them. */
export type Which = "all" | "missing";

export class CredentialFiles {
  readonly #config: CredentialConfig;
  readonly #clock: Pick<GatewayClock, "wallMs">;
  /** By authority: the newest revocation lists that were ever in use, also where the configuration names none meanwhile. */
  readonly #newest = new Map<string, NewestLists>();

  constructor(config: CredentialConfig, clock: Pick<GatewayClock, "wallMs">) {
    this.#config = config;
    this.#clock = clock;
  }

  get paths(): readonly string[] {
    const { certs, cas } = this.#config;
    return [...Object.values(certs).flatMap(({ cert, key }) => [cert, key]), ...Object.values(cas).flatMap(({ file, crl = [] }) => [file, ...crl])];
  }

  /** The names of all files of revocation lists. */
  listing(): string {
    try {
      return Object.values(this.#config.cas)
        .flatMap(({ crl = [] }) => crl.flatMap(filesAt))
        .join("\n");
    } catch (error) {
      return String(error);
    }
  }

  /** Reads the files; where one can't be used, the previous one stays. `missing`: only those that are not loaded are read. */
  read(which: Which, current: CredentialSet): CredentialSet {
    const now = new Date(this.#clock.wallMs());
    const { certs, cas } = this.#config;
    const faults = new Map<string, string>();
    const listed = which === "all" ? this.listing() : current.listed;
    function all<E, T>(
      kind: Kind,
      entries: Readonly<Record<string, E>>,
      previous: ReadonlyMap<string, T>,
      one: (name: string, entry: E) => T,
      mayStay: (entry: E, before: T) => boolean = () => true,
    ): Map<string, T> {
      const found = new Map<string, T>();
      for (const [name, entry] of Object.entries(entries)) {
        const kept = which === "missing" ? previous.get(name) : undefined;
        if (kept !== undefined) {
          found.set(name, kept);
          const fault = current.faults.get(`${kind} ${name}`);
          if (fault !== undefined) faults.set(`${kind} ${name}`, fault);
          continue;
        }
        try {
          found.set(name, one(name, entry));
        } catch (error) {
          faults.set(`${kind} ${name}`, error instanceof Error ? error.message : String(error));
          const before = previous.get(name);
          if (before !== undefined && mayStay(entry, before)) found.set(name, before);
        }
      }
      return found;
    }
    return {
      certs: all("cert", certs, current.certs, (_name, { cert, key }) => readShown(cert, key, now)),
      // INVARIANT: where lists are configured, no client is admitted without them.
      cas: all(
        "ca",
        cas,
        current.cas,
        (name, entry) => readAuthority(name, entry, now, this.#newestOf(name).of),
        ({ crl }, { revocations }) => crl === undefined || revocations !== null,
      ),
      faults,
      listed,
    };
  }

  /** Lists that came with a change stay when it is taken back: what they revoke is admitted by no older one. */
  withNewerLists(next: CredentialSet, current: CredentialSet): CredentialSet {
    return { ...next, cas: new Map([...next.cas].map(([name, one]) => [name, withNewerLists(one, current.cas.get(name))])) };
  }

  /** Of an authority with this name. */
  #newestOf(name: string): NewestLists {
    const known = this.#newest.get(name) ?? new NewestLists();
    this.#newest.set(name, known);
    return known;
  }

  /** These are in use. */
  noteLists({ cas }: CredentialSet): void {
    for (const [name, { revocations }] of cas) if (revocations !== null) this.#newestOf(name).note(revocations.lists);
  }
}
