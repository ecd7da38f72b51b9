// Rules that the schema can't express: values that clash with each other, and texts that
// need more than a pattern. A rule is a function and a row at the end.
import { parsePrefix } from "../../runtime/net/prefix.ts";
import { parseLocation } from "../../runtime/distribution/location.ts";
import { notRemote } from "../../runtime/net/remote.ts";
import { canonicalBackend } from "../forward/backend.ts";
import type { Config } from "./keys.ts";

export interface Clash {
  /** Dotted key that the sentence is about. */
  readonly key: string;
  readonly reason: string;
  /** Keys whose place is shown where `key` itself was not given. */
  readonly near?: readonly string[];
}

export type Rule = (config: Config) => readonly Clash[];

function socketsApart({ control, intents, services }: Config): readonly Clash[] {
  const given: readonly (readonly [key: string, path: string | undefined])[] = [
    ["control.socket", control.socket],
    ["intents.socket", intents.socket],
    ...Object.entries(services).map(([name, { socket }]) => [`services.${name}.socket`, socket] as const),
  ];
  const seen = new Map<string, string>();
  return given.flatMap(([key, path]) => {
    const other = path === undefined ? undefined : seen.get(path);
    if (path !== undefined && other === undefined) seen.set(path, key);
    return other === undefined ? [] : [{ key, reason: `is also the path of \`${other}\`: give each its own` }];
  });
}

function servicesApart({ services }: Config): readonly Clash[] {
  const uids = new Map<number, string>();
  return Object.entries(services).flatMap(([service, { uid }]) => {
    if (service === "ingressd") return [{ key: `services.${service}`, reason: "is the gateway's own name: call the service something else" }];
    const other = uid === undefined ? undefined : uids.get(uid);
    if (uid !== undefined && other === undefined) uids.set(uid, service);
    return other === undefined ?
        []
      : [
          {
            key: `services.${service}.uid`,
            reason: `is also the uid of \`services.${other}\`, so the gateway can't distinguish them: run each under its own user`,
          },
        ];
  });
}

function backendsLocal({ allowed_backends: backends }: Config): readonly Clash[] {
  return backends.flatMap((text) => {
    const backend = canonicalBackend(text);
    return typeof backend === "string" ? [{ key: "allowed_backends", reason: `has \`${text}\`: ${backend}` }] : [];
  });
}

function networksRemote({ backends: { networks } }: Config): readonly Clash[] {
  return networks.flatMap((network) => {
    const prefix = parsePrefix(network);
    const wrong = (reason: string): readonly Clash[] => [{ key: "backends.networks", reason: `has \`${network}\`${reason}` }];
    if (prefix === null) return wrong(": write an address and a length, with no bit set behind it: 10.0.3.0/24");
    const { first, last } = prefix;
    const fault = notRemote(first);
    return fault !== null && fault === notRemote(last) ? wrong(", in which there is no other host") : [];
  });
}

function engineServed({ forwarder, tls }: Config): readonly Clash[] {
  return forwarder === "node" && tls.engine === "openssl" ?
      [
        {
          key: "tls.engine",
          reason: 'needs the kernel\'s forwarder, and `forwarder` is "node": set forwarder = "auto", or tls.engine = "auto"',
          near: ["forwarder"],
        },
      ]
    : [];
}

function threadsServed({ threads, forwarder, tls }: Config): readonly Clash[] {
  if (threads === 1) return [];
  const needs = (what: string, key: string, value: string): Clash => ({
    key: "threads",
    reason: `needs ${what}, and \`${key}\` is "${value}": set ${key} = "auto", or threads = 1`,
    near: [key],
  });
  if (forwarder === "node") return [needs("the kernel's forwarder", "forwarder", forwarder)];
  return tls.engine === "node" ? [needs("OpenSSL's engine of TLS", "tls.engine", tls.engine)] : [];
}

function sourceAlone({ policy: { file, source, trusted_keys: keys }, source: { ca, token_file: tokenFile } }: Config): readonly Clash[] {
  const without = (key: string): Clash => ({ key, reason: "has no effect without `policy.source`: give that too, or remove this key" });
  if (source === undefined) return [...(ca === undefined ? [] : [without("source.ca")]), ...(tokenFile === undefined ? [] : [without("source.token_file")])];
  const location = parseLocation(source);
  return [
    ...(location.ok ? [] : [{ key: "policy.source", reason: location.error }]),
    ...(file === undefined ?
      []
    : [{ key: "policy.source", reason: "is given, and `policy.file` (or `--policy`) too: a policy comes from one of them, so remove the other" }]),
    ...(keys === undefined ?
      [
        {
          key: "policy.source",
          reason: "needs `policy.trusted_keys`, because anybody who controls the source would decide what is exposed: name the public keys there",
        },
      ]
    : []),
  ];
}

export const RULES: readonly Rule[] = [socketsApart, servicesApart, backendsLocal, networksRemote, engineServed, threadsServed, sourceAlone];
