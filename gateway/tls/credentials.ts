// Certificates and authorities by the names that policies have for them. They are read anew at a
// reload; what can't be used leaves the former one in its place, and that is said.
import { createPrivateKey, X509Certificate } from "node:crypto";
import type { ListenerInfo } from "../../runtime/host/module.ts";
import type { GatewayClock } from "../clock.ts";
import type { Config } from "../config.ts";
import type { Participant } from "../reload/participant.ts";
import { isFileRefusal, readTrustedFile } from "../../runtime/host/trustedFile.ts";
import { createContext, type Shown, type Trusted } from "./context.ts";
import type { TlsContext } from "./secure.ts";

/** Of one file. */
const MOST_PEM_BYTES = 1024 * 1024;
const MOST_CERTIFICATES = 1024;

export interface Credentials {
  /** Its part in a change of policy: what it needs is there, and what was read is shown from the swap on. */
  readonly participant: Participant;
  /** Reads every file anew and shows what is good from the next handshake on; what is wrong with one is said, and the former stays. Returns the names that changed. */
  renew(): readonly string[];
  /** For a listener that terminates TLS; a string says why there is none. */
  contextOf(info: ListenerInfo): TlsContext | string;
  /** Every file that is read. */
  readonly paths: readonly string[];
  /** Of each certificate and authority in use: when the first of its certificates ends. */
  ends(): readonly CredentialEnd[];
}

export interface CredentialEnd {
  readonly kind: "cert" | "ca";
  /** As the configuration calls it. */
  readonly name: string;
  readonly notAfter: Date;
}

interface Held {
  readonly certs: ReadonlyMap<string, Shown & { readonly notAfter: Date }>;
  readonly cas: ReadonlyMap<string, Trusted & { readonly notAfter: Date }>;
}

export function createCredentials(config: Pick<Config, "certs" | "cas">, clock: GatewayClock, say: (sentence: string) => void): Credentials {
  let held: Held = { certs: new Map(), cas: new Map() };
  let contexts = new Map<string, TlsContext>();

  function fresh<T extends object>(kind: "cert" | "ca", name: string, former: T | undefined, read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      const cause = error instanceof Error ? error.message : String(error);
      say(`the ${kind === "cert" ? "certificate" : "authority"} \`${name}\` can't be used: ${cause}; ${former === undefined ? "there is no former one" : "the former one stays in use"}`);
      return former;
    }
  }

  /** What the files hold now; where one can't be used, the former. */
  function read(): Held {
    const now = new Date(clock.wallMs());
    const certs = new Map<string, Shown & { readonly notAfter: Date }>();
    for (const [name, { cert, key }] of Object.entries(config.certs)) {
      const one = fresh("cert", name, held.certs.get(name), () => readShown(cert, key, now));
      if (one !== undefined) certs.set(name, one);
    }
    const cas = new Map<string, Trusted & { readonly notAfter: Date }>();
    for (const [name, { file }] of Object.entries(config.cas)) {
      const one = fresh("ca", name, held.cas.get(name), () => readTrusted(name, file, now));
      if (one !== undefined) cas.set(name, one);
    }
    return { certs, cas };
  }

  /** INVARIANT: no two exposes share a context, so that what a client got at one (a session) is good at no other. */
  function keyOf({ name, mode, cert, ca }: ListenerInfo): string {
    return JSON.stringify([name, mode, cert, ca]);
  }

  function show(next: Held): readonly string[] {
    const changed = [
      ...[...next.certs].filter(([name, one]) => !sameShown(held.certs.get(name), one)),
      ...[...next.cas].filter(([name, one]) => held.cas.get(name)?.roots !== one.roots),
    ].map(([name]) => name);
    held = next;
    // INVARIANT: a context is of what is held now. Those under way keep theirs until they are judged.
    if (changed.length > 0) contexts = new Map();
    return changed;
  }

  return {
    participant: {
      name: "the store of certificates",
      async prepare({ listeners }) {
        const next = read();
        const lacks = listeners.map((info) => lack(info, next, config)).find((why) => why !== null);
        if (lacks !== undefined) return lacks;
        const former = held;
        let shown = false;
        return {
          commit() {
            show(next);
            const kept = new Set(listeners.map(keyOf));
            contexts = new Map([...contexts].filter(([key]) => kept.has(key)));
            shown = true;
          },
          abort() {
            if (shown) show(former);
          },
        };
      },
    },
    renew: () => show(read()),
    contextOf(info) {
      const missing = lack(info, held, config);
      if (missing !== null) return `the store of certificates ${missing}`;
      const key = keyOf(info);
      const known = contexts.get(key);
      if (known !== undefined) return known;
      const shown = held.certs.get(info.cert ?? "");
      const trusted = info.mode === "mtls" ? held.cas.get(info.ca ?? "") : null;
      if (shown === undefined || trusted === undefined) return "there is no certificate for it";
      const made = createContext(shown, trusted);
      contexts.set(key, made);
      return made;
    },
    paths: [...Object.values(config.certs).flatMap(({ cert, key }) => [cert, key]), ...Object.values(config.cas).map(({ file }) => file)],
    ends: () => [
      ...[...held.certs].map(([name, { notAfter }]) => ({ kind: "cert" as const, name, notAfter })),
      ...[...held.cas].map(([name, { notAfter }]) => ({ kind: "ca" as const, name, notAfter })),
    ],
  };
}

function lack(info: ListenerInfo, { certs, cas }: Held, config: Pick<Config, "certs" | "cas">): string | null {
  const wanted: readonly (readonly ["cert" | "ca", string | null, boolean, boolean])[] = [
    ["cert", info.mode === "tls" || info.mode === "mtls" ? info.cert : null, certs.has(info.cert ?? ""), Object.hasOwn(config.certs, info.cert ?? "")],
    ["ca", info.mode === "mtls" ? info.ca : null, cas.has(info.ca ?? ""), Object.hasOwn(config.cas, info.ca ?? "")],
  ];
  for (const [kind, name, has, configured] of wanted) {
    if (name === null || has) continue;
    return configured
      ? `lacks the ${kind} \`${name}\` of expose \`${info.name}\`, because it can't be used: mend its files and reload`
      : `lacks the ${kind} \`${name}\` of expose \`${info.name}\`: add \`[${kind}s.${name}]\` to the configuration`;
  }
  return null;
}

function sameShown(x: Shown | undefined, y: Shown): boolean {
  return x !== undefined && x.chain === y.chain && x.key === y.key;
}

function readShown(certPath: string, keyPath: string, now: Date): Shown & { readonly notAfter: Date } {
  const chain = readPem(certPath, "certificate", "public");
  const key = readPem(keyPath, "key", "private");
  const [leaf, ...between] = certificatesOf(chain, certPath);
  if (leaf === undefined) throw new Error(`\`${certPath}\` has no certificate in PEM`);
  for (const one of [leaf, ...between]) holdTime(one, certPath, now);
  let fits = false;
  try {
    fits = leaf.checkPrivateKey(createPrivateKey(key));
  } catch {
    throw new Error(`\`${keyPath}\` is not a private key in PEM without a passphrase`);
  }
  if (!fits) throw new Error(`\`${keyPath}\` is not the key of the first certificate of \`${certPath}\``);
  const shown = { chain, key };
  // What OpenSSL has against it is heard now, and not at a handshake.
  createContext(shown, null);
  return { ...shown, notAfter: firstEnd([leaf, ...between]) };
}

function readTrusted(name: string, path: string, now: Date): Trusted & { readonly notAfter: Date } {
  const roots = readPem(path, "authority", "public");
  const all = certificatesOf(roots, path);
  if (all.length === 0) throw new Error(`\`${path}\` has no certificate in PEM`);
  for (const one of all) {
    holdTime(one, path, now);
    if (!one.ca) throw new Error(`a certificate of \`${path}\` is not an authority's (basicConstraints without CA)`);
  }
  return { name, roots, notAfter: firstEnd(all) };
}

function readPem(path: string, what: string, access: "public" | "private"): string {
  const bytes = readTrustedFile(path, MOST_PEM_BYTES, what, access);
  if (isFileRefusal(bytes)) throw new Error(bytes.refused);
  return Buffer.from(bytes).toString("latin1");
}

function certificatesOf(pem: string, path: string): readonly X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length > MOST_CERTIFICATES) throw new Error(`\`${path}\` has more than ${MOST_CERTIFICATES} certificates`);
  return blocks.map((block) => {
    try {
      return new X509Certificate(block);
    } catch {
      throw new Error(`a certificate of \`${path}\` can't be read`);
    }
  });
}

function holdTime({ validFrom, validTo }: X509Certificate, path: string, now: Date): void {
  // INVARIANT: a date that can't be read compares false, and is refused.
  if (!(new Date(validTo) > now)) throw new Error(`a certificate of \`${path}\` has expired (${validTo})`);
  if (!(new Date(validFrom) <= now)) throw new Error(`a certificate of \`${path}\` is not yet valid (${validFrom})`);
}

function firstEnd(all: readonly X509Certificate[]): Date {
  return new Date(Math.min(...all.map(({ validTo }) => new Date(validTo).getTime())));
}
