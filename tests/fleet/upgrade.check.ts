// The order of an upgrade: gateways first, then policies. This release's gateway and the previous one's run modules of both compilers.
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, copyFileSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { program } from "../ready.ts";
import { skip } from "../skip.ts";
import { atEnd, ownFolder, stallsAfter, suite } from "../suite.ts";
import { backend, freePort, moduleOf, probe } from "../gateway/gateway_under_test.ts";
import { until } from "./gateways.ts";

const test = suite("upgrade order");
const RELEASES = fileURLToPath(new URL("../host/releases/", import.meta.url));
const PREVIOUS = "0.2.0";

interface Gateway {
  readonly child: ChildProcess;
  readonly out: () => string;
  readonly err: () => string;
  readonly exit: Promise<number | null>;
}

function gateway(words: readonly string[], folder: string, policy: string): Gateway {
  mkdirSync(folder, { mode: 0o700 });
  writeFileSync(join(folder, "c.toml"), `[audit]\nfile = "${join(folder, "audit.jsonl")}"\n`);
  const child = spawn(process.execPath, [...words, "--policy", policy, "--config", join(folder, "c.toml"), "--control", join(folder, "run", "c.sock")], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  atEnd(() => child.kill("SIGKILL"));
  let [out, err] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
  const exit = once(child, "close").then(([code]) => (typeof code === "number" ? code : null));
  return { child, exit, out: () => out, err: () => err };
}

const isApart = process.getuid?.() === 0 && spawnSync("ip", ["addr", "add", "10.0.0.5/32", "dev", "lo"]).status === 0;
if (!isApart) skip("upgrade order", "no network of one's own (root, ip, --own-network)");
else {
  test("each gateway with the modules of both compilers", async () => {
    stallsAfter(60_000);
    const folder = ownFolder();
    assert.is(spawnSync("tar", ["-xzf", join(RELEASES, `${PREVIOUS}.gateway.tgz`), "-C", folder]).status, 0);
    const gateways = { [PREVIOUS]: [join(folder, "gateway", "ingressd.mjs")], now: program("gateway/ingressd.mjs") };
    assert.is(
      spawnSync(process.execPath, [...gateways[PREVIOUS], "--version"], { encoding: "utf8" })
        .stdout.trim()
        .split(" ")
        .at(-1),
      PREVIOUS,
    );
    const behind = await backend("hello");
    const port = await freePort();
    const modules = { [PREVIOUS]: join(folder, "old.wasm"), now: join(folder, "new.wasm") };
    copyFileSync(join(RELEASES, `${PREVIOUS}.wasm`), modules[PREVIOUS]);
    writeFileSync(modules.now, moduleOf(`edition 1\nexpose web on tcp ${port} { backend 127.0.0.1:${behind.port} allow from any }`));
    for (const module of Object.values(modules)) chmodSync(module, 0o600);
    // The last column is what the previous release says of a module that it can't know.
    const rows: readonly (readonly [gateway: keyof typeof gateways, module: keyof typeof modules, refused: RegExp | null])[] = [
      ["now", "now", null],
      ["now", PREVIOUS, null],
      [PREVIOUS, PREVIOUS, null],
      [PREVIOUS, "now", /is refused \(module_code\): the module's code is not an engine of this release or the previous one/],
    ];
    for (const [i, [which, module, refused]] of rows.entries()) {
      const policy = join(folder, `${i}.wasm`);
      copyFileSync(modules[module], policy);
      const running = gateway(gateways[which], join(folder, `g${i}`), policy);
      const name = `gateway ${which}, module ${module}`;
      if (refused !== null) {
        assert.is(await running.exit, 3, name);
        assert.match(running.err(), refused);
        assert.not.match(running.out(), /port open|ready/, name);
        continue;
      }
      await until(name, () => running.out().includes("ingressd: ready"));
      if (module === "now") assert.is(await probe(port), "allow", name);
      else assert.match(running.err(), /opened 10\.0\.0\.5:9443 /, name);
      if (which === PREVIOUS) {
        // A policy that came before the upgrade of its gateway: the previous policy stays.
        copyFileSync(modules.now, `${policy}.new`);
        renameSync(`${policy}.new`, policy);
        await until("it refuses the newer module", () => running.err().includes("(module_code)"));
        assert.is(await probe(port), "deny");
      }
      running.child.kill("SIGTERM");
      await running.exit;
    }
  });
}

test.run();
