// How a program can get a network namespace of its own here, and what a guard does differently then: only
// sockets of that namespace are bound, and the sockets that listen there are reported.
import { spawnSync } from "node:child_process";
import { isLoopback } from "../net/address.ts";
import { fieldsOf } from "../shell/procfs.ts";
import { EPERM } from "./errno.ts";
import { FAMILIES } from "./filter.ts";
import { close, type Kernel } from "./kernel.ts";
import { INTO_USER_NAMESPACE, type Namespace } from "./launch.ts";
import { readInet, type InetAddress } from "./sockaddr.ts";

const CAP_SYS_ADMIN = 21n;
const IPPROTO_UDP = 17;

export interface NoNamespace {
  readonly missing: string;
}

/** With the rights that the guard has, or else through a user namespace; found out by trying it. */
export function namespaceHere(): Namespace | NoNamespace {
  if (mayAdminister()) return "own_rights";
  const { error, status, stderr } = spawnSync(INTO_USER_NAMESPACE[0] ?? "", [...INTO_USER_NAMESPACE.slice(1), "unshare", "--net", "true"], {
    encoding: "utf8",
  });
  if (error !== undefined) return { missing: "`unshare` and `nsenter` of util-linux are not installed" };
  if (status === 0) return "user";
  const said = stderr.trim().split("\n")[0] ?? "";
  return { missing: `this user may make no user namespace here (${said}); root may start it with the rights of root` };
}

function mayAdminister(): boolean {
  const effective = fieldsOf("/proc/self/status").get("CapEff") ?? "";
  return (BigInt(`0x${effective || "0"}`) >> CAP_SYS_ADMIN) % 2n === 1n;
}

/** Standard descriptors that are sockets of the network, and so of the namespace outside. */
export function networkDescriptors(kernel: Kernel): readonly number[] {
  return [0, 1, 2].filter((fd) => {
    const domain = kernel.kindOf(fd)?.domain;
    return domain !== undefined && domain !== FAMILIES.unix;
  });
}

export interface InsideSetup {
  readonly kernel: Kernel;
  /** Of the program's namespace. */
  readonly cookie: bigint;
  /** A socket of another namespace was to be bound or listened on, and is not. */
  readonly foreign: () => void;
  /** A stream socket listens on a loopback address. */
  readonly listening: (local: InetAddress) => void;
}

/** The same kernel, which hands out no socket of another namespace. */
export function kernelInside({ kernel, cookie, foreign, listening }: InsideSetup): Kernel {
  return {
    ...kernel,
    takeDescriptor(pidfd, fd) {
      const copy = kernel.takeDescriptor(pidfd, fd);
      // A file that is no socket has no namespace; bind and listen fail on it by themselves.
      if (copy < 0 || kernel.kindOf(copy) === null || kernel.namespaceOf(copy) === cookie) return copy;
      close(copy);
      foreign();
      return -EPERM;
    },
    listen(fd, backlog) {
      const result = kernel.listen(fd, backlog);
      const kind = kernel.kindOf(fd);
      const bytes = result === 0 && kind !== null && kind.domain !== FAMILIES.unix && kind.protocol !== IPPROTO_UDP ? kernel.localAddress(fd) : null;
      const local = bytes === null ? null : readInet(bytes);
      if (local !== null && isLoopback(local.address)) listening(local);
      return result;
    },
  };
}
