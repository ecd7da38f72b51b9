"""Keeps a service's port open in ingressd while the service runs.

One file, standard library only, Python 3.9 and later, for Linux and other systems with unix sockets. Copy it next to
your program:

    from ingressd_client import expose

    with expose(service="web", port=8443, backend="127.0.0.1:8080"):
        server.serve_forever()

The port closes when the block ends, or when the process does. After a restart of the gateway, and when a policy grants
the intent again, the client registers again. To run it as a program: `python3 ingressd_client.py --service web --port
8443 --backend 127.0.0.1:8080`.

docs/operations.md specifies the messages (JSON-RPC 2.0, one message per line).
"""

import json
import os
import socket as sockets
import sys
import threading
import time

__all__ = ["ExposeError", "Exposure", "default_socket", "expose"]

# Waits between attempts, in seconds; the last one is repeated.
RETRY_S = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0)
# How long the gateway may take to answer, in seconds.
ANSWER_S = 10.0
# Bounds of one message of the gateway.
MOST_LINE_BYTES = 64 * 1024
MOST_DEPTH = 32
# The begin of a frame of Open Nexus OS's ingressd, or of a lease frame, is one of these and a version up to the last one.
BYTE_FRAMES = (b"IG", b"IL")
LAST_VERSION = 8
OTHER_PROTOCOL = "the other side speaks byte frames (RFC-0092 of Open Nexus OS), and no JSON: name the socket of an ingressd of this package"
# A lease with an end is renewed after this part of its time.
RENEW_AFTER = 1 / 3


class ExposeError(Exception):
    """Why the port is not open. `code` is the audit's word, or `unreachable`, `bad_answer` or `other_protocol`."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def default_socket(env=os.environ):
    """The registration socket: INGRESSD_SOCKET, else the control socket of the same user."""
    named = env.get("INGRESSD_SOCKET", "")
    if named:
        return named
    base = env.get("XDG_RUNTIME_DIR", "")
    return base + "/ingressd/control.sock" if base.startswith("/") else "/run/ingressd/control.sock"


def expose(service, port, backend, mode="tcp", bind=None, socket=None, ttl_s=None, on_change=None, proto="tcp", expose=None, proxy=None):
    """Registers the intent and returns an Exposure once the port is open; raises ExposeError if it is refused.

    service    the service's name in the policy; ingressd gets the caller's identity from the kernel
    port       the port that the policy exposes for it
    backend    where connections go: "127.0.0.1:8080", "[::1]:8080" or "unix:/path"
    mode       the mode in the policy: "tcp", "passthrough", "tls" or "mtls"
    bind       one literal local address; None: all addresses that the policy grants
    socket     the registration socket; None: default_socket()
    ttl_s      the lease ends after this many seconds unless this client renews it, 1 to 86400; None: no end
    on_change  called from a thread as on_change(open, because): open is a list of local endpoints, because is None
               or says why the port is closed
    proto      the protocol of the port: "tcp" or "udp"
    expose     the expose that is meant; needed where the service has several on the port
    proxy      the PROXY header that the backend gets before the client's bytes: v1 or v2
    """
    params = {"service": service, "proto": proto, "port": port, "mode": mode, "backend": backend}
    if expose is not None:
        params["expose"] = expose
    if proxy is not None:
        params["proxy"] = proxy
    if bind is not None:
        params["bind"] = bind
    if ttl_s is not None:
        params["ttl_ms"] = int(ttl_s * 1000)
    return Exposure(params, default_socket() if socket is None else socket, on_change or (lambda open, because: None))


class Exposure:
    """A port that is kept open until close(), or the end of the `with` block."""

    def __init__(self, params, path, on_change):
        self._params = params
        self._path = path
        self._on_change = on_change
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._lease = _register(path, params)
        self._thread = threading.Thread(target=self._keep, name="ingressd", daemon=True)
        self._thread.start()

    @property
    def open(self):
        """The local endpoints that are open now, such as "0.0.0.0:8443"; empty while there is none."""
        with self._lock:
            return [] if self._lease is None else list(self._lease.open)

    def close(self):
        """Ends the exposure; the port is closed when this returns."""
        self._closing.set()
        with self._lock:
            lease, self._lease = self._lease, None
        if lease is not None:
            lease.end()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _keep(self):
        while not self._closing.is_set():
            lease = self._lease
            if lease is None:
                return
            because = lease.wait()
            with self._lock:
                if self._closing.is_set():
                    return
                self._lease = None
            self._on_change([], because)
            self._again()

    def _again(self):
        tries = 0
        while not self._closing.wait(RETRY_S[min(tries, len(RETRY_S) - 1)]):
            tries += 1
            try:
                lease = _register(self._path, self._params)
            except ExposeError as error:
                self._on_change([], str(error))
                continue
            with self._lock:
                if not self._closing.is_set():
                    self._lease = lease
            if self._closing.is_set():
                lease.end()
            else:
                self._on_change(list(lease.open), None)
            return


class _OtherProtocol(OSError):
    def __init__(self):
        super().__init__(OTHER_PROTOCOL)


class _Lease:
    """A registration and its connection."""

    def __init__(self, connection, lease, open_, ttl_ms):
        self.open = open_
        self._connection = connection
        self._lease = lease
        self._ttl_ms = ttl_ms

    def wait(self):
        """Returns why the lease has ended; renews it meanwhile."""
        renew_s = None if self._ttl_ms is None else self._ttl_ms / 1000 * RENEW_AFTER
        awaited = None
        try:
            while True:
                line = self._connection.line(renew_s if awaited is None else ANSWER_S)
                if line is None:
                    if awaited is not None:
                        return "the gateway does not answer"
                    awaited = self._connection.send("renew", {"lease": self._lease, "ttl_ms": self._ttl_ms})
                    continue
                number = self._connection.number_of("unregister")
                if number is not None and read_message(line, number)[0] in ("done", "refused"):
                    return "unregistered"
                kind, *rest = read_message(line, awaited)
                if kind == "ended":
                    return rest[0]
                if kind == "refused":
                    return rest[1]
                if kind == "bad":
                    return "the gateway sent an unknown message"
                if kind in ("open", "done"):
                    awaited = None
        except _OtherProtocol:
            return OTHER_PROTOCOL
        except OSError:
            return "the gateway is gone"
        finally:
            self._connection.close()

    def end(self):
        """Ends the lease; the thread in wait() returns because of it."""
        try:
            # Both the answer and the end of the connection mean that the port is closed.
            self._connection.send("unregister", {"lease": self._lease})
            self._connection.finished.wait(ANSWER_S)
        except OSError:
            pass
        finally:
            self._connection.shut()


class _Connection:
    def __init__(self, path):
        self.finished = threading.Event()
        self._lock = threading.Lock()
        self._numbers = {}
        self._last = 0
        self._buffer = b""
        self._socket = sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM)
        try:
            self._socket.settimeout(ANSWER_S)
            self._socket.connect(path)
        except OSError:
            self._socket.close()
            raise

    def send(self, method, params):
        """Returns the number of the request."""
        with self._lock:
            self._last += 1
            number = self._numbers[method] = self._last
            message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
            self._socket.sendall(json.dumps(message).encode("ascii") + b"\n")
        return number

    def number_of(self, method):
        """The number of the last request of a method, or None."""
        with self._lock:
            return self._numbers.get(method)

    def line(self, timeout_s):
        """The next line, or None when there is none within the time; raises OSError at the end of the connection, and where
        the other side speaks byte frames."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            if self._buffer[:2] in BYTE_FRAMES and len(self._buffer) > 2 and self._buffer[2] <= LAST_VERSION:
                raise _OtherProtocol()
            if b"\n" in self._buffer:
                break
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return None
            self._socket.settimeout(left)
            try:
                chunk = self._socket.recv(MOST_LINE_BYTES)
            except sockets.timeout:
                return None
            if not chunk or len(self._buffer) + len(chunk) > 2 * MOST_LINE_BYTES:
                raise OSError("the connection has ended")
            self._buffer += chunk
        line, self._buffer = self._buffer.split(b"\n", 1)
        return line

    def shut(self):
        try:
            self._socket.shutdown(sockets.SHUT_RDWR)
        except OSError:
            pass

    def close(self):
        self._socket.close()
        self.finished.set()


def _register(path, params):
    try:
        connection = _Connection(path)
    except OSError as error:
        raise ExposeError("unreachable", f"no ingressd answers at `{path}` ({error.strerror or error}): start it, or name its socket with INGRESSD_SOCKET") from error
    try:
        number = connection.send("register", params)
        kind, *rest = "other", None
        deadline = time.monotonic() + ANSWER_S
        while kind == "other":
            line = connection.line(max(0.0, deadline - time.monotonic()))
            if line is None:
                raise OSError("it does not answer")
            kind, *rest = read_message(line, number)
        if kind == "open":
            return _Lease(connection, rest[0], rest[1], params.get("ttl_ms"))
        connection.close()
        if kind == "refused":
            raise ExposeError(rest[0], rest[1])
        raise ExposeError("bad_answer", "the gateway's answer is malformed")
    except _OtherProtocol as error:
        connection.close()
        raise ExposeError("other_protocol", OTHER_PROTOCOL) from error
    except OSError as error:
        connection.close()
        raise ExposeError("unreachable", f"no ingressd answers at `{path}` ({error}): start it, or name its socket with INGRESSD_SOCKET") from error


def read_message(line, number):
    """The meaning of one line of the gateway for the request `number`:

    ("open", lease, endpoints), ("done",), ("refused", code, message), ("ended", because),
    ("other",) for a message about something else, ("bad",) for a malformed message.
    """
    message = _json(line)
    if not isinstance(message, dict):
        return ("bad",)
    if isinstance(message.get("method"), str):
        if message["method"] != "lease_ended":
            return ("other",)
        params = message.get("params")
        because = params.get("because") if isinstance(params, dict) else None
        return ("ended", because if isinstance(because, str) else "the gateway ended it")
    if number is None or isinstance(message.get("id"), bool) or message.get("id") != number:
        return ("other",)
    if "error" in message:
        error = message["error"] if isinstance(message["error"], dict) else {}
        data = error.get("data") if isinstance(error.get("data"), dict) else {}
        code, text = data.get("code"), error.get("message")
        return ("refused", code if isinstance(code, str) else "refused", text if isinstance(text, str) else "the gateway refuses it")
    result = message.get("result")
    if not isinstance(result, dict):
        return ("bad",)
    lease, open_ = result.get("lease"), result.get("open")
    if isinstance(lease, str) and isinstance(open_, list) and all(isinstance(endpoint, str) for endpoint in open_):
        return ("open", lease, open_)
    return ("done",)


def _json(line):
    """The value of one line, or None for what is not JSON, too long or too deep."""
    if len(line) > MOST_LINE_BYTES:
        return None
    depth, in_text, skip = 0, False, False
    for byte in line:
        if skip:
            skip = False
        elif in_text:
            skip, in_text = byte == 0x5C, byte != 0x22
        elif byte == 0x22:
            in_text = True
        elif byte in b"[{":
            depth += 1
            if depth > MOST_DEPTH:
                return None
        elif byte in b"]}":
            depth -= 1
    try:
        value = json.loads(line.decode("utf-8"), parse_int=float, parse_constant=_no_constant)
    except ValueError:
        return None
    return _whole(value)


def _no_constant(word):
    raise ValueError(word)


def _whole(value):
    """Replaces unpaired surrogates by U+FFFD, as other JSON parsers do."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, dict):
        return {_whole(key): _whole(item) for key, item in value.items()}
    return value


def _main(words):
    import argparse

    parser = argparse.ArgumentParser(description="Keeps a service's port open in ingressd until it is ended.")
    parser.add_argument("--service", required=True, help="the service, as the policy names it")
    parser.add_argument("--port", required=True, type=int, help="the port to open")
    parser.add_argument("--proto", default="tcp", choices=("tcp", "udp"), help="the protocol of the port")
    parser.add_argument("--backend", required=True, help="127.0.0.1:8080, [::1]:8080 or unix:/path")
    parser.add_argument("--mode", default="tcp", choices=("tcp", "passthrough", "tls", "mtls"), help="the mode in the policy")
    parser.add_argument("--expose", help="the expose that is meant, where the service has several on the port")
    parser.add_argument("--proxy", choices=("v1", "v2"), help="the PROXY header that the backend gets (default: none)")
    parser.add_argument("--bind", help="one local address (default: all addresses that the policy grants)")
    parser.add_argument("--socket", help="the registration socket (default: INGRESSD_SOCKET)")
    parser.add_argument("--ttl", type=float, metavar="SECONDS", help="the lease ends by itself unless it is renewed")
    given = parser.parse_args(words)

    def changed(open_, because):
        text = f"exposed {given.service} on {', '.join(open_)}" if because is None else f"`{given.service}` is not exposed now: {because}; trying again"
        print(text, file=sys.stdout if because is None else sys.stderr, flush=True)

    import signal

    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    try:
        with expose(given.service, given.port, given.backend, given.mode, given.bind, given.socket, given.ttl, changed, given.proto, given.expose, given.proxy) as exposure:
            changed(exposure.open, None)
            ended.wait()
    except ExposeError as error:
        print(f"refused ({error.code}): {error}" if error.code != "unreachable" else str(error), file=sys.stderr)
        return 5 if error.code == "unreachable" else 3
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
