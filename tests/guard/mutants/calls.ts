// Which system calls are refused, and which the guard hears of.
import { edit, OTHERS, TABLE, withoutDomain, withoutNotification, type Mutant } from "./edits.ts";

const refusedCalls = "...[numbers.ptrace, numbers.process_vm_writev, PIDFD_GETFD, ...alsoRefused].flatMap((number) => when(number, RET_ERRNO | EPERM)),";

export const CALLS: readonly Mutant[] = [
  {
    without: "the end of foreign ABIs, 32-bit",
    noticedBy: ["debian.check", "the ABI i386"],
    edits: [
      edit(
        "filter.ts",
        "{ code: JUMP_EQUAL, k: audit, whenTrue: 1, whenFalse: 0 },\n    answer(RET_KILL_PROCESS),",
        "{ code: JUMP_EQUAL, k: audit, whenTrue: 1, whenFalse: 0 },\n    answer(RET_ALLOW),",
      ),
    ],
  },
  {
    without: "the end of foreign ABIs, x32",
    noticedBy: ["debian.check", "the ABI x32"],
    edits: [edit("filter.ts", "...(foreignBit === 0 ? [] :", "...(foreignBit !== 0 ? [] :")],
  },
  { without: "io_uring's refusal", noticedBy: OTHERS, edits: [edit("filter.ts", "...IO_URING.flatMap((number) => when(number, RET_ERRNO | ENOSYS)),", "")] },
  {
    without: "the refusal of ptrace and its like",
    noticedBy: OTHERS,
    asRoot: true,
    edits: [withoutDomain, edit("filter.ts", refusedCalls, refusedCalls.replace("numbers.ptrace, ", ""))],
  },
  { without: "listen's notification: an unbound socket gets a port at every address", noticedBy: TABLE, edits: [withoutNotification("numbers.listen")] },
  { without: "bind's notification", noticedBy: TABLE, edits: [withoutNotification("numbers.bind")] },
  {
    without: "the refusal of IP_LOCAL_PORT_RANGE",
    noticedBy: ["attacks.check", "a socket that is never bound"],
    edits: [edit("filter.ts", "...of(numbers.setsockopt, setsockopt),", "")],
  },
  {
    without: "the refusal of other families: vsock, packets",
    noticedBy: TABLE,
    edits: [edit("filter.ts", "answer(RET_ERRNO | EAFNOSUPPORT),", "answer(RET_ALLOW),")],
  },
  { without: "the refusal of raw sockets", noticedBy: TABLE, asRoot: true, edits: [edit("filter.ts", "...when(SOCK_RAW, RET_ERRNO | EPERM),", "")] },
];
