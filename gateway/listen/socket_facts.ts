// The kernel's facts about a descriptor that another process gave us. The giver's word about it is not used.
import { networkInterfaces } from "node:os";
import { isLinkLocal6, isWildcard, isV4, parseAddress, formatAddress, type Address } from "../../runtime/net/address.ts";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import type { Libc } from "../../runtime/shell/libc.ts";
import type { InheritedSocket } from "./inherited.ts";

const SOL_SOCKET = 1;
const SO_TYPE = 3;
const SO_ACCEPTCONN = 30;
const SO_PROTOCOL = 38;
const SO_DOMAIN = 39;
/** Since Linux 5.14. */
const SO_NETNS_COOKIE = 71;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const IPPROTO_TCP = 6;
const IPPROTO_UDP = 17;
const F_SETFD = 2;
const FD_CLOEXEC = 1;
const SOCK_CLOEXEC = 0o2000000;
/** struct sockaddr_in6. */
const ADDRESS_BYTES = 28;

/** Not a socket that can be served. `isSocket`: it is one of any other kind, and ours to close. */
export interface NotServed {
  readonly isSocket: boolean;
  /** Continues "descriptor 3 …". */
  readonly because: string;
}

/** Reads all facts about one descriptor, and has an exec close it. `name`: what its giver calls it. */
export type ReadSocket = (fd: number, name: string) => Result<InheritedSocket, NotServed>;

export function socketReader(libc: Libc): ReadSocket {
  const home = ownNamespace(libc);
  return (fd, name) => {
    const type = option(libc, fd, SO_TYPE);
    if (type === null) return failed({ isSocket: false, because: "is no socket, or was not passed" });
    libc.fcntl(fd, F_SETFD, FD_CLOEXEC);
    const no = (because: string): Result<InheritedSocket, NotServed> => failed({ isSocket: true, because });
    const domain = option(libc, fd, SO_DOMAIN);
    if (domain !== AF_INET && domain !== AF_INET6) return no(domain === AF_UNIX ? "is a unix socket, which no policy exposes" : "is of no internet family");
    const namespace = cookieOf(libc, fd);
    if (home === null || namespace === null)
      return no("can't be placed, because this kernel does not say which network namespace a socket is in (Linux 5.14 does)");
    if (namespace !== home) return no("belongs to another network namespace");
    const protocol = option(libc, fd, SO_PROTOCOL);
    const isTcp = type === SOCK_STREAM && protocol === IPPROTO_TCP;
    if (!isTcp && (type !== SOCK_DGRAM || protocol !== IPPROTO_UDP)) return no("is neither TCP nor UDP");
    if (isTcp && option(libc, fd, SO_ACCEPTCONN) !== 1) return no("is a TCP socket that does not listen");
    if (!isTcp && libc.getpeername(fd, Buffer.alloc(ADDRESS_BYTES), [ADDRESS_BYTES]) >= 0) return no("is a UDP socket that is connected to one peer");
    const place = boundPlace(libc, fd);
    if (place === null || place.port === 0) return no("is not bound to an address and port");
    const isDual = domain === AF_INET6 && isWildcard(place.address) && option(libc, fd, IPV6_V6ONLY, IPPROTO_IPV6) !== 1;
    if (isDual)
      return no(
        `listens on [::]:${place.port} for IPv4 as well: pass one socket each (systemd: BindIPv6Only=ipv6-only, ListenStream=0.0.0.0:${place.port} and ListenStream=[::]:${place.port})`,
      );
    if (domain === AF_INET6 && isV4(place.address))
      return no(`listens on the mapped address ${formatAddress(place.address)} of an IPv6 socket: bind an IPv4 one`);
    return ok({ fd, name, proto: isTcp ? "tcp" : "udp", ...place });
  };
}

function option(libc: Libc, fd: number, name: number, level = SOL_SOCKET): number | null {
  const value = Buffer.alloc(4);
  const length = [4];
  return libc.getsockopt(fd, level, name, value, length) < 0 || length[0] !== 4 ? null : value.readInt32LE(0);
}

function cookieOf(libc: Libc, fd: number): bigint | null {
  const value = Buffer.alloc(8);
  const length = [8];
  return libc.getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, value, length) < 0 || length[0] !== 8 ? null : value.readBigUInt64LE(0);
}

function ownNamespace(libc: Libc): bigint | null {
  const fd = libc.socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return null;
  const cookie = cookieOf(libc, fd);
  libc.close(fd);
  return cookie;
}

function boundPlace(libc: Libc, fd: number): Pick<InheritedSocket, "address" | "port" | "zone"> | null {
  const bytes = Buffer.alloc(ADDRESS_BYTES);
  const length = [ADDRESS_BYTES];
  if (libc.getsockname(fd, bytes, length) < 0) return null;
  const port = bytes.readUInt16BE(2);
  if (bytes.readUInt16LE(0) === AF_INET) {
    const address = parseAddress([...bytes.subarray(4, 8)].join("."));
    return address === null ? null : { address, port, zone: "" };
  }
  if (bytes.readUInt16LE(0) !== AF_INET6) return null;
  const [a, b, c, d] = [8, 12, 16, 20].map((at) => bytes.readUInt32BE(at));
  const address: Address = [a ?? 0, b ?? 0, c ?? 0, d ?? 0];
  return { address, port, zone: isLinkLocal6(address) ? interfaceName(bytes.readUInt32LE(24)) : "" };
}

/** The name of the interface with this number; empty where no interface has it. */
function interfaceName(number: number): string {
  for (const [name, entries] of Object.entries(networkInterfaces())) {
    if (entries?.some((entry) => entry.family === "IPv6" && entry.scopeid === number) === true) return name;
  }
  return "";
}
