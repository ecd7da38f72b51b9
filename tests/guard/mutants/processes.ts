// The program that is started, its descriptors and the guard's end.
import { edit, OTHERS, type Mutant } from "./edits.ts";

export const PROCESSES: readonly Mutant[] = [
  {
    without: "notifications that signals don't interrupt",
    noticedBy: ["whole.check", "4,000 binds under a timer"],
    edits: [edit("launcher.mjs", "const FLAGS = 8 | 32;", "const FLAGS = 8;")],
  },
  {
    without: "the refusal of inherited sockets",
    noticedBy: ["guard.test", "a socket that comes as standard input"],
    edits: [edit("preparation.ts", "if (inherited.length > 0) {", "if (inherited.length > 9) {")],
  },
  {
    without: "the end of inherited descriptors",
    noticedBy: ["whole.check", "only standard descriptors"],
    edits: [edit("launcher.mjs", "closeRange(numbers.closeRange, CHANNEL, 0xffffffff", "closeRange(numbers.closeRange, 9999, 0xffffffff")],
  },
  {
    without: "standard streams over exec",
    noticedBy: ["whole.check", "exit codes, signals and standard streams"],
    edits: [edit("launcher.mjs", "for (const fd of [0, 1, 2]) fcntl(fd, F_SETFD, 0);", "for (const fd of [0, 1, 2]) fcntl(fd, F_SETFD, 1);")],
  },
  { without: "SIGPIPE as ever", noticedBy: ["whole.check", "only standard descriptors"], edits: [edit("launcher.mjs", "signal(SIGPIPE, 0);", "")] },
  {
    without: "descriptors of threads",
    noticedBy: OTHERS,
    edits: [
      edit("kernel.ts", "return fd >= 0 ? fd : libc.syscall(PIDFD_OPEN, process, 0, 0);", "return libc.syscall(PIDFD_OPEN, thread, 0, 0);"),
      edit("kernel.ts", "const fd = libc.syscall(PIDFD_OPEN, thread, O_EXCL, 0);", ""),
    ],
  },
  {
    without: "children that outlive the program",
    noticedBy: ["whole.check", "a process that outlives the program"],
    edits: [edit("guard_program.ts", "  await serving;\n", "")],
  },
  {
    without: "a kernel's end of calls when the guard is dead: the program has the descriptor of its notifications itself",
    noticedBy: ["whole.check", "when the guard is killed"],
    edits: [
      edit("launcher.mjs", "const CLOSE_RANGE_CLOEXEC = 4;", "const CLOSE_RANGE_CLOEXEC = 4 | 2;"),
      edit(
        "launcher.mjs",
        "if (closeRange(numbers.closeRange, CHANNEL, 0xffffffff, CLOSE_RANGE_CLOEXEC) !== 0) {",
        "fcntl(listener, F_SETFD, 0);\nif (CLOSE_RANGE_CLOEXEC === 0) {",
      ),
    ],
  },
  {
    without: "the end of copied descriptors: hundreds of processes use them up",
    noticedBy: ["debian.check", "300 processes at once"],
    edits: [edit("broker.ts", "close(fd);\n    close(pidfd);", "")],
  },
  {
    without: "koffi's check",
    noticedBy: ["whole.check", "without koffi"],
    edits: [edit("../shell/libc.ts", "  } catch {\n    return null;\n  }", '  } catch {\n    throw new Error("none");\n  }')],
  },
  {
    without: "the refusal to start without the kernel's support",
    noticedBy: ["whole.check", "on a kernel without seccomp"],
    edits: [edit("launcher.mjs", "if (listener < 0) {", "if (listener < -9) {")],
  },
];
