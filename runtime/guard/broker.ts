// Answers the system calls that a guarded program waits for. The program never goes on with its own
// call: another thread could have turned the address, or the descriptor, since it was looked at. The
// broker copies the address once, takes a copy of the descriptor, asks the policy about what the
// kernel says of that socket, and binds or listens itself.
import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { basename, dirname } from "node:path";
import * as v from "../abi/verdicts.ts";
import { denial } from "../host/ask.ts";
import type { Decision } from "../host/decision.ts";
import { isLoopback, type Address } from "../net/address.ts";
import { EACCES, EAFNOSUPPORT, EBADF, EFAULT, EINVAL, ENOENT, EPERM } from "./errno.ts";
import { FAMILIES, type Architecture } from "./filter.ts";
import { close, type Kernel, type Notification, type SocketKind } from "./kernel.ts";
import { readMemory, sharesRoot, threadStatus, unprivilegedPorts, type ThreadStatus } from "./proc.ts";
import type { TokenBinds } from "./leave.ts";
import type { SocketName } from "./sockets.ts";
import { familyOf, MOST_SOCKADDR_BYTES, readInet, type InetAddress } from "./sockaddr.ts";

export type Proto = "tcp" | "udp";

/** What is asked of the policy in force. */
export type Judge = (proto: Proto, address: Address, port: number) => Decision;

export interface Asked {
  readonly call: "bind" | "listen";
  readonly process: number;
  readonly command: string;
  /** Null where it is no socket of IPv4 or IPv6, or it was not looked at. */
  readonly proto: Proto | null;
  readonly local: { readonly address: Address; readonly port: number } | null;
  readonly decision: Decision;
}

export interface BrokerSetup {
  readonly kernel: Kernel;
  readonly architecture: Architecture;
  readonly listener: number;
  readonly judge: Judge;
  /** Null: no token is to be had, and what needs one is refused. */
  readonly direct: TokenBinds | null;
  /** Of what the policy, or the guard itself, decided. */
  readonly record: (asked: Asked) => void;
}

const IPPROTO_TCP = 6;
const IPPROTO_UDP = 17;
const IPPROTO_MPTCP = 262;
const PROTOCOLS: Readonly<Record<number, Proto>> = { [IPPROTO_TCP]: "tcp", [IPPROTO_UDP]: "udp", [IPPROTO_MPTCP]: "tcp" };

/** Answers until no process has the filter any more. */
export async function serve(setup: BrokerSetup): Promise<void> {
  const { kernel, listener } = setup;
  while (await kernel.waits(listener)) {
    const notification = kernel.receive(listener);
    // One that waits for a token holds up no other.
    if (notification !== null) void handle(setup, notification);
  }
}

async function handle(setup: BrokerSetup, notification: Notification): Promise<void> {
  let result = -EPERM;
  try {
    result = await answer(setup, notification);
  } finally {
    // INVARIANT: whatever went wrong, the call fails; it never goes on by itself.
    setup.kernel.respond(setup.listener, notification.id, result);
  }
}

async function answer(setup: BrokerSetup, { id, thread, call, args }: Notification): Promise<number> {
  const { kernel, architecture: { numbers }, listener } = setup;
  const status = threadStatus(thread);
  if (status === null) return -EPERM;
  const pidfd = kernel.openThread(thread, status.process);
  let fd = -1;
  try {
    if (pidfd < 0) return pidfd;
    fd = kernel.takeDescriptor(pidfd, Number(BigInt.asIntN(32, args[0])));
    if (fd < 0) return fd === -EBADF ? -EBADF : -EPERM;
    // The thread's number may have passed to another since: then nobody waits any more.
    if (!kernel.isValid(listener, id)) return -EPERM;
    const kind = kernel.kindOf(fd);
    const valid = (): boolean => kernel.isValid(listener, id);
    if (call === numbers.listen) return await listenFor(setup, valid, fd, kind, Number(BigInt.asIntN(32, args[1])), status);
    if (call !== numbers.bind) return -EPERM;
    const length = Number(BigInt.asIntN(32, args[2]));
    if (length < 0 || length > MOST_SOCKADDR_BYTES) return -EINVAL;
    const bytes = readMemory(thread, args[1], length);
    if (bytes === null) return kernel.isValid(listener, id) ? -EFAULT : -EPERM;
    return await bindFor(setup, valid, fd, kind, bytes, thread, status);
  } finally {
    close(fd);
    close(pidfd);
  }
}

async function bindFor(setup: BrokerSetup, valid: () => boolean, fd: number, kind: SocketKind | null, bytes: Uint8Array, thread: number, status: ThreadStatus): Promise<number> {
  const { kernel } = setup;
  if (kind === null) return kernel.bind(fd, bytes);
  switch (kind.domain) {
    case FAMILIES.netlink:
      return kernel.bind(fd, bytes);
    case FAMILIES.unix:
      return bindUnix(kernel, fd, bytes, thread, status);
    case FAMILIES.inet:
    case FAMILIES.inet6:
      break;
    default:
      return refuse(setup, "bind", status, null, null, v.CODE_GUARD_FAMILY, -EAFNOSUPPORT);
  }
  const proto = PROTOCOLS[kind.protocol] ?? null;
  const local = readInet(bytes);
  // AF_UNSPEC would be taken for any IPv4 address.
  if (local === null || local.family !== kind.domain) return refuse(setup, "bind", status, proto, local, v.CODE_GUARD_FAMILY, -EAFNOSUPPORT);
  return decide(setup, valid, { call: "bind", fd, act: () => kernel.bind(fd, bytes) }, status, proto, local);
}

async function listenFor(setup: BrokerSetup, valid: () => boolean, fd: number, kind: SocketKind | null, backlog: number, status: ThreadStatus): Promise<number> {
  const { kernel } = setup;
  if (kind === null || kind.domain === FAMILIES.unix) return kernel.listen(fd, backlog);
  const proto = PROTOCOLS[kind.protocol] ?? null;
  const bytes = kernel.localAddress(fd);
  const local = bytes === null ? null : readInet(bytes);
  if (local === null) return refuse(setup, "listen", status, proto, null, v.CODE_GUARD_FAMILY, -EAFNOSUPPORT);
  // Without a port the kernel would choose one, at every address where none is bound.
  if (local.port === 0 && !isLoopback(local.address)) return refuse(setup, "listen", status, proto, local, v.CODE_GUARD_UNBOUND, -EACCES);
  return decide(setup, valid, { call: "listen", fd, act: () => kernel.listen(fd, backlog) }, status, proto, local);
}

interface Call {
  readonly call: Asked["call"];
  readonly fd: number;
  readonly act: () => number;
}

async function decide(setup: BrokerSetup, valid: () => boolean, { call, fd, act }: Call, status: ThreadStatus, proto: Proto | null, local: InetAddress): Promise<number> {
  if (proto === null) return refuse(setup, call, status, proto, local, v.CODE_GUARD_PROTOCOL, -EACCES);
  // The guard may have a right that the program has not; port 0 is a port of the kernel's choice.
  if (local.port !== 0 && local.port < unprivilegedPorts() && !status.bindsLowPorts) return refuse(setup, call, status, proto, local, v.CODE_GUARD_LOW_PORT, -EACCES);
  // A loopback address with a port of the kernel's choice is a loopback bind like any other.
  const decision = setup.judge(proto, local.address, local.port === 0 && isLoopback(local.address) ? 1 : local.port);
  const made = (decided: Decision, bound: (name: SocketName) => void): number => {
    setup.record({ call, process: status.process, command: status.command, proto, local, decision: decided });
    const result = decided.allowed ? act() : -EACCES;
    if (result === 0) bound({ cookie: setup.kernel.cookieOf(fd), inode: fstatSync(fd).ino });
    return result;
  };
  if (decision.code !== "no_token" || setup.direct === null) return made(decision, () => undefined);
  // What was bound with a token is listened on with the same leave, while that holds.
  const known = call === "listen" ? setup.direct.known(setup.kernel.cookieOf(fd)) : null;
  if (known !== null) return made(known, () => undefined);
  const leave = await setup.direct.decide({ proto, address: local.address, port: local.port });
  if (!valid()) return -EPERM;
  return "permit" in leave ? made(leave.permit, leave.done) : made(leave, () => undefined);
}

function refuse(setup: BrokerSetup, call: Asked["call"], { process, command }: ThreadStatus, proto: Proto | null, local: InetAddress | null, code: Parameters<typeof denial>[0], result: number): number {
  setup.record({ call, process, command, proto, local, decision: denial(code) });
  return result;
}

const SUN_PATH = 2;

/** A unix socket is a matter of the file system: made where and as the program itself would have. */
function bindUnix(kernel: Kernel, fd: number, bytes: Uint8Array, thread: number, status: ThreadStatus): number {
  if (familyOf(bytes) !== FAMILIES.unix) return -EINVAL;
  const text = Buffer.from(bytes.subarray(SUN_PATH));
  // Unnamed or abstract: no file.
  if (text.length === 0 || text[0] === 0) return kernel.bind(fd, bytes);
  const end = text.indexOf(0);
  const path = text.subarray(0, end < 0 ? text.length : end).toString("latin1");
  const own = { umask: process.umask(status.umask), folder: process.cwd() };
  const inRoot = sharesRoot(thread);
  let base = -1;
  let folder = -1;
  try {
    if (inRoot) process.chdir(`/proc/${thread}/cwd`);
    else base = openSync(`/proc/${thread}/${path.startsWith("/") ? "root" : "cwd"}`, constants.O_RDONLY | constants.O_DIRECTORY);
    const made = kernel.as(status.credentials, () => {
      if (inRoot) return kernel.bind(fd, bytes);
      // Under another root the path means another file: its folder is opened from there.
      folder = openSync(`/proc/self/fd/${base}/${dirname(`./${path}`)}`, constants.O_RDONLY | constants.O_DIRECTORY);
      return kernel.bind(fd, unixAddress(`/proc/self/fd/${folder}/${basename(path)}`));
    });
    return made ?? -EPERM;
  } catch (error) {
    return error instanceof Error && "errno" in error && typeof error.errno === "number" ? error.errno : -ENOENT;
  } finally {
    if (inRoot) process.chdir(own.folder);
    process.umask(own.umask);
    if (base >= 0) closeSync(base);
    if (folder >= 0) closeSync(folder);
  }
}

function unixAddress(path: string): Uint8Array {
  const bytes = Buffer.alloc(SUN_PATH + path.length + 1);
  bytes.writeUInt16LE(FAMILIES.unix, 0);
  bytes.write(path, SUN_PATH, "latin1");
  return bytes;
}
