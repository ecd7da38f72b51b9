"""What Open Nexus OS makes of a policy profile and of exposures, from the text of its RFC-0091 and RFC-0092 alone.

Reads one JSON object per line and answers each with one line:
  {"profile": "HEX"}                                  -> {"fault": TEXT} or the profile
  {"profile": "HEX", "binds": [[port, class], ...]}   -> {"answers": [true, ...]}
  {"profile": "HEX", "connects": [["1.2.3.4", port], ...]}   -> {"answers": [true, ...]}
  {"toml": TEXT}                                      -> {"fault": TEXT} or {"exposures": [...]}
  {"toml": TEXT, "visits": [[port, "1.2.3.4"], ...]}  -> {"answers": [true, ...]}; no peer is over its rate
  {"bucket": [rate, burst], "at": [ns, ...]}          -> {"answers": [true, ...]}
"""
import ipaddress
import json
import struct
import sys
import tomllib

LOOPBACK, ANY = 0, 1


class Fault(Exception):
    pass


def need(truth, text):
    if not truth:
        raise Fault(text)


def profile(data):
    need(len(data) <= 1024, "oversize")
    need(len(data) >= 20, "a head of 20 bytes")
    magic, version, count, subject, epoch, flags = struct.unpack_from("<2sBBQII", data)
    need(magic == b"AF" and version == 2, "magic and version")
    need(count <= 24, "24 rules")
    need(flags & ~1 == 0, "reserved flags")
    at = 20
    limits = None
    if flags & 1:
        need(len(data) >= at + 8, "limits")
        limits = struct.unpack_from("<II", data, at)
        at += 8
    rules = []
    for _ in range(count):
        need(len(data) >= at + 16, "a rule of 16 bytes")
        kind, action, prefix_len, addr_class, port_count, cidr_len, reserved, cidr, max_payload = struct.unpack_from("<BBBBBBH4sI", data, at)
        at += 16
        need(kind in (1, 2, 3), "class")
        need(action in (0, 1), "action")
        need(reserved == 0, "reserved")
        need(port_count <= 4, "four ranges")
        need(prefix_len <= 64 if kind == 1 else prefix_len == 0, "prefix")
        need(addr_class in (0, 1) if kind == 2 else addr_class == 0, "address class")
        need(cidr_len <= 32 if kind == 3 else cidr_len == 0 and cidr == bytes(4), "cidr")
        need(len(data) >= at + 4 * port_count + prefix_len, "ranges and prefix")
        ranges = [struct.unpack_from("<HH", data, at + 4 * i) for i in range(port_count)]
        need(all(low <= high for low, high in ranges), "min <= max")
        need(kind == 1 or ranges, "a rule about nothing")
        at += 4 * port_count + prefix_len
        rules.append({"class": kind, "allow": action == 1, "address": addr_class, "ranges": ranges, "max_payload": max_payload, "cidr": [str(ipaddress.IPv4Address(cidr)), cidr_len]})
    need(at == len(data), "bytes at the end")
    return {"subject": f"{subject:016x}", "epoch": epoch, "limits": limits, "rules": rules}


def binds(rules, port, address):
    """The most specific rule decides: fewest ports, then loopback before any; of equals a deny; none is a deny."""
    found = []
    for rule in rules:
        if rule["class"] != 2 or (rule["address"] == LOOPBACK and address == ANY):
            continue
        widths = [high - low + 1 for low, high in rule["ranges"] if low <= port <= high]
        if widths:
            found.append((min(widths), rule["address"], rule["allow"]))
    return min(found)[2] if found else False


def connects(rules, address, port):
    """The longest prefix decides, then fewest ports; of equals a deny; none is a deny."""
    found = []
    for rule in rules:
        if rule["class"] != 3 or ipaddress.IPv4Address(address) not in ipaddress.IPv4Network(tuple(rule["cidr"]), strict=False):
            continue
        widths = [high - low + 1 for low, high in rule["ranges"] if low <= port <= high]
        if widths:
            found.append((-rule["cidr"][1], min(widths), rule["allow"]))
    return min(found)[2] if found else False


KEYS = {"port", "proto", "cidr_allow", "rate_per_s", "burst", "tls", "backend"}


def whole(value, low, high):
    return type(value) is int and low <= value <= high


def exposures(text):
    document = tomllib.loads(text)
    need(set(document) <= {"expose"}, "another section")
    out = []
    for subject, entries in document.get("expose", {}).items():
        need(subject == subject.strip().lower() and subject != "", "the name of a subject")
        need(isinstance(entries, list) and len(entries) <= 8, "8 exposures of a subject")
        for entry in entries:
            need(set(entry) <= KEYS and KEYS - {"tls"} <= set(entry), "keys")
            need(whole(entry["port"], 1, 65535) and whole(entry["backend"], 1, 65535), "ports")
            need(entry["proto"] in ("tcp", "udp"), "proto")
            need(entry.get("tls", "none") == "none", "tls")
            need(whole(entry["rate_per_s"], 1, 10000) and whole(entry["burst"], 1, 1000), "rate")
            need(1 <= len(entry["cidr_allow"]) <= 8, "1 to 8 prefixes")
            for cidr in entry["cidr_allow"]:
                need("/" in cidr, "a prefix has its length")
                ipaddress.IPv4Network(cidr, strict=True)
            out.append({"subject": subject, **entry})
    places = [(entry["port"], entry["proto"]) for entry in out]
    need(len(set(places)) == len(places), "a port has one owner")
    need(len(out) <= 64, "64 exposures in all")
    return out


def visited(found, port, peer):
    address = ipaddress.IPv4Address(peer)
    return any(e["port"] == port and e["proto"] == "tcp" and any(address in ipaddress.IPv4Network(c) for c in e["cidr_allow"]) for e in found)


def bucket(rate, burst, moments):
    """Full at the start, refilled by the clock up to its burst; exact, in billionths of a token."""
    tokens, last, answers = burst * 10**9, 0, []
    for now in moments:
        if now > last:
            tokens, last = min(burst * 10**9, tokens + (now - last) * rate), now
        answers.append(tokens >= 10**9)
        if tokens >= 10**9:
            tokens -= 10**9
    return answers


def answer(request):
    if "bucket" in request:
        return {"answers": bucket(*request["bucket"], request["at"])}
    if "toml" in request:
        found = exposures(request["toml"])
        return {"answers": [visited(found, *visit) for visit in request["visits"]]} if "visits" in request else {"exposures": found}
    found = profile(bytes.fromhex(request["profile"]))
    if "connects" in request:
        return {"answers": [connects(found["rules"], *connect) for connect in request["connects"]]}
    return {"answers": [binds(found["rules"], *bind) for bind in request["binds"]]} if "binds" in request else found


for line in sys.stdin:
    try:
        said = answer(json.loads(line))
    except (Fault, ValueError, tomllib.TOMLDecodeError) as fault:
        said = {"fault": str(fault)}
    print(json.dumps(said))
