// Rust for the checks of crates/: the releases that are installed, and Rust's core library for rv64imac, which Debian has only
// as source. Cargo has no network and a home of its own here, so the crates build from this project alone.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const PROJECT = fileURLToPath(new URL("../../", import.meta.url));
export const BARE = "riscv64imac-unknown-none-elf";
const CORE = fileURLToPath(new URL("core/", import.meta.url));

/** Debian 12's, the oldest that is supported. */
const OLDEST = "1.63";

export interface Rust {
  /** `1.63.0` */
  readonly version: string;
  readonly cargo: string;
  readonly rustc: string;
  readonly rustdoc: string;
}

export interface Ended {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

export function ended(program: string, words: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}): Ended {
  const { status, stdout, stderr, error } = spawnSync(program, words, {
    cwd,
    encoding: "utf8",
    timeout: 280_000,
    maxBuffer: 64 << 20,
    env: { ...process.env, ...env },
  });
  if (error !== undefined) throw error;
  return { status: status ?? -1, out: stdout, err: stderr };
}

/** The output; throws where the program fails. */
export function must(program: string, words: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}): string {
  const { status, out, err } = ended(program, words, cwd, env);
  if (status !== 0) throw new Error(`${program} ${words.join(" ")} ended with ${status}\n${out}${err}`);
  return out;
}

function versionOf(rustc: string): string | null {
  const { error, stdout } = spawnSync(rustc, ["--version"], { encoding: "utf8" });
  return error === undefined ? (/^rustc (\d+\.\d+\.\d+)/.exec(stdout)?.[1] ?? null) : null;
}

/** Debian's release first, then the one of PATH if it is another; empty where Debian's is not whole. */
export function releases(): readonly Rust[] {
  const found: Rust[] = [];
  for (const prefix of ["/usr/bin/", ""]) {
    const tools = { cargo: `${prefix}cargo`, rustc: `${prefix}rustc`, rustdoc: `${prefix}rustdoc` };
    const version = versionOf(tools.rustc);
    const whole = version !== null && spawnSync(tools.cargo, ["--version"]).error === undefined;
    if (whole && found.every((other) => other.version !== version)) found.push({ version, ...tools });
  }
  return found;
}

/** The file of Debian's package rust-src for this release, or null. */
function sourceOf({ version }: Rust): string | null {
  const path = `/usr/src/rustc-${version}/library/core/src/lib.rs`;
  return existsSync(path) ? path : null;
}

export function missingTools(rust: Rust | undefined): string | null {
  if (rust === undefined) return "cargo and rustc (Debian: cargo, rustc)";
  if (!rust.version.startsWith(`${OLDEST}.`)) return `rustc ${OLDEST} in /usr/bin (Debian 12: rustc)`;
  if (sourceOf(rust) === null) return "the source of Rust's core library (Debian: rust-src)";
  const programs = { clang: "clang", gcc: "gcc", "riscv64-unknown-elf-gcc": "gcc-riscv64-unknown-elf", "qemu-system-riscv64": "qemu-system-misc" };
  const lacking = Object.entries(programs).filter(([program]) => spawnSync(program, ["--version"]).error !== undefined);
  return lacking.length === 0 ? null : lacking.map(([program, name]) => `${program} (Debian: ${name})`).join(", ");
}

/** Makes core for the bare machine in `folder`, and returns rustc's flags to compile with it. */
export function coreFor(rust: Rust, folder: string): string {
  const libraries = join(folder, "lib/rustlib", BARE, "lib");
  mkdirSync(libraries, { recursive: true });
  const common = ["--crate-type", "rlib", "--edition", "2021", "--target", BARE, "--out-dir", libraries, "--sysroot", folder];
  const made = ["-C", "opt-level=2", "-C", "panic=abort", "-C", "metadata=bare", "-C", "extra-filename=-bare", "--cap-lints", "allow"];
  const compile = (name: string, source: string): string =>
    must(rust.rustc, ["--crate-name", name, ...common, ...made, "-Z", "force-unstable-if-unmarked", source], folder, { RUSTC_BOOTSTRAP: "1" });
  compile("core", sourceOf(rust) ?? "");
  compile("compiler_builtins", join(CORE, "compiler_builtins.rs"));
  return `--sysroot ${folder}`;
}

/** Cargo with this release. `target` is where it builds; compilers of C are in `env`. */
export function cargo(rust: Rust, target: string, words: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}): Ended {
  const home = join(target, "home");
  mkdirSync(home, { recursive: true });
  const none = Object.fromEntries(["CC", "AR", "CFLAGS", "RUSTFLAGS", "RUSTUP_TOOLCHAIN"].map((name) => [name, undefined]));
  return ended(rust.cargo, words, cwd, {
    ...none,
    CARGO_HOME: home,
    CARGO_TARGET_DIR: target,
    CARGO_NET_OFFLINE: "true",
    CARGO_TERM_COLOR: "never",
    RUSTC: rust.rustc,
    RUSTDOC: rust.rustdoc,
    ...env,
  });
}

/** The same; throws where it fails. */
export function built(...args: Parameters<typeof cargo>): string {
  const { status, out, err } = cargo(...args);
  if (status !== 0) throw new Error(`cargo ${args[2].join(" ")} ended with ${status}\n${out}${err}`);
  return `${out}${err}`;
}

/** The settings of cargo for the bare machine: core, and Debian's linker in place of the one that rustup has. */
export function bareEnv(flags: string, cc: "gcc" | "clang"): NodeJS.ProcessEnv {
  const name = BARE.replaceAll("-", "_");
  return {
    [`CARGO_TARGET_${name.toUpperCase()}_LINKER`]: "riscv64-unknown-elf-ld",
    [`CARGO_TARGET_${name.toUpperCase()}_RUSTFLAGS`]: `${flags} -C linker-flavor=ld -D warnings`,
    ...(cc === "clang" && { [`CC_${name}`]: "clang" }),
  };
}
