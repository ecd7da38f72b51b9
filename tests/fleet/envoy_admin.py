# Envoy's administration, in the folder that it runs in: `wait` until it is ready, `dump FILE` writes its configuration.
import http.client, os, socket, sys


def said(path):
    connection = http.client.HTTPConnection("envoy")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(20)
    connection.sock.connect("envoy.sock")
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.read()


if sys.argv[1] == "wait":
    while said("/ready")[0] != 200:
        os.sched_yield()
else:
    open(sys.argv[2], "wb").write(said("/config_dump")[1])
