# Gives rights up in every way there is, each in a child of its own, and then binds: what became of it, in JSON. Run as root
# with a folder of its own; without the guard it says what the kernel itself allows.
import ctypes, errno, json, os, socket, struct, sys

FOLDER = sys.argv[1]
NOBODY = 65534
libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWUSER = 0x10000000
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
FS_WRITE_FILE, FS_MAKE_SOCK, NET_BIND_TCP, NET_CONNECT_TCP = 1 << 1, 1 << 9, 1, 2
RLIMIT_LOCKS = 10


def code(call):
    try:
        result = call()
        return result if isinstance(result, (int, str, list)) and not isinstance(result, bool) else 0
    except OSError as e:
        return errno.errorcode[e.errno]


def system(number, *args):
    if libc.syscall(number, *args) < 0:
        raise OSError(ctypes.get_errno(), "")


def unix(path, kind=socket.SOCK_STREAM):
    s = socket.socket(socket.AF_UNIX, kind)
    s.bind(path)
    return s


def made(path):
    unix(path)
    return 0


def tcp(address, port=0):
    s = socket.socket()
    s.bind((address, port))
    s.listen(1)
    return 0


def drop_capabilities():
    if libc.capset(ctypes.create_string_buffer(struct.pack("Ii", 0x20080522, 0), 8), ctypes.create_string_buffer(24)) != 0:
        raise OSError(ctypes.get_errno(), "capset")


def drop_user():
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)


def landlock(fs=0, net=0):
    """A domain of its own, which allows none of these."""
    ruleset = libc.syscall(CREATE_RULESET, ctypes.create_string_buffer(struct.pack("QQ", fs, net), 16), 16, 0)
    if ruleset < 0:
        raise OSError(ctypes.get_errno(), "")
    libc.prctl(38, 1, 0, 0, 0)
    system(RESTRICT_SELF, ruleset, 0)


def each(*calls):
    return [code(call) for call in calls]


def jail(then, folder="jail"):
    """Within a root of its own, at whose /run it works."""
    def work():
        os.chroot(f"{FOLDER}/{folder}")
        os.chdir("/run")
        return then()
    return work


def no_capabilities():
    drop_capabilities()
    return each(lambda: made(f"{FOLDER}/nobodys/root.sock"), lambda: tcp("127.0.0.1", 81), audit)


def no_user():
    drop_user()
    return each(lambda: made(f"{FOLDER}/roots/nobody.sock"), lambda: made(f"{FOLDER}/nobodys/nobody.sock"), lambda: tcp("127.0.0.1", 82), audit)


def one_capability():
    """Another user with a right of its own: CAP_NET_BIND_SERVICE stays, CAP_DAC_OVERRIDE does not."""
    libc.prctl(8, 1, 0, 0, 0)
    drop_user()
    data = struct.pack("IIIIII", 1 << 10, 1 << 10, 0, 0, 0, 0)
    libc.capset(ctypes.create_string_buffer(struct.pack("Ii", 0x20080522, 0), 8), ctypes.create_string_buffer(data, 24))
    return each(lambda: made(f"{FOLDER}/roots/one.sock"), lambda: tcp("127.0.0.1", 83))


def bound_before():
    """Binds a low port, drops the right, and listens, as servers do."""
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", 84))
    drop_user()
    s.listen(1)
    return 0


def audit():
    """The multicast group of audit records, which needs CAP_AUDIT_READ."""
    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9).bind((0, 1))


def listener_says():
    """Whose rights the clients of a unix socket are shown."""
    drop_user()
    server = unix(f"\0dropped-{os.getpid()}")
    server.listen(1)
    client = socket.socket(socket.AF_UNIX)
    client.connect(server.getsockname())
    return list(struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1:])


def in_jail():
    paths = ["/plain.sock", "/out/absolute.sock", "/../../../above.sock", "relative.sock", "../up.sock", "out/escapes.sock", "deep/inside.sock", "/", ".", "/run/", "none/x.sock",
             "/" + "n" * 80 + "/" + "n" * 25, "loop/x.sock"]
    return each(*[lambda path=path: made(path) for path in paths])


def in_jail_at_root():
    os.chdir("/")
    return each(lambda: made("run/out/from_root.sock"), lambda: made("../run/up_from_root.sock"))


def readonly_root():
    """The same folder as root, but mounted again and read-only, as the test did before the guard's start."""
    os.chroot(f"{FOLDER}/again")
    os.chdir("/")
    return made(f"{FOLDER}/nobodys/readonly.sock")


def through_proc():
    """Links of /proc that mean something else to each process."""
    folder = os.open(f"{FOLDER}/nobodys", os.O_RDONLY)
    os.chdir(FOLDER)
    return each(lambda: made(f"/proc/self/fd/{folder}/fd.sock"), lambda: made(f"/dev/fd/{folder}/dev.sock"), lambda: made("/proc/self/cwd/cwd.sock"), lambda: made(f"{FOLDER}/to_root{FOLDER}/nobodys/root.sock"),
                lambda: made(f"to_root{FOLDER}/nobodys/relative.sock"))


def domain_of_files():
    landlock(fs=FS_MAKE_SOCK)
    child = lambda: in_child(lambda: made(f"{FOLDER}/nobodys/child.sock"))
    return each(lambda: made(f"{FOLDER}/nobodys/landlock.sock"), child, lambda: made(f"\0dropped-{os.getpid()}"), lambda: tcp("127.0.0.1"))


def domain_of_ports():
    landlock(net=NET_BIND_TCP)
    return each(lambda: tcp("127.0.0.1"), lambda: in_child(lambda: tcp("127.0.0.1")), lambda: made(f"{FOLDER}/nobodys/ports.sock"))


def two_domains():
    landlock(net=NET_BIND_TCP)
    landlock(fs=FS_MAKE_SOCK)
    return each(lambda: tcp("127.0.0.1"), lambda: made(f"{FOLDER}/nobodys/two.sock"))


def other_domain():
    landlock(fs=FS_WRITE_FILE, net=NET_CONNECT_TCP)
    return each(lambda: made(f"{FOLDER}/nobodys/other.sock"), lambda: tcp("127.0.0.1"))


def unmarks():
    """Turns the mark of a domain of files into one of a domain of ports, or tries to."""
    import resource
    landlock(fs=FS_MAKE_SOCK)
    limits = struct.pack("QQ", 1, 1)
    def set_limit():
        try:
            resource.setrlimit(RLIMIT_LOCKS, (1, 1))
        except ValueError:
            raise PermissionError(errno.EPERM, "")
    raised = code(set_limit)
    number = {"x86_64": 160, "aarch64": 164}[os.uname().machine]
    raised_old = code(lambda: system(number, RLIMIT_LOCKS, ctypes.create_string_buffer(struct.pack("QQ", 1, 1), 16)))
    return [raised, raised_old, type(code(lambda: list(resource.getrlimit(RLIMIT_LOCKS)))).__name__, code(lambda: made(f"{FOLDER}/nobodys/unmarked.sock"))]


def dropped_then_domain():
    drop_user()
    landlock(fs=FS_MAKE_SOCK)
    return each(lambda: made(f"{FOLDER}/nobodys/dropped.sock"), lambda: in_child(lambda: made(f"{FOLDER}/nobodys/late.sock")))


def in_child(work):
    """Its outcome, out of a child."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            result = code(work)
        except BaseException as e:
            result = repr(e)
        os.write(writer, json.dumps(result).encode())
        os._exit(0)
    os.close(writer)
    text = b""
    while part := os.read(reader, 65536):
        text += part
    os.close(reader)
    os.waitpid(pid, 0)
    return json.loads(text)


def prepare():
    for name in ("roots", "nobodys", "again", "outside", "jail", "jail/run", "jail/run/deep", "jail/outside", "jail/nobodys", "jail/" + "n" * 80):
        # `again` may be there: all of the host, mounted once more.
        os.makedirs(f"{FOLDER}/{name}", 0o700, exist_ok=name == "again")
    for name in ("nobodys", "jail/nobodys"):
        # Root of a user namespace may not, and nobody needs it there.
        code(lambda: os.chown(f"{FOLDER}/{name}", NOBODY, NOBODY))
    os.makedirs(f"{FOLDER}/jail{FOLDER}")
    os.symlink(f"{FOLDER}", f"{FOLDER}/jail/out")
    os.symlink("/outside", f"{FOLDER}/jail/run/out")
    os.symlink("loop", f"{FOLDER}/jail/run/loop")
    os.symlink("/proc/self/root", f"{FOLDER}/to_root")


def sockets():
    """Every socket that came to be, below the folder."""
    found = []
    for base, folders, names in os.walk(FOLDER):
        if base == FOLDER:
            folders.remove("again")
        found += [os.path.join(base, name)[len(FOLDER) + 1:] for name in names if name.endswith("sock") or name == "n" * 25]
    return sorted(found)


prepare()
attempts = {
    "no capabilities": no_capabilities, "no user": no_user, "one capability": one_capability, "a low port, then no user": bound_before, "who listens": listener_says,
    "in a jail": jail(in_jail), "at a jail's root": jail(in_jail_at_root), "a root that is mounted again": readonly_root, "links of /proc": through_proc,
    "a domain of files": domain_of_files, "a domain of ports": domain_of_ports, "two domains": two_domains, "a domain of other rights": other_domain, "the mark": unmarks,
    "no domain": lambda: each(lambda: made(f"{FOLDER}/nobodys/none.sock"), lambda: tcp("127.0.0.1")),
    "no user, then a domain": dropped_then_domain,
}
only = sys.argv[2:]
print(json.dumps({**{name: in_child(work) for name, work in attempts.items() if not only or name in only}, "sockets": sockets()}))
