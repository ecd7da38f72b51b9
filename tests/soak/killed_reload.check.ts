// kill -9 at a random moment of a reload, again and again, of the shipped process on a real disk: the
// next start serves the policy from before or the new one, never none and never an older one.
import { randomInt } from "node:crypto";
import { rmSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { openConnection, type Connection } from "../../gateway/client/connection.mjs";
import { backend, freePort, moduleOf, probe, temporaryFolder } from "../gateway/gateway_under_test.ts";
import { launch, place, type Running } from "../gateway/ingressd_process.ts";
import { newState } from "../gateway/state_under_test.ts";
import { suite } from "../suite.ts";
import { assertForwarder, either, figure, within } from "./measured.ts";

const test = suite("killed_reload");
const KILLS = either(50, 5);

interface Policy {
  readonly generation: number;
  readonly signature: { readonly revision: number } | null;
}

async function policyOf(control: Connection): Promise<Policy> {
  const answer = await control.call("status");
  const result: unknown = "result" in answer ? answer.result : null;
  if (!hasPolicy(result)) throw new Error(`no policy: ${JSON.stringify(answer)}`);
  return result.policy;
}

function hasPolicy(value: unknown): value is { readonly policy: Policy } {
  return typeof value === "object" && value !== null && "policy" in value && value.policy !== null;
}

test(`${KILLS} times`, async () => {
  const state = newState();
  const behind = await backend("hello");
  const ports = [await freePort(), await freePort()];
  /** Revisions take the two ports by turns, so that which one serves is seen from outside. */
  const signed = (revision: number): Uint8Array =>
    state.sign(moduleOf(`edition 1\nexpose web on tcp ${ports[revision % 2]} bind 127.0.0.1 { backend 127.0.0.1:${behind.port} allow from any }`), revision);
  const folder = temporaryFolder();
  const control = join(folder, "run", "control.sock");
  const begin = async (): Promise<Running> => {
    const it = launch(folder, state.trusting);
    await it.line("ingressd: ready");
    return it;
  };
  let revision = 1;
  place(folder, signed(revision));
  let it = await begin();
  assertForwarder(it);

  // How long a reload takes here, to aim within it.
  const measure = await openConnection(control);
  const from = performance.now();
  place(folder, signed(++revision));
  assert.ok("result" in (await measure.call("reload")));
  const reloadMs = performance.now() - from;
  measure.close();

  const came = { old: 0, new: 0, acknowledged: 0 };
  for (let round = 0; round < KILLS; round++) {
    const client = await openConnection(control);
    place(folder, signed(revision + 1));
    let acknowledged = false;
    client.call("reload").then(
      (answer) => (acknowledged = "result" in answer),
      () => undefined,
    );
    const until = performance.now() + randomInt(Math.ceil(reloadMs * 1300)) / 1000;
    await within(60_000, () => performance.now() >= until);
    it.child.kill("SIGKILL");
    await it.exit;
    // The file is gone at every second start, so that what was kept must serve.
    const fileGone = round % 2 === 0;
    if (fileGone) rmSync(join(folder, "policy.wasm"));
    it = await begin();
    const again = await openConnection(control);
    const { signature } = await policyOf(again);
    again.close();
    const serves = signature?.revision ?? -1;
    assert.ok(serves === revision || serves === revision + 1, `round ${round}: revision ${serves} serves; it was ${revision}, and ${revision + 1} was loaded`);
    if (acknowledged || !fileGone) assert.is(serves, revision + 1, `round ${round}: what was acknowledged, or is in place, serves`);
    const seen = [await probe(ports[serves % 2] ?? 0), await probe(ports[(serves + 1) % 2] ?? 0)];
    assert.equal(seen, ["allow", "deny"], `round ${round}`);
    if (acknowledged) came.acknowledged++;
    else if (fileGone) came[serves === revision ? "old" : "new"]++;
    // A module older than the one in force is refused.
    place(folder, signed(serves - 1));
    const connection = await openConnection(control);
    const answer = await connection.call("reload");
    connection.close();
    assert.match("error" in answer ? answer.error.message : "taken", /revision_old/, `round ${round}`);
    revision = serves;
  }
  figure("kills; a reload takes", `${KILLS}; ${reloadMs.toFixed(0)} ms`);
  figure("then served without a file: the old, the new", `${came.old}, ${came.new}`);
  figure("kills after the reload was acknowledged: the new", String(came.acknowledged));
  it.child.kill("SIGTERM");
  assert.is(await it.exit, 0);
  behind.close();
});

test.run();
