// The cost of a poll for the server that policies are pulled from, with the gateway's own client and the real servers: the figures of
// "Sizing" in docs/fleet.md. Each poll is a new connection with a whole handshake of TLS, as a gateway makes it.
//
//   node tests/run.mjs --root tests/fleet --output --suffix .check.ts --own-network --timeout-ms 300000 sizing
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { parseLocation } from "../../runtime/distribution/location.ts";
import { nextPullMs } from "../../runtime/distribution/schedule.ts";
import { PolicySource } from "../../runtime/distribution/source.ts";
import { systemClock } from "../../runtime/shell/clock.ts";
import { newSigner, signed } from "../host/signed.ts";
import { PROJECT } from "../package/packed.ts";
import { program } from "../ready.ts";
import { skip } from "../skip.ts";
import { ownFolder, stallsAfter, suite } from "../suite.ts";
import { lacking, NGINX, REGISTRY, servers } from "./gateways.ts";
import { shipped } from "./policies.ts";

const test = suite("sizing");
const POLLS = 1_000;
const POLL_MS = 60_000;
const GATEWAYS = [100, 10_000, 100_000];
/** Of the clock of /proc. */
const TICK_MS = 10;
const POLICY = "cluster";
/** From the smallest to one with lists of networks. */
const SIZED = ["shut", "queue", "cluster", "fleet", "lists", "public_api"];

/** Processor time of a process and of those that it started, in milliseconds. */
function processorMs(pid: number): number {
  const own = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, "utf8")
      .split(" ")
      .filter((word) => word !== "")
      .map(Number),
  );
  return (Number(own[11]) + Number(own[12])) * TICK_MS + children.reduce((sum, child) => sum + processorMs(child), 0);
}

/** Bytes that the loopback interface has passed on, in both directions, with the headers of IP and TCP. */
function loopbackBytes(): number {
  return Number(/^\s*lo:\s*(\d+)/m.exec(readFileSync("/proc/net/dev", "utf8"))?.[1]);
}

interface Costs {
  readonly bytes: number;
  readonly processorMs: number;
}

async function costsOf(times: number, pid: number, pull: () => Promise<string>, due: string): Promise<Costs> {
  const [bytes, ms] = [loopbackBytes(), processorMs(pid)];
  for (let i = 0; i < times; i++) assert.is(await pull(), due);
  return { bytes: (loopbackBytes() - bytes) / times, processorMs: (processorMs(pid) - ms) / times };
}

const why = lacking();
if (why !== null) skip("sizing", why);
else {
  test("the size of a signed module: the engine, tables of fixed size, and what the policy adds", () => {
    const sizes = SIZED.map((name) => [name, signed(shipped(name).module, newSigner()).length] as const);
    for (const [name, bytes] of sizes) console.log(`  ${name}.ingress: ${bytes} bytes`);
    assert.ok(sizes.every(([, bytes]) => bytes > 12_000 && bytes < 200_000));
  });

  test("what polls cost nginx and a registry", async () => {
    stallsAfter(120_000);
    const folder = ownFolder();
    const place = servers(folder);
    await place.start();
    const module = signed(shipped(POLICY).module, newSigner(), { revision: 1n });
    writeFileSync(join(place.files, "edge.wasm"), module);
    writeFileSync(join(folder, "edge.wasm"), module);
    const words = ["push", "edge.wasm", `oci://${REGISTRY}/policies/edge:stable`, "--ca", place.ca, "--policy", join(PROJECT, "policies", `${POLICY}.ingress`)];
    const pushed = spawnSync(process.execPath, [...program("compiler/cli/ingressc.mjs"), ...words], {
      cwd: folder,
      encoding: "utf8",
      env: { ...process.env, DOCKER_CONFIG: place.docker },
    });
    assert.is(pushed.status, 0, pushed.stderr);
    const clock = systemClock();
    const http = { clock, wallMs: () => clock.wallMs(), env: {}, ca: readFileSync(place.ca, "utf8") };
    const rows: readonly (readonly [name: string, url: string, pid: number])[] = [
      ["nginx", `https://${NGINX}/edge.wasm`, place.pids().nginx],
      ["docker-registry", `oci://${REGISTRY}/policies/edge:stable`, place.pids().registry],
    ];
    console.log(`  the module of ${POLICY}.ingress: ${module.length} bytes`);
    for (const [name, url, pid] of rows) {
      const location = parseLocation(url);
      if (!location.ok) throw new Error(location.error);
      const source = new PolicySource({ http, location: location.value, tokenFile: null, maxBytes: 1 << 27 });
      const pull = async (): Promise<string> => {
        const offer = await source.pull();
        return offer.ok ? offer.value.kind : offer.error.message;
      };
      const whole = await costsOf(
        POLLS / 10,
        pid,
        () => {
          source.forget();
          return pull();
        },
        "new",
      );
      const unchanged = await costsOf(POLLS, pid, pull, "unchanged");
      const shown = ({ bytes, processorMs: ms }: Costs): string => `${Math.round(bytes)} bytes, ${ms.toFixed(2)} ms of a core`;
      console.log(`  ${name}: unchanged ${shown(unchanged)}; new ${shown(whole)}`);
      for (const gateways of GATEWAYS) {
        const perSecond = gateways / (POLL_MS / 1000);
        console.log(
          `    ${gateways} gateways: ${perSecond.toFixed(1)} polls/s, ${((perSecond * unchanged.processorMs) / 1000).toFixed(2)} cores, ` +
            `${((perSecond * unchanged.bytes * 8) / 1e6).toFixed(1)} Mbit/s; a new policy within a poll: ${((perSecond * whole.processorMs) / 1000).toFixed(2)} cores, ` +
            `${((perSecond * whole.bytes * 8) / 1e6).toFixed(1)} Mbit/s`,
        );
      }
      assert.ok(unchanged.bytes < 20_000 && whole.bytes > module.length, "an answer without news is small");
      assert.ok(unchanged.processorMs > 0 && unchanged.processorMs < 100);
    }
  });

  test("polls of a fleet that starts at one moment are spread over the poll's time", () => {
    // Second by second, over ten minutes: the most and the mean.
    const perSecond = new Array<number>(600).fill(0);
    let seed = 1;
    const random = (): number => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
    const gateways = 10_000;
    for (let i = 0; i < gateways; i++)
      for (let at = 0; at < 600_000;) {
        at += nextPullMs({ pollMs: POLL_MS, failures: 0, retryAfterMs: null, random: random() });
        const second = Math.floor(at / 1000);
        if (second < 600) perSecond[second] = (perSecond[second] ?? 0) + 1;
      }
    const mean = gateways / (POLL_MS / 1000);
    const first = Math.max(...perSecond.slice(0, 120)) / mean;
    const later = Math.max(...perSecond.slice(420)) / mean;
    console.log(`  the busiest second: ${first.toFixed(1)} times the mean in the first two minutes, ${later.toFixed(1)} times after seven`);
    assert.ok(first < 3.5 && later < 2);
  });
}
test.run();
