// Sockets that a test makes by system calls, to pass them to a gateway.
import { closeSync } from "node:fs";
import { openLibc, type Libc } from "../../runtime/shell/libc.ts";
import { atEnd } from "../suite.ts";

export interface RawSockets {
  readonly libc: Libc;
  /** Listens over TCP at an IPv4 or IPv6 address; the latter for both families unless `v6only`. */
  listening(host: string, port: number, v6only?: boolean): number;
  /** A TCP socket that is bound and does not listen. */
  bound(port: number): number;
  /** With `knowing`, the kernel notes the local address of each datagram. */
  udp(port: number, knowing?: boolean): number;
  /** A UDP socket that is connected to another port. */
  connected(port: number, to: number): number;
  unix(): number;
  /** The socket is another's to close from now on. */
  give(fd: number): number;
  close(fd: number): void;
}

/** Null without koffi. */
export function rawSockets(): RawSockets | null {
  const libc = openLibc();
  if (libc === null) return null;
  const own = new Set<number>();
  const made = (domain: number, type: number): number => {
    const fd = libc.socket(domain, type | 0o2000000, 0);
    if (fd < 0) throw new Error(`socket: ${fd}`);
    own.add(fd);
    atEnd(() => {
      if (own.delete(fd)) closeSync(fd);
    });
    return fd;
  };
  const checked = (result: number): void => {
    if (result < 0) throw new Error(`a system call failed: ${result}`);
  };
  const bind4 = (fd: number, host: string, port: number): void => {
    const address = Buffer.alloc(16);
    address.writeUInt16LE(2, 0);
    address.writeUInt16BE(port, 2);
    host.split(".").forEach((part, i) => address.writeUInt8(Number(part), 4 + i));
    checked(libc.bind(fd, address, 16));
  };
  return {
    libc,
    listening(host, port, v6only = true) {
      const fd = made(host.includes(":") ? 10 : 2, 1);
      // SO_REUSEADDR, as every server has it: connections of an earlier test may still wait for their end at this port.
      libc.func("int setsockopt(int, int, int, const void *, uint32_t)")(fd, 1, 2, Buffer.from([1, 0, 0, 0]), 4);
      if (host.includes(":")) {
        const on = Buffer.from([v6only ? 1 : 0, 0, 0, 0]);
        libc.func("int setsockopt(int, int, int, const void *, uint32_t)")(fd, 41, 26, on, 4);
        const address = Buffer.alloc(28);
        address.writeUInt16LE(10, 0);
        address.writeUInt16BE(port, 2);
        if (host === "::1") address[23] = 1;
        checked(libc.bind(fd, address, 28));
      } else {
        bind4(fd, host, port);
      }
      checked(libc.listen(fd, 16));
      return fd;
    },
    bound(port) {
      const fd = made(2, 1);
      bind4(fd, "127.0.0.1", port);
      return fd;
    },
    udp(port, knowing = false) {
      const fd = made(2, 2);
      bind4(fd, "127.0.0.1", port);
      // IP_PKTINFO.
      if (knowing) libc.func("int setsockopt(int, int, int, const void *, uint32_t)")(fd, 0, 8, Buffer.from([1, 0, 0, 0]), 4);
      return fd;
    },
    connected(port, to) {
      const fd = made(2, 2);
      bind4(fd, "127.0.0.1", port);
      const address = Buffer.from([2, 0, to >> 8, to & 255, 127, 0, 0, 1, ...Buffer.alloc(8)]);
      checked(libc.connect(fd, address, 16));
      return fd;
    },
    unix: () => made(1, 1),
    give(fd) {
      own.delete(fd);
      return fd;
    },
    close(fd) {
      if (own.delete(fd)) closeSync(fd);
    },
  };
}
