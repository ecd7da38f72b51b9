// A module's own account of itself: its semantic JSON and source map, decoded with every field
// checked. The bytes are intact when this runs, but who built them is not known.
import { createHash } from "node:crypto";
import { SECTION_MAP, SECTION_POLICY } from "../abi/sections.ts";
import type { ListenerInfo, Origin, PolicyInfo, PortRange, RuleInfo } from "./module.ts";
import type { VerifiedModule } from "./verify.ts";

type Fields = Readonly<Record<string, unknown>>;

class Malformed extends Error {}

/** Null where the sections do not say what a compiled policy says. `maxSteps` is the engine's word. */
export function readInfo(module: VerifiedModule, maxSteps: number): PolicyInfo | null {
  const policy = module.custom.get(SECTION_POLICY);
  const map = module.custom.get(SECTION_MAP);
  if (policy === undefined || map === undefined) return null;
  try {
    const semantic = fields(json(policy));
    const places = fields(json(map));
    const nets = fields(semantic["nets"]);
    const origins = list(places["listeners"]).map(readOrigin);
    const listeners = list(semantic["expose"]).map((x, id) => readListener(fields(x), id, nets, origins[id]));
    return {
      sha256: module.sha256,
      treeSha256: createHash("sha256").update(policy).digest("hex"),
      abiVersion: module.engine.abiVersion,
      memoryBytes: module.memoryBytes,
      maxSteps,
      listeners,
      rules: list(places["rules"]).map((x, id) => readRule(fields(x), id, listeners)),
    };
  } catch (error) {
    if (error instanceof Malformed || error instanceof SyntaxError || error instanceof TypeError) return null;
    throw error;
  }
}

function json(bytes: Uint8Array): unknown {
  return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
}

function fields(value: unknown): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Malformed();
  return Object.fromEntries(Object.entries(value));
}

function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new Malformed();
  return value;
}

function text(value: unknown): string {
  if (typeof value !== "string") throw new Malformed();
  return value;
}

function whole(value: unknown, least: number, most: number): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > most) throw new Malformed();
  return value;
}

function readListener(f: Fields, id: number, nets: Fields, origin: Origin | undefined): ListenerInfo {
  if (f["proto"] !== "tcp" || f["mode"] !== "tcp" || origin === undefined) throw new Malformed();
  return {
    id,
    name: text(f["name"]),
    service: text(f["service"]),
    proto: f["proto"],
    ports: list(f["ports"]).map(readPorts),
    bind: f["bind"] === null ? null : list(nets[text(f["bind"])]).map(text),
    mode: f["mode"],
    backend: readBackend(f["backend"]),
    capConnections: whole(fields(f["cap"])["connections"], 1, 0xffffffff),
    origin,
  };
}

function readPorts(value: unknown): PortRange {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text(value));
  const first = whole(Number(match?.[1]), 1, 65535);
  return { first, last: whole(Number(match?.[2] ?? match?.[1]), first, 65535) };
}

function readBackend(value: unknown): ListenerInfo["backend"] {
  if (value === null) return null;
  const f = fields(value);
  if (f["unix"] !== undefined) return { kind: "unix", path: text(f["unix"]) };
  return { kind: "tcp", host: text(f["host"]), port: whole(f["port"], 1, 65535) };
}

function readOrigin(value: unknown): Origin {
  const f = fields(value);
  return { file: text(f["file"]), line: whole(f["line"], 1, 2 ** 31), column: whole(f["column"], 1, 2 ** 31) };
}

function readRule(f: Fields, id: number, listeners: readonly ListenerInfo[]): RuleInfo {
  const action = f["action"];
  if (action !== "allow" && action !== "deny") throw new Malformed();
  const listener = f["listener"] === null ? null : listeners[whole(f["listener"], 0, listeners.length - 1)]?.name ?? null;
  return { id, action, listener, names: list(f["names"]).map(text), origins: list(f["origins"]).map(readOrigin) };
}
