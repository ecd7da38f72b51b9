// Finds the owner of a TCP socket of this host, by querying the kernel (NETLINK_SOCK_DIAG, through koffi) for the few
// sockets in question. The kernel answers while the request is sent, so nothing here waits.
//
//   request  nlmsghdr 16   len type flags seq pid
//            family protocol ext pad  states(4)  sockid 48
//   answer   nlmsghdr 16   family state timer retrans  sockid 48  expires rqueue wqueue uid inode  attributes
//   sockid   sport(2, big-endian) dport(2) src(16) dst(16) interface(4) cookie(8)
import { openLibc, type Libc } from "../../runtime/shell/libc.ts";
import { ANY4, ANY6, isLoopback, isV4, type Address } from "../../runtime/net/address.ts";

const [AF_INET, AF_INET6, AF_NETLINK] = [2, 10, 16];
/** SOCK_RAW with SOCK_NONBLOCK and SOCK_CLOEXEC. */
const RAW = 3 | 0o4000 | 0o2000000;
const NETLINK_SOCK_DIAG = 4;
const SOCK_DIAG_BY_FAMILY = 20;
const [NLM_F_REQUEST, NLM_F_DUMP, NLM_F_DUMP_INTR] = [1, 0x300, 0x10];
const [NLMSG_ERROR, NLMSG_DONE] = [2, 3];
const ENOENT = 2;
const [IPPROTO_TCP, IPPROTO_UDP] = [6, 17];
const INET_DIAG_SKV6ONLY = 11;
const HEAD_BYTES = 16;
const REQUEST_BYTES = HEAD_BYTES + 56;
const MESSAGE_BYTES = 72;
const ATTRIBUTE_HEAD_BYTES = 4;
const ANSWER_BYTES = 32 * 1024;
/** Parts of one answer; more sockets of one port number are not looked through. */
const MOST_PARTS = 64;
/** Answers to earlier requests that were given up. */
const MOST_STALE = 8;
/** A dump during which sockets came or went is made again at most so often. */
const MOST_TRIES = 4;

/** The kernel's number of `lo`, in every network namespace. */
const LOOPBACK_INTERFACE = 1;
const ANY_INTERFACE = 0;

const TCP_ESTABLISHED = 1;
const TCP_SYN_RECV = 3;
/** Of a UDP socket that is not connected. */
const CLOSE = 7;
const TCP_LISTEN = 10;

/** A listening socket. */
export interface Listener {
  readonly address: Address;
  readonly port: number;
  readonly uid: number;
  /** Unique among the sockets of a boot; "" where it is not known. */
  readonly cookie: string;
  /** An IPv6 wildcard that takes no IPv4. */
  readonly ipv6Only: boolean;
}

export interface Endpoint {
  readonly address: Address;
  readonly port: number;
}

/** The far end of a connection of this host, as its socket is now. */
export type FarEnd =
  /** In the queue of a listener that is still there. */
  | { readonly state: "queued" }
  | { readonly state: "accepted"; readonly uid: number }
  /** It has been closed, or there is none. */
  | { readonly state: "gone" };

/** Null: the kernel gave no answer. */
export interface SockDiag {
  /** Those of the port number that could take a connection to the address; of a group that shares a loopback address, one. */
  listeners(port: number, to: Address): readonly Listener[] | null;
  /** Whether a socket that takes clients is bound at exactly this address and port. */
  isBound(proto: "tcp" | "udp", at: Endpoint): boolean | null;
  /** The socket whose own address is `local` and whose peer is `remote`; `accepted` is any that a program has. */
  farEnd(local: Endpoint, remote: Endpoint): FarEnd | null;
}

interface Message {
  readonly bytes: Buffer;
  readonly end: number;
}

/** Null where koffi is not installed, or the kernel has no such socket for this process. */
export function openSockDiag(libc: Libc | null = openLibc()): SockDiag | null {
  const query = libc === null ? null : openRequests(libc);
  return query === null ? null : (
      {
        listeners(port, to) {
          const found = isLoopback(to) ? lookUp(query, port, to) : dumpAll(query, port, to);
          return found?.map(listenerOf).filter((one) => one.port === port) ?? null;
        },
        isBound(proto, { address, port }) {
          const found = dumpAll(query, port, address, proto);
          return found?.some(({ bytes }) => bytes.readUInt16BE(4) === port && readAddress(bytes).every((word, i) => word === address[i])) ?? null;
        },
        farEnd(local, remote) {
          const found = query(exactRequest(local, remote, ANY_INTERFACE), 0);
          if (found === "none") return { state: "gone" };
          const message = found === null || found === "interrupted" ? undefined : found[0];
          return message === undefined ? null : farEndOf(message.bytes);
        },
      }
    );
}

/**
 * The listening socket that the kernel would give a connection to, as it looks it up for a SYN that comes in by the
 * loopback interface: at the address, at 0.0.0.0, or at a [::] that takes IPv4 too. Where several listen at one place
 * (SO_REUSEPORT) it is one of them; the kernel lets only sockets of one user share a place.
 */
function lookUp(query: Query, port: number, to: Address): readonly Message[] | null {
  const found = query(exactRequest({ address: to, port }, { address: isV4(to) ? ANY4 : ANY6, port: 0 }, LOOPBACK_INTERFACE), 0);
  if (found === "none") return [];
  return found === "interrupted" ? null : (found?.filter(({ bytes }) => bytes[1] === TCP_LISTEN) ?? null);
}

/** All that listen at the port number: which interface a connection to this address comes in by is not known. */
function dumpAll(query: Query, port: number, to: Address, proto: "tcp" | "udp" = "tcp"): readonly Message[] | null {
  const four = isV4(to) ? dump(query, AF_INET, port, proto) : [];
  // A socket of IPv6 may take IPv4 too.
  const six = four === null ? null : dump(query, AF_INET6, port, proto);
  return four === null || six === null ? null : [...four, ...six];
}

function dump(query: Query, family: number, port: number, proto: "tcp" | "udp"): readonly Message[] | null {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const request = proto === "tcp" ? newRequest(family, 1 << TCP_LISTEN) : newRequest(family, 1 << CLOSE, IPPROTO_UDP);
    request.writeUInt16BE(port, HEAD_BYTES + 8);
    const found = query(request, NLM_F_DUMP);
    if (found === "none") return [];
    if (found !== "interrupted") return found;
  }
  return null;
}

/** Sends a request and reads its whole answer. `interrupted`: sockets came or went meanwhile; null: no answer that can be read. */
type Query = (request: Buffer, flags: number) => readonly Message[] | "interrupted" | "none" | null;

/** Null where the kernel has no such socket for this process. */
function openRequests(libc: Libc): Query | null {
  const fd = libc.socket(AF_NETLINK, RAW, NETLINK_SOCK_DIAG);
  if (fd < 0) return null;
  const answer = Buffer.alloc(ANSWER_BYTES);
  let sequence = 0;
  return (request, flags) => {
    sequence = (sequence + 1) >>> 0;
    request.writeUInt32LE(REQUEST_BYTES, 0);
    request.writeUInt16LE(SOCK_DIAG_BY_FAMILY, 4);
    request.writeUInt16LE(NLM_F_REQUEST | flags, 6);
    request.writeUInt32LE(sequence, 8);
    if (libc.send(fd, request, request.length, 0) !== request.length) return null;
    const messages: Message[] = [];
    let [parts, stale, interrupted] = [0, 0, false];
    while (parts < MOST_PARTS && stale < MOST_STALE) {
      const size = libc.recv(fd, answer, answer.length, 0);
      if (size < HEAD_BYTES) return null;
      const bytes = Buffer.from(answer.subarray(0, size));
      if (bytes.readUInt32LE(8) !== sequence) {
        stale++;
        continue;
      }
      parts++;
      for (let at = 0; at + HEAD_BYTES <= size;) {
        const length = bytes.readUInt32LE(at);
        if (length < HEAD_BYTES || at + length > size) return null;
        const type = bytes.readUInt16LE(at + 4);
        interrupted ||= (bytes.readUInt16LE(at + 6) & NLM_F_DUMP_INTR) !== 0;
        if (type === NLMSG_ERROR) return length >= HEAD_BYTES + 4 && -bytes.readInt32LE(at + HEAD_BYTES) === ENOENT ? "none" : null;
        if (type === NLMSG_DONE) return interrupted ? "interrupted" : messages;
        if (type !== SOCK_DIAG_BY_FAMILY || length < HEAD_BYTES + MESSAGE_BYTES) return null;
        messages.push({ bytes: bytes.subarray(at + HEAD_BYTES, at + length), end: length - HEAD_BYTES });
        at += (length + 3) & ~3;
      }
      if (flags === 0) return messages;
    }
    return null;
  };
}

/** For one socket: the one that has `local` as its own address and `remote` as its peer's, or else one that listens at `local`. */
function exactRequest(local: Endpoint, remote: Endpoint, networkInterface: number): Buffer {
  const request = newRequest(isV4(local.address) ? AF_INET : AF_INET6, 0xffffffff);
  request.writeUInt16BE(local.port, HEAD_BYTES + 8);
  request.writeUInt16BE(remote.port, HEAD_BYTES + 10);
  writeAddress(request, local.address, HEAD_BYTES + 12);
  writeAddress(request, remote.address, HEAD_BYTES + 28);
  request.writeUInt32LE(networkInterface, HEAD_BYTES + 44);
  return request;
}

function newRequest(family: number, states: number, protocol = IPPROTO_TCP): Buffer {
  const request = Buffer.alloc(REQUEST_BYTES);
  request[HEAD_BYTES] = family;
  request[HEAD_BYTES + 1] = protocol;
  request.writeUInt32LE(states, HEAD_BYTES + 4);
  // INET_DIAG_NOCOOKIE: whichever socket it is.
  request.fill(0xff, REQUEST_BYTES - 8);
  return request;
}

function writeAddress(into: Buffer, address: Address, at: number): void {
  if (isV4(address)) into.writeUInt32BE(address[3], at);
  else address.forEach((word, i) => into.writeUInt32BE(word, at + 4 * i));
}

function readAddress(message: Buffer): Address {
  if (message[0] === AF_INET) return [0, 0, 0xffff, message.readUInt32BE(8)];
  return [message.readUInt32BE(8), message.readUInt32BE(12), message.readUInt32BE(16), message.readUInt32BE(20)];
}

function listenerOf({ bytes, end }: Message): Listener {
  let ipv6Only = false;
  for (let at = MESSAGE_BYTES; at + ATTRIBUTE_HEAD_BYTES < end;) {
    const length = bytes.readUInt16LE(at);
    if (length < ATTRIBUTE_HEAD_BYTES) break;
    if (bytes.readUInt16LE(at + 2) === INET_DIAG_SKV6ONLY) ipv6Only = bytes[at + ATTRIBUTE_HEAD_BYTES] === 1;
    at += (length + 3) & ~3;
  }
  return { address: readAddress(bytes), port: bytes.readUInt16BE(4), uid: bytes.readUInt32LE(64), cookie: bytes.toString("hex", 44, 52), ipv6Only };
}

function farEndOf(message: Buffer): FarEnd {
  const [state, uid, inode] = [message[1], message.readUInt32LE(64), message.readUInt32LE(68)];
  if (inode !== 0 && state !== TCP_LISTEN) return { state: "accepted", uid };
  // INVARIANT: what waits in a queue ends with its listener; what a program has closed is in another state.
  return state === TCP_ESTABLISHED || state === TCP_SYN_RECV ? { state: "queued" } : { state: "gone" };
}
