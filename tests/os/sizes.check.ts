// The sizes of the engine's native code: code, memory and stack are printed and compared with their bounds.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { OS_NATIVE_BYTES } from "../../runtime/abi/profiles.ts";
import { skip } from "../skip.ts";
import { answered, build, called, missing, RISCV, writeEngine } from "./compiled.ts";
import { callGraph, deepest } from "./stack.ts";
import { makeVectors, VECTOR_SEED } from "./vectors.ts";
import { ownFolder, suite } from "../suite.ts";

/** Stack bytes that a caller must have free, as docs/os.md states. */
const STACK_BYTES = 2_048;
/** Memory of the host besides the page. */
const STATE_BYTES = 256;

const check = suite("sizes");
const folder = ownFolder("ingressd-sizes-");

const OURS = /^(w2c_|wasm2c_|wasm_rt_|ingress_|call_|i32_|i64_|enter|evaluate|checked|deny|word|put|is_manifest|reasons|engine_sha256|digits|before|after)/;
const MEMORY = /^(memcpy|memmove|memset|memcmp)$/;

interface Sym {
  readonly name: string;
  readonly bytes: number;
  readonly kind: string;
}

const lacks = missing(RISCV);
if (lacks !== null) skip("sizes of rv64imac", lacks);
else {
  writeEngine(folder);
  const program = build(RISCV, folder, ["vectors.c"]);
  const symbols = called("riscv64-unknown-elf-nm", ["-S", program], folder)
    .split("\n")
    .flatMap((line): readonly Sym[] => {
      const [, bytes, kind, name] = /^[0-9a-f]+ ([0-9a-f]+) (\w) (\S+)$/.exec(line) ?? [];
      return bytes === undefined || kind === undefined || name === undefined ? [] : [{ name, bytes: Number.parseInt(bytes, 16), kind: kind.toLowerCase() }];
    });
  const sum = (of: (s: Sym) => boolean): number => symbols.filter(of).reduce((total, { bytes }) => total + bytes, 0);

  check("the engine, the host and the functions that they call fit into 17 KiB of code", () => {
    const engine = sum(({ name, kind }) => kind === "t" && /^(w2c_|wasm2c_|i32_|i64_|memory_|load_data)/.test(name));
    const host = sum(({ name, kind }) => "tr".includes(kind) && OURS.test(name)) - engine;
    const memory = sum(({ name, kind }) => kind === "t" && MEMORY.test(name));
    console.log(`rv64imac code: ${engine} bytes of engine, ${host} of host, ${memory} of memcpy and its like; bound ${OS_NATIVE_BYTES}`);
    assert.ok(engine > 8_192 && host > 1_024 && memory > 60, "something was not counted");
    assert.ok(engine + host + memory <= OS_NATIVE_BYTES, String(engine + host + memory));
  });

  check("memory is one page of 64 KiB and a few words", () => {
    const page = sum(({ name }) => name === "page");
    const rest = sum(({ name, kind }) => "bd".includes(kind) && ["engine", "state", "inside", "resume", "scratch"].includes(name));
    console.log(`rv64imac memory: ${page} bytes of page, ${rest} beside it`);
    assert.is(page, 65_536);
    assert.ok(rest > 64 && rest <= STATE_BYTES, String(rest));
    // Engine and host write to nothing else.
    const written = symbols.filter(({ name, kind }) => "bdsg".includes(kind) && !["page", "engine", "state", "inside", "resume", "scratch"].includes(name));
    assert.equal(
      written.map(({ name }) => name),
      [],
    );
  });

  check("no call needs more stack than is stated", () => {
    const graph = callGraph(folder, "rv-");
    const entries = [...graph.frames.keys()].filter((title) => title.startsWith("ingress_"));
    assert.ok(entries.length >= 10, entries.join());
    const { bytes, way } = deepest(graph, entries);
    console.log(`rv64imac stack: at most ${bytes} bytes (${way.join(" > ")}); bound ${STACK_BYTES}`);
    assert.ok(bytes > 200 && bytes <= STACK_BYTES, String(bytes));
    // The bound of the whole program is at least the use of a painted stack, and at most twice that.
    const file = join(folder, "vectors.bin");
    const vectors = makeVectors(VECTOR_SEED);
    writeFileSync(file, vectors.bytes);
    const used = Array.from({ length: 4 }, (_, part) => Number(/^stack (\d+)$/m.exec(answered(RISCV, program, file, part).output)?.[1]));
    const whole = deepest(graph, ["start"]).bytes;
    console.log(`rv64imac stack: the vectors' program used ${Math.max(...used)} bytes of at most ${whole}`);
    assert.ok(
      used.every((n) => n > whole / 2 && n <= whole),
      `${used.join()} of ${whole}`,
    );
  });
}

check.run();
