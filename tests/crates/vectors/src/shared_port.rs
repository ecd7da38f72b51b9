//! Caps and limits where exposes share a port, with the policy of tests/crates/shared_port.ts.
use crate::file::Part;
use core::fmt::{Error, Write};
use ingress_engine::{Address, Answer, Engine, Listener, Protocol, Subject};

pub const ANY: Address = Address::v4([0, 0, 0, 0]);
pub const LOOPBACK: Address = Address::v4([127, 0, 0, 1]);
pub const A: Address = Address::v4([198, 51, 100, 1]);
const B: Address = Address::v4([198, 51, 100, 2]);
const C: Address = Address::v4([198, 51, 100, 3]);
const STRANGER: Address = Address::v4([203, 0, 113, 9]);
const SHOP: Option<&[u8]> = Some(b"shop.example.com");
pub const WEB: Option<&[u8]> = Some(b"www.example.com");

/// Compares texts, so that a disagreement prints both.
struct Text {
    bytes: [u8; 96],
    used: usize,
}

impl Write for Text {
    fn write_str(&mut self, more: &str) -> core::fmt::Result {
        let place = self.bytes.get_mut(self.used..self.used + more.len()).ok_or(Error)?;
        place.copy_from_slice(more.as_bytes());
        self.used += more.len();
        Ok(())
    }
}

/// `answer` prints as `due`.
pub fn is(answer: Answer, due: &str, what: &str, out: &mut dyn Write) -> Result<(), Error> {
    let mut text = Text { bytes: [0; 96], used: 0 };
    write!(text, "{answer}")?;
    if text.bytes.get(..text.used) == Some(due.as_bytes()) {
        return Ok(());
    }
    writeln!(out, "{what}: {answer}, not {due}")?;
    Err(Error)
}

pub fn ensure(truth: bool, what: &str, out: &mut dyn Write) -> Result<(), Error> {
    if truth {
        return Ok(());
    }
    writeln!(out, "not so: {what}")?;
    Err(Error)
}

pub fn loaded(part: &Part<'_>, out: &mut dyn Write) -> Result<Engine, Error> {
    match Engine::load(part.policy, part.manifest, part.seed) {
        Ok(mut engine) => {
            engine.set_clock(1_000, None);
            Ok(engine)
        }
        Err(error) => {
            writeln!(out, "the sound policy: {error}")?;
            Err(Error)
        }
    }
}

/// The listener or the group of a port.
pub fn at(engine: &mut Engine, port: u32, out: &mut dyn Write) -> Result<Listener, Error> {
    let found = engine.listener_at(Protocol::Tcp, port, ANY);
    ensure(found.is_some(), "a listener is there", out)?;
    found.ok_or(Error)
}

const LIMITED: &str = "deny (reason=rate, code=limit_listener)";
const BY_SOURCE: &str = "deny (reason=rate, code=cap_source)";
const FULL: &str = "deny (reason=rate, code=cap_listener)";
const NOT_THAT: &str = "deny (reason=policy, code=not_exposed)";

/// The cap of `shop`: 2 connections, 1 of a source.
fn caps(engine: &mut Engine, group: Listener, out: &mut dyn Write) -> Result<(), Error> {
    is(engine.admit(group, A), "open", "a client of the port", out)?;
    let named = engine.hello(group, A, SHOP);
    is(named, "allow", "a name of shop", out)?;
    let shop = named.listener().ok_or(Error)?;
    ensure(shop != group && engine.connections(shop) == 0, "nothing is charged before the name", out)?;
    let charged = engine.charge(&named);
    is(charged, "allow", "the first of a source", out)?;
    ensure(charged.listener() == Some(shop) && engine.connections(shop) == 1, "it counts where it is to be released", out)?;
    is(engine.charge(&named), BY_SOURCE, "the second of a source", out)?;
    let other = engine.hello(group, B, SHOP);
    is(engine.charge(&other), "allow", "the second of all", out)?;
    let third = engine.hello(group, C, SHOP);
    is(engine.charge(&third), FULL, "the third of all", out)?;
    ensure(engine.connections(shop) == 2, "a refusal counts nothing", out)?;
    engine.release(shop, A);
    ensure(engine.connections(shop) == 1, "a release at the listener of the answer", out)?;
    is(engine.charge(&third), "allow", "the third, after the end of one", out)?;
    is(engine.charge(&named), FULL, "the first again", out)?;
    engine.release(shop, B);
    engine.release(shop, C);
    ensure(engine.connections(shop) == 0, "all have ended", out)
}

/// The limit of `web`: 2 a minute.
fn limits(engine: &mut Engine, group: Listener, out: &mut dyn Write) -> Result<(), Error> {
    for (source, due) in [(A, "allow"), (B, "allow"), (C, LIMITED), (A, LIMITED)] {
        let named = engine.hello(group, source, WEB);
        is(named, "allow", "a name of web", out)?;
        let charged = engine.charge(&named);
        is(charged, due, "the limit of web", out)?;
        if charged.is_allowed() {
            engine.release(charged.listener().ok_or(Error)?, source);
        }
    }
    // An end gives no token back, and a minute does.
    engine.set_clock(61_000, None);
    let named = engine.hello(group, C, WEB);
    is(engine.charge(&named), "allow", "a minute later", out)?;
    engine.release(named.listener().ok_or(Error)?, C);
    Ok(())
}

/// What is no allowed name is never charged.
fn others(engine: &mut Engine, group: Listener, out: &mut dyn Write) -> Result<(), Error> {
    let shop = engine.hello(group, A, SHOP).listener().ok_or(Error)?;
    let web = engine.hello(group, A, WEB).listener().ok_or(Error)?;
    for (source, name, due) in [
        (A, Some(&b"other.example.com"[..]), "deny (reason=sni, code=no_expose)"),
        (A, None, "deny (reason=sni, code=no_expose)"),
        (A, Some(&b""[..]), "deny (reason=sni, code=bad_name)"),
        (STRANGER, SHOP, "deny (reason=cidr, code=no_match)"),
    ] {
        let named = engine.hello(group, source, name);
        is(named, due, "a refused name", out)?;
        is(engine.charge(&named), due, "the charge of a refused name", out)?;
    }
    let (open, bound, found) = (engine.admit(group, A), engine.bind(Subject::of("web"), Protocol::Tcp, 1, LOOPBACK), engine.accept(group, A));
    let named = engine.hello(group, A, SHOP);
    let charged = engine.charge(&named);
    is(charged, "allow", "a name of shop", out)?;
    for (answer, what) in [(open, "an open answer"), (bound, "an answer about a bind"), (found, "an answer about a source"), (charged, "a charge")] {
        is(engine.charge(&answer), NOT_THAT, what, out)?;
    }
    ensure(engine.connections(shop) == 1 && engine.connections(web) == 0, "none of them counts", out)?;
    engine.release(shop, A);
    Ok(())
}

/// The expose `alone` shares no port: `admit` charges it, cap 1.
fn alone(engine: &mut Engine, out: &mut dyn Write) -> Result<(), Error> {
    let alone = at(engine, 8080, out)?;
    is(engine.admit(alone, A), "allow", "the only expose of a port", out)?;
    let named = engine.hello(alone, A, None);
    ensure(named.is_allowed() && named.listener() == Some(alone), "it is that of every name", out)?;
    ensure(engine.charge(&named) == named && engine.connections(alone) == 1, "it is charged once", out)?;
    is(engine.admit(alone, B), "deny (reason=rate, code=cap_listener, rule=0)", "the second", out)?;
    engine.release(alone, A);
    ensure(engine.connections(alone) == 0, "it has ended", out)
}

pub fn run(part: &Part<'_>, out: &mut dyn Write) -> Result<(), Error> {
    let mut engine = loaded(part, out)?;
    let group = at(&mut engine, 8443, out)?;
    caps(&mut engine, group, out)?;
    limits(&mut engine, group, out)?;
    others(&mut engine, group, out)?;
    alone(&mut engine, out)?;
    ensure(!engine.is_poisoned(), "the engine answers", out)?;
    writeln!(out, "charged as due")
}
