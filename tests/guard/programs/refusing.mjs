// Runs a program on a kernel that lacks something: `seccomp`: the call is not there; `killable`: it does not
// know SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV; `landlock`: it has none. A filter answers in the kernel's place, as it would.
import koffi from "koffi";
import { architecture } from "../../../runtime/guard/filter.ts";

const [what, program, ...args] = process.argv.slice(2);
const { numbers } = architecture(process.arch);
const [LOAD, JUMP_EQUAL, JUMP_ANY_BIT, RETURN] = [0x20, 0x15, 0x45, 0x06];
const [ERRNO, ALLOW] = [0x00050000, 0x7fff0000];
const [EINVAL, ENOSYS] = [22, 38];
const FLAGS_ARGUMENT = 24;
const WAIT_KILLABLE_RECV = 32;
const LANDLOCK_CREATE_RULESET = 444;
const absent = { seccomp: numbers.seccomp, landlock: LANDLOCK_CREATE_RULESET }[what];
const lines =
  absent !== undefined ?
    [
      [LOAD, 0, 0, 0],
      [JUMP_EQUAL, 0, 1, absent],
      [RETURN, 0, 0, ERRNO | ENOSYS],
      [RETURN, 0, 0, ALLOW],
    ]
  : [
      [LOAD, 0, 0, 0],
      [JUMP_EQUAL, 0, 3, numbers.seccomp],
      [LOAD, 0, 0, FLAGS_ARGUMENT],
      [JUMP_ANY_BIT, 0, 1, WAIT_KILLABLE_RECV],
      [RETURN, 0, 0, ERRNO | EINVAL],
      [RETURN, 0, 0, ALLOW],
    ];
const bytes = Buffer.alloc(8 * lines.length);
lines.forEach(([code, yes, no, k], i) => {
  bytes.writeUInt16LE(code, 8 * i);
  bytes.writeUInt8(yes, 8 * i + 2);
  bytes.writeUInt8(no, 8 * i + 3);
  bytes.writeUInt32LE(k >>> 0, 8 * i + 4);
});
const libc = koffi.load(null);
koffi.struct("sock_fprog", { len: "uint16_t", filter: "void *" });
const prctl = libc.func("int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long)");
prctl(38, 1, 0, 0, 0);
if (libc.func("long syscall(long, long, long, sock_fprog *)")(numbers.seccomp, 1, 0, { len: lines.length, filter: bytes }) !== 0)
  throw new Error(`errno ${koffi.errno()}`);
for (const fd of [0, 1, 2]) libc.func("int fcntl(int, int, int)")(fd, 2, 0);
libc.func("int execvp(const char *, const char **)")(program, [program, ...args, null]);
throw new Error(`errno ${koffi.errno()}`);
