"""Sends packets of any source address into this network namespace: each line of the file is PROTOCOL SOURCE LOCAL PORT ID.

Their source port is ID. A veth pair has both ends here, and frames that go out at one come in at the other."""
import ipaddress
import socket
import struct
import sys


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def segment(protocol, source, local, port, number):
    if protocol == "tcp":
        bare, at = struct.pack("!HHIIBBHHH", number, port, 1, 0, 5 << 4, 2, 64240, 0, 0), 16
    else:
        bare, at = struct.pack("!HHHH", number, port, 9, 0) + b"x", 6
    kind = 6 if protocol == "tcp" else 17
    pseudo = source.packed + local.packed + struct.pack("!II" if source.version == 6 else "!HH", *((len(bare), kind) if source.version == 6 else (kind, len(bare))))
    total = checksum(pseudo + bare) or 0xFFFF
    return bare[:at] + struct.pack("!H", total) + bare[at + 2:], kind


def frame(head, protocol, source, local, port, number):
    source, local = ipaddress.ip_address(source), ipaddress.ip_address(local)
    body, kind = segment(protocol, source, local, int(port), int(number))
    if source.version == 6:
        return head + b"\x86\xdd" + struct.pack("!IHBB", 6 << 28, len(body), kind, 64) + source.packed + local.packed + body
    bare = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0, 64, kind, 0) + source.packed + local.packed
    return head + b"\x08\x00" + bare[:10] + struct.pack("!H", checksum(bare)) + bare[12:] + body


device, near, far, path = sys.argv[1:]
out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
out.bind((device, 0))
head = bytes.fromhex(near.replace(":", "")) + bytes.fromhex(far.replace(":", ""))
with open(path) as lines:
    for line in lines:
        out.send(frame(head, *line.split()))
