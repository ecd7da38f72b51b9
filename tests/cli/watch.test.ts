// build --watch as a process: it builds again after changes of every kind, keeps the last good
// module on errors, and ends with exit 0 on Ctrl-C.
import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { loadPolicy } from "../../runtime/host/load.ts";
import { folder, INGRESSC, start, type Running } from "./programs.ts";

const watching = suite("watch");

const policy = (port: number, list: string): string =>
  `edition 1\nnet bad = file "${list}" max 10\nexpose web on tcp ${port} { backend 127.0.0.1:8080 allow from any except bad }\n`;

function portOf(path: string): number {
  const loaded = loadPolicy(readFileSync(path));
  if (!loaded.ok) throw new Error(loaded.error.message);
  return loaded.value.info.listeners[0]?.ports[0]?.first ?? 0;
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
    await after(
      running,
      () => {
        renameSync(dir.at("lists"), dir.at("lists.old"));
        renameSync(dir.at("lists.new"), dir.at("lists"));
      },
      "policy.rejected",
    );
    await after(running, () => dir.write("lists/bad.txt", "192.0.2.9\n"), "policy.built");

    // A list file that is missing at first.
    await after(running, () => writeFileSync(file, policy(1004, "later/list.txt")), "policy.rejected");
    await after(
      running,
      () => {
        mkdirSync(dir.at("later"));
        dir.write("later/list.txt", "192.0.2.5\n");
      },
      "policy.built",
    );
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
    await after(
      running,
      () => {
        symlinkSync("v2/p.ingress", dir.at("p.next"));
        renameSync(dir.at("p.next"), dir.at("p.ingress"));
      },
      "policy.built",
    );
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

/** The links to `releases/1`, the path of the policy, and the link that is turned to `releases/2`. */
const TURNS: readonly (readonly [what: string, links: Readonly<Record<string, string>>, policy: string, turned: readonly [link: string, target: string]])[] = [
  ["a relative link to a folder", { current: "releases/1" }, "current/p.ingress", ["current", "releases/2"]],
  ["a link to a link", { current: "latest", latest: "releases/1" }, "current/p.ingress", ["latest", "releases/2"]],
  ["a link in another folder", { "etc/policies": "../current", current: "releases/1" }, "etc/policies/p.ingress", ["current", "releases/2"]],
  ["a link of a file by way of a linked folder", { "p.ingress": "current/p.ingress", current: "releases/1" }, "p.ingress", ["current", "releases/2"]],
];

for (const [what, links, policyPath, [link, target]] of TURNS) {
  watching(`a release is exchanged: ${what}, where only a list or an import differs`, async () => {
    const dir = folder();
    for (const [release, entry] of [
      ["1", "192.0.2.1"],
      ["2", "192.0.2.2"],
      ["3", "192.0.2.3"],
    ] as const) {
      dir.write(
        `releases/${release}/p.ingress`,
        `edition 1\nimport "teams/n.ingress" as n\nexpose web on tcp 443 { backend 127.0.0.1:8080 allow from any except n.bad }\n`,
      );
      dir.write(`releases/${release}/teams/n.ingress`, 'edition 1\nnet bad = file "bad.txt" max 9\n');
      dir.write(`releases/${release}/teams/bad.txt`, `${entry}\n`);
    }
    mkdirSync(dir.at("etc"));
    for (const [name, to] of Object.entries(links)) symlinkSync(to, dir.at(name));
    const turn = (to: string): void => {
      symlinkSync(to, dir.at("turned"));
      renameSync(dir.at("turned"), dir.at(link));
    };
    const hash = (): string => readFileSync(dir.at("out.wasm")).toString("hex");
    const running = start(INGRESSC, ["build", policyPath, "-o", "out.wasm", "--watch", "--json"], { cwd: dir.path });
    try {
      await running.line(/"code":"policy.watching"/);
      const first = hash();
      await after(running, () => turn(target), "policy.built");
      const second = hash();
      assert.is.not(second, first);
      // The new target of the link is watched as well, and so is the link.
      await after(running, () => dir.write("releases/2/teams/bad.txt", "192.0.2.9\n"), "policy.built");
      const changed = hash();
      assert.is.not(changed, second);
      await after(running, () => turn(dir.at("releases/3")), "policy.built");
      assert.is.not(hash(), changed);
      await after(running, () => turn("releases/none"), "usage.missing_file");
      await after(running, () => turn("releases/1"), "policy.built");
      assert.is(hash(), first);
    } finally {
      running.child.kill("SIGKILL");
      await running.ended;
      dir.remove();
    }
  });
}

watching("a link to a list is turned", async () => {
  const dir = folder();
  dir.write("p.ingress", policy(2003, "bad.txt"));
  dir.write("lists/1.txt", "192.0.2.1\n");
  dir.write("lists/2.txt", "192.0.2.2\n");
  symlinkSync("lists/1.txt", dir.at("bad.txt"));
  const running = start(INGRESSC, ["build", "p.ingress", "-o", "out.wasm", "--watch", "--json"], { cwd: dir.path });
  try {
    await running.line(/"code":"policy.watching"/);
    const first = readFileSync(dir.at("out.wasm")).toString("hex");
    await after(
      running,
      () => {
        symlinkSync("lists/2.txt", dir.at("turned"));
        renameSync(dir.at("turned"), dir.at("bad.txt"));
      },
      "policy.built",
    );
    assert.is.not(readFileSync(dir.at("out.wasm")).toString("hex"), first);
  } finally {
    running.child.kill("SIGKILL");
    await running.ended;
    dir.remove();
  }
});

watching.run();
