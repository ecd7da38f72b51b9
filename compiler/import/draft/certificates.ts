// Certificates of other programs are files. A policy names them, and ingressd's configuration says which files have these names.
import { MAX_CERTS, MAX_CREDENTIAL } from "../../source/bounds.ts";

/** The reason where the source has one of these two versions alone, or neither. */
export const TOO_OLD_OR_NEW = "ingressd serves TLS 1.2 and TLS 1.3, so it would serve clients";

/** Names of files that say nothing of the certificate in them; the folder does. */
const GENERIC = /^(?:fullchain|cert|chain|server|tls|site|certificate|combined|haproxy)\d*$/i;

/** The names of all certificates of an import: one for each file, each another one. */
export class Certificates {
  readonly #names = new Map<string, string>();

  /** Null where no name can be made of the path, because it is empty, depends on the request, or is a folder. */
  nameOf(path: string): string | null {
    if (path === "" || path.endsWith("/") || /[$\s]|^data:|^store:|^engine:/.test(path)) return null;
    const known = this.#names.get(path);
    if (known !== undefined) return known;
    const parts = path.split("/").map((part) => part.replace(/\.(?:pem|crt|cer|chained|combined|bundle)$/i, ""));
    const own = parts.at(-1) ?? "";
    const bare = (GENERIC.test(own) && parts.length > 2 ? (parts.at(-2) ?? own) : own).replace(/[^A-Za-z0-9._-]+/g, "_").replace(/^[^A-Za-z0-9_]+/, "");
    // A name that ends like a file would be refused as a path.
    const base = bare.replace(/\.(?:pem|crt|key|cer|p12|pfx)$/i, "").slice(0, MAX_CREDENTIAL - 8);
    const wanted = base === "" ? "certificate" : base;
    let name = wanted;
    for (let n = 2; [...this.#names.values()].includes(name); n++) name = `${wanted}_${n}`;
    this.#names.set(path, name);
    return name;
  }

  /** The names of several files, as one `cert` has them. */
  namesOf(paths: readonly string[]): readonly string[] | null {
    const names = [...new Set(paths)].map((path) => this.nameOf(path));
    return names.length > 0 && names.length <= MAX_CERTS && names.every((name) => name !== null) ? names : null;
  }

  /** Lines of a comment. */
  lines(): readonly string[] {
    if (this.#names.size === 0) return [];
    return ["certificates that ingressd's configuration must have:", ...[...this.#names].map(([path, name]) => `  ${name}: ${path}`)];
  }
}
