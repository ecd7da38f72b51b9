// The programs run this package's code and no other: neither a tsconfig.json of the current folder
// nor a file in the shared temporary folder changes it.
import { execFile } from "node:child_process";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import * as assert from "uvu/assert";
import { moduleOf } from "./compiled.ts";
import { ownFolder, suite } from "../suite.ts";

const run = promisify(execFile);
const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const test = suite<{ dir: string }>("register", { dir: "" });

test.before.each((context) => {
  context.dir = ownFolder();
  mkdirSync(join(context.dir, "tmp"));
  writeFileSync(join(context.dir, "evil.ts"), "process.exit(99);\n");
  const paths = Object.fromEntries(["smol-toml", "ajv/dist/2020.js", "ipaddr.js", "@assemblyscript/loader"].map((name) => [name, ["./evil.ts"]]));
  writeFileSync(join(context.dir, "tsconfig.json"), JSON.stringify({ compilerOptions: { baseUrl: ".", paths } }));
});

function options(dir: string): { cwd: string; env: NodeJS.ProcessEnv } {
  const env: NodeJS.ProcessEnv = { ...process.env, TMPDIR: join(dir, "tmp") };
  // As a user starts it: the runner's own settings are not there.
  delete env["NODE_OPTIONS"];
  delete env["TSX_DISABLE_CACHE"];
  return { cwd: dir, env };
}

test("ingressd in a folder with a foreign tsconfig.json", async ({ dir }) => {
  const { stdout } = await run(process.execPath, [at("gateway/ingressd.mjs"), "--version"], options(dir));
  assert.match(stdout, /^ingressd \d+\.\d+\.\d+\n$/);
  assert.equal(readdirSync(join(dir, "tmp")), []);
});

test("a program that has a thread started ahead, and needs none, ends by itself", async ({ dir }) => {
  writeFileSync(
    join(dir, "none.mjs"),
    `
    await import(${JSON.stringify(at("runtime/host/register.mjs"))});
    const { prepareThread } = await import(${JSON.stringify(at("runtime/host/load_thread.ts"))});
    prepareThread();
    console.log("done");
  `,
  );
  const { stdout } = await run(process.execPath, ["none.mjs"], options(dir));
  assert.is(stdout, "done\n");
});

test("the worker that checks a module there", async ({ dir }) => {
  writeFileSync(join(dir, "good.wasm"), moduleOf("edition 1\nexpose web on tcp 8443 { allow from any }"));
  writeFileSync(
    join(dir, "ask.mjs"),
    `
    await import(${JSON.stringify(at("runtime/host/register.mjs"))});
    const { loadPolicyInWorker } = await import(${JSON.stringify(at("runtime/host/load_in_worker.ts"))});
    const { readFileSync } = await import("node:fs");
    const result = await loadPolicyInWorker(readFileSync("good.wasm"), null, 60000);
    console.log(result.value?.info.listeners[0]?.name ?? result.error.message);
  `,
  );
  const { stdout } = await run(process.execPath, ["ask.mjs"], options(dir));
  assert.is(stdout, "web\n");
  assert.equal(readdirSync(join(dir, "tmp")), []);
});

test.run();
