// A flood of datagrams from more than 100,000 forged sources, at each forwarder, in a network namespace of its own: new clients are
// answered, no proven flow ends, and neither descriptors nor memory go beyond the cap.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { openCalls } from "../../gateway/kernel/calls.ts";
import { FORWARDERS } from "../gateway/gateway_under_test.ts";
import { skip } from "../skip.ts";
import { suite } from "../suite.ts";

const flood = suite("udp flood");

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const APART = [
  "-n",
  "sh",
  "-ec",
  'ip link set lo up; ip address add 10.9.0.1/32 dev lo; ip route add local 198.18.0.0/15 dev lo; ip route add local 10.9.0.0/16 dev lo; exec "$@"',
  "sh",
];
/** Per second; the bar is for the long form. */
const FORGED = process.env["SOAK"] === "short" ? 5_000 : 20_000;
/** As in udp_flood_inside.ts. */
const SECONDS = 25;
/** Of 1,000, in percent. */
const ANSWERED = 95;
/** Descriptors of the gateway beside those of its flows. */
const OTHER_DESCRIPTORS = 64;
/** From the second quarter of the flood to the last one; V8's young generation may double once. */
const MOST_GROWN_MIB = 40;

interface Outcome {
  readonly forged: number;
  readonly clients: number;
  readonly duringFlood: number;
  readonly answered: number;
  readonly provenSent: number;
  readonly provenAnswered: number;
  readonly provenFlows: number;
  readonly provenClients: number;
  readonly cap: number;
  readonly mostDescriptors: number;
  readonly grownMib: number;
}

function isOutcome(value: unknown): value is Outcome {
  return typeof value === "object" && value !== null && "answered" in value && "provenFlows" in value;
}

if (spawnSync("unshare", [...APART, "true"]).status !== 0 || openCalls() === null)
  skip("a flood from forged sources", "no network namespaces of one's own, or no koffi");
else {
  for (const forwarder of FORWARDERS)
    flood(`${forwarder}: under ${FORGED} datagrams per second from forged sources 95 % of new clients are answered, and no proven flow ends`, () => {
      const done = spawnSync(
        "unshare",
        [...APART, process.execPath, "--import", "tsx", fileURLToPath(new URL("../bench/udp_flood_inside.ts", import.meta.url)), forwarder, String(FORGED)],
        { cwd: ROOT, encoding: "utf8", timeout: 120_000 },
      );
      const outcome: unknown = JSON.parse(done.stdout.trim().split("\n").at(-1) ?? "null");
      if (!isOutcome(outcome)) throw new Error(done.stderr);
      console.log(`${forwarder} ${JSON.stringify(outcome)}`);
      assert.ok(outcome.forged >= 0.9 * FORGED * SECONDS, `only ${outcome.forged} forged datagrams: the machine is too slow or too busy`);
      assert.is(outcome.duringFlood, outcome.clients, "the flood ended before the last client came");
      assert.ok(outcome.answered >= (outcome.clients * ANSWERED) / 100, `${outcome.answered} of ${outcome.clients} were answered`);
      assert.ok(outcome.mostDescriptors <= outcome.cap + OTHER_DESCRIPTORS, `${outcome.mostDescriptors} descriptors for ${outcome.cap} flows`);
      assert.ok(outcome.grownMib <= MOST_GROWN_MIB, `memory grew by ${outcome.grownMib} MiB`);
      assert.is(outcome.provenFlows, outcome.provenClients, "a proven flow ended");
      assert.is(outcome.provenAnswered, outcome.provenSent);
    });
}

flood.run();
