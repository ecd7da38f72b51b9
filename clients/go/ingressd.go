// Package ingressd keeps a service's port open in ingressd while the service runs.
//
// One file, standard library only, Go 1.19 and later, for systems with unix sockets. Copy it into your module:
//
//	exposure, err := ingressd.Expose(ingressd.Intent{Service: "web", Port: 8443, Backend: "127.0.0.1:8080"})
//	if err != nil {
//		log.Fatal(err)
//	}
//	defer exposure.Close()
//
// The port closes with Close, or when the process ends. After a restart of the gateway, and when a policy grants the
// intent again, the client registers again. docs/operations.md specifies the messages (JSON-RPC 2.0, one message per
// line).
package ingressd

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// AnswerTime is how long the gateway may take to answer.
const AnswerTime = 10 * time.Second

// Bounds of one message of the gateway.
const (
	mostLineBytes = 64 * 1024
	mostDepth     = 32
)

// Waits between attempts; the last one is repeated.
var retryTimes = []time.Duration{100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second}

// errOtherProtocol: a server of byte frames has answered.
var errOtherProtocol = errors.New("the other side speaks byte frames (RFC-0092 of Open Nexus OS), and no JSON: name the socket of an ingressd of this package")

// Intent is a service's request for a port.
type Intent struct {
	// Service is the service's name in the policy; ingressd gets the caller's identity from the kernel.
	Service string
	// Proto is the protocol of the port: "tcp" (if empty) or "udp".
	Proto string
	// Port is the port that the policy exposes for it.
	Port int
	// Backend is where connections go: "127.0.0.1:8080", "[::1]:8080" or "unix:/path".
	Backend string
	// Mode is the mode in the policy: "tcp" (if empty), "passthrough", "tls" or "mtls".
	Mode string
	// Expose is the expose that is meant; needed where the service has several on the port.
	Expose string
	// Proxy is the version of the PROXY header that the backend gets before the client's bytes: v1 or v2; "": none.
	Proxy string
	// Bind is one literal local address; empty: all addresses that the policy grants.
	Bind string
	// Socket is the registration socket; empty: DefaultSocket().
	Socket string
	// TTL: the lease ends after this time unless the client renews it, 1 s to 24 h; 0: it has no end.
	TTL time.Duration
	// OnChange is called from a goroutine when the port closes, after each failed attempt, and when it is open again.
	// because is empty while the port is open.
	OnChange func(open []string, because string)
}

// Error says why the port is not open. Code is the audit code, or "unreachable", "bad_answer" or "other_protocol".
type Error struct {
	Code    string
	Message string
}

func (e *Error) Error() string { return e.Message }

// DefaultSocket is the registration socket: INGRESSD_SOCKET, else the control socket of the same user.
func DefaultSocket() string {
	if named := os.Getenv("INGRESSD_SOCKET"); named != "" {
		return named
	}
	if base := os.Getenv("XDG_RUNTIME_DIR"); strings.HasPrefix(base, "/") {
		return base + "/ingressd/control.sock"
	}
	return "/run/ingressd/control.sock"
}

// Exposure is a port that is kept open until Close.
type Exposure struct {
	intent  Intent
	closing chan struct{}
	done    chan struct{}
	once    sync.Once
	mutex   sync.Mutex
	lease   *lease
}

// Expose returns once the port is open, or with an *Error if it is refused.
func Expose(intent Intent) (*Exposure, error) {
	if intent.Socket == "" {
		intent.Socket = DefaultSocket()
	}
	if intent.Proto == "" {
		intent.Proto = "tcp"
	}
	if intent.Mode == "" {
		intent.Mode = "tcp"
	}
	if intent.OnChange == nil {
		intent.OnChange = func([]string, string) {}
	}
	first, err := register(intent)
	if err != nil {
		return nil, err
	}
	e := &Exposure{intent: intent, closing: make(chan struct{}), done: make(chan struct{}), lease: first}
	go e.keep()
	return e, nil
}

// Open is the local endpoints that are open now, such as "0.0.0.0:8443"; empty while there is none.
func (e *Exposure) Open() []string {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if e.lease == nil {
		return nil
	}
	return append([]string(nil), e.lease.open...)
}

// Close ends the exposure; the port is closed when it returns. Don't call it in OnChange.
func (e *Exposure) Close() {
	e.once.Do(func() { close(e.closing) })
	<-e.done
}

func (e *Exposure) set(l *lease) {
	e.mutex.Lock()
	e.lease = l
	e.mutex.Unlock()
}

func (e *Exposure) keep() {
	defer close(e.done)
	for {
		because := e.lease.wait(e.closing)
		e.set(nil)
		if because == "" {
			return
		}
		e.intent.OnChange(nil, because)
		if !e.again() {
			return
		}
	}
}

// again is false when the exposure was closed meanwhile.
func (e *Exposure) again() bool {
	for try := 0; ; try++ {
		wait := retryTimes[len(retryTimes)-1]
		if try < len(retryTimes) {
			wait = retryTimes[try]
		}
		timer := time.NewTimer(wait)
		select {
		case <-e.closing:
			timer.Stop()
			return false
		case <-timer.C:
		}
		next, err := register(e.intent)
		if err != nil {
			e.intent.OnChange(nil, err.Error())
			continue
		}
		e.set(next)
		e.intent.OnChange(append([]string(nil), next.open...), "")
		return true
	}
}

// lease is a registration and its connection.
type lease struct {
	connection *connection
	name       string
	open       []string
	ttl        time.Duration
}

// wait returns why the lease has ended, or "" when closing ended it; it renews the lease meanwhile.
func (l *lease) wait(closing <-chan struct{}) string {
	defer l.connection.close()
	var renew <-chan time.Time
	if l.ttl > 0 {
		ticker := time.NewTicker(l.ttl / 3)
		defer ticker.Stop()
		renew = ticker.C
	}
	var late <-chan time.Time
	renewal, unregistration := 0, 0
	for {
		select {
		case <-closing:
			closing = nil
			number, err := l.connection.send("unregister", map[string]any{"lease": l.name})
			if err != nil {
				return ""
			}
			unregistration, late, renew = number, time.After(AnswerTime), nil
		case <-renew:
			if renewal != 0 {
				continue
			}
			number, err := l.connection.send("renew", map[string]any{"lease": l.name, "ttl_ms": l.ttl.Milliseconds()})
			if err != nil {
				return "the gateway is gone"
			}
			renewal, late = number, time.After(AnswerTime)
		case <-late:
			if unregistration != 0 {
				return ""
			}
			return "the gateway does not answer"
		case line, ok := <-l.connection.lines:
			if !ok {
				if unregistration != 0 {
					return ""
				}
				if c := l.connection; errors.Is(c.ended, errOtherProtocol) {
					return c.ended.Error()
				}
				return "the gateway is gone"
			}
			if unregistration != 0 {
				if kind := readMessage(line, unregistration).kind; kind == "done" || kind == "refused" || kind == "bad" {
					return ""
				}
				continue
			}
			switch m := readMessage(line, renewal); m.kind {
			case "ended":
				return m.because
			case "refused":
				return m.message
			case "bad":
				return "the gateway sent an unknown message"
			case "open", "done":
				renewal, late = 0, nil
			}
		}
	}
}

type connection struct {
	socket net.Conn
	lines  chan []byte
	number int
	// ended says why there are no more lines, once they are closed.
	ended error
}

func dial(path string) (*connection, error) {
	socket, err := net.DialTimeout("unix", path, AnswerTime)
	if err != nil {
		return nil, err
	}
	c := &connection{socket: socket, lines: make(chan []byte)}
	go c.read()
	return c, nil
}

// read ends with the connection; a line that is too long or a byte frame ends it.
func (c *connection) read() {
	defer close(c.lines)
	scanner := bufio.NewScanner(c.socket)
	scanner.Buffer(make([]byte, 0, 4096), 2*mostLineBytes)
	scanner.Split(wholeLines)
	for scanner.Scan() {
		c.lines <- append([]byte(nil), scanner.Bytes()...)
	}
	c.ended = scanner.Err()
	c.socket.Close()
}

// wholeLines drops the bytes after the last line end.
func wholeLines(data []byte, atEnd bool) (int, []byte, error) {
	if beginsByteFrame(data) {
		return 0, nil, errOtherProtocol
	}
	if end := bytes.IndexByte(data, '\n'); end >= 0 {
		return end + 1, data[:end], nil
	}
	if atEnd {
		return len(data), nil, nil
	}
	return 0, nil, nil
}

// beginsByteFrame: the magic and the version of a frame of Open Nexus OS's ingressd, or of a lease frame.
func beginsByteFrame(data []byte) bool {
	return len(data) > 2 && data[0] == 'I' && (data[1] == 'G' || data[1] == 'L') && data[2] <= 8
}

func (c *connection) send(method string, params map[string]any) (int, error) {
	c.number++
	line, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": c.number, "method": method, "params": params})
	if err != nil {
		return 0, err
	}
	c.socket.SetWriteDeadline(time.Now().Add(AnswerTime))
	_, err = c.socket.Write(append(line, '\n'))
	return c.number, err
}

// close also ends the reader.
func (c *connection) close() {
	c.socket.Close()
	for range c.lines {
	}
}

func register(intent Intent) (*lease, error) {
	unreachable := func(err error) error {
		return &Error{"unreachable", fmt.Sprintf("no ingressd answers at `%s` (%v): start it, or name its socket with INGRESSD_SOCKET", intent.Socket, err)}
	}
	c, err := dial(intent.Socket)
	if err != nil {
		return nil, unreachable(err)
	}
	params := map[string]any{"service": intent.Service, "proto": intent.Proto, "port": intent.Port, "mode": intent.Mode, "backend": intent.Backend}
	if intent.Expose != "" {
		params["expose"] = intent.Expose
	}
	if intent.Proxy != "" {
		params["proxy"] = intent.Proxy
	}
	if intent.Bind != "" {
		params["bind"] = intent.Bind
	}
	if intent.TTL > 0 {
		params["ttl_ms"] = intent.TTL.Milliseconds()
	}
	number, err := c.send("register", params)
	if err != nil {
		c.close()
		return nil, unreachable(err)
	}
	late := time.After(AnswerTime)
	for {
		select {
		case <-late:
			c.close()
			return nil, unreachable(errors.New("it does not answer"))
		case line, ok := <-c.lines:
			if !ok {
				c.close()
				if errors.Is(c.ended, errOtherProtocol) {
					return nil, &Error{"other_protocol", c.ended.Error()}
				}
				return nil, unreachable(errors.New("the connection has ended"))
			}
			switch m := readMessage(line, number); m.kind {
			case "other":
			case "open":
				return &lease{connection: c, name: m.lease, open: m.open, ttl: intent.TTL}, nil
			case "refused":
				c.close()
				return nil, &Error{m.code, m.message}
			default:
				c.close()
				return nil, &Error{"bad_answer", "the gateway's answer is malformed"}
			}
		}
	}
}

// message is the meaning of one line of the gateway for a request:
// open (lease, open), done, refused (code, message), ended (because), other (about something else), bad.
type message struct {
	kind, lease, code, message, because string
	open                                []string
}

func readMessage(line []byte, number int) message {
	value, ok := readJSON(line)
	object, isObject := value.(map[string]any)
	if !ok || !isObject {
		return message{kind: "bad"}
	}
	if method, isText := object["method"].(string); isText {
		if method != "lease_ended" {
			return message{kind: "other"}
		}
		params, _ := object["params"].(map[string]any)
		return message{kind: "ended", because: textOf(params["because"], "the gateway ended it")}
	}
	if id, isNumber := object["id"].(json.Number); !isNumber || number == 0 || !equals(id, number) {
		return message{kind: "other"}
	}
	if answer, refused := object["error"]; refused {
		failure, _ := answer.(map[string]any)
		data, _ := failure["data"].(map[string]any)
		return message{kind: "refused", code: textOf(data["code"], "refused"), message: textOf(failure["message"], "the gateway refuses it")}
	}
	result, isObject := object["result"].(map[string]any)
	if !isObject {
		return message{kind: "bad"}
	}
	lease, isText := result["lease"].(string)
	endpoints, isList := result["open"].([]any)
	if !isText || !isList {
		return message{kind: "done"}
	}
	open := make([]string, 0, len(endpoints))
	for _, endpoint := range endpoints {
		text, isText := endpoint.(string)
		if !isText {
			return message{kind: "done"}
		}
		open = append(open, text)
	}
	return message{kind: "open", lease: lease, open: open}
}

func textOf(value any, otherwise string) string {
	if text, isText := value.(string); isText {
		return text
	}
	return otherwise
}

func equals(id json.Number, number int) bool {
	value, err := id.Float64()
	return err == nil && value == float64(number)
}

// readJSON is false for input that is not JSON, not UTF-8, too long or too deep.
func readJSON(line []byte) (any, bool) {
	if len(line) > mostLineBytes || !utf8.Valid(line) || depthOf(line) > mostDepth {
		return nil, false
	}
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil {
		return nil, false
	}
	return value, len(bytes.Trim(line[decoder.InputOffset():], " \t\r\n")) == 0
}

func depthOf(line []byte) int {
	depth, most, inText, skip := 0, 0, false, false
	for _, b := range line {
		switch {
		case skip:
			skip = false
		case inText:
			skip, inText = b == '\\', b != '"'
		case b == '"':
			inText = true
		case b == '[' || b == '{':
			if depth++; depth > most {
				most = depth
			}
		case b == ']' || b == '}':
			depth--
		}
	}
	return most
}
