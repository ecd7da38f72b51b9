// Builds native code of the engine for the tests: the machine's own by gcc, and rv64imac for QEMU.
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { engineC } from "../../compiler/cli/wasm2c.ts";
import * as abi from "../../runtime/abi/layout.ts";
import { abiHeader } from "../../compiler/emit/native.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const OS = join(root, "runtime/os");
const NATIVE = join(root, "tests/os/native");

export interface Toolchain {
  readonly name: string;
  /** Debian packages by program. */
  readonly packages: Readonly<Record<string, string>>;
  readonly cc: string;
  /** Of the objects' names. */
  readonly prefix: string;
  readonly flags: readonly string[];
  /** A gcc, which links and assembles. */
  readonly linker: string;
  readonly link: readonly string[];
  /** The machine that QEMU emulates, without a C library; its flags of the architecture come first. */
  readonly bare: boolean;
  /** Sources in tests/os/native for the machine. */
  readonly machine: readonly string[];
}

export const HOSTED: Toolchain = {
  name: "native x86-64",
  packages: { gcc: "gcc" },
  cc: "gcc",
  prefix: "x",
  flags: ["-O2"],
  linker: "gcc",
  link: ["-Wl,--gc-sections"],
  bare: false,
  machine: ["posix.c"],
};

/** The same with gcc's address and undefined-behaviour sanitizers. */
export const SANITIZED: Toolchain = {
  ...HOSTED,
  name: "sanitized x86-64",
  prefix: "xs",
  flags: ["-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"],
  link: ["-fsanitize=address,undefined"],
};

export const RISCV: Toolchain = {
  name: "rv64imac",
  packages: { "riscv64-unknown-elf-gcc": "gcc-riscv64-unknown-elf", "qemu-system-riscv64": "qemu-system-misc" },
  cc: "riscv64-unknown-elf-gcc",
  prefix: "rv",
  flags: ["-march=rv64imac", "-mabi=lp64", "-mcmodel=medany", "-Os", "-msave-restore"],
  linker: "riscv64-unknown-elf-gcc",
  bare: true,
  link: ["-nostdlib", "-Wl,--gc-sections", "-Wl,--no-warn-rwx-segments", `-Wl,-T,${join(NATIVE, "virt.ld")}`],
  machine: ["virt.S", "virt.c"],
};

/** Clang, whose return from a trap is the host's own on RISC-V. */
export const CLANG: Toolchain = { ...HOSTED, name: "native x86-64 by clang", packages: { ...HOSTED.packages, clang: "clang" }, cc: "clang", prefix: "xc" };
export const RISCV_CLANG: Toolchain = {
  ...RISCV,
  name: "rv64imac by clang",
  packages: { ...RISCV.packages, clang: "clang" },
  cc: "clang",
  prefix: "rvc",
  flags: ["-march=rv64imac", "-mabi=lp64", "-mcmodel=medany", "-Os", "--target=riscv64-unknown-elf"],
};

/** The missing programs, with their Debian packages; null if none is missing. */
export function missing({ packages }: Toolchain): string | null {
  const lacking = Object.entries(packages).filter(([program]) => spawnSync(program, ["--version"]).error !== undefined);
  return lacking.length === 0 ? null : lacking.map(([program, name]) => `${program} (Debian: ${name})`).join(", ");
}

/** The addresses at which faults.c changes the tables. */
const BROKEN = {
  H_RESIDUALS: abi.H_RESIDUALS,
  H_RESIDUAL_COUNT: abi.H_RESIDUAL_COUNT,
  RESIDUAL_BYTES: abi.RESIDUAL_BYTES,
  HEADER_BYTES: abi.HEADER_BYTES,
  H_SEAL: abi.H_SEAL,
  SEAL_START: abi.SEAL_START,
  SEAL_TURN_FIRST: abi.SEAL_TURN_FIRST,
  SEAL_TURN_SECOND: abi.SEAL_TURN_SECOND,
  SEAL_PRIME_FIRST: abi.SEAL_PRIME_FIRST,
  SEAL_PRIME_SECOND: abi.SEAL_PRIME_SECOND,
  R_RESIDUAL_VERDICT: abi.R_RESIDUAL_VERDICT,
  R_RESIDUAL_CODE: abi.R_RESIDUAL_CODE,
  R_RESIDUAL_RULE: abi.R_RESIDUAL_RULE,
};

/** engine.c, engine.h and abi.h in `folder`. */
export function writeEngine(folder: string): void {
  const made = engineC();
  if (!made.ok) throw new Error(made.error.message);
  const c = made.value;
  writeFileSync(join(folder, "engine.c"), c.source);
  writeFileSync(join(folder, "engine.h"), c.header);
  writeFileSync(join(folder, "abi.h"), abiHeader());
}

export function called(command: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: "utf8", timeout: 120_000 });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${error?.message ?? `${stdout}${stderr}`}`);
  return stdout;
}

/** Compiles and links the engine, the host and `programs` of tests/os/native in `folder`; returns the path of the result. */
export function build(tools: Toolchain, folder: string, programs: readonly string[], withHost = true): string {
  const { prefix } = tools;
  const arch = tools.bare ? tools.flags.slice(0, 3) : [];
  const sources: readonly (readonly [path: string, ours: boolean])[] = [
    [join(folder, "engine.c"), false],
    ...(withHost ? [[join(OS, "host.c"), true] as const] : []),
    ...(tools.bare ? [[join(OS, "memory.c"), true] as const] : []),
    ...[...programs, "runner.c", ...tools.machine].map((name) => [join(NATIVE, name), true] as const),
  ];
  const objects = sources.map(([path, ours]) => {
    const object = join(folder, `${prefix}-${path.split("/").at(-1) ?? ""}.o`);
    // Only posix.c is linked with a C library.
    const freestanding = path.endsWith("posix.c") ? [] : ["-ffreestanding", "-isystem", join(OS, "include")];
    const assembly = path.endsWith(".S");
    called(
      assembly ? tools.linker : tools.cc,
      [
        ...(assembly ? arch : tools.flags),
        "-std=c11",
        "-fno-strict-aliasing",
        "-ffunction-sections",
        "-fdata-sections",
        ...(tools.cc === "clang" ? [] : ["-fcallgraph-info=su"]),
        ...freestanding,
        ...Object.entries(BROKEN).map(([name, value]) => `-DTEST_${name}=${value}`),
        ...(ours ? ["-Wall", "-Wextra", "-Werror"] : ["-w"]),
        "-I",
        folder,
        "-I",
        OS,
        "-I",
        NATIVE,
        "-c",
        path,
        "-o",
        object,
      ],
      folder,
    );
    return object;
  });
  const out = join(folder, `${prefix}-${programs[0] ?? "program"}.elf`);
  called(tools.linker, [...arch, ...tools.link, ...objects, "-o", out, ...(tools.bare ? ["-lgcc"] : [])], folder);
  return out;
}

export interface Run {
  readonly status: number;
  readonly output: string;
}

/** The status and output of a program for one part of the file. */
export function answered(tools: Toolchain, program: string, file: string, part: number, timeout = 60_000): Run {
  const [command, args] =
    tools.bare ?
      [
        "qemu-system-riscv64",
        [
          "-M",
          "virt",
          "-m",
          "64M",
          "-smp",
          "1",
          "-display",
          "none",
          "-monitor",
          "none",
          "-serial",
          "stdio",
          "-nodefaults",
          "-bios",
          "none",
          "-kernel",
          program,
          "-device",
          `loader,file=${file},addr=0x82000000,force-raw=on`,
          "-device",
          `loader,addr=0x81fff000,data=${part},data-len=4`,
        ],
      ]
    : [program, [file, String(part)]];
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: "utf8", timeout });
  if (status === null) throw new Error(`${tools.name}: ${error?.message ?? "ended by a signal"}: ${stdout}${stderr}`);
  return { status, output: `${stdout}${stderr}` };
}
