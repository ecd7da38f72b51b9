// Becomes the guarded program: gives up new rights, enters its Landlock domain, puts the filter on itself, hands the supervisor
// its notifications, waits for the go-ahead, and executes the program in its own place. Run by launch.ts with
// a socket to the supervisor as descriptor 3; a failure is reported there, and nothing is started.
process.on("SIGUSR1", () => undefined);
const { readSync, writeSync } = await import("node:fs");
const { loadKoffi } = await import("../shell/koffi.mjs");
const { enterDomain } = await import("./domain.mjs");

const koffi = loadKoffi();
const CHANNEL = 3;
const PR_SET_NO_NEW_PRIVS = 38;
const SECCOMP_SET_MODE_FILTER = 1;
// NEW_LISTENER, and WAIT_KILLABLE_RECV: a signal must not tear a call apart that is being answered.
const FLAGS = 8 | 32;
const CLOSE_RANGE_CLOEXEC = 4;
const F_SETFD = 2;
const SIGPIPE = 13;
const SIG_UNBLOCK = 1;
/** sigset_t with signal 10 in it. */
const SIGUSR1_SET = Buffer.alloc(128);
SIGUSR1_SET.writeUInt32LE(1 << 9);
const INSTRUCTION_BYTES = 8;

const PR_SET_DUMPABLE = 4;
const CLONE_NEWNET = 0x40000000;
const AF_INET = 2;
const SOCK_DGRAM = 2;
const SIOCSIFFLAGS = 0x8914;
const IFF_UP = 1;
const IFREQ_BYTES = 40;
const IFREQ_FLAGS = 16;
const CAPABILITY_VERSION_3 = 0x20080522;
const CAPABILITY_BYTES = 24;

const { program, args, filter, numbers, namespace, domain } = JSON.parse(process.env.INGRESS_GUARD_START);
delete process.env.INGRESS_GUARD_START;
const say = (what, errno = 0) => writeSync(CHANNEL, `${JSON.stringify({ what, errno })}\n`);

const libc = koffi.load(null);
koffi.struct("sock_fprog", { len: "uint16_t", filter: "void *" });
const prctl = libc.func("int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long)");
const seccomp = libc.func("long syscall(long, long, long, sock_fprog *)");
const closeRange = libc.func("long syscall(long, long, long, long)");
const fcntl = libc.func("int fcntl(int, int, int)");
const signal = libc.func("intptr_t signal(int, intptr_t)");
const sigprocmask = libc.func("int sigprocmask(int, const void *, void *)");
const execvp = libc.func("int execvp(const char *, const char **)");

if (namespace !== null) {
  const unshare = libc.func("int unshare(int)");
  const socket = libc.func("int socket(int, int, int)");
  const ioctl = libc.func("int ioctl(int, unsigned long, void *)");
  const capset = libc.func("int capset(void *, void *)");
  const lo = Buffer.alloc(IFREQ_BYTES);
  lo.write("lo", "latin1");
  lo.writeInt16LE(IFF_UP, IFREQ_FLAGS);
  let done = unshare(CLONE_NEWNET) === 0 && ioctl(socket(AF_INET, SOCK_DGRAM, 0), SIOCSIFFLAGS, lo) === 0;
  if (done && namespace === "user") {
    // The rights over the new namespaces end here; the guard must still see this process.
    const head = Buffer.alloc(8);
    head.writeUInt32LE(CAPABILITY_VERSION_3, 0);
    done = capset(head, Buffer.alloc(CAPABILITY_BYTES)) === 0 && prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) === 0;
  }
  if (!done) {
    say("namespace", koffi.errno());
    process.exit(1);
  }
}
const bytes = Buffer.from(filter, "base64");
let listener = -1;
if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) === 0) {
  if (domain !== null && !enterDomain((prototype) => libc.func(prototype), domain.signals)) {
    say("domain", koffi.errno());
    process.exit(1);
  }
  listener = Number(seccomp(numbers.seccomp, SECCOMP_SET_MODE_FILTER, FLAGS, { len: bytes.length / INSTRUCTION_BYTES, filter: bytes }));
}
if (listener < 0) {
  say("filter", koffi.errno());
  process.exit(1);
}
say(`listener ${listener}`);
// The go-ahead comes when the supervisor has the notifications; without it nothing is executed.
const word = Buffer.alloc(1);
if (readSync(CHANNEL, word, 0, 1, null) !== 1) process.exit(1);
// The program inherits only standard input, output and error.
if (closeRange(numbers.closeRange, CHANNEL, 0xffffffff, CLOSE_RANGE_CLOEXEC) !== 0) {
  say("descriptors", koffi.errno());
  process.exit(1);
}
for (const fd of [0, 1, 2]) fcntl(fd, F_SETFD, 0);
signal(SIGPIPE, 0);
// Where Node has --disable-sigusr1 it blocks the signal, and a program inherits what is blocked.
sigprocmask(SIG_UNBLOCK, SIGUSR1_SET, null);
execvp(program, [program, ...args, null]);
say("program", koffi.errno());
process.exit(1);
