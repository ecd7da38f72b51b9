//! A kernel of one file: it loads a policy that is part of it, and decides four connections.
//!
//! ```text
//! INGRESS_POLICY=$PWD/native cargo run -p example-virt --target riscv64imac-unknown-none-elf --release
//! ```
//!
//! `native` is a folder that `ingressc build policies/demo.ingress --profile os --target c -o native` wrote.
#![no_std]
#![no_main]

#[cfg(not(target_os = "none"))]
compile_error!("this is for `--target riscv64imac-unknown-none-elf`");

mod machine;

use core::fmt::Write;
use ingress_engine::{Address, Engine, Protocol, Subject};
use machine::{ended, Console};

static POLICY: &[u8] = include_bytes!(concat!(env!("INGRESS_POLICY"), "/policy.bin"));
static MANIFEST: &[u8] = include_bytes!(concat!(env!("INGRESS_POLICY"), "/policy.manifest.json"));
const HERE: Address = Address::v4([127, 0, 0, 1]);

#[no_mangle]
extern "C" fn started() -> ! {
    // A kernel takes these bits of its random numbers.
    match Engine::load(POLICY, MANIFEST, [1, 2, 3, 4]) {
        Ok(mut engine) => ended(if served(&mut engine).is_ok() { 0 } else { 1 }),
        Err(error) => {
            let _ = writeln!(Console, "no policy: {error}");
            ended(2)
        }
    }
}

fn served(engine: &mut Engine) -> core::fmt::Result {
    engine.set_clock(0, None);
    // Phase 0: ingressd may open the port, and a service may not.
    for name in ["ingressd", "web"] {
        let answer = engine.bind(Subject::of(name), Protocol::Tcp, 18443, Address::v4([0, 0, 0, 0]));
        writeln!(Console, "bind of {name} at every address: {answer}")?;
    }
    let answer = engine.bind(Subject::of("ingressd"), Protocol::Tcp, 18443, HERE);
    writeln!(Console, "bind of ingressd at loopback: {answer}")?;
    let listener = match engine.listener_at(Protocol::Tcp, 18443, HERE) {
        Some(listener) => listener,
        None => return Err(core::fmt::Error),
    };
    // Phase 1, with caps and limits: what is admitted is charged.
    for last in 1..=3 {
        let answer = engine.admit(listener, Address::v4([127, 0, 0, last]));
        writeln!(Console, "client 127.0.0.{last}: {answer}")?;
    }
    let answer = engine.admit(listener, Address::v4([203, 0, 113, 9]));
    writeln!(Console, "client 203.0.113.9: {answer}")?;
    writeln!(Console, "connections: {}", engine.connections(listener))?;
    engine.release(listener, HERE);
    engine.release(listener, Address::v4([127, 0, 0, 3]));
    writeln!(Console, "after their ends: {}", engine.connections(listener))
}
