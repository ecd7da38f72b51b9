# Runs inside a network namespace in which every address is local: starts backends and an engine, lets each client connect from its
# source, and writes which backend answered it: its port, 0 where nobody did, or null where the kernel has no such client.
# Argument: a folder with job.json. The answers are in answers.json.
import json, os, selectors, socket, ssl, struct, subprocess, sys

os.chdir(sys.argv[1])
job = json.load(open("job.json"))
SENTINEL = 64999
AT_A_TIME = 300
LONGEST_S = 30
IP_PKTINFO, IPV6_RECVPKTINFO, IPV6_PKTINFO = 8, 49, 50


def setup():
    run = lambda *words: subprocess.run(words, check=True)
    run("ip", "link", "set", "lo", "up")
    run("ip", "route", "add", "local", "0.0.0.0/0", "dev", "lo")
    run("ip", "-6", "route", "add", "local", "::/0", "dev", "lo")
    for path in ("net/ipv4/ip_nonlocal_bind", "net/ipv6/ip_nonlocal_bind"):
        open("/proc/sys/" + path, "w").write("1")
    open("/proc/sys/net/ipv4/ip_local_port_range", "w").write("30000 60000")
    for words in job["setup"]:
        run(*words)


def listener(port, host):
    s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if host == "::":
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    s.bind((host, port))
    s.listen(4096)
    s.setblocking(False)
    return s


def datagrams(port, family):
    s = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET6:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        s.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
    else:
        s.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
    s.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", port))
    s.setblocking(False)
    return s


# Answers from the address that the datagram came to.
def answer_datagrams(s, port):
    while True:
        try:
            _, notes, _, peer = s.recvmsg(64, 256)
        except BlockingIOError:
            return
        for level, kind, data in notes:
            if level == socket.IPPROTO_IP:
                data = struct.pack("I4s4s", 0, data[8:12], b"\0\0\0\0")
            elif kind == IPV6_PKTINFO:
                data = data[:16] + b"\0\0\0\0"
            s.sendmsg([b"%d" % port], [(level, kind, data)], 0, peer)


def serve(listeners, udp):
    loop = selectors.DefaultSelector()
    for s, port in listeners:
        loop.register(s, selectors.EVENT_READ, ("accept", port))
    for s, port in udp:
        loop.register(s, selectors.EVENT_READ, ("udp", port))
    while True:
        # Clients that came before the sentinel are answered before it.
        for key, _ in sorted(loop.select(), key=lambda ready: ready[0].data[1] == SENTINEL):
            kind, port = key.data
            if kind == "udp":
                answer_datagrams(key.fileobj, port)
            elif kind == "accept":
                try:
                    s, _ = key.fileobj.accept()
                    s.sendall(b"%d\n" % port)
                    s.shutdown(socket.SHUT_WR)
                    s.setblocking(False)
                    loop.register(s, selectors.EVENT_READ, ("rest", port))
                except OSError:
                    pass
            else:
                # A close with unread bytes would be a reset, which takes the answer with it.
                try:
                    if key.fileobj.recv(65536):
                        continue
                except BlockingIOError:
                    continue
                except OSError:
                    pass
                loop.unregister(key.fileobj)
                key.fileobj.close()


def client(proto, source, local, port):
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    s = socket.socket(family, socket.SOCK_STREAM if proto == "tcp" else socket.SOCK_DGRAM)
    s.setblocking(False)
    try:
        if proto == "udp":
            s.bind((source, 0))
        else:
            s.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT: the port is chosen for the connection
            s.bind((source, 0))
        try:
            s.connect((local, port))
        except BlockingIOError:
            pass
        # The kernel has another source for some that are none; of datagrams it does not say so.
        if proto == "udp" and (source.startswith("ff") or source == "127.255.255.255" or family == socket.AF_INET and int(source.split(".")[0]) >= 224):
            raise OSError
        if socket.inet_pton(family, s.getsockname()[0]) != socket.inet_pton(family, source):
            raise OSError
    except OSError as error:
        s.close()
        if error.errno == 111:
            return 0
        return None
    return s


def number(data):
    text = data.strip()
    return int(text) if text.isdigit() else 0


def read_all(s):
    s.settimeout(LONGEST_S)
    data = b""
    try:
        while True:
            part = s.recv(4096)
            if not part:
                return data
            data += part
    except (ConnectionResetError, BrokenPipeError):
        return data


# Where a refusal is silence: what has not been answered when a later client was.
def sentinel():
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family, socket.SOCK_STREAM) as s:
            s.settimeout(LONGEST_S)
            s.connect((host, SENTINEL))
            assert s.recv(16)
        with socket.socket(family, socket.SOCK_DGRAM) as s:
            s.settimeout(LONGEST_S)
            s.connect((host, SENTINEL))
            s.send(b"x")
            assert s.recv(16)


def silent(visits):
    answers = []
    for first in range(0, len(visits), AT_A_TIME):
        batch = visits[first : first + AT_A_TIME]
        sockets = []
        for proto, source, local, port, _ in batch:
            s = client(proto, source, local, port)
            if proto == "udp" and not isinstance(s, (int, type(None))):
                s.send(b"x")
            sockets.append(s)
        sentinel()
        for (proto, *_), s in zip(batch, sockets):
            if s is None or s == 0:
                answers.append(s)
                continue
            if proto == "udp":
                try:
                    answers.append(number(s.recv(16)))
                except OSError:
                    answers.append(0)
            else:
                try:
                    s.getpeername()
                    answers.append(number(read_all(s)))
                except OSError:
                    answers.append(0)
            s.close()
    return answers


# A TLS client without a socket: what it has to send, and what it was sent.
class Handshake:
    contexts = {}

    def __init__(self, name, client):
        if client not in self.contexts:
            context = self.contexts[client] = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            if client is not None:
                context.load_cert_chain(client + ".crt", client + ".key")
        self.came, self.due = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = self.contexts[client].wrap_bio(self.came, self.due, server_hostname=name)
        self.raw, self.data, self.done, self.ended = b"", b"", False, False
        self.step()

    def feed(self, part):
        self.raw += part
        self.came.write(part)
        self.step()

    def step(self):
        try:
            if not self.done:
                self.tls.do_handshake()
                self.done = True
            while part := self.tls.read(4096):
                self.data += part
            self.ended = True
        except ssl.SSLWantReadError:
            pass
        except (ssl.SSLError, OSError):
            self.ended = True

    # Below zero: a backend has answered in the place of a server's hello.
    def answer(self):
        return number(self.data) if self.done else -number(self.raw)


# Where a refusal closes the connection.
def closing(visits):
    answers = [None] * len(visits)
    # Bytes behind a bar are a segment of their own.
    payloads = [[bytes.fromhex(part) for part in text.split("|")] for text in job["payloads"]]
    loop = selectors.DefaultSelector()
    queue = iter(enumerate(visits))
    open_count = 0

    def begin():
        for i, (proto, source, local, port, payload) in queue:
            s = client(proto, source, local, port)
            if s is None or s == 0:
                answers[i] = s
                continue
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            shake = Handshake(**job["tls"][-2 - payload]) if payload <= -2 else None
            loop.register(s, selectors.EVENT_WRITE, [i, list(payloads[payload]) if payload >= 0 else [], b"", shake])
            return 1
        return 0

    def end(s, i, data, shake):
        answers[i] = number(data) if shake is None else shake.answer()
        loop.unregister(s)
        s.close()
        return begin()

    for _ in range(job["atATime"]):
        open_count += begin()
    while open_count > 0:
        ready = loop.select(LONGEST_S)
        if not ready:
            left = [visits[key.data[0]] for key in loop.get_map().values()][:5]
            raise SystemExit("clients were neither answered nor refused: %r" % left)
        for key, _ in ready:
            s, state = key.fileobj, key.data
            i, parts, data, shake = state
            try:
                if key.events == selectors.EVENT_WRITE:
                    if shake is not None:
                        parts.append(shake.due.read())
                    if parts:
                        s.send(parts.pop(0))
                    if not parts:
                        loop.modify(s, selectors.EVENT_READ, state)
                    continue
                part = s.recv(4096)
            except BlockingIOError:
                continue
            except OSError:
                part = b""
            state[2] = data + part
            if shake is not None and part:
                shake.feed(part)
                try:
                    s.send(shake.due.read())
                except OSError:
                    pass
            if not part or (shake is not None and shake.ended):
                open_count += end(s, i, state[2], shake) - 1
    return answers


def until_listening(engine):
    while True:
        if engine.poll() is not None:
            raise SystemExit("the engine ended before it listened")
        is_port = isinstance(job["ready"], int)
        with socket.socket(socket.AF_INET if is_port else socket.AF_UNIX) as s:
            if s.connect_ex(("127.0.0.1", job["ready"]) if is_port else job["ready"]) == 0:
                return
        os.sched_yield()


setup()
listeners = [(listener(port, "::"), port) for port in job["ownTcp"] + [SENTINEL]]
listeners += [(listener(port, "127.0.0.1"), port) for port in job["backends"]]
udp = [(datagrams(port, family), port) for port in job["ownUdp"] + [SENTINEL] for family in (socket.AF_INET, socket.AF_INET6)]
child = os.fork()
if child == 0:
    serve(listeners, udp)
for s, _ in listeners + udp:
    s.close()
engine = None
try:
    if job["engine"]:
        engine = subprocess.Popen(job["engine"], stdout=open("engine.log", "w"), stderr=subprocess.STDOUT)
        until_listening(engine)
    for words in job["before"]:
        subprocess.run(words, check=True)
    # One processor hands on packets in their order.
    os.sched_setaffinity(0, [sorted(os.sched_getaffinity(0))[0]])
    answers = (silent if job["silent"] else closing)(job["visits"])
    json.dump(answers, open("answers.json", "w"))
    for words in job["after"]:
        subprocess.run(words, check=True)
finally:
    os.kill(child, 9)
    if engine is not None:
        engine.kill()
