// Answers the system calls that a guarded program waits for. The program never continues with its own
// call: another thread could have turned the address, or the descriptor, since it was looked at. The
// broker copies the address once, takes a copy of the descriptor, decides by the policy about the
// socket as the kernel describes it, and binds or listens itself.
import { fstatSync } from "node:fs";
import * as v from "../abi/verdicts.ts";
import { denial, type Decision } from "../host/decision.ts";
import { isLoopback, type Address } from "../net/address.ts";
import { bindUnix, pathOf } from "./bind_unix.ts";
import { EACCES, EAFNOSUPPORT, EBADF, EFAULT, EINVAL, EPERM } from "./errno.ts";
import { FAMILIES, LANDLOCK_CREATE_RULESET, LANDLOCK_RESTRICT_SELF, type Architecture } from "./filter.ts";
import { close, type Kernel, type Notification, type SocketKind } from "./kernel.ts";
import { RULESET_BYTES, type Landlock } from "./landlock.ts";
import type { TokenBinds } from "./bind_permission.ts";
import { isAt, listenAt, localOf } from "./listens.ts";
import type { MadeBinds } from "./made_binds.ts";
import { readMemory, threadStatus, unprivilegedPorts, type ThreadStatus } from "./proc.ts";
import type { SocketName } from "./sockets.ts";
import { MOST_SOCKADDR_BYTES, readInet, type InetAddress } from "./sockaddr.ts";

export type Proto = "tcp" | "udp";

/** A call, and the decision of the policy in force. */
export type Judge = (proto: Proto, address: Address, port: number) => Decision;

export interface DecidedCall {
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
  readonly binds: MadeBinds;
  readonly landlock: Landlock;
  /** Null: no token is to be had, and what needs one is refused. */
  readonly direct: TokenBinds | null;
  /** Of what the policy, or the guard itself, decided. */
  readonly record: (decided: DecidedCall) => void;
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
    // A call that waits for a token blocks no other.
    if (notification !== null) void handle(setup, notification);
  }
}

async function handle(setup: BrokerSetup, notification: Notification): Promise<void> {
  let result: number | "goes_on" = -EPERM;
  try {
    result = isLandlock(notification) ? noteLandlock(setup, notification) : await answer(setup, notification);
  } finally {
    // INVARIANT: whatever went wrong, the call fails; a bind or listen never proceeds by itself.
    setup.kernel.respond(setup.listener, notification.id, result);
  }
}

const isLandlock = ({ call }: Notification): boolean => call === LANDLOCK_CREATE_RULESET || call === LANDLOCK_RESTRICT_SELF;

/** The program makes these calls itself: whatever it turns meanwhile, it gets no right by them. */
function noteLandlock({ kernel, listener, landlock }: BrokerSetup, { id, thread, call, args }: Notification): "goes_on" | number {
  const status = threadStatus(thread);
  const length = Number(BigInt.asUintN(32, args[1]));
  // With flags it queries the kernel's features.
  const makesRuleset = call === LANDLOCK_CREATE_RULESET && args[2] !== 0n;
  const ruleset = call === LANDLOCK_CREATE_RULESET && !makesRuleset ? readMemory(thread, args[0], Math.min(length, RULESET_BYTES)) : null;
  if (status === null || !kernel.isValid(listener, id)) return -EPERM;
  if (call === LANDLOCK_RESTRICT_SELF) landlock.restricts(status.process);
  else if (!makesRuleset) landlock.creates(status.process, ruleset);
  return "goes_on";
}

async function answer(setup: BrokerSetup, { id, thread, call, args }: Notification): Promise<number> {
  const {
    kernel,
    architecture: { numbers },
    listener,
  } = setup;
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

async function bindFor(
  setup: BrokerSetup,
  valid: () => boolean,
  fd: number,
  kind: SocketKind | null,
  bytes: Uint8Array,
  thread: number,
  status: ThreadStatus,
): Promise<number> {
  const { kernel, binds, landlock } = setup;
  // No id counts for these: a program of other ids than the guard can take on binds as well.
  const { capabilities } = status.rights;
  const asProgram = (): number => kernel.as({ capabilities }, () => kernel.bind(fd, bytes)) ?? -EPERM;
  if (kind === null) return asProgram();
  switch (kind.domain) {
    case FAMILIES.netlink:
      return asProgram();
    case FAMILIES.unix:
      if (pathOf(bytes) !== null && landlock.mayForbid(status.process, "files"))
        return refuse(setup, "bind", status, null, null, v.CODE_GUARD_LANDLOCK, -EACCES);
      return bindUnix(kernel, fd, bytes, thread, status, valid);
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
  if (proto !== "tcp") return decide(setup, valid, { call: "bind", fd, act: asProgram }, status, proto, local);
  if (landlock.mayForbid(status.process, "ports")) return refuse(setup, "bind", status, proto, local, v.CODE_GUARD_LANDLOCK, -EACCES);
  const name = nameOf(kernel, fd);
  // A socket that ends with a token is found by its cookie, so no second socket of the same one is bound.
  if (binds.hasTwin(name)) return refuse(setup, "bind", status, proto, local, v.CODE_GUARD_FOREIGN, -EINVAL);
  if (binds.of(name) === null && !binds.hasRoom()) return refuse(setup, "bind", status, proto, local, v.CODE_GUARD_SOCKETS_FULL, -EACCES);
  const act = (): number => {
    const result = asProgram();
    if (result === 0) binds.remember(name, { ...local, port: localOf(kernel, fd)?.port ?? local.port });
    // One that fails may take the address away that was bound before; EINVAL: it is bound, and stays so.
    else if (result !== -EINVAL) binds.forget(name);
    return result;
  };
  return decide(setup, valid, { call: "bind", fd, act }, status, proto, local);
}

async function listenFor(
  setup: BrokerSetup,
  valid: () => boolean,
  fd: number,
  kind: SocketKind | null,
  backlog: number,
  status: ThreadStatus,
): Promise<number> {
  const { kernel, binds } = setup;
  // A unix socket says of its clients' peer whose rights it was listened on with.
  if (kind === null || kind.domain === FAMILIES.unix) return kernel.as(status.rights, () => kernel.listen(fd, backlog)) ?? -EPERM;
  const proto = PROTOCOLS[kind.protocol] ?? null;
  const bound = binds.of(nameOf(kernel, fd));
  const local = localOf(kernel, fd);
  if (local === null && bound === null && kind.domain !== FAMILIES.inet && kind.domain !== FAMILIES.inet6)
    return refuse(setup, "listen", status, proto, null, v.CODE_GUARD_FAMILY, -EAFNOSUPPORT);
  if (proto === null) return refuse(setup, "listen", status, proto, local, v.CODE_GUARD_PROTOCOL, -EACCES);
  // The kernel has no such call for it.
  if (proto === "udp") return kernel.listen(fd, backlog);
  // Without a bind the kernel would choose a port at every address; a bind that was made outside was never decided about.
  if (bound === null)
    return refuse(setup, "listen", status, proto, local, local === null || local.port === 0 ? v.CODE_GUARD_UNBOUND : v.CODE_GUARD_FOREIGN, -EACCES);
  const moved = (): number => refuse(setup, "listen", status, proto, localOf(kernel, fd), v.CODE_GUARD_MOVED, -EACCES);
  if (!isAt(local, bound)) return moved();
  return decide(setup, valid, { call: "listen", fd, act: () => listenAt(kernel, fd, backlog, bound) ?? moved() }, status, proto, bound);
}

const nameOf = (kernel: Kernel, fd: number): SocketName => ({ cookie: kernel.cookieOf(fd), inode: fstatSync(fd).ino });

interface Call {
  readonly call: DecidedCall["call"];
  readonly fd: number;
  readonly act: () => number;
}

async function decide(
  setup: BrokerSetup,
  valid: () => boolean,
  { call, fd, act }: Call,
  status: ThreadStatus,
  proto: Proto | null,
  local: InetAddress,
): Promise<number> {
  if (proto === null) return refuse(setup, call, status, proto, local, v.CODE_GUARD_PROTOCOL, -EACCES);
  // The guard may have a right that the program has not; port 0 is a port of the kernel's choice. A socket that is listened
  // on was bound with the right, which may be gone by now.
  if (call === "bind" && local.port !== 0 && local.port < unprivilegedPorts() && !status.bindsLowPorts)
    return refuse(setup, call, status, proto, local, v.CODE_GUARD_LOW_PORT, -EACCES);
  // A loopback address with a port of the kernel's choice is a loopback bind like any other.
  const decision = setup.judge(proto, local.address, local.port === 0 && isLoopback(local.address) ? 1 : local.port);
  const made = (decided: Decision, bound: (name: SocketName) => void): number => {
    setup.record({ call, process: status.process, command: status.command, proto, local, decision: decided });
    const result = decided.allowed ? act() : -EACCES;
    if (result === 0) bound(nameOf(setup.kernel, fd));
    return result;
  };
  if (decision.code !== "no_token" || setup.direct === null) return made(decision, () => undefined);
  // A socket that was bound with a token listens with the same permission, while that lasts.
  const known = call === "listen" ? setup.direct.known(setup.kernel.cookieOf(fd)) : null;
  if (known !== null) return made(known, () => undefined);
  const answer = await setup.direct.decide({ proto, address: local.address, port: local.port });
  if (!valid()) return -EPERM;
  return "permit" in answer ? made(answer.permit, answer.done) : made(answer, () => undefined);
}

function refuse(
  setup: BrokerSetup,
  call: DecidedCall["call"],
  { process, command }: ThreadStatus,
  proto: Proto | null,
  local: InetAddress | null,
  code: Parameters<typeof denial>[0],
  result: number,
): number {
  setup.record({ call, process, command, proto, local, decision: denial(code) });
  return result;
}
