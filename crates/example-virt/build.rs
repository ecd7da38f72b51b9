//! Links at the address at which QEMU's machine `virt` starts.
use std::env;

fn main() {
    let folder = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    println!("cargo:rerun-if-changed=virt.ld");
    println!("cargo:rustc-link-arg-bins=-T{folder}/virt.ld");
}
