// Rights, Landlock and files.
import { edit, withoutDomain, withoutNotification, type Mutant } from "./edits.ts";

const DROPPED = ["attacks.check", "a program that dropped rights"] as const;
const DOMAINS = ["attacks.check", "a program with a Landlock domain"] as const;
const AS_PROGRAM = "const asProgram = (): number => kernel.as({ capabilities }, () => kernel.bind(fd, bytes)) ?? -EPERM;";
const asGuard = edit("broker.ts", AS_PROGRAM, "const asProgram = (): number => kernel.bind(fd, bytes);");

export const RIGHTS: readonly Mutant[] = [
  {
    without: "the check of low ports",
    noticedBy: ["whole.check", "gave up root"],
    asRoot: true,
    edits: [
      edit("broker.ts", 'if (call === "bind" && local.port !== 0 && local.port < unprivilegedPorts() && !status.bindsLowPorts)', "if (local.port < 0)"),
      asGuard,
    ],
  },
  {
    without: "the user namespace of a right over low ports",
    noticedBy: ["whole.check", "root of a user namespace"],
    asRoot: true,
    edits: [edit("proc.ts", "const capabilities = sameNamespace ? ", "const capabilities = sameNamespace || uid >= 0 ? ")],
  },
  {
    without: "the program's own rights for unix sockets",
    noticedBy: ["whole.check", "gave up root"],
    asRoot: true,
    edits: [edit("bind_unix.ts", "return kernel.as(rights, () => bindIn(", "return ((_, work) => work())(rights, () => bindIn(")],
  },
  {
    without: "unix sockets of a guard without rights",
    noticedBy: ["whole.check", "a program without rights, and its guard"],
    asRoot: true,
    edits: [edit("rights.ts", "const sameIds = hasSameIds(own, rights);", "const sameIds = !hasSameIds(rights, rights);")],
  },
  {
    without: "the capabilities that the program lacks",
    noticedBy: DROPPED,
    asRoot: true,
    edits: [edit("rights.ts", "const wanted = own.capabilities & rights.capabilities;", "const wanted = own.capabilities;")],
  },
  { without: "the program's rights for netlink", noticedBy: DROPPED, asRoot: true, edits: [asGuard] },
  {
    without: "the program's rights as a listener on a unix socket",
    noticedBy: DROPPED,
    asRoot: true,
    edits: [edit("broker.ts", "return kernel.as(status.rights, () => kernel.listen(fd, backlog)) ?? -EPERM;", "return kernel.listen(fd, backlog);")],
  },
  {
    without: "the program's effective user",
    noticedBy: DROPPED,
    asRoot: true,
    edits: [edit("rights.ts", "call(numbers.setresuid, UNCHANGED, uid, UNCHANGED) === 0 && ", "uid >= 0 && ")],
  },
  { without: "the program's own root", noticedBy: DROPPED, asRoot: true, edits: [edit("bind_unix.ts", "const IN_ROOT = 0x10;", "const IN_ROOT = 0;")] },
  {
    without: "the limits of a relative path under another root",
    noticedBy: DROPPED,
    asRoot: true,
    edits: [edit("bind_unix.ts", "const BENEATH = 0x08;", "const BENEATH = 0;")],
  },
  {
    without: "the refusal of links that mean the guard's own",
    noticedBy: DROPPED,
    asRoot: true,
    edits: [edit("bind_unix.ts", "const NO_MAGICLINKS = 0x02;", "const NO_MAGICLINKS = 0;")],
  },
  { without: "the mount of a root", noticedBy: DROPPED, asRoot: true, edits: [edit("proc.ts", "`${mount} ${dev} ${ino}`", "`${dev} ${ino}`")] },
  { without: "the notice of a Landlock domain", noticedBy: DOMAINS, asRoot: true, edits: [withoutNotification("LANDLOCK_RESTRICT_SELF")] },
  { without: "the notice of what a ruleset forbids", noticedBy: DOMAINS, asRoot: true, edits: [withoutNotification("LANDLOCK_CREATE_RULESET")] },
  {
    without: "the refusal of files that a domain might forbid",
    noticedBy: DOMAINS,
    asRoot: true,
    edits: [edit("broker.ts", 'landlock.mayForbid(status.process, "files")', "kind.type < 0")],
  },
  {
    without: "the refusal of ports that a domain might forbid",
    noticedBy: DOMAINS,
    asRoot: true,
    edits: [edit("broker.ts", 'landlock.mayForbid(status.process, "ports")', "kind.type < 0")],
  },
  {
    without: "the mark that children inherit",
    noticedBy: DOMAINS,
    asRoot: true,
    edits: [
      edit("landlock.ts", "const forbidden = marked(process) | (late", "const forbidden = (late"),
      edit(
        "landlock.ts",
        "if (limit === null || limitLocks(process, limit)) return;",
        "if (limit === null || limitLocks(process, limit)) return void unmarked.add(nameOf(process));",
      ),
    ],
  },
  {
    without: "the mark: all that begin later are taken for restricted",
    noticedBy: DOMAINS,
    asRoot: true,
    edits: [edit("landlock.ts", "if (limit === null || limitLocks(process, limit)) return;", "if (limit === null) return;")],
  },
  {
    without: "those whom no mark can be set on",
    noticedBy: DOMAINS,
    asRoot: true,
    edits: [
      edit("landlock.ts", "const late = unmarked.has(nameOf(process)) || (startOf(process) ?? Number.POSITIVE_INFINITY) >= since;", "const late = false;"),
    ],
  },
  { without: "the mark's protection by prlimit64", noticedBy: DOMAINS, asRoot: true, edits: [edit("filter.ts", "...of(numbers.prlimit64, prlimit64),", "")] },
  { without: "the mark's protection by setrlimit", noticedBy: DOMAINS, asRoot: true, edits: [edit("filter.ts", "...of(numbers.setrlimit, setrlimit),", "")] },
  {
    without: "a guard that nobody may look into",
    noticedBy: ["whole.check", "a program without rights, and its guard"],
    asRoot: true,
    edits: [withoutDomain, edit("guardian.ts", "  libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);\n", "")],
  },
  {
    without: "the Landlock domain",
    noticedBy: ["domain.check", "the memory of a process outside"],
    edits: [edit("launcher.mjs", "if (domain !== null && !enterDomain(", "if (domain === 0 && !enterDomain(")],
  },
  {
    without: "renaming between directories in the domain",
    noticedBy: ["domain.check", "files are renamed"],
    edits: [edit("domain.mjs", "Number(add(LANDLOCK_ADD_RULE, domain, RULE_PATH_BENEATH, rule, 0)) === 0 && enter()", "Number(add) !== 0 && enter()")],
  },
  {
    without: "the sentence where there is no Landlock",
    noticedBy: ["domain.check", "without Landlock one sentence"],
    edits: [edit("guard_program.ts", "if (confined.sentence !== null) say(confined.sentence);", "")],
  },
  {
    without: "the refusal of tokens where signals have no scope",
    noticedBy: ["domain.check", "without Landlock's scope"],
    asRoot: true,
    edits: [edit("confinement.ts", "if (direct && !signals && !root) {", "if (direct && !direct) {")],
  },
  {
    without: "the refusal of others' limits",
    noticedBy: ["domain.check", "limits of another process"],
    edits: [edit("filter.ts", "load(DATA_ARGS),\n    ...unless(0, RET_ERRNO | EPERM),\n    ", "")],
  },
  {
    without: "the refusal to type into a terminal",
    noticedBy: ["domain.check", "limits of another process"],
    edits: [edit("filter.ts", "...of(numbers.ioctl, ioctl),", "")],
  },
];
