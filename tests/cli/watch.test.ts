// build --watch as a process: it builds again after changes of every kind, keeps the last good
// module on errors, and ends with exit 0 on Ctrl-C.
import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { isRefusal, loadPolicy } from "../../runtime/host/load.ts";
import { folder, INGRESSC, start, type Running } from "./programs.ts";

const watching = suite("watch");

const policy = (port: number, list: string): string =>
  `edition 1\nnet bad = file "${list}" max 10\nexpose web on tcp ${port} { backend 127.0.0.1:8080 allow from any except bad }\n`;

function portOf(path: string): number {
  const loaded = loadPolicy(readFileSync(path));
  if (isRefusal(loaded)) throw new Error(loaded.message);
  return loaded.info.listeners[0]?.ports[0]?.first ?? 0;
}

/** Does something and waits for the outcome that follows it. */
async function after(running: Running, change: () => void, code: string): Promise<string> {
  const before = running.count();
  change();
  return running.line(new RegExp(`"code":"${code}"`), before);
}

watching("changes, errors, lists, renames and a folder that comes and goes", async () => {
  const dir = folder();
  const file = dir.write("p.ingress", policy(1001, "lists/bad.txt"));
  dir.write("lists/bad.txt", "192.0.2.1\n");
  const running = start(INGRESSC, ["build", "p.ingress", "-o", "out.wasm", "--watch", "--json"], { cwd: dir.path });
  try {
    await running.line(/"code":"policy.watching"/);
    assert.is(portOf(dir.at("out.wasm")), 1001);

    await after(running, () => writeFileSync(file, policy(1002, "lists/bad.txt")), "policy.built");
    assert.is(portOf(dir.at("out.wasm")), 1002);

    const good = readFileSync(dir.at("out.wasm"));
    await after(running, () => writeFileSync(file, "edition 1\nexpose"), "policy.rejected");
    assert.equal(readFileSync(dir.at("out.wasm")), good, "the last good module stays");

    await after(running, () => rmSync(file), "usage.missing_file");
    assert.equal(readFileSync(dir.at("out.wasm")), good);

    // As an editor saves: another file takes the name.
    dir.write("p.ingress.new", policy(1003, "lists/bad.txt"));
    await after(running, () => renameSync(dir.at("p.ingress.new"), file), "policy.built");
    assert.is(portOf(dir.at("out.wasm")), 1003);

    const hash = readFileSync(dir.at("out.wasm")).toString("hex");
    await after(running, () => dir.write("lists/bad.txt", "198.51.100.0/24\n"), "policy.built");
    assert.is.not(readFileSync(dir.at("out.wasm")).toString("hex"), hash, "the list file counts");

    // The whole folder of the list is exchanged.
    dir.write("lists.new/bad.txt", "nonsense\n");
    await after(running, () => {
      renameSync(dir.at("lists"), dir.at("lists.old"));
      renameSync(dir.at("lists.new"), dir.at("lists"));
    }, "policy.rejected");
    await after(running, () => dir.write("lists/bad.txt", "192.0.2.9\n"), "policy.built");

    // A list file that is missing at first.
    await after(running, () => writeFileSync(file, policy(1004, "later/list.txt")), "policy.rejected");
    await after(running, () => {
      mkdirSync(dir.at("later"));
      dir.write("later/list.txt", "192.0.2.5\n");
    }, "policy.built");
    assert.is(portOf(dir.at("out.wasm")), 1004);

    // A failing test writes nothing either.
    const kept = readFileSync(dir.at("out.wasm"));
    const failing = `${policy(1005, "later/list.txt")}test "t" { from 192.0.2.5 to web => allow }\n`;
    await after(running, () => writeFileSync(file, failing), "policy.test_failed");
    assert.equal(readFileSync(dir.at("out.wasm")), kept);

    running.child.kill("SIGINT");
    const { code, err, out } = await running.ended;
    assert.equal([code, err], [0, ""]);
    assert.match(out, /"code":"policy.watch_ended"[^\n]*\n$/);
  } finally {
    running.child.kill("SIGKILL");
    await running.ended;
    dir.remove();
  }
});

watching("a symlink that is turned to another file is a change; a neighbour's file is none", async () => {
  const dir = folder();
  dir.write("v1/p.ingress", policy(2001, "bad.txt"));
  dir.write("v1/bad.txt", "192.0.2.1\n");
  dir.write("v2/p.ingress", policy(2002, "bad.txt"));
  dir.write("v2/bad.txt", "192.0.2.1\n");
  symlinkSync("v1/p.ingress", dir.at("p.ingress"));
  const running = start(INGRESSC, ["build", "p.ingress", "-o", "out.wasm", "--watch", "--json"], { cwd: dir.path });
  try {
    await running.line(/"code":"policy.watching"/);
    const lines = running.count();
    dir.write("neighbour.txt", "nothing to the policy");
    await after(running, () => {
      symlinkSync("v2/p.ingress", dir.at("p.next"));
      renameSync(dir.at("p.next"), dir.at("p.ingress"));
    }, "policy.built");
    assert.is(running.count(), lines + 1, "one build for one change");
    assert.is(portOf(dir.at("out.wasm")), 2002);
    running.child.kill("SIGTERM");
    assert.is((await running.ended).code, 0);
  } finally {
    running.child.kill("SIGKILL");
    await running.ended;
    dir.remove();
  }
});

watching.run();
