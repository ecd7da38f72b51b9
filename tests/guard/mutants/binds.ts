// How binds and listens are judged and made.
import { BEFORE_JUDGEMENT, bindsAtOnce, edit, TABLE, type Mutant } from "./edits.ts";

const RACE = ["guard.test", "1,000 binds"] as const;
const bindItself = "bind: (fd, address) => libc.bind(fd, address, address.length),";
const AFTER_COPY = "if (bytes === null) return kernel.isValid(listener, id) ? -EFAULT : -EPERM;";
const ATTACKS = ["attacks.check", "nothing listens but"] as const;

export const BINDS: readonly Mutant[] = [
  {
    without: "the guard's own bind: the program continues with its call",
    noticedBy: RACE,
    edits: [
      edit("kernel.ts", bindItself, "bind: () => 0,"),
      edit("kernel.ts", "bytes.writeInt32LE(result, 16);", "if (result === 0) bytes.writeUInt32LE(1, 20); else bytes.writeInt32LE(result, 16);"),
    ],
  },
  {
    without: "one copy of the address: it is read again for the bind",
    noticedBy: RACE,
    edits: [
      edit("broker.ts", AFTER_COPY, `${AFTER_COPY}\n    globalThis.again = () => bytes.set(readMemory(thread, args[1], length) ?? bytes);`),
      edit("broker.ts", BEFORE_JUDGEMENT, "for (let i = 0; i < 20; i++) globalThis.again();"),
    ],
  },
  {
    without: "the socket's own family: a mismatch continues",
    noticedBy: TABLE,
    edits: [edit("broker.ts", "local === null || local.family !== kind.domain", "local === null")],
  },
  {
    without: "AF_UNSPEC's refusal",
    noticedBy: TABLE,
    edits: [
      edit("sockaddr.ts", "if (family === FAMILIES.inet && bytes", "if ((family === FAMILIES.inet || family === 0) && bytes"),
      edit("sockaddr.ts", "return { family, address: fromV4", "return { family: FAMILIES.inet, address: fromV4"),
    ],
  },
  {
    without: "the refusal to listen on what the guard has not bound",
    noticedBy: ATTACKS,
    edits: [
      edit(
        "broker.ts",
        "if (bound === null)\n    return refuse(",
        "if (bound === null) return kernel.listen(fd, backlog);\n  if (bound === null) return refuse(",
      ),
    ],
  },
  {
    without: "… by the policy's word for it: the socket's own address decides",
    noticedBy: ATTACKS,
    edits: [edit("broker.ts", "const bound = binds.of(nameOf(kernel, fd));", "const bound = localOf(kernel, fd);")],
  },
  {
    without: "the end of a bind's memory when another one fails",
    noticedBy: ATTACKS,
    edits: [edit("broker.ts", "else if (result !== -EINVAL) binds.forget(name);", "")],
  },
  {
    without: "the inode of what was bound: an accepted MPTCP socket passes for its listener",
    noticedBy: ATTACKS,
    edits: [edit("made_binds.ts", "known?.inode === inode ? known : null", "known ?? null")],
  },
  {
    without: "the refusal of a second socket of one cookie",
    noticedBy: ATTACKS,
    edits: [edit("broker.ts", "if (binds.hasTwin(name)) return", "if (binds.hasTwin(name) && binds.of(name) !== null) return")],
  },
  { without: "the address before listening", noticedBy: ATTACKS, edits: [edit("broker.ts", "if (!isAt(local, bound)) return moved();", "")] },
  {
    without: "the address after listening",
    noticedBy: ["attacks.check", "a socket that moves while"],
    edits: [edit("listens.ts", "if (result !== 0 || isAt(localOf(kernel, fd), bound)) return result;", "if (result !== 1) return result;")],
  },
  {
    without: "the end of a socket that listens at another address",
    noticedBy: ["attacks.check", "a socket that moves while"],
    edits: [edit("listens.ts", "kernel.shutdown(fd);", "")],
  },
  {
    without: "an MPTCP socket's subflow: its own word counts",
    noticedBy: ["attacks.check", "an MPTCP socket that was disconnected"],
    edits: [edit("listens.ts", "const bytes =\n    subflows === null ?", "const bytes = subflows !== null || subflows === null ?")],
  },
  {
    without: "the bound of remembered sockets",
    noticedBy: ["attacks.check", "two sockets are remembered"],
    edits: [
      edit("broker.ts", "if (binds.of(name) === null && !binds.hasRoom()) return", "if (binds.of(name) === null && !binds.hasRoom() && kind.type < 0) return"),
    ],
  },
  {
    without: "the forgetting of sockets that are gone",
    noticedBy: ["attacks.check", "two sockets are remembered"],
    edits: [edit("made_binds.ts", "if (!present.has(inode)) made.delete(cookie);", "void [present, cookie, inode];")],
  },
  { without: "UDP in the policy's words", noticedBy: TABLE, edits: [edit("broker.ts", '[IPPROTO_UDP]: "udp", ', "")] },
  { without: "UDP's judgement", noticedBy: TABLE, edits: [bindsAtOnce('proto === "udp"')] },
  { without: "IPv6's judgement", noticedBy: TABLE, edits: [bindsAtOnce("kind.domain === FAMILIES.inet6")] },
  { without: "the judgement of mapped addresses", noticedBy: TABLE, edits: [bindsAtOnce("kind.domain === FAMILIES.inet6 && local.address[2] === 0xffff")] },
  {
    without: "whole IPv6 addresses: the last word alone is looked at",
    noticedBy: TABLE,
    edits: [
      edit(
        "sockaddr.ts",
        "address: [view.getUint32(8), view.getUint32(12), view.getUint32(16), view.getUint32(20)]",
        "address: [0, 0, 0xffff, view.getUint32(20)]",
      ),
    ],
  },
  { without: "MPTCP's judgement", noticedBy: TABLE, edits: [bindsAtOnce("kind.protocol === IPPROTO_MPTCP")] },
  {
    without: "the refusal of protocols without a word",
    noticedBy: TABLE,
    edits: [
      edit(
        "broker.ts",
        "if (proto === null) return refuse(setup, call, status, proto, local, v.CODE_GUARD_PROTOCOL, -EACCES);",
        "if (proto === null) return act();",
      ),
    ],
  },
];
