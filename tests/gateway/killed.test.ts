// kill -9 between the steps of a reload: the next start serves the old policy or the new one,
// also where the policy file is gone, and never one that is older than both.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { createKeeper } from "../../gateway/reload/keeper.ts";
import { systemDisk } from "../../runtime/shell/disk.ts";
import { loadPolicy } from "../../runtime/host/load.ts";
import { program } from "../ready.ts";
import { backend, freePort, moduleOf, probe, running, temporaryFolder } from "./gateway_under_test.ts";
import { newState, policyStatus } from "./state_under_test.ts";

const test = suite("killed");
const CHILD = program("tests/gateway/killed_daemon.ts");

interface Row {
  readonly step: string;
  /** Which policy a start without a policy file serves. */
  readonly serves: "old" | "new";
  /** The mark's revision as it was left. */
  readonly mark: 2 | 3;
}

const rows: readonly Row[] = [
  { step: "half of the copy", serves: "old", mark: 2 },
  { step: "half of the mark", serves: "old", mark: 2 },
  { step: "before the copy takes its place", serves: "old", mark: 2 },
  { step: "before the mark takes its place", serves: "new", mark: 2 },
  { step: "after the mark took its place", serves: "new", mark: 3 },
];

test("at each step", async () => {
  const state = newState();
  const behind = await backend("hello");
  const [first, second] = [await freePort(), await freePort()];
  const at = (port: number, revision: number): Uint8Array =>
    state.sign(moduleOf(`edition 1\nexpose web on tcp ${port} { backend 127.0.0.1:${behind.port} allow from any }`), revision);
  const [older, old, next] = [at(first, 1), at(first, 2), at(second, 3)];
  const before = await running({ module: old, config: state.trusting });
  await before.stop();

  const runs = rows.map((row) => {
    const folder = temporaryFolder();
    const directory = join(folder, "state");
    cpSync(state.directory, directory, { recursive: true });
    writeFileSync(join(folder, "policy.wasm"), old);
    writeFileSync(join(folder, "next.wasm"), next);
    mkdirSync(join(folder, "run"), { mode: 0o700 });
    return { ...row, folder, directory, config: state.trusting.replace(state.directory, directory) };
  });

  // One after the other: all open the same port.
  for (const { step, serves, mark, folder, directory, config } of runs) {
    const audit = join(folder, "audit.jsonl");
    const child = spawn(process.execPath, [...CHILD, folder, step, `${config}\n[audit]\nfile = "${audit}"\n`], { stdio: ["ignore", "ignore", "pipe"] });
    let err = "";
    child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
    const ended: readonly unknown[] = await once(child, "close");
    assert.is(ended[1], "SIGKILL", `${step}: ${err}`);
    assert.ok(readFileSync(join(folder, "policy.wasm")).equals(next), "the file was replaced before the reload");

    // Whatever lies at the policy's path then: the new one may come, the older one never.
    const keeper = createKeeper(directory, () => 1 << 24, systemDisk);
    const verdict = (bytes: Uint8Array): string => {
      const policy = loadPolicy(bytes, [state.ours.trusted]);
      return !policy.ok ? policy.error.code : (keeper.refusal(policy.value.info)?.split(":")[0] ?? "may come");
    };
    assert.equal([verdict(older), verdict(old), verdict(next)], ["(revision_old)", mark === 3 ? "(revision_old)" : "may come", "may come"], step);

    const after = await running({ module: null, config });
    const status = await policyStatus(after);
    assert.is(status.source, "last_good", step);
    assert.equal([await probe(first), await probe(second)], serves === "old" ? ["allow", "deny"] : ["deny", "allow"], step);
    assert.equal(status.signature, { key_id: state.ours.trusted.id, revision: serves === "old" ? 2 : 3, verified: true }, step);
    assert.match(
      readFileSync(join(directory, "revision.mark"), "utf8"),
      new RegExp(` revision=${serves === "old" ? 2 : 3} `),
      "what serves is what the mark says",
    );
    await after.stop();
  }
  behind.close();
});

test.run();
