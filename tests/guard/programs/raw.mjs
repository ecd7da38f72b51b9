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

const recv = libc.func("long recv(int, _Out_ void *, size_t, int)");
const accept = libc.func("int accept(int, void *, void *)");
const connect = libc.func("int connect(int, void *, uint32_t)");
const sendto = libc.func("long sendto(int, const char *, size_t, int, void *, uint32_t)");
koffi.struct("iovec", { base: "void *", length: "size_t" });
koffi.struct("msghdr", {
  name: "void *",
  nameLength: "uint32_t",
  iov: "iovec *",
  iovCount: "size_t",
  control: "void *",
  controlLength: "size_t",
  flags: "int",
});
const sendmsg = libc.func("long sendmsg(int, msghdr *, int)");
const recvmsg = libc.func("long recvmsg(int, _Inout_ msghdr *, int)");
const MSG_DONTWAIT = 0x40;
const CMSG_BYTES = 24;

/** How many bytes the next datagram has, or a negative errno where none is there. */
export const receive = (fd) => done(recv(fd, Buffer.alloc(64), 64, MSG_DONTWAIT));

const unixAddress = (path) => Buffer.concat([Buffer.from([1, 0]), Buffer.from(path), Buffer.from([0])]);
const message = (control) => ({
  name: null,
  nameLength: 0,
  iov: { base: Buffer.from("x"), length: 1 },
  iovCount: 1,
  control,
  controlLength: CMSG_BYTES,
  flags: 0,
});

/** SCM_RIGHTS: hands a descriptor to the process that listens at `path`, as soon as one does. */
export function send(path, fd) {
  const control = Buffer.alloc(CMSG_BYTES);
  control.writeBigUInt64LE(20n, 0);
  control.writeInt32LE(1, 8);
  control.writeInt32LE(1, 12);
  control.writeInt32LE(fd, 16);
  const address = unixAddress(path);
  for (const end = Date.now() + 20_000; Date.now() < end;) {
    const to = socket(1, 1);
    const result = done(connect(to, address, address.length)) < 0 ? -1 : done(sendmsg(to, message(control), 0));
    close(to);
    if (result === 1) return 0;
  }
  return -1;
}

/** Listens at `path` for one descriptor. */
export function take(path) {
  const listener = socket(1, 1);
  if (bind(listener, unixAddress(path)) < 0 || listen(listener) < 0) return -1;
  const from = accept(listener, null, null);
  const control = Buffer.alloc(CMSG_BYTES);
  const result = done(recvmsg(from, message(control), 0));
  close(from);
  close(listener);
  return result < 0 ? result : control.readInt32LE(16);
}

/** A datagram to loopback from a socket that was never bound; what the kernel made of its address. */
export function unconnected() {
  const fd = socket(2, 2);
  const to = Buffer.from("0200" + "0009" + "7f000001" + "0000000000000000", "hex");
  const sent = done(sendto(fd, "x", 1, 0, to, to.length));
  const local = localOf(fd);
  close(fd);
  return { sent, local };
}
