//! Policies that are not loaded, and the engine after them: damaged in one bit, of a wrong size, a second one.
use crate::file::Part;
use core::fmt::{Error, Write};
use ingress_engine::{Address, Engine, LoadError, Protocol, Subject};

/// A bit of 61 is flipped; the native host flips each (tests/os/faults.check.ts).
const STEP: usize = 61;
const MOST: usize = 1 << 16;
const LOOPBACK: Address = Address::v4([127, 0, 0, 1]);

/// The refusal of a load, or a line about the policy that was loaded.
fn refused(policy: &[u8], manifest: &[u8], what: &str, out: &mut dyn Write) -> Result<LoadError, Error> {
    match Engine::load(policy, manifest, [1, 2, 3, 4]) {
        Err(error) => Ok(error),
        Ok(_) => {
            writeln!(out, "loaded: {what}")?;
            Err(Error)
        }
    }
}

fn is(said: LoadError, due: LoadError, what: &str, out: &mut dyn Write) -> Result<(), Error> {
    if said == due {
        return Ok(());
    }
    writeln!(out, "{what}: {said:?}, not {due:?}")?;
    Err(Error)
}

/// Each refusal of a flipped bit must be that of the bit's place.
fn due(byte: usize) -> &'static [LoadError] {
    match byte {
        0..=7 => &[LoadError::Magic],
        8..=11 => &[LoadError::Version],
        12..=15 => &[LoadError::Short],
        16..=47 => &[LoadError::Engine],
        48..=79 => &[LoadError::Manifest],
        _ => &[LoadError::Tables],
    }
}

fn flipped(part: &Part<'_>, copy: &mut [u8; MOST], out: &mut dyn Write) -> Result<usize, Error> {
    let mut tried = 0;
    let policy = &mut copy[..part.policy.len()];
    policy.copy_from_slice(part.policy);
    for bit in (0..8 * policy.len()).step_by(STEP) {
        policy[bit / 8] ^= 1 << (bit % 8);
        let said = refused(policy, part.manifest, "a flipped bit of the policy", out)?;
        if !due(bit / 8).contains(&said) {
            writeln!(out, "bit {bit}: {said:?}")?;
            return Err(Error);
        }
        policy[bit / 8] ^= 1 << (bit % 8);
        tried += 1;
    }
    let manifest = &mut copy[..part.manifest.len()];
    manifest.copy_from_slice(part.manifest);
    for bit in 0..8 * manifest.len() {
        manifest[bit / 8] ^= 1 << (bit % 8);
        is(refused(part.policy, manifest, "a flipped bit of the manifest", out)?, LoadError::Manifest, "manifest", out)?;
        manifest[bit / 8] ^= 1 << (bit % 8);
        tried += 1;
    }
    Ok(tried)
}

/// At each bound, one less and one more.
fn sizes(part: &Part<'_>, copy: &mut [u8; MOST], out: &mut dyn Write) -> Result<(), Error> {
    let bytes = part.policy.len();
    copy[..bytes].copy_from_slice(part.policy);
    for length in [0, 1, 79, 80, bytes - 1, bytes + 1, bytes + 4] {
        is(refused(&copy[..length], part.manifest, "another size", out)?, LoadError::Short, "size", out)?;
    }
    let length = part.manifest.len();
    copy[..length].copy_from_slice(part.manifest);
    for length in [0, 1, length - 1, length + 1] {
        is(refused(part.policy, &copy[..length], "another manifest", out)?, LoadError::Manifest, "manifest", out)?;
    }
    Ok(())
}

fn answers(engine: &mut Engine) -> bool {
    let subject = Subject::of("web");
    !engine.is_poisoned()
        && engine.bind(subject, Protocol::Tcp, 1, LOOPBACK).is_allowed()
        && !engine.bind(subject, Protocol::Tcp, 65_536, LOOPBACK).is_allowed()
}

pub fn run(part: &Part<'_>, out: &mut dyn Write) -> Result<(), Error> {
    static mut COPY: [u8; MOST] = [0; MOST];
    // SAFETY: this function runs once, so there is one reference to it.
    let copy = unsafe { &mut *core::ptr::addr_of_mut!(COPY) };
    let tried = flipped(part, copy, out)?;
    sizes(part, copy, out)?;
    let mut engine = match Engine::load(part.policy, part.manifest, part.seed) {
        Ok(engine) => engine,
        Err(error) => {
            writeln!(out, "the sound policy: {error}")?;
            return Err(Error);
        }
    };
    if !answers(&mut engine) {
        writeln!(out, "the sound policy does not answer")?;
        return Err(Error);
    }
    is(refused(part.policy, part.manifest, "a second policy", out)?, LoadError::InUse, "beside the first", out)?;
    if !answers(&mut engine) {
        writeln!(out, "the first policy does not answer after the second")?;
        return Err(Error);
    }
    drop(engine);
    for _ in 0..2 {
        is(refused(part.policy, part.manifest, "a policy after the first", out)?, LoadError::Twice, "after the first", out)?;
    }
    // Damage is refused as before, and nothing of it is in force.
    is(refused(&part.policy[..1], part.manifest, "damage after the first", out)?, LoadError::Twice, "damage", out)?;
    writeln!(out, "refused {tried} of as many")
}
