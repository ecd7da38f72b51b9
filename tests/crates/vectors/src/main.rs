//! Runs one part of the vectors of tests/os/vectors.ts through the crate: on this machine as FILE PART, on the bare machine with
//! the file and the number where QEMU loads them. A part from 1000 on is the faults of the part 1000 less; 2000 is the charges at
//! a shared port, and from 3000 on the fault 3000 less of a changed engine, both with part 0.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_op_in_unsafe_fn)]

#[cfg(target_os = "none")]
#[path = "../../../../crates/example-virt/src/machine.rs"]
mod machine;

mod broken;
mod faults;
mod file;
mod run;
mod shared_port;

const FAULTS: u32 = 1000;
const SHARED: u32 = 2000;
const BROKEN: u32 = 3000;

fn whole(bytes: &[u8], number: u32, out: &mut dyn core::fmt::Write) -> Result<(), core::fmt::Error> {
    if number < FAULTS {
        run::run(&file::part(bytes, number), out)
    } else if number < SHARED {
        faults::run(&file::part(bytes, number - FAULTS), out)
    } else if number < BROKEN {
        shared_port::run(&file::part(bytes, 0), out)
    } else {
        broken::run(&file::part(bytes, 0), number - BROKEN, out)
    }
}

#[cfg(target_os = "none")]
#[no_mangle]
extern "C" fn started() -> ! {
    // SAFETY: QEMU has written the number and the file there; the program is linked below them, and 8 MiB are in its memory.
    let (number, bytes) =
        unsafe { (core::ptr::read_volatile(0x81ff_f000 as *const u32), core::slice::from_raw_parts(0x8200_0000 as *const u8, 8 << 20)) };
    machine::ended(if whole(bytes, number, &mut machine::Console).is_ok() { 0 } else { 1 })
}

#[cfg(not(target_os = "none"))]
fn main() {
    let words: Vec<String> = std::env::args().collect();
    let bytes = std::fs::read(&words[1]).expect("the file of the vectors");
    let mut out = String::new();
    let done = whole(&bytes, words[2].parse().expect("the number of a part"), &mut out);
    print!("{out}");
    std::process::exit(if done.is_ok() { 0 } else { 1 });
}
