# A process that no guard watches: binds sockets and hands them to the process that connects to the path on its command line.
import array, socket, sys

listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen(1)
print("up", flush=True)
channel = listener.accept()[0]


def bound(address, protocol=0, listens=False):
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol)
    if address is not None:
        s.bind((address, 0))
    if listens:
        s.listen(4)
    return s


for s in (bound("127.0.0.1"), bound("0.0.0.0"), bound("127.0.0.1", 262), bound("127.0.0.1", 0, True), bound(None)):
    channel.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [s.fileno()]))])
    channel.recv(1)

# One that is passed back to be bound here: the guarded program has left its port open.
_, data, _, _ = channel.recvmsg(1, socket.CMSG_SPACE(4))
fds = array.array("i")
fds.frombytes(data[0][2][:4])
socket.socket(fileno=fds[0]).bind(("0.0.0.0", 0))
channel.send(b"x")
