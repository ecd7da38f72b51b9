// Raw system calls of a guarded program, without what Node puts between: numbers or negative errnos.
import koffi from "koffi";

const libc = koffi.load(null);
const X64 = { socket: 41, bind: 49, listen: 50, getsockname: 51, ptrace: 101, io_uring_setup: 425 };
const ARM64 = { socket: 198, bind: 200, listen: 201, getsockname: 204, ptrace: 117, io_uring_setup: 425 };
export const NR = process.arch === "arm64" ? ARM64 : X64;
const call = libc.func("long syscall(long, long, long, long, long)");
const callPointer = libc.func("long syscall(long, long, void *, long)");
const callName = libc.func("long syscall(long, long, void *, void *)");
const closeFd = libc.func("int close(int)");
const done = (result) => (result >= 0 ? Number(result) : -koffi.errno());

export const syscall = (number, a = 0, b = 0, c = 0) => done(call(number, a, b, c, 0));
export const socket = (family, type, protocol = 0) => syscall(NR.socket, family, type, protocol);
export const bind = (fd, bytes) => done(callPointer(NR.bind, fd, bytes, bytes.length));
export const listen = (fd) => syscall(NR.listen, fd, 8);
export const close = (fd) => closeFd(fd);

/** The socket's own address in hexadecimal digits. */
export function localOf(fd) {
  const [bytes, length] = [Buffer.alloc(128), Buffer.from([128, 0, 0, 0])];
  if (done(callName(NR.getsockname, fd, bytes, length)) < 0) return "";
  return bytes.subarray(0, length.readUInt32LE(0)).toString("hex");
}
