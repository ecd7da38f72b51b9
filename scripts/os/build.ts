// Builds the OS image: the engine's pinned C, the network half (AssemblyScript, compiled by wasm2c) and the
// kernel, for rv64imac without a C library. The image contains no policy; policy data is loaded separately.
import { failed } from "../../runtime/result/result.ts";
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { abiHeader, nativePolicy, type NativePolicy } from "../../compiler/emit/native.ts";
import { compile } from "../../compiler/compile.ts";
import { engineC, findWasm2c } from "../../compiler/cli/wasm2c.ts";
import * as abi from "../../runtime/abi/layout.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const image = join(root, "runtime/os/image");
const PREFIX = "riscv64-unknown-elf-";
const MACHINE = ["-march=rv64imac", "-mabi=lp64", "-mcmodel=medany"];
const C_FLAGS = ["-std=gnu11", "-Os", "-ffreestanding", "-fno-strict-aliasing", "-ffunction-sections", "-fdata-sections", "-fno-common", "-fcallgraph-info=su"];
const WARNINGS = ["-Wall", "-Wextra", "-Werror"];
/** The network half's names for the functions of its runtime; host.c defines those of the engine. */
const NET_RUNTIME = ["trap", "allocate_memory", "free_memory", "is_initialized"].map((name) => `-Dwasm_rt_${name}=net_rt_${name}`);

export class BuildFailed extends Error {}

function run(command: string, words: readonly string[], cwd: string): string {
  const { status, stdout, stderr, error } = spawnSync(command, words, { cwd, encoding: "utf8", timeout: 120_000 });
  if (error !== undefined) throw new BuildFailed(`${command}: ${error.message}`);
  if (status !== 0) throw new BuildFailed(`${basename(command)} ${words.slice(-3).join(" ")} failed:\n${stdout}${stderr}`);
  return stdout;
}

/** The network half as WebAssembly, built by `npm run engine`; tests in Node run the same bytes. */
const NET = join(root, "runtime/os/net/build/net.wasm");

/** The parts of a policy that the machine loads: its data and its manifest. */
export function buildPolicy(path: string, text: string): NativePolicy {
  const { module, diagnostics } = compile({ path, text }, { read: () => failed("missing") }, "os");
  if (module === null) throw new BuildFailed(`${path}: ${diagnostics.map((d) => d.message).join("; ")}`);
  return nativePolicy(module);
}

function numbers(): string {
  const rows = {
    H_LISTENERS: abi.H_LISTENERS,
    H_GROUP_FIRST: abi.H_GROUP_FIRST,
    H_LISTENER_COUNT: abi.H_LISTENER_COUNT,
    H_PORT_KEYS: abi.H_PORT_KEYS,
    H_PORT_COUNT: abi.H_PORT_COUNT,
    LISTENER_BYTES: abi.LISTENER_BYTES,
    R_LISTENER_IDENTITY: abi.R_LISTENER_IDENTITY,
  };
  return Object.entries(rows)
    .map(([name, value]) => `#define ${name} ${value}\n`)
    .join("");
}

export interface Image {
  /** Path of the ELF file. */
  readonly path: string;
  readonly fileBytes: number;
  /** Size of everything that is loaded. */
  readonly textBytes: number;
  readonly dataBytes: number;
  /** Memory from the kernel's first byte to its last, the processes' data included. */
  readonly memoryBytes: number;
}

/** Builds in `folder`, which is created, from the kernel and the processes in `sources`. Throws BuildFailed with the output of the failed tool. */
export function buildImage(folder: string, sources = image): Image {
  mkdirSync(join(folder, "user"), { recursive: true });
  const wasm2c = findWasm2c();
  const made = engineC(wasm2c);
  if (!made.ok) throw new BuildFailed(made.error.message);
  if (wasm2c === null) throw new BuildFailed("wabt is not installed");
  const engine = made.value;
  writeFileSync(join(folder, "engine.c"), engine.source);
  writeFileSync(join(folder, "engine.h"), engine.header);
  writeFileSync(join(folder, "abi.h"), abiHeader());
  writeFileSync(join(folder, "numbers.h"), numbers());
  run(process.execPath, [wasm2c, NET, "-n", "net", "-o", "net_wasm.c"], folder);
  const objects = compileAll(folder, sources);
  const path = join(folder, "image.elf");
  run(
    `${PREFIX}gcc`,
    [
      ...MACHINE,
      "-nostdlib",
      "-Wl,--gc-sections",
      "-Wl,--build-id=none",
      "-Wl,-z,max-page-size=4096",
      "-T",
      join(sources, "link.ld"),
      "-o",
      path,
      ...objects,
      "-lgcc",
    ],
    folder,
  );
  run(`${PREFIX}strip`, ["--strip-debug", path], folder);
  const [text = 0, data = 0] = (run(`${PREFIX}size`, [path], folder).split("\n")[1] ?? "").trim().split(/\s+/).map(Number);
  const places = new Map(
    run(`${PREFIX}nm`, [path], folder)
      .split("\n")
      .map((line) => [line.split(" ")[2] ?? "", Number.parseInt(line.slice(0, 16), 16)]),
  );
  const memoryBytes = (places.get("kernel_end") ?? 0) - (places.get("kernel_first") ?? 0);
  return { path, fileBytes: statSync(path).size, textBytes: text, dataBytes: data, memoryBytes };
}

function compileAll(folder: string, sources: string): readonly string[] {
  const include = ["-I", folder, "-I", sources, "-I", join(root, "runtime/os"), "-isystem", join(root, "runtime/os/include")];
  const unit = (source: string, object: string, ...more: readonly string[]): string => {
    run(`${PREFIX}gcc`, [...MACHINE, ...C_FLAGS, ...include, ...more, "-c", source, "-o", object], folder);
    return object;
  };
  const own = (from: string, to: string): readonly string[] =>
    readdirSync(from)
      .filter((name) => name.endsWith(".c"))
      .sort()
      .map((name) => unit(join(from, name), join(to, name.replace(/c$/, "o")), ...WARNINGS, ...(to === "." ? [] : NET_RUNTIME)));
  return [
    unit(join(sources, "start.S"), "start.o"),
    unit("engine.c", "engine.o", "-w"),
    unit("net_wasm.c", "net_wasm.o", "-w", ...NET_RUNTIME),
    unit(join(root, "runtime/os/host.c"), "host.o", ...WARNINGS),
    unit(join(root, "runtime/os/memory.c"), "memory.o", ...WARNINGS, "-fno-tree-loop-distribute-patterns"),
    ...own(sources, "."),
    ...own(join(sources, "user"), "user"),
  ];
}
