# Drives the Python client for tests: see clients.check.ts.
import json
import sys

sys.path.insert(0, sys.argv[1])
import ingressd_client as client

mode, socket = sys.argv[2:4]


def say(**event):
    print(json.dumps(event), flush=True)


if mode == "answers":
    for _ in range(int(sys.argv[4])):
        try:
            exposure = client.expose("web", 8443, "127.0.0.1:9", socket=socket)
        except client.ExposeError as error:
            say(code=error.code, message=str(error) if error.code not in ("unreachable", "bad_answer") else "")
        else:
            say(open=exposure.open)
            exposure.close()
else:
    port, backend, ttl, proto = int(sys.argv[4]), sys.argv[5], float(sys.argv[6]), (sys.argv[7:] or ["tcp"])[0]
    try:
        exposure = client.expose("web", port, backend, socket=socket, proto=proto, ttl_s=ttl or None, on_change=lambda open, because: say(open=open, because=because or ""))
    except client.ExposeError as error:
        say(code=error.code, message=str(error))
        sys.exit(3)
    say(open=exposure.open, because="")
    sys.stdin.read()
    exposure.close()
    say(open=exposure.open, because="closed")
