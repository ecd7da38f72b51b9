// `WWW-Authenticate`: how a registry says which login it wants.
import { failed, ok, type Result } from "../result/result.ts";
import { isLoopback } from "./location.ts";

export type Challenge = { readonly scheme: "basic" } | { readonly scheme: "bearer"; readonly realm: URL };

const MOST_HEADER = 4096;

/**
 * The first challenge of the header. A realm must be https; http only where both the registry and the realm are on this machine. The URL of
 * a bearer has its service; the scope of the header is not read, because a registry does not choose what it gets a token for.
 */
export function readChallenge(header: string | undefined, registry: URL): Result<Challenge, string> {
  if (header === undefined || header.length > MOST_HEADER) return failed(`${registry.host} wants a login and does not say which`);
  const [, scheme = "", rest = ""] = /^\s*([A-Za-z]+)(?:\s+(.*))?$/.exec(header) ?? [];
  if (scheme.toLowerCase() === "basic") return ok({ scheme: "basic" });
  if (scheme.toLowerCase() !== "bearer") return failed(`${registry.host} wants a login of a kind that is not supported (${scheme.slice(0, 20)})`);
  const values = new Map([...rest.matchAll(/([A-Za-z_]+)="([^"\\]*)"/g)].map(([, key = "", value = ""]) => [key.toLowerCase(), value]));
  const text = values.get("realm") ?? "";
  const realm = URL.canParse(text) ? new URL(text) : null;
  if (realm === null || realm.username !== "" || realm.password !== "") return failed(`${registry.host} names a realm that is no URL`);
  const isLocal = realm.protocol === "http:" && registry.protocol === "http:" && isLoopback(realm) && isLoopback(registry);
  if (realm.protocol !== "https:" && !isLocal)
    return failed(`${registry.host} names the realm ${realm.protocol}//${realm.host}, and a login goes over https only`);
  const service = values.get("service");
  if (service !== undefined) realm.searchParams.set("service", service);
  return ok({ scheme: "bearer", realm });
}
