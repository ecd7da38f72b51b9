// A gateway under test that pulls its policy from a registry of the test.
import { fieldsOf } from "../../runtime/shell/rpc_client.ts";
import { registryOf, serve, stored, type Served } from "../distribution/server.ts";
import { backend, freePort, moduleOf, probe, running, type Under, type UnderSetup } from "./gateway_under_test.ts";
import { newState, type StateUnderTest } from "./state_under_test.ts";

export const POLL = 60_000;

export interface Scene {
  readonly state: StateUnderTest;
  readonly server: Served;
  readonly ports: readonly [number, number];
  readonly toml: string;
  /** Opens the first or the second port. */
  readonly module: (which: 0 | 1) => Uint8Array;
  /** Offers a module, which has a revision only in the registry's annotations. */
  readonly offer: (module: Uint8Array) => void;
  readonly away: () => void;
}

export async function scene(more = ""): Promise<Scene> {
  const state = newState();
  const behind = await backend("hello");
  const server = await serve(() => undefined, null);
  const ports = [await freePort(), await freePort()] as const;
  const away = (): void => {
    server.answer = (_, response) => response.writeHead(503).end();
  };
  away();
  return {
    state,
    server,
    ports,
    away,
    toml: `state_dir = "${state.directory}"\n${more}[policy]\nsource = "oci://${server.host}/policies/edge:stable"\ntrusted_keys = ["${state.keyPath}"]\n[source]\npoll_ms = ${POLL}`,
    module: (which) => moduleOf(`edition 1\nexpose web on tcp ${ports[which]} { backend 127.0.0.1:${behind.port} allow from any }`),
    offer: (module) => (server.answer = registryOf(stored(module))),
  };
}

/** The same with a gateway that has pulled the first module, of that revision. */
export async function served(setup: Omit<UnderSetup, "config"> = {}, revision = 1): Promise<Scene & { readonly gateway: Under }> {
  const all = await scene();
  all.offer(all.state.sign(all.module(0), revision));
  return { ...all, gateway: await running({ ...setup, config: all.toml }) };
}

/** Moves the clock to the next pull, and returns when its outcome is in the state. */
export async function nextPull(gateway: Under): Promise<Source> {
  const before = await sourceOf(gateway);
  const count = (source: Source): number => Object.values(source.pulls).reduce((sum, n) => sum + n, 0);
  gateway.clock.advance(before.next_in_ms ?? 0);
  for (let i = 0; i < 100_000; i++) {
    const now = await sourceOf(gateway);
    if (count(now) > count(before) && now.next_in_ms !== null) return now;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error("nothing was pulled");
}

export interface Source {
  readonly last: string | null;
  readonly because: string | null;
  readonly age_ms: number | null;
  readonly failures: number;
  readonly next_in_ms: number | null;
  readonly pulls: Readonly<Record<string, number>>;
  readonly sentence: string;
}

export async function sourceOf(gateway: Under): Promise<Source> {
  const status = fieldsOf(await gateway.daemon.status());
  const source: unknown = status?.["source"];
  if (!isSource(source)) throw new Error("no source in status");
  return source;
}

function isSource(value: unknown): value is Source {
  return typeof value === "object" && value !== null && "last" in value && "pulls" in value && "sentence" in value;
}

/** Which ports are open. */
export const open = (ports: readonly [number, number]): Promise<readonly string[]> =>
  Promise.all(ports.map(async (port) => ((await probe(port)) === "allow" ? "open" : "-")));
