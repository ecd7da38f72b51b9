// Namespaces and the folder of ways in.
import { edit, type Mutant } from "./edits.ts";

export const NAMESPACES: readonly Mutant[] = [
  {
    without: "a network namespace",
    noticedBy: ["isolate.check", "the program sees lo"],
    edits: [
      edit("launcher.mjs", "unshare(CLONE_NEWNET) === 0 && ", ""),
      edit("doorman.mjs", 'if (readlinkSync("/proc/self/ns/net") === outside) return "it is in the namespace outside";', ""),
      edit("doorman.mjs", "return others.length === 0 ? null :", "return others.length >= 0 ? null :"),
    ],
  },
  {
    without: "loopback in the namespace",
    noticedBy: ["isolate.check", "the program sees lo"],
    edits: [edit("launcher.mjs", " && ioctl(socket(AF_INET, SOCK_DGRAM, 0), SIOCSIFFLAGS, lo) === 0", "")],
  },
  {
    without: "setns' refusal",
    noticedBy: ["isolate.check", "with its own rights: the program sees lo"],
    asRoot: true,
    edits: [edit("launch.ts", "inside === undefined ? [] : [architecture.numbers.setns]", "[]")],
  },
  {
    without: "the namespace of a socket that is bound",
    noticedBy: ["isolate.check", "a socket that comes from outside"],
    edits: [edit("namespace.ts", "kernel.namespaceOf(copy) === cookie", "kernel.namespaceOf(copy) !== null")],
  },
  {
    without: "the refusal of the network's sockets as standard input",
    noticedBy: ["isolate.check", "a socket that comes from outside"],
    edits: [edit("preparation.ts", "isolate ? networkDescriptors(kernel) : inheritedSockets()", "inheritedSockets()")],
  },
  {
    without: "the doorman's end",
    noticedBy: ["isolate.check", "when the guard is killed, nobody gets in"],
    edits: [edit("doorman.mjs", '.on("close", () => process.exit(0))', ""), edit("doorman.mjs", "prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) !== 0 || ", "")],
  },
  {
    without: "private ways in",
    noticedBy: ["isolate.check", "the program sees lo"],
    edits: [edit("private_folder.ts", "chmodSync(coming, 0o600);", "chmodSync(coming, 0o666);")],
  },
  {
    without: "the folder's owner and mode",
    noticedBy: ["status.check", "the folder is this user's alone"],
    edits: [edit("private_folder.ts", "if ((stats.mode & 0o077) !== 0) return", "if (stats.mode === 0) return")],
  },
];
