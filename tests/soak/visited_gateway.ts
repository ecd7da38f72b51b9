// Shared by the long checks: a shipped gateway with an expose of every kind, the visitors of load/visitors.c, and what of
// both is measured between two runs, when nothing is open.
import { spawn, spawnSync } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { openConnection } from "../../gateway/client/connection.mjs";
import { freeUdpPort } from "../gateway/datagrams_under_test.ts";
import { freePort, moduleOf, temporaryFolder, type ForwarderName } from "../gateway/gateway_under_test.ts";
import { launch, place } from "../gateway/ingressd_process.ts";
import { atEnd, stallsAfter } from "../suite.ts";
import { authority, dns, leaf, uri } from "../tls/certificates.ts";
import { put, putAuthority } from "../tls/tls_under_test.ts";
import { assertForwarder, descriptors, figure, within } from "./measured.ts";

const SOURCE = fileURLToPath(new URL("load/visitors.c", import.meta.url));
const ROOT = new URL("../../package.json", import.meta.url).href;
/** Growth of the heap after collection from the first tenth of a run on, in bytes. */
const MOST_GROWN = 2 * 1024 * 1024;
const PARTS = 10;
const LONGEST_PART_MS = 900_000;
/** Longest wait until everything is over; flows of datagrams end by their timers. */
const OVER_MS = 60_000;

/**
 * Counts the sessions of TLS that OpenSSL's engine makes and frees, by koffi's own functions. At a signal everything is
 * collected, and a line has the counts.
 */
const REPORTER = `data:text/javascript,${encodeURIComponent(`
  import { createRequire } from "node:module";
  const counts = { SSL_new: 0, SSL_free: 0 };
  {
    const koffi = createRequire(${JSON.stringify(ROOT)})("koffi"), load = koffi.load;
    koffi.load = (...path) => {
      const library = load(...path), func = library.func.bind(library);
      return { func: (...prototype) => {
        const native = func(...prototype), name = /\\b(SSL_new|SSL_free)\\(/.exec(prototype[0])?.[1];
        return name === undefined ? native : (...given) => {
          const result = native(...given);
          if (name === "SSL_free" || Number(result) !== 0) counts[name]++;
          return result;
        };
      } };
    };
  }
  const later = () => new Promise((resolve) => setImmediate(resolve));
  process.on("SIGUSR2", async () => {
    for (let i = 0; i < 20; i++) { globalThis.gc(); await later(); }
    const { heapUsed, external, rss } = process.memoryUsage();
    process.stderr.write("measured " + JSON.stringify({ heap: heapUsed + external, rss, ...counts }) + "\\n");
  });
`)}`;

export type VisitKind = "plain" | "passthrough" | "tls" | "mtls" | "refused" | "abort_plain" | "abort_passthrough" | "abort_tls" | "udp";

/** Why the visitors can't be built here; null where they can. */
export function missing(): string | null {
  const { status, error } = spawnSync("gcc", ["-E", "-include", "openssl/ssl.h", "-x", "c", "/dev/null"], { stdio: "ignore" });
  return error === undefined && status === 0 ? null : "no gcc, or no headers of OpenSSL (apt-get install gcc libc6-dev libssl-dev)";
}

interface Measured {
  /** V8's heap and what hangs on it, in bytes. */
  readonly heap: number;
  readonly rss: number;
  readonly SSL_new: number;
  readonly SSL_free: number;
}

function isMeasured(value: unknown): value is Measured {
  return typeof value === "object" && value !== null && "heap" in value && "SSL_new" in value;
}

export interface Visited {
  readonly forwarder: ForwarderName;
  readonly pid: number;
  /** Visits by turns in the order of the kinds, so many at a time, at a rate per second or (0) one after the other. */
  run(count: number, atOnce: number, rate: number): Promise<{ readonly seconds: number }>;
  /** After everything has ended and was collected; throws where a connection, a charge or a session is left. */
  measured(): Promise<Measured & { readonly descriptors: number }>;
  stop(): Promise<void>;
}

export async function visitedGateway(forwarder: ForwarderName, kinds: readonly VisitKind[]): Promise<Visited> {
  const folder = temporaryFolder();
  const [site, clients] = [authority("site root"), authority("client root")];
  put(folder, "web", leaf(site, { names: [dns("www.example.com")] }));
  put(folder, "ops", leaf(clients, { names: [uri("spiffe://corp.example/ops")] }));
  putAuthority(folder, "corp", clients);
  const [plain, passthrough, tls, mtls, behind] = [await freePort(), await freePort(), await freePort(), await freePort(), await freePort()];
  const [udp, udpBehind] = [await freeUdpPort(), await freeUdpPort()];
  const expose = (name: string, on: string, port: number, more: string, allow = ""): string =>
    `expose ${name} on ${on} { backend 127.0.0.1:${port} ${more} cap 100000 connections allow from 127.0.1.0/24${allow} }`;
  place(
    folder,
    moduleOf(
      [
        "edition 1",
        expose("web", `tcp ${plain} bind 127.0.0.1`, behind, "limit 1000000/s burst 1000000 per source"),
        expose("names", `tcp ${passthrough} bind 127.0.0.1 as passthrough`, behind, "", ' sni "www.example.com"'),
        expose("site", `tcp ${tls} bind 127.0.0.1 as tls`, behind, 'cert "web"'),
        expose("ops", `tcp ${mtls} bind 127.0.0.1 as mtls`, behind, 'cert "web" ca "corp"', ' client uri "spiffe://corp.example/*"'),
        expose("dns", `udp ${udp} bind 127.0.0.1`, udpBehind, "amplify any"),
      ].join("\n"),
    ),
  );
  const gateway = launch(
    folder,
    `forwarder = "${forwarder}"
tls.engine = "${forwarder === "kernel" ? "openssl" : "node"}"
[policy]
watch = false
[timers]
udp_idle_ms = 2000
[certs.web]
cert = "${folder}/web.pem"
key = "${folder}/web.key"
[cas.corp]
file = "${folder}/corp.pem"`,
    { node: ["--expose-gc", "--import", REPORTER] },
  );
  await gateway.line("ingressd: ready");
  assertForwarder(gateway, forwarder);
  const ports: Readonly<Record<VisitKind, number>> = {
    plain,
    passthrough,
    tls,
    mtls,
    udp,
    refused: plain,
    abort_plain: plain,
    abort_passthrough: passthrough,
    abort_tls: tls,
  };
  const visitors = await startVisitors(folder, [
    String(behind),
    String(udpBehind),
    `${folder}/ops.pem`,
    `${folder}/ops.key`,
    ...kinds.map((kind) => `${kind}=${ports[kind]}`),
  ]);
  const pid = gateway.child.pid ?? -1;
  let reports = 0;
  return {
    forwarder,
    pid,
    async run(count, atOnce, rate) {
      const outcome = await visitors.run(`${count} ${atOnce} ${rate}\n`);
      const made = new Map<string, number>();
      for (let i = 1; i <= count; i++) {
        const kind = kinds[i % kinds.length] ?? "";
        made.set(kind, (made.get(kind) ?? 0) + 1);
      }
      for (const [kind, many] of made) {
        const counts = outcome[kind];
        if (!Array.isArray(counts)) throw new Error(`no outcome of ${kind}`);
        const [good, bad, wrong] = counts.map(Number);
        // Which turn comes first depends on the runs before.
        assert.ok(Math.abs((good ?? 0) + (bad ?? 0) - many) <= 1, `${forwarder}: ${kind} was visited ${JSON.stringify(counts)} times`);
        assert.equal([bad, wrong], [0, 0], `${forwarder}: visits of ${kind} failed, or bytes were wrong`);
      }
      return { seconds: Number(outcome["seconds"]) };
    },
    async measured() {
      await over(`${folder}/run/control.sock`, forwarder);
      gateway.child.kill("SIGUSR2");
      reports++;
      const lines = (): readonly RegExpMatchArray[] => [...gateway.err().matchAll(/^measured (.*)$/gm)];
      assert.ok(await within(60_000, () => lines().length === reports), "it is measured");
      const line: unknown = JSON.parse(lines().at(-1)?.[1] ?? "null");
      if (!isMeasured(line)) throw new Error("no measure");
      assert.is(line.SSL_free, line.SSL_new, `${forwarder}: each SSL is freed`);
      return { ...line, descriptors: descriptors(pid) };
    },
    async stop() {
      visitors.stop();
      gateway.child.kill("SIGTERM");
      assert.is(await gateway.exit, 0);
      assert.not.match(gateway.err(), /fault|fell back/i);
    },
  };
}

/** Waits until no connection, flow or charge is left. */
async function over(path: string, forwarder: ForwarderName): Promise<void> {
  // One that sends nothing for `control_idle_ms` is closed.
  const control = await openConnection(path);
  let left: readonly number[] = [];
  let isUnderWay = false;
  const isOver = await within(OVER_MS, () => {
    if (left.length > 5 && left.every((n) => n === 0)) return true;
    if (isUnderWay) return false;
    isUnderWay = true;
    void control.call("status").then((status) => {
      isUnderWay = false;
      left = [...JSON.stringify(status).matchAll(/"connections":(\d+|\{"live":\d+)/g)].map(([, n]) => Number(/\d+$/.exec(n ?? "")?.[0]));
    });
    return false;
  });
  control.close();
  assert.ok(isOver, `${forwarder}: connections are left: ${left.join(", ")}`);
}

async function startVisitors(folder: string, argv: readonly string[]): Promise<{ run(line: string): Promise<Record<string, unknown>>; stop(): void }> {
  const program = join(folder, "visitors");
  const { status, stderr } = spawnSync("gcc", ["-O2", "-Wall", "-Wextra", "-o", program, SOURCE, "-lssl", "-lcrypto"], { encoding: "utf8" });
  if (status !== 0) throw new Error(`visitors.c does not build: ${stderr}`);
  const child = spawn(program, argv, { stdio: ["pipe", "pipe", "inherit"] });
  atEnd(() => {
    child.kill("SIGKILL");
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const line = await lines.next();
    if (line.done === true) throw new Error("the visitors have ended");
    return String(line.value);
  };
  assert.is(await next(), "up");
  return {
    async run(line) {
      child.stdin.write(line);
      const outcome: unknown = JSON.parse(await next());
      if (typeof outcome !== "object" || outcome === null) throw new Error("not an outcome");
      return { ...outcome };
    },
    stop: () => child.kill("SIGKILL"),
  };
}

/** Ten runs of the same size; from the first one on nothing grows. */
export async function tenParts(it: Visited, run: () => Promise<{ readonly seconds: number }>): Promise<void> {
  stallsAfter(LONGEST_PART_MS);
  const before = await it.measured();
  const heaps: number[] = [];
  let [seconds, sessions, open] = [0, 0, 0];
  let resident: number[] = [];
  for (let part = 0; part < PARTS; part++) {
    seconds += (await run()).seconds;
    const now = await it.measured();
    if (part === 0) open = now.descriptors;
    assert.ok(now.descriptors <= open && open <= before.descriptors + 1, `${it.forwarder}: ${before.descriptors}, ${open}, ${now.descriptors} descriptors`);
    heaps.push(now.heap);
    resident = [...resident, now.rss];
    sessions = now.SSL_new;
  }
  const [first = Number.NaN] = heaps;
  const grown = Math.max(...heaps.slice(1)) - first;
  figure(`${it.forwarder}: seconds; sessions of OpenSSL made, freed`, `${seconds.toFixed(0)}; ${sessions}, ${sessions}`);
  figure(`${it.forwarder}: heap after collection, KiB, by tenths`, heaps.map((bytes) => (bytes / 1024).toFixed(0)).join(" "));
  figure(`${it.forwarder}: most growth from the first tenth on`, `${(grown / 1024).toFixed(0)} KiB`);
  figure(`${it.forwarder}: resident, MiB, by tenths`, resident.map((bytes) => (bytes / 1024 / 1024).toFixed(0)).join(" "));
  figure(`${it.forwarder}: descriptors before, after`, `${before.descriptors}, ${open}`);
  assert.ok(grown <= MOST_GROWN, `${it.forwarder}: the heap has grown by ${grown} bytes`);
}
