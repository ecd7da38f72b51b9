# Envoy's admin interface, by its socket. `ready`: waits until Envoy serves; `listening`: and until every listener of envoy.json accepts;
# `get PATH FILE`: writes the answer to a file.
import http.client, json, os, socket, sys

SOCKET, COMMAND = sys.argv[1:3]


class Admin(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(SOCKET)


def get(path):
    admin = Admin("envoy")
    admin.request("GET", path)
    answer = admin.getresponse()
    return answer.status, answer.read()


def accepts(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


if COMMAND == "get":
    status, body = get(sys.argv[3])
    assert status == 200, status
    open(sys.argv[4], "wb").write(body)
else:
    try:
        while get("/ready")[1].strip() != b"LIVE":
            os.sched_yield()
    except (OSError, http.client.HTTPException):
        raise SystemExit("the engine ended before it listened")
    listeners = json.load(open("envoy.json"))["static_resources"]["listeners"] if COMMAND == "listening" else []
    places = [place for listener in listeners for place in [listener] + listener.get("additional_addresses", [])]
    for place in places:
        while not accepts(place["address"]["socket_address"]["port_value"]):
            os.sched_yield()
