// An engine with real clients, beside the module: every edge of the permitted sets (drawn ones of large
// sets) and random clients, over sockets in a network namespace in which every address is local.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { NEVER } from "../../compiler/analysis/diagrams.ts";
import { driftOf } from "../../compiler/emitters/drift.ts";
import { analysed, placesOf, type Place } from "../../compiler/emitters/plan.ts";
import type { Emitter, Files } from "../../compiler/emitters/emitter.ts";
import { hasPart, write, type Settings } from "../../compiler/emitters/written.ts";
import { STRIDE } from "../../compiler/check/sets/intervals.ts";
import type { AddressSet } from "../../compiler/policy/policy.ts";
import { formatAddress, isV4, parseAddress, type Address } from "../../runtime/net/address.ts";
import { helloWith, records, serverName } from "../gateway/hello_bytes.ts";
import type { Chance } from "../oracle/random.ts";
import { ownFolder } from "../suite.ts";
import { verdicts, type Compiled, type Visit } from "./policies.ts";

const VISITS = fileURLToPath(new URL("visits.py", import.meta.url));
const ISOLATED = ["--net", "--pid", "--fork", "--mount-proc", "--kill-child"];
/** Sets with more ranges have only some of their edges drawn. */
const WHOLE_SETS = 500;
const LOCALS = ["10.1.2.3", "192.168.1.1", "203.0.113.1", "172.16.0.9", "127.0.0.1", "2001:db8::5", "2001:db9::5", "fd00::7"].map(address);

export const SETTINGS: Settings = {
  file: "policy.ingress",
  wholeHost: false,
  noSsh: false,
  selector: null,
  codeUrl: null,
  without: { caps: true, limits: true },
  asOf: null,
  nodes: 4_000_000,
};

export interface Extent {
  readonly random: number;
  /** Edges of each set that is drawn. */
  readonly drawn: number;
}

/** Of `.ci/run`, and of `npm run accept:fleet`. */
export const IS_FULL = process.env["FLEET"] === "full";
export const SHIPPED: Extent = IS_FULL ? { random: 10_000, drawn: Infinity } : { random: 2_000, drawn: 500 };
export const RANDOM: Extent = IS_FULL ? { random: 1_000, drawn: Infinity } : { random: 200, drawn: 100 };
export const RANDOM_POLICIES = 50;

export interface Engine {
  readonly target: Emitter;
  /** Run before it begins, in the folder with the files. */
  readonly setup: readonly (readonly string[])[];
  /** Null: the kernel. */
  readonly program: ((compiled: Compiled) => readonly string[]) | null;
  /** It listens when this port of 127.0.0.1 does, or this socket in the folder. */
  readonly ready?: number | string;
  /** A refusal is silence. */
  readonly silent: boolean;
  /** Run when it listens; and behind the visits. */
  readonly before?: readonly (readonly string[])[];
  readonly after?: readonly (readonly string[])[];
  /** Files beside those that the target writes. */
  readonly files?: Files;
  /** Other settings for what is written. */
  readonly settings?: Settings;
  /** Clients at a time. */
  readonly atATime?: number;
  /** Ports of backends at which nobody listens. */
  readonly down?: readonly number[];
}

export interface Accepted {
  readonly visits: number;
  readonly admitted: number;
  /** The kernel has no such client: multicast, broadcast and link-local sources. */
  readonly impossible: number;
  readonly folder: string;
}

function address(text: string): Address {
  const parsed = parseAddress(text);
  if (parsed === null) throw new Error(`${text} is no address`);
  return parsed;
}

/** The files of a policy that the target takes. */
export function filesFor(compiled: Compiled, { target, settings = SETTINGS }: Engine): Files {
  const made = write(compiled, target, settings);
  if (!made.ok) throw new Error(`${compiled.name}: ${made.error.map((d) => `${d.code} ${d.message}`).join("\n")}`);
  return made.value.files;
}

/** How many places what runs opens and closes, beside the policy, and how many parts are strange. */
export function drifted(
  compiled: Compiled,
  target: Emitter,
  running: string,
  settings: Settings = SETTINGS,
): { readonly opened: number; readonly closed: number; readonly strange: number } {
  const made = write(compiled, target, settings);
  if (!made.ok) throw new Error(`${compiled.name} is refused`);
  const read = target.read(running, made.value.files, made.value.plan);
  if (!read.ok) throw new Error(read.error);
  const { places } = driftOf(compiled.model, hasPart(target), read.value, SETTINGS.asOf, SETTINGS.nodes);
  const count = (which: "opened" | "closed"): number => places.filter((place) => place[which] !== NEVER).length;
  return { opened: count("opened"), closed: count("closed"), strange: read.value.strange.length };
}

/** Fails on the first client that the engine and the module treat differently. */
export function accept(compiled: Compiled, engine: Engine, extent: Extent, c: Chance): Accepted {
  const files = filesFor(compiled, engine);
  const from = analysed(compiled.model, SETTINGS.nodes);
  const places = placesOf(from, hasPart(engine.target), null);
  const visits = visitsOf(places, extent, c);
  const folder = ownFolder("fleet-");
  // A second may pass while the engine decides; no rule begins or ends in the minutes around a test.
  const wallSeconds = Math.floor(Date.now() / 1000);
  const answers = answersOf(compiled, engine, new Map([...files, ...(engine.files ?? [])]), visits, folder);
  const admits = verdicts(compiled, wallSeconds);
  const sum = { visits: 0, admitted: 0, impossible: 0 };
  for (const [i, visit] of visits.entries()) {
    const answer = answers[i];
    if (answer === null || answer === undefined) {
      sum.impossible++;
      continue;
    }
    const listener = admits(visit);
    const due = listener === null ? [0] : portsOf(compiled, engine.target, listener, visit.port);
    if (!due.includes(answer))
      assert.unreachable(
        `${compiled.name}: ${visitText(visit)} is ${answer === 0 ? "refused" : `served by ${answer}`} by ${engine.target.name}, and the module says ${due.join()}\n` +
          `${compiled.entry.text.slice(0, 3000)}\n${[...files].map(([name, text]) => `--- ${name}\n${text.slice(0, 6000)}`).join("\n")}`,
      );
    sum.visits++;
    if (answer > 0) sum.admitted++;
  }
  return { ...sum, folder };
}

/** Clients at every edge of the sets, or at drawn ones, and random clients. */
export function visitsOf(places: readonly Place[], { random, drawn }: Extent, c: Chance): readonly Visit[] {
  return [...edgeVisits(places, drawn, c), ...randomVisits(places, random, c)];
}

/** The backends that may answer: that of the listener, or the service at the port of the expose. */
function portsOf({ policy }: Compiled, { can }: Emitter, listener: number, port: number): readonly number[] {
  if (can.backends === "own") return [port];
  return (policy.exposes[listener]?.backends ?? []).flatMap((backend) => (backend.kind === "unix" ? [] : [backend.port]));
}

export function visitText({ proto, source, local, port, name }: Visit): string {
  const sni =
    name === undefined ? "with plain bytes"
    : name === null ? "without a name"
    : `for ${JSON.stringify(name)}`;
  return `${proto} from ${formatAddress(source)} to ${formatAddress(local)} port ${port} ${sni}`;
}

/** The ports of the backends that answer clients with these bytes, from one source; parts of one are segments. 0: nobody does. */
export function answersTo(compiled: Compiled, engine: Engine, port: number, payloads: readonly (readonly Buffer[])[]): readonly (number | null)[] {
  const visits = payloads.map((): Visit => ({ proto: "tcp", source: address("203.0.113.9"), local: address("10.1.2.3"), port }));
  const texts = payloads.map((parts) => parts.map((part) => part.toString("hex")).join("|"));
  return answersOf(compiled, engine, new Map([...filesFor(compiled, engine), ...(engine.files ?? [])]), visits, ownFolder("fleet-"), texts);
}

/** `texts`: of each visit the bytes; not given: a hello with its name. */
function answersOf(
  compiled: Compiled,
  engine: Engine,
  files: Files,
  visits: readonly Visit[],
  folder: string,
  texts: readonly string[] | null = null,
): readonly (number | null)[] {
  const { exposes } = compiled.policy;
  const isOwn = engine.target.can.backends === "own";
  const visited = (proto: "tcp" | "udp"): readonly number[] => [...new Set(visits.filter((v) => v.proto === proto).map((v) => v.port))];
  const names = [...new Set(visits.map(({ name }) => name))].filter((name) => name !== undefined);
  const hello = (name: string | null): string => records(name === null ? helloWith() : helloWith(serverName(name))).toString("hex");
  const plain = Buffer.from("GET / HTTP/1.0\r\n\r\n").toString("hex");
  const job = {
    setup: engine.setup,
    engine: engine.program === null ? null : engine.program(compiled),
    ready: engine.ready ?? 0,
    ownTcp: isOwn ? visited("tcp") : [],
    ownUdp: isOwn ? visited("udp") : [],
    backends:
      isOwn ?
        []
      : [...new Set(exposes.flatMap(({ backends }) => backends.flatMap((b) => (b.kind === "tcp" && engine.down?.includes(b.port) !== true ? [b.port] : []))))],
    silent: engine.silent,
    atATime: engine.atATime ?? 128,
    before: engine.before ?? [],
    after: engine.after ?? [],
    payloads: texts ?? [plain, ...names.map(hello)],
    visits: visits.map(({ proto, source, local, port, name }, i) => [
      proto,
      formatAddress(source),
      formatAddress(local),
      port,
      engine.silent ? -1
      : texts !== null ? i
      : name === undefined ? 0
      : 1 + names.indexOf(name),
    ]),
  };
  for (const [name, text] of [...files, ["job.json", JSON.stringify(job)] as const]) {
    const path = join(folder, name === "" ? "output" : name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  const ran = spawnSync("unshare", [...ISOLATED, "python3", VISITS, folder], { encoding: "utf8", timeout: 300_000, env: { ...process.env, TZ: "UTC" } });
  if (ran.status !== 0) {
    const log = engine.program === null ? "" : readFileSync(join(folder, "engine.log"), "utf8").slice(0, 4000);
    assert.unreachable(`${compiled.name}: ${ran.error?.message ?? ""}${ran.stdout}${ran.stderr}${log}\n${[...files.values()].join("\n").slice(0, 6000)}`);
  }
  return JSON.parse(readFileSync(join(folder, "answers.json"), "utf8")) as readonly (number | null)[];
}

/** The first and last address of each range, and those beside them, at a place where the set decides. */
function edgeVisits(places: readonly Place[], drawn: number, c: Chance): readonly Visit[] {
  return places.flatMap((place) => {
    const named = [...(place.names ?? []).map(({ pattern, grants }) => ({ pattern, grants })), { pattern: null, grants: place.grants }];
    const sets = named.flatMap(({ pattern, grants }) => grants.map(({ sources }) => ({ pattern, edges: edgesOf(sources) })));
    const sources = sets.flatMap(({ pattern, edges }) => {
      const some = edges.length <= 4 * WHOLE_SETS || drawn === Infinity ? edges : Array.from({ length: drawn }, () => c.pick(edges));
      return some.map((source) => ({ pattern, source }));
    });
    const seen = new Set<string>();
    const once = sources.filter(({ pattern, source }) => !seen.has(`${pattern} ${source.join()}`) && seen.add(`${pattern} ${source.join()}`));
    return once.flatMap(({ pattern, source }) => visitsAt(place, source, place.names === null ? undefined : nameOf(pattern, c), c));
  });
}

function edgesOf({ bounds }: AddressSet): readonly Address[] {
  const out: Address[] = [];
  for (let i = 0; i < bounds.length; i += STRIDE) {
    const at = (n: number): Address => [bounds[n] ?? 0, bounds[n + 1] ?? 0, bounds[n + 2] ?? 0, bounds[n + 3] ?? 0];
    const [first, last] = [at(i), at(i + 4)];
    out.push(first, last, beside(first, -1n), beside(last, 1n));
  }
  return out;
}

function beside([a, b, d, e]: Address, step: bigint): Address {
  const n = BigInt.asUintN(128, [a, b, d, e].reduce((sum, word) => (sum << 32n) | BigInt(word), 0n) + step);
  const word = (shift: bigint): number => Number((n >> shift) & 0xffffffffn);
  return [word(96n), word(64n), word(32n), word(0n)];
}

function randomVisits(places: readonly Place[], count: number, c: Chance): readonly Visit[] {
  const edges = places
    .flatMap((place) => [...(place.names ?? []).flatMap(({ grants }) => grants), ...place.grants].flatMap(({ sources }) => edgesOf(sources).slice(0, 400)))
    .filter(isUsual);
  const names = [...new Set(places.flatMap((place) => (place.names ?? []).map(({ pattern }) => pattern)))];
  return Array.from({ length: places.length === 0 ? 0 : count }, () => {
    const place = c.pick(places);
    const name = c.oneIn(5) ? null : nameOf(c.oneIn(6) || names.length === 0 ? null : c.pick(names), c);
    const plain = place.names === null || c.oneIn(20);
    return visitsAt(place, c.oneIn(2) && edges.length > 0 ? c.pick(edges) : randomSource(c), plain ? undefined : name, c);
  }).flat();
}

function randomSource(c: Chance): Address {
  if (c.oneIn(3)) return [c.oneIn(2) ? 0x20010db8 : (0x20000000 | (c.word() & 0x1fffffff)) >>> 0, c.word(), c.word(), c.word()];
  return [
    0,
    0,
    0xffff,
    c.pick([0x0a000000, 0xc6336400, 0xcb007100, 0xc0a80000, 0]) === 0 ?
      c.word()
    : (c.pick([0x0a000000, 0xc6336400, 0xcb007100, 0xc0a80000]) | (c.word() & 0xffff)) >>> 0,
  ];
}

const ODD_NAMES = ["A.example", "127.1", "a..b", "a.", "x".repeat(64), "a b", "xn--bcher-kva.example", "example.com.evil.example"];

/** A name that a pattern fits, in some case; or one that no policy expects. */
function nameOf(pattern: string | null, c: Chance): string | null {
  if (pattern === null) return c.oneIn(2) ? null : c.pick([...ODD_NAMES, "www.example.com", "q.example"]);
  const label = c.pick(["q", "z9", "a-b"]);
  const name =
    pattern.startsWith("**") ? `${label}.r${pattern.slice(2)}`
    : pattern.startsWith("*") ? `${label}${pattern.slice(1)}`
    : pattern;
  return c.oneIn(6) ? name.toUpperCase() : name;
}

/** At a port and a local address of the place, or beside it, of the source's family. */
function visitsAt({ proto, ports, local }: Place, source: Address, name: string | null | undefined, c: Chance): readonly Visit[] {
  const { first, last } = c.pick(ports);
  const port = c.pick([first, last]);
  const own = local === null ? [] : edgesOf(local).filter(isUsual).slice(0, 64);
  const locals = [...own, ...LOCALS].filter((a) => isV4(a) === isV4(source));
  return locals.length === 0 ? [] : [{ proto, source, local: c.pick(locals), port, ...(name === undefined ? {} : { name }) }];
}

/** Not multicast, broadcast, link-local or the wildcard, which no host has. */
function isUsual(a: Address): boolean {
  if (isV4(a)) return a[3] >>> 24 > 0 && a[3] >>> 24 < 224;
  return a[0] >>> 24 < 0xfe && (a[0] | a[1] | a[2] | a[3]) !== 0;
}
