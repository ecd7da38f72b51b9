# What a backend at a unix socket is sent of each client, and the client's port, as JSON.
# Arguments: the socket, the file to write, a port, and for each client its address and the address that it connects to.
import json, socket, sys

path, out, port, *rest = sys.argv[1:]
backend = socket.socket(socket.AF_UNIX)
backend.bind(path)
backend.listen(16)
backend.settimeout(20)
found = []
for source, local in zip(rest[::2], rest[1::2]):
    client = socket.socket(socket.AF_INET6 if ":" in source else socket.AF_INET)
    client.settimeout(20)
    client.bind((source, 0))
    client.connect((local, int(port)))
    client.sendall(b"hello")
    client.shutdown(socket.SHUT_WR)
    served, _ = backend.accept()
    served.settimeout(20)
    data = b""
    while part := served.recv(4096):
        data += part
    found.append({"port": client.getsockname()[1], "data": data.hex()})
    served.close()
    client.close()
json.dump(found, open(out, "w"))
