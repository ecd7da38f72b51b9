//! An engine that fails while it runs: the crate is built with the engine of tests/crates/broken.ts, in which a call traps or
//! contradicts itself once the clock has armed it.
use crate::file::Part;
use crate::shared_port::{at, ensure, is, loaded, A, ANY, LOOPBACK, WEB};
use core::fmt::{Error, Write};
use ingress_engine::{Answer, Engine, Listener, LoadError, Protocol, Subject};

const TRAPPED: &str = "deny (reason=policy, code=module_trap)";
const CONTRADICTED: &str = "deny (reason=policy, code=module_result)";
/// From here on a fault is a contradiction.
const CONTRADICTIONS: u32 = 100;

/// What the calls need of the sound engine.
struct Known {
    alone: Listener,
    group: Listener,
    named: Answer,
    /// A name where no exposes share the port, so that a charge needs no call of the engine.
    own: Answer,
}

/// One call of each kind that has an answer; all are allowed by the policy.
fn answer(engine: &mut Engine, known: &Known, kind: u32) -> Option<Answer> {
    Some(match kind {
        1 => engine.accept(known.alone, A),
        2 => engine.admit(known.alone, A),
        3 => engine.hello(known.group, A, WEB),
        4 => engine.charge(&known.named),
        5 => engine.bind(Subject::of("web"), Protocol::Tcp, 1, LOOPBACK),
        _ => return None,
    })
}

fn all_denied(engine: &mut Engine, known: &Known, out: &mut dyn Write) -> Result<(), Error> {
    for kind in 1..=5 {
        let said = answer(engine, known, kind).ok_or(Error)?;
        is(said, TRAPPED, "after the fault", out)?;
        ensure(said.rule().is_none() && (kind == 4 || said.listener().is_none()), "no rule and no listener", out)?;
    }
    is(engine.charge(&known.own), TRAPPED, "a name that was allowed before the fault", out)?;
    engine.set_clock(u64::MAX, Some(u64::MAX));
    engine.release(known.alone, A);
    ensure(engine.listener_at(Protocol::Tcp, 8080, ANY).is_none(), "no listener after the fault", out)?;
    ensure(engine.connections(known.alone) == 0, "no connections after the fault", out)?;
    ensure(engine.is_poisoned(), "poisoned", out)
}

pub fn run(part: &Part<'_>, fault: u32, out: &mut dyn Write) -> Result<(), Error> {
    let mut engine = loaded(part, out)?;
    let (alone, group) = (at(&mut engine, 8080, out)?, at(&mut engine, 8443, out)?);
    let named = engine.hello(group, A, WEB);
    let own = engine.hello(alone, A, None);
    let known = Known { alone, group, named, own };
    is(own, "allow", "a name of the only expose of a port", out)?;
    let kind = fault % CONTRADICTIONS;
    if let Some(said) = answer(&mut engine, &known, kind) {
        is(said, "allow", "the sound engine", out)?;
    }
    if kind == 2 {
        engine.release(alone, A);
    }
    engine.set_clock(0xdead << 32 | u64::from(fault), None);
    ensure(!engine.is_poisoned(), "the fault is armed", out)?;
    let at_once = match kind {
        6 => engine.listener_at(Protocol::Tcp, 8080, ANY).is_none(),
        7 => {
            engine.release(alone, A);
            true
        }
        8 => engine.connections(alone) == 0,
        9 => {
            engine.set_clock(1_001, None);
            true
        }
        _ => {
            let said = answer(&mut engine, &known, kind).ok_or(Error)?;
            is(said, if fault < CONTRADICTIONS { TRAPPED } else { CONTRADICTED }, "the fault", out)?;
            !said.is_open()
        }
    };
    ensure(at_once, "the fault permits nothing", out)?;
    ensure(engine.is_poisoned(), "the engine is poisoned by the fault", out)?;
    all_denied(&mut engine, &known, out)?;
    all_denied(&mut engine, &known, out)?;
    drop(engine);
    for _ in 0..2 {
        ensure(matches!(Engine::load(part.policy, part.manifest, part.seed), Err(LoadError::Poisoned)), "no new policy", out)?;
    }
    writeln!(out, "denied after fault {fault}")
}
