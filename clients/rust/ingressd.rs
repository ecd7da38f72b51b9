//! Keeps a service's port open in ingressd while the service runs.
//!
//! One file, standard library only, Rust 1.63 and later, for systems with unix sockets. Copy it into `src/`:
//!
//! ```ignore
//! mod ingressd;
//! let exposure = ingressd::expose(ingressd::Intent::new("web", 8443, "127.0.0.1:8080"))?;
//! serve();
//! exposure.close();
//! ```
//!
//! The port closes with `close`, when the value is dropped, or when the process ends. After a restart of the gateway, and
//! when a policy grants the intent again, the client registers again. docs/operations.md specifies the messages
//! (JSON-RPC 2.0, one message per line).
#![forbid(unsafe_code)]

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long the gateway may take to answer.
pub const ANSWER_TIME: Duration = Duration::from_secs(10);
/// Waits between attempts, in milliseconds; the last one is repeated.
const RETRY_MS: [u64; 6] = [100, 250, 500, 1000, 2000, 5000];
/// How often a blocked thread checks whether the exposure was closed.
const LOOK: Duration = Duration::from_millis(50);
const MOST_LINE_BYTES: usize = 64 * 1024;
const OTHER_PROTOCOL: &str = "the other side speaks byte frames (RFC-0092 of Open Nexus OS), and no JSON: name the socket of an ingressd of this package";

/// A service's request for a port.
#[derive(Clone, Debug)]
pub struct Intent {
    /// The service's name in the policy; ingressd gets the caller's identity from the kernel.
    pub service: String,
    /// The protocol of the port: `tcp` or `udp`.
    pub proto: String,
    /// The port that the policy exposes for it.
    pub port: u16,
    /// Where connections go: `127.0.0.1:8080`, `[::1]:8080` or `unix:/path`.
    pub backend: String,
    /// The mode in the policy: `tcp`, `passthrough`, `tls` or `mtls`.
    pub mode: String,
    /// The expose that is meant; needed where the service has several on the port.
    pub expose: Option<String>,
    /// The version of the PROXY header that the backend gets before the client's bytes: v1 or v2.
    pub proxy: Option<String>,
    /// One literal local address; `None`: all addresses that the policy grants.
    pub bind: Option<String>,
    /// The registration socket.
    pub socket: String,
    /// The lease ends after this time unless the client renews it, 1 s to 24 h; `None`: it has no end.
    pub ttl: Option<Duration>,
}

impl Intent {
    /// Protocol and mode `tcp` on the default socket, with a lease without end.
    pub fn new(service: &str, port: u16, backend: &str) -> Intent {
        Intent { service: service.into(), proto: "tcp".into(), port, backend: backend.into(), mode: "tcp".into(), expose: None, proxy: None, bind: None, socket: default_socket(), ttl: None }
    }
}

/// Why the port is not open. `code` is the audit code, or `unreachable`, `bad_answer` or `other_protocol`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExposeError {
    pub code: String,
    pub message: String,
}

impl std::fmt::Display for ExposeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ExposeError {}

/// `Ok`: the local endpoints that are open now. `Err`: why the port is closed, or could not be opened again.
pub type Change<'a> = Result<&'a [String], &'a str>;

/// The registration socket: `INGRESSD_SOCKET`, else the control socket of the same user.
pub fn default_socket() -> String {
    let named = |name: &str| std::env::var(name).unwrap_or_default();
    let (socket, base) = (named("INGRESSD_SOCKET"), named("XDG_RUNTIME_DIR"));
    if !socket.is_empty() {
        socket
    } else if base.starts_with('/') {
        base + "/ingressd/control.sock"
    } else {
        "/run/ingressd/control.sock".into()
    }
}

/// Returns once the port is open, or with the reason for the refusal.
pub fn expose(intent: Intent) -> Result<Exposure, ExposeError> {
    expose_with(intent, |_| {})
}

/// Like `expose`; `changed` is called from a thread when the port closes, after each failed attempt, and when it is open again.
pub fn expose_with(intent: Intent, changed: impl Fn(Change) + Send + 'static) -> Result<Exposure, ExposeError> {
    let lease = register(&intent)?;
    let state = Arc::new(State { shared: Mutex::new(Shared { closing: false, open: lease.open.clone() }), closing: Condvar::new() });
    let theirs = Arc::clone(&state);
    let thread = thread::Builder::new().name("ingressd".into()).spawn(move || keep(&intent, lease, &theirs, &changed));
    let thread = thread.map_err(|error| ExposeError { code: "unreachable".into(), message: format!("no thread can be started ({error})") })?;
    Ok(Exposure { state, thread: Some(thread) })
}

/// A port that is kept open until it is closed or dropped.
pub struct Exposure {
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

struct State {
    shared: Mutex<Shared>,
    closing: Condvar,
}

struct Shared {
    closing: bool,
    open: Vec<String>,
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn is_closing(&self) -> bool {
        self.lock().closing
    }

    /// Waits, or is true at once when the exposure is closed.
    fn closes_within(&self, time: Duration) -> bool {
        let (shared, _) = self.closing.wait_timeout_while(self.lock(), time, |shared| !shared.closing).unwrap_or_else(|poisoned| poisoned.into_inner());
        shared.closing
    }
}

impl Exposure {
    /// The local endpoints that are open now, such as `0.0.0.0:8443`; empty while there is none.
    pub fn open(&self) -> Vec<String> {
        self.state.lock().open.clone()
    }

    /// Ends the exposure; the port is closed when this returns.
    pub fn close(self) {
        drop(self);
    }
}

impl Drop for Exposure {
    fn drop(&mut self) {
        self.state.lock().closing = true;
        self.state.closing.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn keep(intent: &Intent, first: Lease, state: &State, changed: &dyn Fn(Change)) {
    let mut lease = first;
    loop {
        let because = lease.wait(state);
        state.lock().open.clear();
        let because = match because {
            Some(because) => because,
            None => return,
        };
        changed(Err(&because));
        let mut tries = 0;
        lease = loop {
            if state.closes_within(Duration::from_millis(RETRY_MS[tries.min(RETRY_MS.len() - 1)])) {
                return;
            }
            tries += 1;
            match register(intent) {
                Ok(next) => break next,
                Err(error) => changed(Err(&error.message)),
            }
        };
        state.lock().open = lease.open.clone();
        changed(Ok(&lease.open));
    }
}

/// A registration and its connection.
struct Lease {
    connection: Connection,
    name: String,
    open: Vec<String>,
    ttl: Option<Duration>,
}

impl Lease {
    /// Why the lease has ended, or `None` when the exposure was closed; renews it meanwhile.
    fn wait(&mut self, state: &State) -> Option<String> {
        let because = self.until_lost(state);
        let _ = self.connection.socket.shutdown(Shutdown::Both);
        because
    }

    fn until_lost(&mut self, state: &State) -> Option<String> {
        let gone = || Some("the gateway is gone".to_string());
        let lease = text_of(&self.name);
        let mut renew_at = self.ttl.map(|ttl| Instant::now() + ttl / 3);
        let mut renewal: Option<(u64, Instant)> = None;
        loop {
            if state.is_closing() {
                self.end(&lease);
                return None;
            }
            match self.connection.line(Instant::now() + LOOK) {
                Err(_) if self.connection.speaks_frames() => return Some(OTHER_PROTOCOL.into()),
                Err(_) => return gone(),
                Ok(None) => {}
                Ok(Some(line)) => match read_message(&line, renewal.map(|(number, _)| number)) {
                    Message::Ended(because) => return Some(because),
                    Message::Refused(_, message) => return Some(message),
                    Message::Bad => return Some("the gateway sent an unknown message".into()),
                    Message::Open(..) | Message::Done => renewal = None,
                    Message::Other => {}
                },
            }
            match (renewal, renew_at, self.ttl) {
                (Some((_, late)), _, _) if Instant::now() >= late => return Some("the gateway does not answer".into()),
                (None, Some(at), Some(ttl)) if Instant::now() >= at => {
                    match self.connection.send("renew", &format!("{{\"lease\":{lease},\"ttl_ms\":{}}}", ttl.as_millis())) {
                        Ok(number) => renewal = Some((number, Instant::now() + ANSWER_TIME)),
                        Err(_) => return gone(),
                    }
                    renew_at = Some(Instant::now() + ttl / 3);
                }
                _ => {}
            }
        }
    }

    /// Waits for the answer or the end of the connection; both mean that the port is closed.
    fn end(&mut self, lease: &str) {
        if let Ok(number) = self.connection.send("unregister", &format!("{{\"lease\":{lease}}}")) {
            let late = Instant::now() + ANSWER_TIME;
            while let Ok(Some(line)) = self.connection.line(late) {
                if !matches!(read_message(&line, Some(number)), Message::Other | Message::Ended(_)) {
                    return;
                }
            }
        }
    }
}

struct Connection {
    socket: UnixStream,
    buffer: Vec<u8>,
    number: u64,
}

impl Connection {
    fn open(path: &str) -> io::Result<Connection> {
        let socket = UnixStream::connect(path)?;
        socket.set_write_timeout(Some(ANSWER_TIME))?;
        Ok(Connection { socket, buffer: Vec::new(), number: 0 })
    }

    /// The number of the request.
    fn send(&mut self, method: &str, params: &str) -> io::Result<u64> {
        self.number += 1;
        let line = format!("{{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":{},\"params\":{params}}}\n", self.number, text_of(method));
        self.socket.write_all(line.as_bytes())?;
        Ok(self.number)
    }

    /// Whether the next bytes are the magic and the version of a frame of Open Nexus OS's ingressd, or of a lease frame.
    fn speaks_frames(&self) -> bool {
        matches!(self.buffer[..], [b'I', b'G' | b'L', 0..=8, ..])
    }

    /// The next line, or `None` when there is none until then. An error ends the connection; `speaks_frames` is the cause of one.
    fn line(&mut self, until: Instant) -> io::Result<Option<Vec<u8>>> {
        loop {
            if self.speaks_frames() {
                return Err(io::ErrorKind::InvalidData.into());
            }
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let mut line: Vec<u8> = self.buffer.drain(..=end).collect();
                line.pop();
                return Ok(Some(line));
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            self.socket.set_read_timeout(Some(left))?;
            let mut chunk = [0; 4096];
            match self.socket.read(&mut chunk) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) if self.buffer.len() > 2 * MOST_LINE_BYTES => return Err(io::ErrorKind::InvalidData.into()),
                Ok(count) => self.buffer.extend_from_slice(&chunk[..count]),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

fn register(intent: &Intent) -> Result<Lease, ExposeError> {
    let unreachable = |error: &str| ExposeError {
        code: "unreachable".into(),
        message: format!("no ingressd answers at `{}` ({error}): start it, or name its socket with INGRESSD_SOCKET", intent.socket),
    };
    let mut connection = Connection::open(&intent.socket).map_err(|error| unreachable(&error.to_string()))?;
    let mut params = format!(
        "{{\"service\":{},\"proto\":{},\"port\":{},\"mode\":{},\"backend\":{}",
        text_of(&intent.service), text_of(&intent.proto), intent.port, text_of(&intent.mode), text_of(&intent.backend)
    );
    if let Some(expose) = &intent.expose {
        params += &format!(",\"expose\":{}", text_of(expose));
    }
    if let Some(proxy) = &intent.proxy {
        params += &format!(",\"proxy\":{}", text_of(proxy));
    }
    if let Some(bind) = &intent.bind {
        params += &format!(",\"bind\":{}", text_of(bind));
    }
    if let Some(ttl) = intent.ttl {
        params += &format!(",\"ttl_ms\":{}", ttl.as_millis());
    }
    let number = connection.send("register", &(params + "}")).map_err(|error| unreachable(&error.to_string()))?;
    let late = Instant::now() + ANSWER_TIME;
    loop {
        let line = match connection.line(late) {
            Ok(Some(line)) => line,
            Ok(None) => return Err(unreachable("it does not answer")),
            Err(_) if connection.speaks_frames() => return Err(ExposeError { code: "other_protocol".into(), message: OTHER_PROTOCOL.into() }),
            Err(_) => return Err(unreachable("the connection has ended")),
        };
        match read_message(&line, Some(number)) {
            Message::Other => {}
            Message::Open(name, open) => return Ok(Lease { connection, name, open, ttl: intent.ttl }),
            Message::Refused(code, message) => return Err(ExposeError { code, message }),
            Message::Done | Message::Ended(_) | Message::Bad => {
                return Err(ExposeError { code: "bad_answer".into(), message: "the gateway's answer is malformed".into() })
            }
        }
    }
}

/// The meaning of one line of the gateway for a request.
enum Message {
    /// Lease and endpoints.
    Open(String, Vec<String>),
    Done,
    /// Code and sentence.
    Refused(String, String),
    Ended(String),
    /// About something else.
    Other,
    /// A malformed message.
    Bad,
}

fn read_message(line: &[u8], number: Option<u64>) -> Message {
    let message = match json::read(line) {
        Some(value @ json::Value::Object(_)) => value,
        _ => return Message::Bad,
    };
    if let Some(method) = message.get("method").and_then(json::Value::text) {
        let because = message.get("params").and_then(|params| params.get("because")).and_then(json::Value::text);
        return if method == "lease_ended" { Message::Ended(because.unwrap_or("the gateway ended it").into()) } else { Message::Other };
    }
    match (message.get("id"), number) {
        (Some(json::Value::Number(id)), Some(number)) if *id == number as f64 => {}
        _ => return Message::Other,
    }
    if let Some(error) = message.get("error") {
        let code = error.get("data").and_then(|data| data.get("code")).and_then(json::Value::text);
        let text = error.get("message").and_then(json::Value::text);
        return Message::Refused(code.unwrap_or("refused").into(), text.unwrap_or("the gateway refuses it").into());
    }
    let result = match message.get("result") {
        Some(result @ json::Value::Object(_)) => result,
        _ => return Message::Bad,
    };
    match (result.get("lease").and_then(json::Value::text), result.get("open")) {
        (Some(lease), Some(json::Value::List(items))) => {
            let open: Option<Vec<String>> = items.iter().map(|item| item.text().map(String::from)).collect();
            open.map_or(Message::Done, |open| Message::Open(lease.into(), open))
        }
        _ => Message::Done,
    }
}

/// Encodes a string as JSON.
fn text_of(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c < ' ' => out += &format!("\\u{:04x}", c as u32),
            c => out.push(c),
        }
    }
    out + "\""
}

/// A strict reader of JSON (RFC 8259), bounded in length and depth.
mod json {
    use std::str::Chars;

    const MOST_DEPTH: usize = 32;

    pub enum Value {
        Null,
        Truth,
        Number(f64),
        Text(String),
        List(Vec<Value>),
        Object(Vec<(String, Value)>),
    }

    impl Value {
        /// The last member of that name.
        pub fn get(&self, name: &str) -> Option<&Value> {
            match self {
                Value::Object(members) => members.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value),
                _ => None,
            }
        }

        pub fn text(&self) -> Option<&str> {
            match self {
                Value::Text(text) => Some(text),
                _ => None,
            }
        }
    }

    /// `None` for input that is not JSON, not UTF-8, too long or too deep.
    pub fn read(line: &[u8]) -> Option<Value> {
        if line.len() > super::MOST_LINE_BYTES {
            return None;
        }
        let mut reader = Reader { rest: std::str::from_utf8(line).ok()?.chars() };
        let value = reader.value(0)?;
        reader.space();
        reader.next().map_or(Some(value), |_| None)
    }

    struct Reader<'a> {
        rest: Chars<'a>,
    }

    impl Reader<'_> {
        fn peek(&self) -> Option<char> {
            self.rest.clone().next()
        }

        fn next(&mut self) -> Option<char> {
            self.rest.next()
        }

        fn skip(&mut self, wanted: char) -> bool {
            let found = self.peek() == Some(wanted);
            if found {
                self.next();
            }
            found
        }

        fn word(&mut self, word: &str, value: Value) -> Option<Value> {
            word.chars().all(|c| self.skip(c)).then(|| value)
        }

        fn space(&mut self) {
            while matches!(self.peek(), Some(' ' | '\t' | '\r' | '\n')) {
                self.next();
            }
        }

        fn value(&mut self, depth: usize) -> Option<Value> {
            self.space();
            match self.peek()? {
                '{' | '[' if depth == MOST_DEPTH => None,
                '{' => self.object(depth + 1),
                '[' => self.list(depth + 1),
                '"' => self.string().map(Value::Text),
                't' => self.word("true", Value::Truth),
                'f' => self.word("false", Value::Truth),
                'n' => self.word("null", Value::Null),
                _ => self.number(),
            }
        }

        fn object(&mut self, depth: usize) -> Option<Value> {
            let mut members = Vec::new();
            self.items('}', |reader| {
                reader.space();
                let name = if reader.peek() == Some('"') { reader.string()? } else { return None };
                reader.space();
                let value = if reader.skip(':') { reader.value(depth)? } else { return None };
                members.push((name, value));
                Some(())
            })?;
            Some(Value::Object(members))
        }

        fn list(&mut self, depth: usize) -> Option<Value> {
            let mut items = Vec::new();
            self.items(']', |reader| {
                items.push(reader.value(depth)?);
                Some(())
            })?;
            Some(Value::List(items))
        }

        /// The items between two brackets, with commas between them.
        fn items(&mut self, end: char, mut item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
            self.next();
            self.space();
            if self.skip(end) {
                return Some(());
            }
            loop {
                item(self)?;
                self.space();
                match self.next()? {
                    ',' => {}
                    c if c == end => return Some(()),
                    _ => return None,
                }
            }
        }

        fn string(&mut self) -> Option<String> {
            let mut text = String::new();
            self.next();
            loop {
                match self.next()? {
                    '"' => return Some(text),
                    '\\' => match self.next()? {
                        c @ ('"' | '\\' | '/') => text.push(c),
                        'b' => text.push('\u{8}'),
                        'f' => text.push('\u{c}'),
                        'n' => text.push('\n'),
                        'r' => text.push('\r'),
                        't' => text.push('\t'),
                        'u' => {
                            let unit = self.unit()?;
                            self.surrogates(unit, &mut text)?;
                        }
                        _ => return None,
                    },
                    c if c < ' ' => return None,
                    c => text.push(c),
                }
            }
        }

        /// An unpaired surrogate becomes U+FFFD.
        fn surrogates(&mut self, first: u16, text: &mut String) -> Option<()> {
            let mut units = vec![first];
            if (0xd800..0xdc00).contains(&first) && self.rest.as_str().starts_with("\\u") {
                let before = self.rest.clone();
                self.next();
                self.next();
                let second = self.unit()?;
                if (0xdc00..0xe000).contains(&second) {
                    units.push(second);
                } else {
                    self.rest = before;
                }
            }
            text.extend(char::decode_utf16(units).map(|unit| unit.unwrap_or('\u{fffd}')));
            Some(())
        }

        fn unit(&mut self) -> Option<u16> {
            (0..4).try_fold(0, |unit, _| Some(unit * 16 + self.next()?.to_digit(16)? as u16))
        }

        fn number(&mut self) -> Option<Value> {
            let text = self.rest.as_str();
            self.skip('-');
            if !self.skip('0') {
                self.digits()?;
            }
            if self.skip('.') {
                self.digits()?;
            }
            if self.skip('e') || self.skip('E') {
                let _ = self.skip('+') || self.skip('-');
                self.digits()?;
            }
            text[..text.len() - self.rest.as_str().len()].parse().ok().map(Value::Number)
        }

        fn digits(&mut self) -> Option<()> {
            let mut found = None;
            while matches!(self.peek(), Some('0'..='9')) {
                self.next();
                found = Some(());
            }
            found
        }
    }
}
