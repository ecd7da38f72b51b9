// The certificates and authorities that are loaded, by the names that policies have for them, and what a listener lacks of them.
import type { ListenerInfo } from "../../runtime/host/module.ts";
import type { Loaded, LoadedAuthority } from "./certificate_files.ts";
import type { Shown, Trusted } from "./context.ts";

/** The part of the configuration that is about certificates; paths of PEM files. */
export interface CredentialConfig {
  readonly certs: Readonly<Record<string, { readonly cert: string; readonly key: string }>>;
  readonly cas: Readonly<Record<string, { readonly file: string; readonly crl?: readonly string[] | undefined }>>;
  readonly on_bad_certificate: "close" | "refuse";
}

export type Kind = "cert" | "ca";

export const WORDS = { cert: "certificate", ca: "authority", crl: "revocation list of the authority" } as const;

export interface CredentialSet {
  readonly certs: ReadonlyMap<string, Loaded<Shown>>;
  readonly cas: ReadonlyMap<string, LoadedAuthority>;
  /** Why the files that were read last can't be used, by kind and name. */
  readonly faults: ReadonlyMap<string, string>;
  /** The files of revocation lists when they were read. */
  readonly listed: string;
}

export /** A certificate or authority that a listener needs and that isn't loaded. */
interface Lack {
  readonly kind: Kind;
  readonly name: string;
  /** Null where the configuration doesn't name it. */
  readonly fault: string | null;
}

export function endsTls({ mode }: ListenerInfo): boolean {
  return mode === "tls" || mode === "mtls";
}

export function needs(info: ListenerInfo): readonly (readonly [Kind, string])[] {
  if (!endsTls(info)) return [];
  return [...info.certs.map((name) => ["cert", name] as const), ...(info.mode !== "mtls" || info.ca === null ? [] : [["ca", info.ca] as const])];
}

export function lackOf(info: ListenerInfo, { certs, cas, faults }: CredentialSet, config: CredentialConfig): Lack | null {
  for (const [kind, name] of needs(info)) {
    if (kind === "cert" ? certs.has(name) : cas.has(name)) continue;
    const configured = Object.hasOwn(kind === "cert" ? config.certs : config.cas, name);
    return { kind, name, fault: configured ? (faults.get(`${kind} ${name}`) ?? "it was not read yet") : null };
  }
  return null;
}

export function lackText(missing: Lack): string {
  const who = `the ${WORDS[missing.kind]} \`${missing.name}\``;
  return missing.fault === null ? `${who} is missing: ${lackRemedy(missing)}` : `${who} can't be used: ${missing.fault}`;
}

export function lackRemedy({ kind, name, fault }: Lack): string {
  return fault === null ? `add \`[${kind}s.${name}]\` to the configuration` : `${fault}; repair that and reload`;
}

export function sameTrusted(x: Trusted | undefined, y: Trusted): boolean {
  return x !== undefined && x.roots === y.roots && x.crls?.length === y.crls?.length && (y.crls ?? []).every((crl, i) => crl === x.crls?.[i]);
}

export function sameShown(x: Shown | undefined, y: Shown): boolean {
  return x !== undefined && x.chain === y.chain && x.key === y.key;
}
