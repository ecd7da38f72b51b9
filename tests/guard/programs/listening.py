# Tries to listen on sockets that the guard has not bound, or that are no longer where it bound them: what became of each
# attempt, in JSON. A socket that comes to listen anywhere but at loopback is a leak.
import array, ctypes, errno, json, os, socket, sys, threading, time

libc = ctypes.CDLL(None, use_errno=True)
MPTCP = 262
IP_BIND_ADDRESS_NO_PORT = 24
UNSPEC = ctypes.create_string_buffer(16)
FAMILIES = {"4": (socket.AF_INET, "127.0.0.1"), "6": (socket.AF_INET6, "::1")}
PROTOCOLS = {"tcp": 0, "mptcp": MPTCP}
found = {}


def code(call):
    try:
        call()
        return 0
    except OSError as e:
        return -e.errno


def disconnect(s):
    return 0 if libc.connect(s.fileno(), UNSPEC, 16) == 0 else -ctypes.get_errno()


def leaks(s):
    """Whether it listens anywhere but at loopback, by the address that it has while it listens."""
    return s.family != socket.AF_UNIX and s.getsockname()[0] not in ("127.0.0.1", "::1", "::ffff:127.0.0.1") and s.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1


def attempt(name, s):
    result = code(lambda: s.listen(16))
    found[name] = "LEAKS" if result == 0 and leaks(s) else result


def passed(channel):
    """A descriptor that a process outside hands over."""
    fds = array.array("i")
    _, data, _, _ = channel.recvmsg(1, socket.CMSG_SPACE(4))
    fds.frombytes(data[0][2][:4])
    return socket.socket(fileno=fds[0])


def main():
    for version, (family, loopback) in FAMILIES.items():
        for protocol, number in PROTOCOLS.items():
            try:
                home = socket.socket(family, socket.SOCK_STREAM, number)
            except OSError:
                continue
            if code(lambda: home.bind((loopback, 0))) != 0:
                continue
            home.listen(64)
            fresh = lambda: socket.socket(family, socket.SOCK_STREAM, number)
            name = lambda words: f"{words}, {protocol} {version}"

            s = fresh()
            attempt(name("never bound"), s)

            s = fresh()
            s.connect(home.getsockname())
            attempt(name("connected"), s)
            disconnect(s)
            attempt(name("connected and disconnected"), s)

            # A bind that fails takes the address away that an earlier one had given.
            s = fresh()
            s.setsockopt(socket.SOL_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            s.bind((loopback, 0))
            found[name("the second bind")] = code(lambda: s.bind(home.getsockname()))
            attempt(name("bound, and bound again in vain"), s)

            # What is bound may be connected, disconnected, and listened on, where it was bound.
            s = fresh()
            s.bind((loopback, 0))
            s.connect(home.getsockname())
            disconnect(s)
            attempt(name("bound, connected and disconnected"), s)
            attempt(name("… and listened on again"), s)
            found[name("bound again after it")] = code(lambda: s.bind(("0.0.0.0" if version == "4" else "::", 0)))
            disconnect(s)
            found[name("… and after its end")] = code(lambda: s.bind(("0.0.0.0" if version == "4" else "::", 0)))
            attempt(name("… which changes nothing"), s)

            # The socket of a connection that was accepted has the listener's address, and no bind of its own.
            listener, client = fresh(), fresh()
            listener.bind((loopback, 0))
            listener.listen(1)
            client.connect(listener.getsockname())
            accepted = listener.accept()[0]
            disconnect(accepted)
            attempt(name("accepted and disconnected"), accepted)
            found[name("… and bound")] = code(lambda: accepted.bind((loopback, 0)))
            attempt(name("… and listened on after it"), accepted)
            attempt(name("its listener again"), listener)

            # Other descriptors, and other processes, of the same socket.
            s = fresh()
            s.bind((loopback, 0))
            attempt(name("a duplicate"), s.dup())
            child = os.fork()
            if child == 0:
                os._exit(-code(lambda: s.listen(4)))
            found[name("a child's")] = -os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            ours, theirs = socket.socketpair()
            t = fresh()
            t.bind((loopback, 0))
            ours.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [t.fileno()]))])
            t.close()
            attempt(name("passed within the program"), passed(theirs))

            found[name("a race of connect and disconnect")] = race(fresh, home, int(sys.argv[1]))

    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("127.0.0.1", 0))
    attempt("datagrams", s)
    s = socket.socket(socket.AF_UNIX)
    s.bind(b"\0listening-%d" % os.getpid())
    attempt("unix", s)
    outside()
    print(json.dumps(found))


def race(fresh, home, seconds_100):
    """A thread connects and disconnects; each listen that is had meanwhile is a leak."""
    s = fresh()
    ending = threading.Event()
    home.setblocking(False)

    def turn():
        while not ending.is_set():
            code(lambda: s.connect(home.getsockname()))
            disconnect(s)
            while code(lambda: home.accept()[0].close()) == 0:
                pass

    thread = threading.Thread(target=turn)
    thread.start()
    results = set()
    until = time.monotonic() + seconds_100 / 100
    while time.monotonic() < until:
        result = code(lambda: s.listen(16))
        results.add(errno.errorcode.get(-result, str(result)))
    ending.set()
    thread.join()
    home.setblocking(True)
    return sorted(results)


def outside():
    """Sockets that a process outside has bound, or not, and passes."""
    path = sys.argv[2] if len(sys.argv) > 2 else ""
    if path == "":
        return
    channel = socket.socket(socket.AF_UNIX)
    channel.connect(path)
    for name in ("bound outside at loopback", "bound outside at any", "bound outside at loopback, mptcp", "listening outside", "not bound outside"):
        s = passed(channel)
        result = code(lambda: s.listen(16))
        found[name] = result
        if name == "not bound outside":
            found[f"{name}, and bound here at any"] = code(lambda: s.bind(("0.0.0.0", 18471)))
            found[f"{name}, and bound here"] = code(lambda: s.bind(("127.0.0.1", 0)))
            found[f"{name}, and listened on"] = code(lambda: s.listen(16))
        channel.send(b"x")
    # Bound here, without a port; then a process outside binds it once more.
    s = socket.socket()
    s.setsockopt(socket.SOL_IP, IP_BIND_ADDRESS_NO_PORT, 1)
    s.bind(("127.0.0.1", 0))
    channel.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [s.fileno()]))])
    channel.recv(1)
    attempt("bound here, and again outside", s)


main()
