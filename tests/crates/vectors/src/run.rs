//! The requests of a part in order, each answer compared with the recorded one. Ends with a checksum of all answers, which is
//! the one of tests/os/native/vectors.c.
use crate::file::{Part, Record};
use core::fmt::{Error, Write};
use ingress_engine::{Address, Answer, Engine, Listener, Protocol, Subject};

fn wide(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

fn address(words: &[u32]) -> Address {
    Address::from_words([words[0], words[1], words[2], words[3]])
}

fn protocol(number: u32) -> Protocol {
    match number {
        6 => Protocol::Tcp,
        17 => Protocol::Udp,
        _ => panic!("a protocol that the crate does not have"),
    }
}

fn words(answer: Answer) -> [u32; 5] {
    with(answer, 0)
}

fn with(answer: Answer, listener: u32) -> [u32; 5] {
    [
        answer.verdict().number() as u32,
        answer.reason().number() as u32,
        answer.code().number() as u32,
        answer.rule().unwrap_or(u32::MAX),
        listener,
    ]
}

/// The answer's words; `None` where the request has none. `named` is the answer to the name before.
fn answered(engine: &mut Engine, record: &Record<'_>, named: &mut Option<Answer>) -> Option<[u32; 5]> {
    let w = &record.arguments;
    let at = Listener::from_number(w[0]);
    let number = |n: u32| [n, 0, 0, 0, 0];
    Some(match record.op {
        1 => {
            let utc = wide(w[2], w[3]);
            engine.set_clock(wide(w[0], w[1]), if utc == 0 { None } else { Some(utc) });
            return None;
        }
        2 => words(engine.bind(Subject::from_hash(wide(w[0], w[1])), protocol(w[2]), w[3], address(&w[4..]))),
        3 => number(engine.listener_at(protocol(w[0]), w[1], address(&w[2..])).map_or(u32::MAX, Listener::number)),
        4 => words(engine.accept(at, address(&w[1..]))),
        5 => words(engine.admit(at, address(&w[1..]))),
        6 => {
            let answer = engine.hello(at, address(&w[1..]), record.name);
            *named = Some(answer);
            with(answer, answer.listener().map_or(0, Listener::number))
        }
        7 => {
            engine.release(at, address(&w[1..]));
            return None;
        }
        8 => number(engine.connections(at)),
        9 => {
            let before = named.take().expect("a name before its charge");
            assert_eq!(before.listener(), Some(at));
            words(engine.charge(&before))
        }
        op => panic!("no such request: {op}"),
    })
}

pub fn run(part: &Part<'_>, out: &mut dyn Write) -> Result<(), Error> {
    let mut engine = match Engine::load(part.policy, part.manifest, part.seed) {
        Ok(engine) => engine,
        Err(error) => {
            writeln!(out, "refused: {error}")?;
            return Err(Error);
        }
    };
    let (mut answers, mut wrong, mut sum) = (0, 0, 0xcbf2_9ce4_8422_2325_u64);
    let mut named = None;
    for index in 0..part.count() {
        let record = part.record(index);
        let said = match answered(&mut engine, &record, &mut named) {
            Some(said) => said,
            None => continue,
        };
        answers += 1;
        for word in said {
            sum = (sum ^ u64::from(word)).wrapping_mul(0x100_0000_01b3);
        }
        if said != record.due {
            wrong += 1;
            if wrong <= 5 {
                writeln!(out, "record {index}: {said:?}, not {:?}", record.due)?;
            }
        }
    }
    writeln!(out, "answers {answers} disagreements {wrong} sum {sum}")?;
    if wrong == 0 && !engine.is_poisoned() {
        Ok(())
    } else {
        Err(Error)
    }
}
