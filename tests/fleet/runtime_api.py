# HAProxy's runtime API: `show FILE` writes every map in maps/ as `ingressc drift` reads it, `swap FILE` puts the maps of a
# swap.txt in the place of those that run.
import os, re, socket, sys


def said(command):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(20)
        s.connect("runtime.sock")
        s.sendall(command.encode() + (b"" if command.endswith("\n\n") else b"\n"))
        data = b""
        while part := s.recv(65536):
            data += part
        return data.decode()


if sys.argv[1] == "show":
    with open(sys.argv[2], "w") as out:
        for name in sorted(os.listdir("maps")):
            out.write("show map maps/%s\n%s\n" % (name, said("show map maps/" + name)))
else:
    text, version = open(sys.argv[2]).read(), ""
    for command in re.findall(r"^(?:prepare|commit) map [^\n]*$|^add map [^\n]* <<\n(?:[^\n]+\n)*\n", text, re.M):
        answer = said(command.replace("@VERSION", "@" + version))
        if command.startswith("prepare"):
            version = re.search(r"created: (\d+)", answer).group(1)
        elif answer.strip():
            raise SystemExit("%s: %s" % (command[:80], answer))
