//! Verdicts, reasons and codes, as runtime/abi has them.
// Written by `npm run crates`. Change runtime/abi instead.

/// What an answer says. Only [`Allow`](Verdict::Allow) permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verdict {
    /// The connection or bind is refused.
    Deny,
    /// All facts are known and the policy permits the connection.
    Allow,
    /// Not refused with the facts so far; the name is needed next.
    Open,
    /// Not refused with the facts so far, including the name; the client's identity is needed next.
    Identity,
}

impl Verdict {
    /// The one with this number; `None` where there is none.
    pub const fn from_number(number: i32) -> Option<Verdict> {
        match number {
            0 => Some(Verdict::Deny),
            1 => Some(Verdict::Allow),
            2 => Some(Verdict::Open),
            3 => Some(Verdict::Identity),
            _ => None,
        }
    }

    /// Its number in the engine's interface.
    pub const fn number(self) -> i32 {
        match self {
            Verdict::Deny => 0,
            Verdict::Allow => 1,
            Verdict::Open => 2,
            Verdict::Identity => 3,
        }
    }

    /// Its word in markers, audit records and documents.
    pub const fn name(self) -> &'static str {
        match self {
            Verdict::Deny => "deny",
            Verdict::Allow => "allow",
            Verdict::Open => "open",
            Verdict::Identity => "identity",
        }
    }
}

/// Why a deny: the only words that markers have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// No deny.
    None,
    /// The word `policy` of markers and audit records.
    Policy,
    /// The word `cidr` of markers and audit records.
    Cidr,
    /// The word `sni` of markers and audit records.
    Sni,
    /// The word `rate` of markers and audit records.
    Rate,
    /// The word `mtls` of markers and audit records.
    Mtls,
}

impl Reason {
    /// The one with this number; `None` where there is none.
    pub const fn from_number(number: i32) -> Option<Reason> {
        match number {
            0 => Some(Reason::None),
            1 => Some(Reason::Policy),
            2 => Some(Reason::Cidr),
            3 => Some(Reason::Sni),
            4 => Some(Reason::Rate),
            5 => Some(Reason::Mtls),
            _ => None,
        }
    }

    /// Its number in the engine's interface.
    pub const fn number(self) -> i32 {
        match self {
            Reason::None => 0,
            Reason::Policy => 1,
            Reason::Cidr => 2,
            Reason::Sni => 3,
            Reason::Rate => 4,
            Reason::Mtls => 5,
        }
    }

    /// Its word in markers, audit records and documents.
    pub const fn name(self) -> &'static str {
        match self {
            Reason::None => "none",
            Reason::Policy => "policy",
            Reason::Cidr => "cidr",
            Reason::Sni => "sni",
            Reason::Rate => "rate",
            Reason::Mtls => "mtls",
        }
    }
}

/// What decided, finer than the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Code {
    /// Nothing was decided.
    None,
    /// An allow rule admits it.
    Allowed,
    /// A loopback bind is always allowed.
    LoopbackBind,
    /// Ingressd binds what the policy exposes.
    GatewayBind,
    /// The policy exposes nothing there.
    NotExposed,
    /// Only ingressd binds non-loopback addresses, and a service what is exposed as `direct` for it.
    NotGateway,
    /// The listener has no allow.
    NoAllow,
    /// A deny rule matches the source.
    DenyRule,
    /// No allow rule matches the source.
    NoMatch,
    /// The listener is at its cap of connections.
    CapListener,
    /// The source is at its cap of connections.
    CapSource,
    /// The table of source counts is full.
    CapTable,
    /// The listener's rate is used up.
    LimitListener,
    /// The source's rate is used up.
    LimitSource,
    /// The module has no such listener.
    BadListener,
    /// The request is out of range.
    BadRequest,
    /// The module's tables are not valid.
    BadTables,
    /// No allow of the listener is in force at this time (`after`, `until`), or no clock is known.
    Expired,
    /// A deny rule matches the name.
    DenyName,
    /// No allow rule matches the name, or none was sent.
    NoName,
    /// The name is not one that can be decided.
    BadName,
    /// Not refused yet; the name decides.
    Open,
    /// A deny rule matches the client's identity.
    DenyIdentity,
    /// No allow rule matches the client's identity.
    NoIdentity,
    /// The identity is not one that can be decided.
    BadIdentity,
    /// Not refused yet; the client's identity decides.
    OpenIdentity,
    /// The identity is at its cap of connections.
    CapIdentity,
    /// The identity's rate is used up.
    LimitIdentity,
    /// The service binds, with a token, what the policy exposes in mode `direct` for it.
    DirectBind,
    /// The policy grants it to this service only with a token that ingressd mints.
    NoToken,
    /// The policy lets the service dial over udp, from a port of the kernel's choice.
    DialBind,
    /// No expose of the port has the name.
    NoExpose,
    /// The module trapped.
    ModuleTrap,
    /// The module's answer is out of range.
    ModuleResult,
    /// No valid policy is loaded.
    NoModule,
}

impl Code {
    /// The one with this number; `None` where there is none.
    pub const fn from_number(number: i32) -> Option<Code> {
        match number {
            0 => Some(Code::None),
            1 => Some(Code::Allowed),
            2 => Some(Code::LoopbackBind),
            3 => Some(Code::GatewayBind),
            4 => Some(Code::NotExposed),
            5 => Some(Code::NotGateway),
            6 => Some(Code::NoAllow),
            7 => Some(Code::DenyRule),
            8 => Some(Code::NoMatch),
            9 => Some(Code::CapListener),
            10 => Some(Code::CapSource),
            11 => Some(Code::CapTable),
            12 => Some(Code::LimitListener),
            13 => Some(Code::LimitSource),
            14 => Some(Code::BadListener),
            15 => Some(Code::BadRequest),
            16 => Some(Code::BadTables),
            17 => Some(Code::Expired),
            18 => Some(Code::DenyName),
            19 => Some(Code::NoName),
            20 => Some(Code::BadName),
            21 => Some(Code::Open),
            22 => Some(Code::DenyIdentity),
            23 => Some(Code::NoIdentity),
            24 => Some(Code::BadIdentity),
            25 => Some(Code::OpenIdentity),
            26 => Some(Code::CapIdentity),
            27 => Some(Code::LimitIdentity),
            28 => Some(Code::DirectBind),
            29 => Some(Code::NoToken),
            30 => Some(Code::DialBind),
            31 => Some(Code::NoExpose),
            100 => Some(Code::ModuleTrap),
            101 => Some(Code::ModuleResult),
            102 => Some(Code::NoModule),
            _ => None,
        }
    }

    /// Its number in the engine's interface.
    pub const fn number(self) -> i32 {
        match self {
            Code::None => 0,
            Code::Allowed => 1,
            Code::LoopbackBind => 2,
            Code::GatewayBind => 3,
            Code::NotExposed => 4,
            Code::NotGateway => 5,
            Code::NoAllow => 6,
            Code::DenyRule => 7,
            Code::NoMatch => 8,
            Code::CapListener => 9,
            Code::CapSource => 10,
            Code::CapTable => 11,
            Code::LimitListener => 12,
            Code::LimitSource => 13,
            Code::BadListener => 14,
            Code::BadRequest => 15,
            Code::BadTables => 16,
            Code::Expired => 17,
            Code::DenyName => 18,
            Code::NoName => 19,
            Code::BadName => 20,
            Code::Open => 21,
            Code::DenyIdentity => 22,
            Code::NoIdentity => 23,
            Code::BadIdentity => 24,
            Code::OpenIdentity => 25,
            Code::CapIdentity => 26,
            Code::LimitIdentity => 27,
            Code::DirectBind => 28,
            Code::NoToken => 29,
            Code::DialBind => 30,
            Code::NoExpose => 31,
            Code::ModuleTrap => 100,
            Code::ModuleResult => 101,
            Code::NoModule => 102,
        }
    }

    /// Its word in markers, audit records and documents.
    pub const fn name(self) -> &'static str {
        match self {
            Code::None => "none",
            Code::Allowed => "allowed",
            Code::LoopbackBind => "loopback_bind",
            Code::GatewayBind => "gateway_bind",
            Code::NotExposed => "not_exposed",
            Code::NotGateway => "not_gateway",
            Code::NoAllow => "no_allow",
            Code::DenyRule => "deny_rule",
            Code::NoMatch => "no_match",
            Code::CapListener => "cap_listener",
            Code::CapSource => "cap_source",
            Code::CapTable => "cap_table",
            Code::LimitListener => "limit_listener",
            Code::LimitSource => "limit_source",
            Code::BadListener => "bad_listener",
            Code::BadRequest => "bad_request",
            Code::BadTables => "bad_tables",
            Code::Expired => "expired",
            Code::DenyName => "deny_name",
            Code::NoName => "no_name",
            Code::BadName => "bad_name",
            Code::Open => "open",
            Code::DenyIdentity => "deny_identity",
            Code::NoIdentity => "no_identity",
            Code::BadIdentity => "bad_identity",
            Code::OpenIdentity => "open_identity",
            Code::CapIdentity => "cap_identity",
            Code::LimitIdentity => "limit_identity",
            Code::DirectBind => "direct_bind",
            Code::NoToken => "no_token",
            Code::DialBind => "dial_bind",
            Code::NoExpose => "no_expose",
            Code::ModuleTrap => "module_trap",
            Code::ModuleResult => "module_result",
            Code::NoModule => "no_module",
        }
    }
}

impl Code {
    /// The reason of every answer with this code.
    pub const fn reason(self) -> Reason {
        match self {
            Code::Allowed | Code::LoopbackBind | Code::GatewayBind | Code::Open | Code::OpenIdentity | Code::DirectBind | Code::DialBind => Reason::None,
            Code::None | Code::NotExposed | Code::NotGateway | Code::NoAllow | Code::BadListener | Code::BadRequest | Code::BadTables | Code::Expired | Code::NoToken | Code::ModuleTrap | Code::ModuleResult | Code::NoModule => Reason::Policy,
            Code::DenyRule | Code::NoMatch => Reason::Cidr,
            Code::DenyName | Code::NoName | Code::BadName | Code::NoExpose => Reason::Sni,
            Code::CapListener | Code::CapSource | Code::CapTable | Code::LimitListener | Code::LimitSource | Code::CapIdentity | Code::LimitIdentity => Reason::Rate,
            Code::DenyIdentity | Code::NoIdentity | Code::BadIdentity => Reason::Mtls,
        }
    }

    /// Whether an allow has this code.
    pub(crate) const fn admits(self) -> bool {
        matches!(self, Code::Allowed | Code::LoopbackBind | Code::GatewayBind | Code::DirectBind | Code::DialBind)
    }
}
