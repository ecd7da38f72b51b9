//! Compiles the engine and its host (the folder `c`) for the target, with gcc or clang. It needs no other crate.
//!
//! | variable | default |
//! | --- | --- |
//! | `CC_<target>`, `TARGET_CC`, `CC` | `cc`; `riscv64-unknown-elf-gcc` for riscv64 without an operating system |
//! | `CFLAGS_<target>`, `TARGET_CFLAGS`, `CFLAGS` | none; added last |
//! | `AR_<target>`, `TARGET_AR`, `AR` | the compiler's own for `…gcc`, else `ar` |
//!
//! In `<target>`, `-` may be written as `_`. `CC` and the like count only where the target is the host.
use std::env;
use std::path::{Path, PathBuf};
use std::process::{exit, Command};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=c");
    let (target, host) = (var("TARGET"), var("HOST"));
    let out = PathBuf::from(var("OUT_DIR"));
    let c = PathBuf::from(var("CARGO_MANIFEST_DIR")).join("c");
    if var("CARGO_CFG_TARGET_ENDIAN") != "little" {
        stop("the engine's C is made for little-endian machines");
    }
    let bare = target.starts_with("riscv64") && var("CARGO_CFG_TARGET_OS") == "none";
    let default = if bare { "riscv64-unknown-elf-gcc" } else { "cc" };
    let cc = setting("CC", &target, &host).unwrap_or_else(|| default.into());
    let mut files = vec!["engine.c", "host.c"];
    if env::var_os("CARGO_FEATURE_MEMORY").is_some() {
        files.push("memory.c");
    }
    let objects: Vec<PathBuf> = files
        .iter()
        .map(|file| {
            let object = out.join(file).with_extension("o");
            let mut command = words(&cc);
            command
                .args(["-std=c11", "-Os", "-ffreestanding", "-fno-strict-aliasing", "-ffunction-sections", "-fdata-sections"])
                .arg("-DINGRESS_WITHOUT_LIBGCC")
                .args(if *file == "engine.c" { vec!["-w"] } else { vec!["-Wall", "-Wextra"] })
                .args(machine(&target, &host, &cc))
                .arg("-I")
                .arg(&c)
                .arg("-isystem")
                .arg(c.join("include"));
            if let Some(more) = setting("CFLAGS", &target, &host) {
                command.args(more.split_whitespace());
            }
            run(command.arg("-c").arg(c.join(file)).arg("-o").arg(&object), "compile");
            object
        })
        .collect();
    let library = out.join("libingress_engine.a");
    let _ = std::fs::remove_file(&library);
    run(words(&setting("AR", &target, &host).unwrap_or_else(|| archiver(&cc))).arg("crs").arg(&library).args(&objects), "archive");
    println!("cargo:rustc-link-search=native={}", out.display());
    println!("cargo:rustc-link-lib=static=ingress_engine");
}

/// What the compiler has to know of the target.
fn machine(target: &str, host: &str, cc: &str) -> Vec<String> {
    let mut flags = Vec::new();
    let family = target.split('-').next().unwrap_or("");
    if let Some(extensions) = family.strip_prefix("riscv64") {
        let hard = extensions == "gc" || extensions.contains('d');
        flags.push(format!("-march=rv64{}", if extensions.is_empty() { "imac" } else { extensions }));
        flags.push(format!("-mabi={}", if hard { "lp64d" } else { "lp64" }));
        // Rust's code model for these targets: anywhere within 2 GiB of itself.
        flags.push("-mcmodel=medany".into());
        if is_clang(cc) && target != host {
            let triple = if target.contains("linux") { "riscv64-unknown-linux-gnu" } else { "riscv64-unknown-elf" };
            flags.push(format!("--target={triple}"));
        }
    }
    if var("CARGO_CFG_TARGET_OS") != "none" {
        flags.push("-fPIC".into());
    }
    flags
}

/// The compiler's own name, without a program before it (`ccache clang -m64`) and the options behind it.
fn compiler(cc: &str) -> &str {
    cc.split_whitespace().take_while(|word| !word.starts_with('-')).last().unwrap_or("")
}

fn is_clang(cc: &str) -> bool {
    let program = compiler(cc);
    let name = Path::new(program).file_name().map(|name| name.to_string_lossy().into_owned());
    name.map_or(false, |name| name.contains("clang"))
}

/// `riscv64-unknown-elf-gcc` has a `riscv64-unknown-elf-ar` beside it.
fn archiver(cc: &str) -> String {
    match compiler(cc).strip_suffix("-gcc") {
        Some(prefix) => format!("{prefix}-ar"),
        None => "ar".into(),
    }
}

/// A tool's name and the words behind it, as in `CC="ccache gcc"`.
fn words(text: &str) -> Command {
    let mut all = text.split_whitespace();
    let mut command = Command::new(all.next().unwrap_or(""));
    command.args(all);
    command
}

/// A variable for this target, the narrowest first.
fn setting(name: &str, target: &str, host: &str) -> Option<String> {
    let mut names = vec![format!("{name}_{target}"), format!("{name}_{}", target.replace('-', "_")), format!("TARGET_{name}")];
    if target == host {
        names.push(name.into());
    }
    let mut found = None;
    for each in names {
        println!("cargo:rerun-if-env-changed={each}");
        if found.is_none() {
            found = env::var(&each).ok().filter(|text| !text.trim().is_empty());
        }
    }
    found
}

fn run(command: &mut Command, what: &str) {
    match command.status() {
        Ok(status) if status.success() => {}
        Ok(status) => stop(&format!("could not {what} the engine's C: {command:?} ended with {status}")),
        Err(error) => stop(&format!("could not {what} the engine's C: {command:?}: {error}; set CC_<target> and AR_<target>")),
    }
}

fn var(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| stop(&format!("cargo sets {name}")))
}

fn stop(message: &str) -> ! {
    eprintln!("ingress-engine-sys: {message}");
    exit(1)
}
