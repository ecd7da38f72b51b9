//! The decision engine of ingressd as C, with the numbers of its interface.
//!
//! The build script compiles the folder `c`, which `npm run crates` writes: the engine by wasm2c, the same for every policy, and
//! its freestanding host. [`raw`] declares the host's functions. [`Claim`] is the engine itself, as one value that safe code can use. The crate `ingress-engine` has types for
//! what goes in and comes out; use it unless you need the plain numbers.
#![no_std]
#![warn(missing_docs)]

pub mod numbers;

use core::ptr;
use core::sync::atomic::{AtomicBool, Ordering};

/// An answer as the host gives it; [`numbers`] names its values. The host has checked that they do not contradict each other.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawAnswer {
    /// One of `VERDICT_…`. Only [`numbers::VERDICT_ALLOW`] permits.
    pub verdict: i32,
    /// One of `REASON_…`.
    pub reason: i32,
    /// One of `CODE_…`.
    pub code: i32,
    /// The canonical number of the rule that decided, or [`numbers::NO_RULE`].
    pub rule: i32,
    /// Only of `ingress_hello`: the listener that decided, or the group if none did.
    pub listener: u32,
}

/// The functions of `c/host.h`, which describes them. All work on one global engine: only one thread may call them, and none
/// from an interrupt during another call.
#[allow(missing_docs)]
pub mod raw {
    use super::RawAnswer;

    extern "C" {
        pub fn ingress_load(data: *const u8, bytes: usize, manifest: *const u8, manifest_bytes: usize, seed: *const u32) -> i32;
        pub fn ingress_clock(mono_ms: u64, wall_seconds: u64);
        pub fn ingress_bind(subject: u64, proto: u32, port: u32, address: *const u32) -> RawAnswer;
        pub fn ingress_listener_at(proto: u32, port: u32, address: *const u32) -> i32;
        pub fn ingress_accept(listener: u32, source: *const u32) -> RawAnswer;
        pub fn ingress_admit(listener: u32, source: *const u32) -> RawAnswer;
        pub fn ingress_charge(listener: u32, source: *const u32) -> RawAnswer;
        pub fn ingress_hello(listener: u32, source: *const u32, name: *const u8, bytes: usize) -> RawAnswer;
        pub fn ingress_release(listener: u32, source: *const u32);
        pub fn ingress_connections(listener: u32) -> u32;
        pub fn ingress_poisoned() -> i32;
    }
}

static CLAIMED: AtomicBool = AtomicBool::new(false);

/// The program's one engine. At most one value exists at a time, and every call needs it exclusively, so safe code can make
/// no call within a call, and none from two threads at once. Dropping the value does not unload a policy.
#[derive(Debug)]
pub struct Claim(());

impl Claim {
    /// The engine; `None` while another value exists.
    pub fn take() -> Option<Claim> {
        CLAIMED.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok().then(|| Claim(()))
    }

    /// Loads a policy: `policy.bin`, `policy.manifest.json`, and 128 unpredictable bits. Returns [`numbers::LOADED`] or why not.
    pub fn load(&mut self, data: &[u8], manifest: &[u8], seed: &[u32; 4]) -> i32 {
        // SAFETY: the pointers are of slices of these lengths, and of four words. `&mut self` excludes every other call.
        unsafe { raw::ingress_load(data.as_ptr(), data.len(), manifest.as_ptr(), manifest.len(), seed.as_ptr()) }
    }

    /// Sets the time of the following calls: monotonic milliseconds, and UTC seconds (0: unknown).
    pub fn clock(&mut self, mono_ms: u64, wall_seconds: u64) {
        // SAFETY: no pointers; `&mut self` excludes every other call.
        unsafe { raw::ingress_clock(mono_ms, wall_seconds) }
    }

    /// Phase 0.
    pub fn bind(&mut self, subject: u64, proto: u32, port: u32, address: &[u32; 4]) -> RawAnswer {
        // SAFETY: the pointer is of four words; `&mut self` excludes every other call.
        unsafe { raw::ingress_bind(subject, proto, port, address.as_ptr()) }
    }

    /// The listener at a local endpoint, or the group of those that share it; -1: none.
    pub fn listener_at(&mut self, proto: u32, port: u32, address: &[u32; 4]) -> i32 {
        // SAFETY: as for `bind`.
        unsafe { raw::ingress_listener_at(proto, port, address.as_ptr()) }
    }

    /// Phase 1; nothing is charged.
    pub fn accept(&mut self, listener: u32, source: &[u32; 4]) -> RawAnswer {
        // SAFETY: as for `bind`.
        unsafe { raw::ingress_accept(listener, source.as_ptr()) }
    }

    /// Phase 1 with caps and limits.
    pub fn admit(&mut self, listener: u32, source: &[u32; 4]) -> RawAnswer {
        // SAFETY: as for `bind`.
        unsafe { raw::ingress_admit(listener, source.as_ptr()) }
    }

    /// The caps and limits alone.
    pub fn charge(&mut self, listener: u32, source: &[u32; 4]) -> RawAnswer {
        // SAFETY: as for `bind`.
        unsafe { raw::ingress_charge(listener, source.as_ptr()) }
    }

    /// Phases 1 and 2; nothing is charged. `None` is a client that sent no name, `Some(&[])` one that sent a name of no bytes.
    pub fn hello(&mut self, listener: u32, source: &[u32; 4], name: Option<&[u8]>) -> RawAnswer {
        // A slice's pointer is never null, also where it has no bytes.
        let (at, bytes) = name.map_or((ptr::null(), 0), |name| (name.as_ptr(), name.len()));
        // SAFETY: the pointers are of four words, and null or of a slice of that length. `&mut self` excludes every other call.
        unsafe { raw::ingress_hello(listener, source.as_ptr(), at, bytes) }
    }

    /// Releases the caps of one admitted connection.
    pub fn release(&mut self, listener: u32, source: &[u32; 4]) {
        // SAFETY: as for `bind`.
        unsafe { raw::ingress_release(listener, source.as_ptr()) }
    }

    /// Number of connections that are counted now.
    pub fn connections(&mut self, listener: u32) -> u32 {
        // SAFETY: as for `clock`.
        unsafe { raw::ingress_connections(listener) }
    }

    /// Whether the engine has failed; everything is denied from then on.
    pub fn poisoned(&mut self) -> bool {
        // SAFETY: as for `clock`.
        unsafe { raw::ingress_poisoned() != 0 }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        CLAIMED.store(false, Ordering::Release);
    }
}
