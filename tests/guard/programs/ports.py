# Chooses the port of sockets that are never bound, or tries to: an outcome for each kind of socket, in JSON.
import ctypes, errno, json, os, socket, struct

IP_LOCAL_PORT_RANGE = 51
PORT = 40_123
found = {}
for name, family, kind, protocol, loopback in (
    ("udp 4", socket.AF_INET, socket.SOCK_DGRAM, 0, "127.0.0.1"), ("udp 6", socket.AF_INET6, socket.SOCK_DGRAM, 0, "::1"),
    ("tcp 4", socket.AF_INET, socket.SOCK_STREAM, 0, "127.0.0.1"), ("tcp 6", socket.AF_INET6, socket.SOCK_STREAM, 0, "::1"),
    ("mptcp 4", socket.AF_INET, socket.SOCK_STREAM, 262, "127.0.0.1"),
):
    try:
        s = socket.socket(family, kind, protocol)
    except OSError:
        continue
    try:
        s.setsockopt(socket.SOL_IP, IP_LOCAL_PORT_RANGE, struct.pack("I", PORT << 16 | PORT))
        found[name] = 0
    except OSError as e:
        found[name] = errno.errorcode[e.errno]
    if kind == socket.SOCK_DGRAM:
        try:
            s.sendto(b"x", (loopback, 9))
            found[f"{name}, sent"] = s.getsockname()[1] == PORT
        except OSError as e:
            found[f"{name}, sent"] = errno.errorcode[e.errno]
    # Other options of its sockets are the program's own.
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.setsockopt(socket.SOL_IP, 24, 1)

# The upper halves of the registers, which the kernel doesn't look at.
libc = ctypes.CDLL(None, use_errno=True)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
number = {"x86_64": 54, "aarch64": 208}[os.uname().machine]
value = struct.pack("I", PORT << 16 | PORT)
wide = libc.syscall(number, ctypes.c_long(s.fileno()), ctypes.c_long(1 << 32), ctypes.c_long(7 << 32 | IP_LOCAL_PORT_RANGE), value, ctypes.c_long(4))
found["wide registers"] = 0 if wide == 0 else errno.errorcode[ctypes.get_errno()]
print(json.dumps(found))
