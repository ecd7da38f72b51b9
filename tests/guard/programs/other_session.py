# A service under a token that doesn't go with its parents: it listens, and a process of another session has the
# socket. usage: other_session.py PORT tcp|udp. Prints `guard PID`, `up PID` of the one that is left; each line that is read is a
# signal for the guard, whose answer is printed.
import fcntl, os, signal, socket, sys
port, guard = int(sys.argv[1]), os.getppid()
def attempt(call):
    try: call(); return 0
    except OSError as e: return -e.errno
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM if sys.argv[2] == "tcp" else socket.SOCK_DGRAM)
s.bind(("0.0.0.0", port))
if sys.argv[2] == "tcp": s.listen(16)
r, w = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() != 0: os._exit(0)
    os.write(w, str(os.getpid()).encode())
    while True: signal.pause()
holder = int(os.read(r, 16))
print("up", holder, guard, flush=True)
for line in sys.stdin:
    how = line.strip()
    if how == "SIGIO":
        # The kernel sends the signal that one has chosen to whom one has chosen.
        a, b = socket.socketpair()
        fcntl.fcntl(a, fcntl.F_SETOWN, guard); fcntl.fcntl(a, 10, signal.SIGKILL)
        fcntl.fcntl(a, fcntl.F_SETFL, fcntl.fcntl(a, fcntl.F_GETFL) | os.O_ASYNC)
        b.send(b"x"); print(0, flush=True)
    else: print(attempt(lambda: os.kill(guard, getattr(signal, how))), flush=True)
