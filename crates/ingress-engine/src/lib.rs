//! Decides inbound connections by a compiled policy of ingressd: no standard library, no heap, 64 KiB of memory.
//!
//! `ingressc build POLICY --profile os --target c -o native` writes the two files that [`Engine::load`] takes.
//!
//! ```
//! use ingress_engine::{Address, Engine, LoadError, Protocol};
//!
//! /// Whether a client may connect to the service at `port`.
//! fn admits(engine: &mut Engine, port: u32, local: Address, client: Address) -> bool {
//!     match engine.listener_at(Protocol::Tcp, port, local) {
//!         Some(listener) => engine.admit(listener, client).is_allowed(),
//!         None => false,
//!     }
//! }
//!
//! // A policy with any fault is not loaded, and without an engine there is nobody to permit anything.
//! assert_eq!(Engine::load(b"not a policy", b"", [1, 2, 3, 4]).unwrap_err(), LoadError::Short);
//! ```
//!
//! - **A deny is the result of every error.** [`Answer`] can be made by this crate alone, and only
//!   [`is_allowed`](Answer::is_allowed) is a permission. A trap of the engine, or numbers that contradict each other, deny this and every later
//!   request of the program.
//! - **The program has one engine.** Its memory is one global of the C, so [`Engine::load`] gives out one value at a time. It is
//!   not `Clone`, and each call needs it exclusively: no two threads can be in the engine, and no call can begin within another.
//! - **One policy per start.** A second policy would fill every limit anew, so it is refused ([`LoadError::Twice`]), also after
//!   the first engine was dropped.
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod address;
mod answer;
mod engine;
mod words;

pub use address::{Address, Listener, Protocol, Subject};
pub use answer::Answer;
pub use engine::{Engine, LoadError};
pub use ingress_engine_sys::numbers::{ABI_VERSION, ENGINE_SHA256, MAX_NAME_BYTES};
pub use words::{Code, Reason, Verdict};
