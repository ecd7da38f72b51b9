// The target of `proxy_pass`: a backend, or the servers of an `upstream`.
import { backendText, NO_BACKEND } from "../draft/backends.ts";
import { named, type Directive } from "./syntax.ts";

export interface Target {
  /** As a policy writes them; empty where `why` says why not. */
  readonly backends: readonly string[];
  readonly why: string | null;
  /** Something of it that a policy does otherwise, though it admits nobody more. */
  readonly differs: { readonly directive: Directive; readonly why: string } | null;
}

const refused = (why: string): Target => ({ backends: [], why, differs: null });
const MOST = 32;

/** `address`: as in `proxy_pass`, without `http://`. */
export function targetOf(address: string, upstreams: readonly Directive[]): Target {
  const upstream = upstreams.find(({ args }) => args[0] === address);
  if (upstream === undefined) {
    const backend = backendText(address);
    return backend === null ? refused(`\`${address}\` ${NO_BACKEND}`) : { backends: [backend], why: null, differs: null };
  }
  const servers = named(upstream.block, "server").filter(({ args }) => !args.includes("down"));
  const texts = servers.map(({ args }) => backendText(args[0] ?? ""));
  const backends = [...new Set(texts.filter((text) => text !== null))];
  if (servers.length === 0 || backends.length < texts.length) return refused(`the upstream \`${address}\` has a server that a policy can't name, or none`);
  if (backends.length > MOST) return refused(`the upstream \`${address}\` has more than ${MOST} servers`);
  const isEven = named(upstream.block, "least_conn").length > 0 || servers.length === 1;
  const special = servers.find(({ args }) => args.some((arg) => /^(?:backup$|weight=)/.test(arg)));
  const differs = special ?? (isEven ? null : upstream);
  return {
    backends,
    why: null,
    differs: differs === null ? null : { directive: differs, why: "ingressd chooses the backend with the fewest open connections" },
  };
}
