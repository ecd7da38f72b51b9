// Policies for the acceptance of targets, compiled once: those that are shipped and random ones; and the module's own verdicts.
import { readFileSync } from "node:fs";
import { posix } from "node:path";
import { compile } from "../../compiler/compile.ts";
import { modelOf } from "../../compiler/analysis/model.ts";
import { render } from "../../compiler/diagnostics/render.ts";
import type { Source } from "../../compiler/emitters/written.ts";
import type { SourceReader } from "../../compiler/source/source.ts";
import { identityOf } from "../../runtime/host/identity.ts";
import { openEngine } from "../../runtime/host/ask.ts";
import { loadPolicy } from "../../runtime/host/load.ts";
import { passedName, saidName } from "../../gateway/tls/server_name.ts";
import type { LoadedPolicy, PolicyEngine } from "../../runtime/host/module.ts";
import type { Address } from "../../runtime/net/address.ts";
import { readerOf, SEED } from "../oracle/ask.ts";
import type { ModelPolicy } from "../oracle/model.ts";
import { printPolicy } from "../oracle/print.ts";

export interface Compiled extends Source {
  readonly name: string;
  readonly module: Uint8Array;
  readonly loaded: LoadedPolicy;
}

const ROOT = new URL("../../policies/", import.meta.url);

/** Of the folder policies/. */
export function shipped(name: string): Compiled {
  const reader: SourceReader = {
    read(path) {
      try {
        return { ok: true, value: { path, text: readFileSync(new URL(path, ROOT), "utf8") } };
      } catch {
        return { ok: false, error: "missing" };
      }
    },
  };
  return compiled(`${name}.ingress`, readFileSync(new URL(`${name}.ingress`, ROOT), "utf8"), reader);
}

export function printed(model: ModelPolicy, name: string): Compiled {
  const { text, files } = printPolicy(model);
  return compiled(name, text, readerOf(files));
}

export function written(name: string, text: string): Compiled {
  return compiled(name, text, readerOf(new Map()));
}

function compiled(path: string, text: string, reader: SourceReader): Compiled {
  const entry = { path, text };
  const { diagnostics, policy, module } = compile(entry, reader);
  if (policy === null || module === null)
    throw new Error(`${path} does not compile: ${diagnostics.map((d) => render(d, { color: false })).join("\n")}\n${text}`);
  const [loaded, model] = [loadPolicy(module), modelOf(module)];
  if (!loaded.ok || !model.ok) throw new Error(`${path} does not load`);
  return { name: posix.basename(path, ".ingress"), entry, policy, model: model.value, module, hash: loaded.value.info.treeSha256, loaded: loaded.value };
}

export interface Visit {
  readonly proto: "tcp" | "udp";
  readonly source: Address;
  readonly local: Address;
  readonly port: number;
  /** Null: the client's hello has no name. Undefined: it sends no hello. */
  readonly name?: string | null;
  /** The client does a TLS handshake, and shows a certificate with these words; null: none. Undefined: it sends a hello alone. */
  readonly words?: readonly string[] | null;
}

/** The module's verdicts at one moment, caps and limits aside. */
export function verdicts({ loaded, model }: Compiled, wallSeconds: number): (visit: Visit) => number | null {
  const engine = openEngine(loaded, SEED);
  engine.setClock({ monoMs: 0, wallSeconds });
  return (visit) => {
    if (typeof visit.name !== "string") return verdict(engine, visit);
    const { serverName, nameFault } = passedName(saidName(visit.name));
    if (nameFault === null) return verdict(engine, { ...visit, name: serverName });
    // Where nothing looks at names, a name that is none is no name.
    const refuses = model.listeners[engine.listenerAt(visit.proto, visit.port, visit.local)]?.refusesInvalidNames ?? true;
    return refuses ? null : verdict(engine, { ...visit, name: null });
  };
}

/** The listener that admits the client; null: none does. */
function verdict(engine: PolicyEngine, visit: Visit): number | null {
  const { proto, source, local, port, name } = visit;
  const place = engine.listenerAt(proto, port, local);
  if (place < 0) return null;
  // A listener that reads names expects a hello, and refuses other bytes.
  const mode = engine.info.listeners[place]?.mode;
  if (name === undefined && mode !== "tcp" && mode !== "direct") return null;
  const first = engine.accept(place, source);
  if (first.allowed || !first.later) return first.allowed ? shaken(engine, place, visit) : null;
  const lead = engine.lead(place, source, name ?? null);
  if (lead.listener === null) return null;
  const answer = engine.named(lead.listener, source, name ?? null);
  return answer.allowed || answer.later ? shaken(engine, lead.listener, visit) : null;
}

/** A listener that ends TLS gives nothing to a client without a handshake, and its rules are about the certificate where it requests one. */
function shaken(engine: PolicyEngine, listener: number, { source, name = null, words }: Visit): number | null {
  const mode = engine.info.listeners[listener]?.mode;
  if (mode !== "tls" && mode !== "mtls") return listener;
  if (words === undefined || (mode === "mtls" && words === null)) return null;
  if (mode === "tls" || words === null) return listener;
  return engine.identity(listener, source, name, identityOf(words)).allowed ? listener : null;
}
