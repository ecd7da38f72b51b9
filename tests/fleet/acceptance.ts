// An engine with real clients, beside the module: every edge of the permitted sets (drawn ones of large
// sets) and random clients, over sockets in a network namespace in which every address is local.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { NEVER } from "../../compiler/analysis/diagrams.ts";
import { driftOf } from "../../compiler/emitters/drift.ts";
import { analysed, placesOf, type Place } from "../../compiler/emitters/plan.ts";
import type { Emitter, Files } from "../../compiler/emitters/emitter.ts";
import { hasPart, write, type Settings } from "../../compiler/emitters/written.ts";
import { formatAddress } from "../../runtime/net/address.ts";
import { helloWith, records, serverName } from "../gateway/hello_bytes.ts";
import type { Chance } from "../oracle/random.ts";
import { ownFolder } from "../suite.ts";
import { address, visitsOf, type Extent } from "./clients.ts";
import { verdicts, type Compiled, type Visit } from "./policies.ts";

const VISITS = fileURLToPath(new URL("visits.py", import.meta.url));
const ISOLATED = ["--net", "--pid", "--fork", "--mount-proc", "--kill-child"];

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
  readonly program: readonly string[] | null;
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
  /** Certificates in the folder that clients may show, `NAME.crt` and `NAME.key`; with them clients do a handshake wherever a policy ends TLS. */
  readonly clients?: readonly TlsClient[];
}

export interface TlsClient {
  readonly name: string;
  readonly words: readonly string[];
}

export interface Accepted {
  readonly visits: number;
  readonly admitted: number;
  /** The kernel has no such client: multicast, broadcast and link-local sources. */
  readonly impossible: number;
  readonly folder: string;
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
  const { places } = driftOf(compiled.model, hasPart(target), read.value, settings.asOf, SETTINGS.nodes);
  const count = (which: "opened" | "closed"): number => places.filter((place) => place[which] !== NEVER).length;
  return { opened: count("opened"), closed: count("closed"), strange: read.value.strange.length };
}

/** Fails on the first client that the engine and the module treat differently. */
export function accept(compiled: Compiled, engine: Engine, extent: Extent, c: Chance): Accepted {
  return acceptAll([compiled], engine, extent, c, ([files]) => files ?? new Map());
}

/** The same of several policies without a port in common, whose files are put together for one engine. */
export function acceptAll(policies: readonly Compiled[], engine: Engine, extent: Extent, c: Chance, together: (files: readonly Files[]) => Files): Accepted {
  const files = policies.map((compiled) => filesFor(compiled, engine));
  const clients = policies.flatMap((compiled, n) => {
    const places = placesOf(analysed(compiled.model, SETTINGS.nodes), hasPart(engine.target), null);
    return spoken(compiled, engine, visitsOf(places, extent, c, helloAt(compiled, engine)), c).map((visit) => ({ n, visit }));
  });
  const folder = ownFolder("fleet-");
  // A second may pass while the engine decides; no rule begins or ends in the minutes around a test.
  const wallSeconds = Math.floor(Date.now() / 1000);
  const all = new Map([...together(files), ...(engine.files ?? [])]);
  const answers = answersOf(
    policies,
    engine,
    all,
    clients.map(({ visit }) => visit),
    folder,
  );
  const admits = policies.map((compiled) => verdicts(compiled, wallSeconds));
  const sum = { visits: 0, admitted: 0, impossible: 0 };
  for (const [i, { n, visit }] of clients.entries()) {
    const [answer, compiled] = [answers[i], policies[n]];
    if (answer === null || answer === undefined || compiled === undefined) {
      sum.impossible++;
      continue;
    }
    const listener = admits[n]?.(visit) ?? null;
    const due = listener === null ? [0] : portsOf(compiled, engine.target, listener, visit);
    if (!due.includes(answer))
      assert.unreachable(
        `${compiled.name}: ${visitText(visit)} is ${answer === 0 ? "refused" : `served by ${answer}`} by ${engine.target.name}, and the module says ${due.join()}\n` +
          `${compiled.entry.text.slice(0, 3000)}\n${[...(files[n] ?? [])].map(([name, text]) => `--- ${name}\n${text.slice(0, 6000)}`).join("\n")}`,
      );
    sum.visits++;
    if (answer !== 0) sum.admitted++;
  }
  return { ...sum, folder };
}

function helloAt({ policy }: Compiled, { clients }: Engine): (place: Place) => boolean {
  return ({ members }) => clients !== undefined && members.some((i) => policy.exposes[i]?.mode !== "tcp");
}

/** Names that a TLS library takes. */
const SPEAKABLE = /^(?:[a-z0-9_-]{1,63}\.)+[a-z][a-z0-9-]*$/i;

/** Where a policy ends TLS somewhere, clients do a handshake, and show a certificate or none. */
function spoken({ policy }: Compiled, { clients = [] }: Engine, visits: readonly Visit[], c: Chance): readonly Visit[] {
  const ending = policy.exposes.filter(({ mode }) => mode === "tls" || mode === "mtls").flatMap(({ ports }) => ports);
  return visits.map((visit) => {
    const ends = ending.some(({ first, last }) => first <= visit.port && visit.port <= last);
    if (!ends || visit.name === undefined || (visit.name !== null && !SPEAKABLE.test(visit.name))) return visit;
    return { ...visit, words: c.oneIn(6) ? null : c.pick(clients).words };
  });
}

/**
 * The backends that may answer: that of the listener, or the service at the port of the expose. Where its bytes come in the place of a
 * server's hello, the number is negative.
 */
function portsOf({ policy }: Compiled, { can }: Emitter, listener: number, { port, words }: Visit): readonly number[] {
  if (can.backends === "own") return [port];
  const expose = policy.exposes[listener];
  const sign = words !== undefined && expose?.mode === "passthrough" ? -1 : 1;
  return (expose?.backends ?? []).flatMap((backend) => (backend.kind === "unix" ? [] : [sign * backend.port]));
}

export function visitText({ proto, source, local, port, name, words }: Visit): string {
  const sni =
    name === undefined ? "with plain bytes"
    : name === null ? "without a name"
    : `for ${JSON.stringify(name)}`;
  return `${proto} from ${formatAddress(source)} to ${formatAddress(local)} port ${port} ${sni}${words === undefined ? "" : ` with ${words?.join() ?? "no certificate"}`}`;
}

/** The ports of the backends that answer clients with these bytes, from one source; parts of one are segments. 0: nobody does. */
export function answersTo(compiled: Compiled, engine: Engine, port: number, payloads: readonly (readonly Buffer[])[]): readonly (number | null)[] {
  const visits = payloads.map((): Visit => ({ proto: "tcp", source: address("203.0.113.9"), local: address("10.1.2.3"), port }));
  const texts = payloads.map((parts) => parts.map((part) => part.toString("hex")).join("|"));
  const files = new Map([...filesFor(compiled, engine), ...(engine.files ?? [])]);
  return answersOf([compiled], engine, files, visits, ownFolder("fleet-"), texts);
}

/** `texts`: of each visit the bytes; not given: a hello with its name. */
function answersOf(
  policies: readonly Compiled[],
  engine: Engine,
  files: Files,
  visits: readonly Visit[],
  folder: string,
  texts: readonly string[] | null = null,
): readonly (number | null)[] {
  const exposes = policies.flatMap(({ policy }) => policy.exposes);
  const isOwn = engine.target.can.backends === "own";
  const visited = (proto: "tcp" | "udp"): readonly number[] => [...new Set(visits.filter((v) => v.proto === proto).map((v) => v.port))];
  const names = [...new Set(visits.map(({ name }) => name))].filter((name) => name !== undefined);
  const hello = (name: string | null): string => records(name === null ? helloWith() : helloWith(serverName(name))).toString("hex");
  const clientOf = (words: readonly string[] | null): string | null => engine.clients?.find((one) => one.words === words)?.name ?? null;
  const pairs = visits.flatMap(({ name, words }) => (words === undefined ? [] : [JSON.stringify({ name, client: clientOf(words) })]));
  const handshakes = [...new Set(pairs)].map((pair) => JSON.parse(pair) as { readonly name: string | null; readonly client: string | null });
  const plain = Buffer.from("GET / HTTP/1.0\r\n\r\n").toString("hex");
  const job = {
    setup: engine.setup,
    engine: engine.program,
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
    tls: handshakes,
    visits: visits.map(({ proto, source, local, port, name, words }, i) => [
      proto,
      formatAddress(source),
      formatAddress(local),
      port,
      engine.silent ? -1
      : words !== undefined ? -2 - handshakes.findIndex((one) => one.name === name && one.client === clientOf(words))
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
    const path = join(folder, "engine.log");
    const log = existsSync(path) ? readFileSync(path, "utf8").slice(0, 4000) : "";
    assert.unreachable(
      `${policies.map(({ name }) => name).join()}: ${ran.error?.message ?? ""}${ran.stdout}${ran.stderr}${log}\n${[...files.values()].join("\n").slice(0, 6000)}`,
    );
  }
  return JSON.parse(readFileSync(join(folder, "answers.json"), "utf8")) as readonly (number | null)[];
}
