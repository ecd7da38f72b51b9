// The seccomp filter of a guarded program, in classic BPF: which system calls the supervisor is notified
// of, and which fail or end the program at once. A call that is not named here is made as usual.
//
//   other ABI (32-bit, x32)      the process is killed: its numbers mean other calls
//   bind, listen                 notified
//   landlock_create_ruleset,     notified, and then made by the program itself: the guard has to know who has a
//   landlock_restrict_self       domain of its own
//   setsockopt                   IP_LOCAL_PORT_RANGE: ENOPROTOOPT; it chooses the port of a socket that was not bound
//   prlimit64, setrlimit         of RLIMIT_LOCKS: EPERM; the guard keeps there who has a domain of its own
//   io_uring_*                   ENOSYS: a ring could bind without a system call
//   ptrace, process_vm_writev,   EPERM: another process could be made to bind
//   pidfd_getfd
//   prlimit64 of another process EPERM: the guard could be ended, or kept from starting threads
//   ioctl TIOCSTI, TIOCLINUX     EPERM: a shell at the same terminal would run what is typed
//   setns                        EPERM, for a program that has a network namespace of its own
//   socket                       families other than unix, IPv4, IPv6 and netlink: EAFNOSUPPORT;
//                                raw and packet sockets: EPERM

/** Numbers of the system calls of one architecture. */
export interface Architecture {
  /** AUDIT_ARCH_*. */
  readonly audit: number;
  /** Numbers with this bit are of another ABI of the same architecture; 0: there is none. */
  readonly foreignBit: number;
  readonly numbers: {
    readonly socket: number;
    readonly bind: number;
    readonly listen: number;
    readonly ptrace: number;
    readonly process_vm_writev: number;
    readonly setns: number;
    readonly setgroups: number;
    readonly setfsuid: number;
    readonly setfsgid: number;
    readonly seccomp: number;
    readonly setresuid: number;
    readonly setresgid: number;
    readonly setsockopt: number;
    readonly setrlimit: number;
    readonly prlimit64: number;
    readonly ioctl: number;
  };
}

const X64: Architecture = {
  audit: 0xc000003e,
  foreignBit: 0x40000000,
  numbers: {
    socket: 41,
    bind: 49,
    listen: 50,
    ptrace: 101,
    process_vm_writev: 311,
    setns: 308,
    setgroups: 116,
    setfsuid: 122,
    setfsgid: 123,
    seccomp: 317,
    setresuid: 117,
    setresgid: 119,
    setsockopt: 54,
    setrlimit: 160,
    prlimit64: 302,
    ioctl: 16,
  },
};
const ARM64: Architecture = {
  audit: 0xc00000b7,
  foreignBit: 0,
  numbers: {
    socket: 198,
    bind: 200,
    listen: 201,
    ptrace: 117,
    process_vm_writev: 271,
    setns: 268,
    setgroups: 159,
    setfsuid: 151,
    setfsgid: 152,
    seccomp: 277,
    setresuid: 147,
    setresgid: 149,
    setsockopt: 208,
    setrlimit: 164,
    prlimit64: 261,
    ioctl: 29,
  },
};

/** Numbers that every architecture has in common. */
export const PIDFD_OPEN = 434;
export const CLOSE_RANGE = 436;
export const OPENAT2 = 437;
export const PIDFD_GETFD = 438;
export const LANDLOCK_CREATE_RULESET = 444;
export const LANDLOCK_RESTRICT_SELF = 446;
const IO_URING = [425, 426, 427];

/** Null where the guard does not know the machine. */
export function architecture(name: string): Architecture | null {
  return (
    name === "x64" ? X64
    : name === "arm64" ? ARM64
    : null
  );
}

const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const AF_NETLINK = 16;
export const FAMILIES = { unix: AF_UNIX, inet: AF_INET, inet6: AF_INET6, netlink: AF_NETLINK } as const;
const SOCK_TYPE_MASK = 0xf;
const SOCK_RAW = 3;
const SOCK_PACKET = 10;
const SOL_IP = 0;
const IP_LOCAL_PORT_RANGE = 51;
/** Without any effect since Linux 2.4.25, inherited by children and over exec, and not to be raised again. */
export const RLIMIT_LOCKS = 10;
const TIOCSTI = 0x5412;
const TIOCLINUX = 0x541c;

const EPERM = 1;
const ENOSYS = 38;
const ENOPROTOOPT = 92;
const EAFNOSUPPORT = 97;

const RET_KILL_PROCESS = 0x80000000;
const RET_ERRNO = 0x00050000;
const RET_USER_NOTIF = 0x7fc00000;
const RET_ALLOW = 0x7fff0000;

// struct seccomp_data: int nr; u32 arch; u64 instruction_pointer; u64 args[6]
const DATA_NR = 0;
const DATA_ARCH = 4;
const DATA_ARGS = 16;

const LOAD = 0x20;
const AND = 0x54;
const JUMP_EQUAL = 0x15;
const JUMP_ANY_BIT = 0x45;
const RETURN = 0x06;
const INSTRUCTION_BYTES = 8;

interface Instruction {
  readonly code: number;
  readonly k: number;
  /** Instructions to skip. */
  readonly whenTrue: number;
  readonly whenFalse: number;
}

const load = (offset: number): Instruction => ({ code: LOAD, k: offset, whenTrue: 0, whenFalse: 0 });
const and = (mask: number): Instruction => ({ code: AND, k: mask, whenTrue: 0, whenFalse: 0 });
const answer = (k: number): Instruction => ({ code: RETURN, k, whenTrue: 0, whenFalse: 0 });
/** Ends with `result` where they are equal. */
const when = (k: number, result: number): readonly Instruction[] => [{ code: JUMP_EQUAL, k, whenTrue: 0, whenFalse: 1 }, answer(result)];
/** Continues with the next instruction where they are equal, else ends with `result`. */
const unless = (k: number, result: number): readonly Instruction[] => [{ code: JUMP_EQUAL, k, whenTrue: 1, whenFalse: 0 }, answer(result)];
/** The instructions for one system call; each way through `block` ends. */
const of = (number: number, block: readonly Instruction[]): readonly Instruction[] => [
  { code: JUMP_EQUAL, k: number, whenTrue: 0, whenFalse: block.length },
  ...block,
];

/** The program as `struct sock_filter`s; `alsoRefused`: further system calls that fail with EPERM. */
export function filterProgram({ audit, foreignBit, numbers }: Architecture, alsoRefused: readonly number[] = []): Uint8Array {
  const families = Object.values(FAMILIES);
  const socket = [
    load(DATA_ARGS),
    // Each known family skips the refusal behind the last one.
    ...families.map((family, i): Instruction => ({ code: JUMP_EQUAL, k: family, whenTrue: families.length - i, whenFalse: 0 })),
    answer(RET_ERRNO | EAFNOSUPPORT),
    load(DATA_ARGS),
    // A netlink socket is always raw.
    ...when(AF_NETLINK, RET_ALLOW),
    load(DATA_ARGS + 8),
    and(SOCK_TYPE_MASK),
    ...when(SOCK_RAW, RET_ERRNO | EPERM),
    ...when(SOCK_PACKET, RET_ERRNO | EPERM),
    answer(RET_ALLOW),
  ];
  const setsockopt = [
    load(DATA_ARGS + 8),
    ...unless(SOL_IP, RET_ALLOW),
    load(DATA_ARGS + 16),
    ...when(IP_LOCAL_PORT_RANGE, RET_ERRNO | ENOPROTOOPT),
    answer(RET_ALLOW),
  ];
  const setrlimit = [load(DATA_ARGS), ...when(RLIMIT_LOCKS, RET_ERRNO | EPERM), answer(RET_ALLOW)];
  const prlimit64 = [
    // Both halves of the pointer to the new limits: without one they are read alone.
    load(DATA_ARGS + 16),
    { code: JUMP_EQUAL, k: 0, whenTrue: 0, whenFalse: 3 },
    load(DATA_ARGS + 20),
    ...when(0, RET_ALLOW),
    load(DATA_ARGS),
    ...unless(0, RET_ERRNO | EPERM),
    load(DATA_ARGS + 8),
    ...when(RLIMIT_LOCKS, RET_ERRNO | EPERM),
    answer(RET_ALLOW),
  ];
  const ioctl = [load(DATA_ARGS + 8), ...[TIOCSTI, TIOCLINUX].flatMap((command) => when(command, RET_ERRNO | EPERM)), answer(RET_ALLOW)];
  return encode([
    load(DATA_ARCH),
    { code: JUMP_EQUAL, k: audit, whenTrue: 1, whenFalse: 0 },
    answer(RET_KILL_PROCESS),
    load(DATA_NR),
    ...(foreignBit === 0 ? [] : [{ code: JUMP_ANY_BIT, k: foreignBit, whenTrue: 0, whenFalse: 1 }, answer(RET_KILL_PROCESS)]),
    ...[numbers.bind, numbers.listen, LANDLOCK_CREATE_RULESET, LANDLOCK_RESTRICT_SELF].flatMap((number) => when(number, RET_USER_NOTIF)),
    ...IO_URING.flatMap((number) => when(number, RET_ERRNO | ENOSYS)),
    ...[numbers.ptrace, numbers.process_vm_writev, PIDFD_GETFD, ...alsoRefused].flatMap((number) => when(number, RET_ERRNO | EPERM)),
    ...of(numbers.socket, socket),
    ...of(numbers.setsockopt, setsockopt),
    ...of(numbers.setrlimit, setrlimit),
    ...of(numbers.prlimit64, prlimit64),
    ...of(numbers.ioctl, ioctl),
    answer(RET_ALLOW),
  ]);
}

function encode(program: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(program.length * INSTRUCTION_BYTES);
  const view = new DataView(bytes.buffer);
  program.forEach(({ code, k, whenTrue, whenFalse }, i) => {
    const at = i * INSTRUCTION_BYTES;
    view.setUint16(at, code, true);
    view.setUint8(at + 2, whenTrue);
    view.setUint8(at + 3, whenFalse);
    view.setUint32(at + 4, k >>> 0, true);
  });
  return bytes;
}
