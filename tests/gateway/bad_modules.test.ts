// A file that is not a policy of this release's compiler never opens a port and never replaces a policy.
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { readSections, SECTION_CODE } from "../../runtime/abi/sections.ts";
import { EXIT_REJECTED } from "../../gateway/exit.ts";
import { backend, freePort, moduleOf, probe, running, start, temporaryFolder } from "./gateway_under_test.ts";
import { otherAbi, rehashed } from "./odd_modules.ts";

const test = suite("bad_modules");

/** A valid wasm module that is not a policy: one function that returns 1. */
const FOREIGN = Uint8Array.from([
  0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 5, 1, 0x60, 0, 1, 0x7f, 3, 2, 1, 0, 7, 5, 1, 1, 0x61, 0, 0, 10, 6, 1, 4, 0, 0x41, 1, 0x0b,
]);

function flipped(module: Uint8Array, at: number): Uint8Array {
  const bytes = Uint8Array.from(module);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return bytes;
}

/** Changes the engine: the last byte of the code section. */
function otherCode(core: Buffer): void {
  const code = readSections(core)?.find(({ id }) => id === SECTION_CODE);
  if (code === undefined) throw new Error("no code");
  core[code.end - 3] = (core[code.end - 3] ?? 0) ^ 1;
}

function broken(good: Uint8Array): readonly (readonly [string, Uint8Array])[] {
  const step = Math.floor(good.length / 3);
  return [
    ["text", new TextEncoder().encode("edition 1\n")],
    ["foreign wasm", FOREIGN],
    ["cut in half", good.subarray(0, good.length >> 1)],
    ["one byte more", Uint8Array.from([...good, 0])],
    ["another ABI, rightly hashed", rehashed(good, otherAbi)],
    ["another engine, rightly hashed", rehashed(good, otherCode)],
    ...Array.from({ length: 2 }, (_, i) => [`a bit flipped at ${step * (i + 1)}`, flipped(good, step * (i + 1))] as const),
  ];
}

test("at the start: zero ports, no ready, exit 3, one sentence", async () => {
  const port = await freePort();
  const good = moduleOf(`edition 1\nexpose web on tcp ${port} { backend 127.0.0.1:9 allow from any }`);
  for (const [name, module] of broken(good)) {
    const started = await start({ module });
    assert.ok("failure" in started, name);
    if (!("failure" in started)) continue;
    assert.equal(started.markers, [], name);
    assert.is(started.failure.exitCode, EXIT_REJECTED, name);
    assert.match(started.failure.message, /^policy `.*policy\.wasm` is refused \(module_[a-z]+\): .+; build it again with ingressc$/s, name);
    assert.is(await probe(port), "deny", name);
  }
});

test("at a reload: the good policy stays in force", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const other = await freePort();
  const policy = (at: number): Uint8Array => moduleOf(`edition 1\nexpose web on tcp ${at} { backend 127.0.0.1:${behind.port} allow from any }`);
  const gateway = await running({ module: policy(port), config: "[policy]\nwatch = false" });
  for (const [name, module] of broken(policy(other))) {
    gateway.place(module);
    const result = await gateway.daemon.reload();
    assert.not(result.ok, name);
    assert.is(await probe(port), "allow", name);
    assert.is(await probe(other), "deny", name);
  }
  assert.equal(
    gateway.markers.filter((line) => line.includes("port open")),
    [`ingressd: port open (port=${port}, proto=tcp)`],
  );
  await gateway.stop();
  behind.close();
});

test("no file at all: zero ports, no ready", async () => {
  const started = await start({ module: null });
  assert.ok("failure" in started);
  if ("failure" in started) {
    assert.equal(started.markers, []);
    assert.is(started.failure.exitCode, EXIT_REJECTED);
    assert.match(started.failure.message, /can't be read/);
  }
});

test("a policy that others can change is refused, file or directory", async () => {
  const module = moduleOf("edition 1");
  const refused = async (loosen: (folder: string, file: string) => void): Promise<string> => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "policy.wasm"), module, { mode: 0o644 });
    loosen(folder, join(folder, "policy.wasm"));
    const started = await start({ folder, module: null });
    if ("failure" in started) return started.failure.message;
    await started.stop();
    return "started";
  };
  assert.match(await refused((_, file) => chmodSync(file, 0o664)), /others can write it \(mode 0664\): run chmod go-w/);
  assert.match(await refused((_, file) => chmodSync(file, 0o646)), /others can write it/);
  assert.match(await refused((folder) => chmodSync(folder, 0o1777)), /its directory .*chmod go-w/);
  assert.match(
    await refused((_, file) => {
      chmodSync(file, 0o644);
      // A directory where a file should be.
      mkdirSync(join(file, "..", "sub"));
    }),
    /^started$/,
  );
});

test("a policy above policy.max_bytes is refused", async () => {
  const module = moduleOf("edition 1");
  const started = await start({ module, config: `[policy]\nmax_bytes = ${module.length - 1}` });
  assert.ok("failure" in started && started.failure.message.includes(`more than ${module.length - 1} bytes`));
  const gateway = await running({ module, config: `[policy]\nmax_bytes = ${module.length}` });
  await gateway.stop();
});

test.run();
