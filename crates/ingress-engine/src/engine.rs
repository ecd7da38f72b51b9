//! The engine as one value.
use crate::answer::Named;
use crate::{Address, Answer, Listener, Protocol, Subject};
use core::fmt;
use ingress_engine_sys::{numbers, Claim};

/// Why a policy was not loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// The length is not that of the head and the tables that it announces.
    Short,
    /// Not `policy.bin`, or another format of it.
    Magic,
    /// The engine does not read tables of this version.
    Version,
    /// The tables are for another engine: `ingressc` and this crate are of different releases.
    Engine,
    /// Not a manifest, or the manifest of another policy.
    Manifest,
    /// The tables are damaged, or out of bounds.
    Tables,
    /// A policy was loaded before. A program loads one, because another would fill every limit anew.
    Twice,
    /// The engine has failed; it denies everything until the program starts again.
    Poisoned,
    /// Another [`Engine`] exists.
    InUse,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LoadError::Short => "the policy's length is not the one that it announces",
            LoadError::Magic => "not a policy.bin of this format",
            LoadError::Version => "the policy's tables have a version that the engine does not read",
            LoadError::Engine => "the policy is for another engine",
            LoadError::Manifest => "not the manifest of this policy",
            LoadError::Tables => "the policy's tables are damaged",
            LoadError::Twice => "a policy was loaded before; a program loads one",
            LoadError::Poisoned => "the engine has failed and denies everything",
            LoadError::InUse => "another engine is in use",
        })
    }
}

/// The engine with its policy.
///
/// A value that was dropped can't be used, and two can't exist:
///
/// ```compile_fail,E0382
/// # use ingress_engine::*;
/// fn after_its_end(mut engine: Engine, client: Address) -> Answer {
///     drop(engine);
///     engine.accept(Listener::from_number(0), client)
/// }
/// ```
///
/// ```compile_fail,E0277
/// # use ingress_engine::*;
/// fn twice<T: Clone>(value: &T) -> T {
///     value.clone()
/// }
/// fn of_an_engine(engine: &Engine) -> Engine {
///     twice(engine)
/// }
/// ```
///
/// A call needs the engine for itself, so two threads can't share it:
///
/// ```compile_fail,E0596
/// # use ingress_engine::*;
/// fn shared(engine: &Engine, client: Address) -> Answer {
///     engine.accept(Listener::from_number(0), client)
/// }
/// ```
///
/// Nobody but the engine makes an answer:
///
/// ```compile_fail,E0451
/// # use ingress_engine::*;
/// fn forged() -> Answer {
///     Answer { verdict: Verdict::Allow, code: Code::Allowed, rule: None, named: None }
/// }
/// ```
#[derive(Debug)]
pub struct Engine(Claim);

impl Engine {
    /// Loads a policy: `policy.bin` and `policy.manifest.json`, complete and unchanged, and 128 unpredictable bits that key the
    /// tables of its limits. After an error no policy is in force, and another may be loaded.
    pub fn load(policy: &[u8], manifest: &[u8], seed: [u32; 4]) -> Result<Engine, LoadError> {
        let mut claim = Claim::take().ok_or(LoadError::InUse)?;
        match claim.load(policy, manifest, &seed) {
            numbers::LOADED => Ok(Engine(claim)),
            numbers::SHORT => Err(LoadError::Short),
            numbers::MAGIC => Err(LoadError::Magic),
            numbers::VERSION => Err(LoadError::Version),
            numbers::ENGINE => Err(LoadError::Engine),
            numbers::MANIFEST => Err(LoadError::Manifest),
            numbers::TABLES => Err(LoadError::Tables),
            numbers::TWICE => Err(LoadError::Twice),
            // An unknown number is a failure too.
            _ => Err(LoadError::Poisoned),
        }
    }

    /// Sets the time of the following requests: milliseconds of a monotonic clock, and seconds of UTC, `None` where nobody knows
    /// them (an `allow` with `after` or `until` then never applies). Neither goes backwards. Set it before a batch of requests.
    pub fn set_clock(&mut self, monotonic_ms: u64, utc_seconds: Option<u64>) {
        self.0.clock(monotonic_ms, utc_seconds.unwrap_or(0));
    }

    /// Phase 0: whether `subject` may bind this address and port. `local` must be the address that is then bound. A port beyond 65535 is denied.
    pub fn bind(&mut self, subject: Subject, protocol: Protocol, port: u32, local: Address) -> Answer {
        Answer::of(self.0.bind(subject.hash(), protocol.number(), port, &local.words()), None)
    }

    /// The listener of a local endpoint, or the group of those that share it.
    pub fn listener_at(&mut self, protocol: Protocol, port: u32, local: Address) -> Option<Listener> {
        u32::try_from(self.0.listener_at(protocol.number(), port, &local.words())).ok().map(Listener::from_number)
    }

    /// Phase 1: the source. Nothing is charged.
    pub fn accept(&mut self, listener: Listener, source: Address) -> Answer {
        Answer::of(self.0.accept(listener.number(), &source.words()), None)
    }

    /// Phase 1 with caps and limits. A connection whose answer is allowed or open is charged and must be released at its end;
    /// but the answer open of a group charges nothing (see [`charge`](Engine::charge)).
    pub fn admit(&mut self, listener: Listener, source: Address) -> Answer {
        Answer::of(self.0.admit(listener.number(), &source.words()), None)
    }

    /// Phases 1 and 2: the name that the client requests, in canonical form. `None` is a client that sent none; `Some(&[])` one
    /// that sent a name of no bytes, which is denied where a name decides. Nothing is charged. [`Answer::listener`] is the listener of the name.
    pub fn hello(&mut self, listener: Listener, source: Address, name: Option<&[u8]>) -> Answer {
        Answer::of(self.0.hello(listener.number(), &source.words(), name), Some(Named { listener, source }))
    }

    /// After [`hello`](Engine::hello): the caps and limits of the listener that the name leads to, for the source of that answer. One
    /// that is allowed must be released at [`Answer::listener`]. Where no exposes share the port, [`admit`](Engine::admit) has
    /// charged already, and the answer comes back as it is. So does a deny; what is open, or the answer to another call, is denied
    /// with `not_exposed`, and nothing is charged.
    ///
    /// ```compile_fail,E0308
    /// # use ingress_engine::*;
    /// fn of_a_number(engine: &mut Engine) -> Answer {
    ///     engine.charge(Listener::from_number(0))
    /// }
    /// ```
    pub fn charge(&mut self, named: &Answer) -> Answer {
        match named.due() {
            Ok((listener, due)) => Answer::of(self.0.charge(listener.number(), &due.source.words()), None).at(listener),
            // The engine may have failed since that answer.
            Err(answer) if answer.is_allowed() && self.0.poisoned() => Answer::trapped(),
            Err(answer) => answer,
        }
    }

    /// Releases the caps of one connection that was charged at this listener for this source.
    pub fn release(&mut self, listener: Listener, source: Address) {
        self.0.release(listener.number(), &source.words());
    }

    /// Number of connections that are counted at a listener now.
    pub fn connections(&mut self, listener: Listener) -> u32 {
        self.0.connections(listener.number())
    }

    /// Whether the engine has failed: it trapped, or its answer contradicted itself. Everything is denied from then on.
    pub fn is_poisoned(&mut self) -> bool {
        self.0.poisoned()
    }
}
