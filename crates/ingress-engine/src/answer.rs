//! What the engine answered.
use crate::words::{Code, Reason, Verdict};
use crate::{Address, Listener};
use core::fmt;
use ingress_engine_sys::RawAnswer;

/// The answer to one request. Only the engine makes one, and only [`is_allowed`](Answer::is_allowed) is a permission.
#[must_use = "a connection may continue only where the answer is allowed"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    verdict: Verdict,
    code: Code,
    rule: Option<u32>,
    listener: Option<Listener>,
    named: Option<Named>,
}

/// The request of an answer to [`hello`](crate::Engine::hello).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub listener: Listener,
    pub source: Address,
}

/// The code of an answer whose numbers mean nothing.
const BROKEN: Answer = denied(Code::ModuleResult);

const fn denied(code: Code) -> Answer {
    Answer { verdict: Verdict::Deny, code, rule: None, listener: None, named: None }
}

impl Answer {
    /// Whether all facts are known and the policy permits.
    pub fn is_allowed(&self) -> bool {
        self.verdict == Verdict::Allow
    }

    /// Whether the next fact decides: the name that the client requests, for [`hello`](crate::Engine::hello).
    pub fn is_open(&self) -> bool {
        self.verdict == Verdict::Open
    }

    /// Deny, allow or open.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// The reason of a deny, one of five words, or [`Reason::None`].
    pub fn reason(&self) -> Reason {
        self.code.reason()
    }

    /// What decided, finer than the reason.
    pub fn code(&self) -> Code {
        self.code
    }

    /// The canonical number of the rule that decided, where one did. `ingressc explain` shows it with its line.
    pub fn rule(&self) -> Option<u32> {
        self.rule
    }

    /// Only of [`hello`](crate::Engine::hello) and [`charge`](crate::Engine::charge): the listener that the name leads to, or the
    /// group where it leads to none.
    pub fn listener(&self) -> Option<Listener> {
        self.listener
    }

    /// INVARIANT: an answer whose numbers are unknown or contradict each other is a deny.
    pub(crate) fn of(raw: RawAnswer, named: Option<Named>) -> Answer {
        let (verdict, code) = match (Verdict::from_number(raw.verdict), Code::from_number(raw.code)) {
            (Some(verdict), Some(code)) => (verdict, code),
            _ => return BROKEN,
        };
        if code.reason().number() != raw.reason || raw.rule < -1 {
            return BROKEN;
        }
        let sound = match verdict {
            Verdict::Deny => code.reason() != Reason::None,
            Verdict::Allow => code.admits(),
            Verdict::Open => code == Code::Open,
            Verdict::Identity => code == Code::OpenIdentity,
        };
        if !sound {
            return BROKEN;
        }
        // An engine that failed names no listener.
        let answered = !matches!(code, Code::NoModule | Code::ModuleTrap | Code::ModuleResult);
        Answer {
            verdict,
            code,
            rule: u32::try_from(raw.rule).ok(),
            listener: (named.is_some() && answered).then(|| Listener::from_number(raw.listener)),
            named,
        }
    }

    /// The listener at which an answer to `hello` is to be charged, and its request; else the answer to `charge`.
    pub(crate) fn due(&self) -> Result<(Listener, Named), Answer> {
        match (self.verdict, self.named, self.listener) {
            (Verdict::Deny, ..) => Err(*self),
            (Verdict::Allow, Some(named), Some(listener)) if listener == named.listener => Err(*self),
            (Verdict::Allow, Some(named), Some(listener)) => Ok((listener, named)),
            _ => Err(denied(Code::NotExposed)),
        }
    }

    /// What an engine that has failed answers.
    pub(crate) const fn trapped() -> Answer {
        denied(Code::ModuleTrap)
    }

    pub(crate) fn at(self, listener: Listener) -> Answer {
        Answer { listener: Some(listener), ..self }
    }
}

/// `allow`, or as markers have it: `deny (reason=cidr, code=no_match, rule=3)`.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.verdict.name())?;
        if self.verdict != Verdict::Deny {
            return Ok(());
        }
        write!(f, " (reason={}, code={}", self.reason().name(), self.code.name())?;
        if let Some(rule) = self.rule {
            write!(f, ", rule={rule}")?;
        }
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;
    use std::vec::Vec;

    fn raw(verdict: i32, reason: i32, code: i32, rule: i32) -> RawAnswer {
        RawAnswer { verdict, reason, code, rule, listener: 9 }
    }

    const GROUP: Listener = Listener::from_number(4);
    const NAMED: Option<Named> = Some(Named { listener: GROUP, source: Address::v4([198, 51, 100, 7]) });

    /// Verdict, reason and code of every answer that is no deny.
    const PERMITTING: [(i32, i32, i32); 7] = [(1, 0, 1), (1, 0, 2), (1, 0, 3), (1, 0, 28), (1, 0, 30), (2, 0, 21), (3, 0, 25)];

    #[test]
    fn of_all_numbers_only_the_consistent_ones_are_no_deny() {
        let mut permitting = Vec::new();
        for verdict in -2..=5 {
            for reason in -2..=8 {
                for code in -2..=260 {
                    let answer = Answer::of(raw(verdict, reason, code, -1), None);
                    if answer.verdict() != Verdict::Deny {
                        permitting.push((verdict, reason, code));
                    }
                    assert_eq!(
                        answer.is_allowed(),
                        verdict == 1 && PERMITTING.contains(&(verdict, reason, code)),
                        "{verdict} {reason} {code}"
                    );
                }
            }
        }
        assert_eq!(permitting, PERMITTING);
    }

    #[test]
    fn what_means_nothing_is_a_deny_with_a_reason() {
        for (verdict, reason, code, rule) in
            [(4, 0, 1, -1), (1, 1, 1, -1), (1, 0, 8, 0), (0, 0, 1, 0), (0, 2, 9, 0), (1, 0, 1, -2), (1, 0, 1, i32::MIN)]
        {
            let answer = Answer::of(raw(verdict, reason, code, rule), NAMED);
            assert_eq!((answer.verdict(), answer.reason(), answer.code()), (Verdict::Deny, Reason::Policy, Code::ModuleResult));
            assert_eq!((answer.rule(), answer.listener()), (None, None));
        }
    }

    #[test]
    fn a_rule_and_a_listener_are_there_where_the_engine_named_them() {
        let allow = Answer::of(raw(1, 0, 1, 3), NAMED);
        assert_eq!((allow.rule(), allow.listener()), (Some(3), Some(Listener::from_number(9))));
        let accept = Answer::of(raw(1, 0, 1, -1), None);
        assert_eq!((accept.rule(), accept.listener()), (None, None));
        assert_eq!(Answer::of(raw(0, 1, 100, -1), NAMED).listener(), None);
    }

    #[test]
    fn only_an_allowed_name_is_charged_at_the_listener_that_it_leads_to() {
        let allowed = Answer::of(raw(1, 0, 1, 3), NAMED);
        assert_eq!(allowed.due(), Ok((Listener::from_number(9), NAMED.unwrap())));
        // `admit` has charged a listener of its own port.
        let own = Answer::of(raw(1, 0, 1, 3), Some(Named { listener: Listener::from_number(9), ..NAMED.unwrap() }));
        assert_eq!(own.due(), Err(own));
        for answer in [Answer::of(raw(0, 3, 4, -1), NAMED), Answer::of(raw(0, 2, 7, 4), None), BROKEN] {
            assert_eq!(answer.due(), Err(answer));
        }
        for answer in [Answer::of(raw(1, 0, 1, 3), None), Answer::of(raw(2, 0, 21, -1), NAMED), Answer::of(raw(3, 0, 25, -1), NAMED), Answer::of(raw(1, 0, 1, -1), None).at(GROUP)] {
            let due = answer.due().unwrap_err();
            assert_eq!((due.verdict(), due.reason(), due.code()), (Verdict::Deny, Reason::Policy, Code::NotExposed));
        }
    }

    #[test]
    fn answers_print_as_markers_do() {
        assert_eq!(Answer::of(raw(1, 0, 1, 3), None).to_string(), "allow");
        assert_eq!(Answer::of(raw(2, 0, 21, -1), None).to_string(), "open");
        assert_eq!(Answer::of(raw(0, 2, 8, -1), None).to_string(), "deny (reason=cidr, code=no_match)");
        assert_eq!(Answer::of(raw(0, 2, 7, 4), None).to_string(), "deny (reason=cidr, code=deny_rule, rule=4)");
    }
}
