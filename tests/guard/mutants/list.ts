// The guard without one of its points each: what is taken out of its sources, and the test with a real
// process that has to notice. Every text occurs exactly once in its file.

export interface Edit {
  /** In runtime/guard. */
  readonly file: string;
  readonly text: string;
  readonly instead: string;
}

export interface Mutant {
  readonly without: string;
  readonly edits: readonly Edit[];
  /** A file of tests/guard, and a part of the test's name. */
  readonly noticedBy: readonly [file: string, name: string];
  /** The test runs as root alone. */
  readonly asRoot?: true;
}

const edit = (file: string, text: string, instead: string): Edit => ({ file, text, instead });
const TABLE = ["guard.test", "a program binds what the policy allows"] as const;
const RACE = ["guard.test", "1,000 binds"] as const;
const OTHERS = ["whole.check", "rings, other processes"] as const;
const bindItself = "bind: (fd, address) => libc.bind(fd, address, address.length),";
/** Where the address has been read, and is about to be judged. */
const BEFORE_JUDGEMENT = "// AF_UNSPEC would be taken for any IPv4 address.";
const bindsAtOnce = (condition: string): Edit =>
  edit("broker.ts", BEFORE_JUDGEMENT, `if (local !== null && ${condition}) return kernel.bind(fd, bytes);\n  ${BEFORE_JUDGEMENT}`);
const AFTER_COPY = "if (bytes === null) return kernel.isValid(listener, id) ? -EFAULT : -EPERM;";
const ATTACKS = ["attacks.check", "nothing listens but"] as const;
const DROPPED = ["attacks.check", "a program that dropped rights"] as const;
const DOMAINS = ["attacks.check", "a program with a Landlock domain"] as const;
const NOTIFIED = "...[numbers.bind, numbers.listen, LANDLOCK_CREATE_RULESET, LANDLOCK_RESTRICT_SELF].flatMap(";
const withoutNotification = (gone: string): Edit => edit("filter.ts", NOTIFIED, NOTIFIED.replace(new RegExp(`(?:, )?${gone}\\b`), "").replace("[, ", "["));
const AS_PROGRAM = "const asProgram = (): number => kernel.as({ capabilities }, () => kernel.bind(fd, bytes)) ?? -EPERM;";
const asGuard = edit("broker.ts", AS_PROGRAM, "const asProgram = (): number => kernel.bind(fd, bytes);");
const refusedCalls = "...[numbers.ptrace, numbers.process_vm_writev, PIDFD_GETFD, ...alsoRefused].flatMap((number) => when(number, RET_ERRNO | EPERM)),";

/** As on a kernel without Landlock, whose domain refuses the same once more. */
const withoutDomain = edit("confinement.ts", "const domain = version >= LANDLOCK_REFER ? { signals: direct && signals } : null;", "const domain = null;");

export const MUTANTS: readonly Mutant[] = [
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
    without: "notifications that signals don't interrupt",
    noticedBy: ["whole.check", "4,000 binds under a timer"],
    edits: [edit("launcher.mjs", "const FLAGS = 8 | 32;", "const FLAGS = 8;")],
  },
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
  {
    without: "the refusal of IP_LOCAL_PORT_RANGE",
    noticedBy: ["attacks.check", "a socket that is never bound"],
    edits: [edit("filter.ts", "...of(numbers.setsockopt, setsockopt),", "")],
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
  {
    without: "the refusal of other families: vsock, packets",
    noticedBy: TABLE,
    edits: [edit("filter.ts", "answer(RET_ERRNO | EAFNOSUPPORT),", "answer(RET_ALLOW),")],
  },
  { without: "the refusal of raw sockets", noticedBy: TABLE, asRoot: true, edits: [edit("filter.ts", "...when(SOCK_RAW, RET_ERRNO | EPERM),", "")] },
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
    without: "a guard that nobody may look into",
    noticedBy: ["whole.check", "a program without rights, and its guard"],
    asRoot: true,
    edits: [withoutDomain, edit("guardian.ts", "  libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);\n", "")],
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
  {
    without: "the token of a bind that needs one",
    noticedBy: ["direct.check", "without the key, or without a gateway"],
    edits: [
      edit(
        "broker.ts",
        'if (decision.code !== "no_token" || setup.direct === null) return made(decision, () => undefined);',
        'if (decision.code === "no_token") return act();\n  if (setup.direct === null) return made(decision, () => undefined);',
      ),
    ],
  },
  {
    without: "ingressd's judgement of the proof",
    noticedBy: ["direct.check", "without the key, or without a gateway"],
    edits: [
      edit(
        "../../gateway/methods/direct.ts",
        "if (proof !== undefined && isProof(proof, guardKey, issued, service)) return null;",
        'if (proof !== "") return null;',
      ),
    ],
  },
  {
    without: "ingressd's notice of a lease's end",
    noticedBy: ["direct.check", "the end of a lease"],
    edits: [edit("leases.ts", 'if (method !== "lease_ended" || notice === null) return;', "return;")],
  },
  {
    without: "the policy that the guard reads again",
    noticedBy: ["direct.check", "a policy that no longer grants it"],
    edits: [
      edit(
        "direct.ts",
        'if (policy.judge(proto, address, port).code !== "no_token") revoke(at, "the policy no longer grants it");',
        "void policy.judge(proto, address, port);",
      ),
    ],
  },
  {
    without: "the end of a token's time",
    noticedBy: ["direct.check", "a token that is not renewed"],
    edits: [edit("direct.ts", "if (now >= at.notAfter) revoke(at,", "if (now < 0) revoke(at,")],
  },
  {
    without: "the renewal of tokens",
    noticedBy: ["direct.check", "a token that is not renewed"],
    edits: [edit("direct.ts", "if (left.has(name)) void renew(name, place);", "if (left.has(name)) void name;")],
  },
  {
    without: "the closing of a port: it is said alone",
    noticedBy: ["direct.check", "unregistering closes"],
    edits: [edit("sockets.ts", "kernel.shutdown(fd);\n    return !kernel.accepts(fd);", "return true;")],
  },
  {
    without: "the refusal to listen again on what was taken back",
    noticedBy: ["direct.check", "unregistering closes"],
    edits: [edit("direct.ts", "if (revoked.has(cookie)) return denial(CODE_TOKEN_REVOKED);", "")],
  },
  {
    without: "the end of a service whose UDP port can't be closed",
    noticedBy: ["direct.check", "a UDP socket can't be closed"],
    edits: [edit("direct.ts", "if (!shut(kernel, at.place.proto, at.name)) endService(", "if (!shut(kernel, at.place.proto, at.name)) say(")],
  },
  {
    without: "the refusal of a socket that was bound outside, where there is a token",
    noticedBy: ["direct.check", "a socket that was bound outside"],
    edits: [edit("broker.ts", "const bound = binds.of(nameOf(kernel, fd));", "const bound = binds.of(nameOf(kernel, fd)) ?? localOf(kernel, fd);")],
  },
  {
    without: "the key's owner: the program could read it",
    noticedBy: ["direct.check", "neither key nor token"],
    asRoot: true,
    edits: [edit("key.ts", "if (uid !== 0 && stats.uid === uid && (stats.mode & OWNER_READ) !== 0) {", "if (uid < 0) {")],
  },
  {
    without: "the policy's word for who dials over udp",
    noticedBy: ["direct.check", "a service dials over udp"],
    edits: [bindsAtOnce('proto === "udp" && local.port === 0')],
  },
  {
    without: "the keeper's end of a program whose guard was killed",
    noticedBy: ["keeper.check", "gets SIGKILL takes a program with a tcp"],
    asRoot: true,
    edits: [edit("keeper.ts", "  if (heard.word.active) {", "  if (code < 0) {")],
  },
  {
    without: "the keeper's notice of a guard that was stopped",
    noticedBy: ["keeper.check", "gets SIGSTOP takes a program with a tcp"],
    asRoot: true,
    edits: [edit("keeper.ts", "if (!isSilent(heard)) return;", "if (heard.silentTicks > 0) return;")],
  },
  {
    without: "the guard's word before a socket is bound",
    noticedBy: ["keeper.check", "gets SIGKILL takes a program with a tcp"],
    asRoot: true,
    edits: [
      edit(
        "direct.ts",
        "const notify = (): void =>\n    keeping.report(\n      clock.monoMs() < bindingUntilMs,\n      [...tokenSockets.values()]",
        "const notify = (): void => keeping.report(false, [...tokenSockets.values()].slice(tokenSockets.size)",
      ),
    ],
  },
  {
    without: "orphans that come to the keeper",
    noticedBy: ["keeper.check", "gets SIGKILL takes a program with a tcp"],
    asRoot: true,
    edits: [edit("guardian.ts", "prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);", "")],
  },
  {
    without: "the reaping of orphans",
    noticedBy: ["keeper.check", "gets SIGKILL takes a program with a tcp"],
    asRoot: true,
    edits: [edit("guardian.ts", "const SI_PID = 16;", "const SI_PID = 12;")],
  },
  {
    without: "the guard's notice of its keeper's end",
    noticedBy: ["keeper.check", "the keeper's end takes it"],
    asRoot: true,
    edits: [edit("keeping.ts", "    lost();", "")],
  },
  {
    without: "the refusal of tokens without a keeper",
    noticedBy: ["keeper.check", "without a keeper"],
    asRoot: true,
    edits: [
      edit("direct.ts", "      if (!keeping.alive()) return denial(CODE_GUARD_UNKEPT);\n      const answer", "      const answer"),
      edit("direct.ts", "      notify();\n      if (!keeping.alive()) return denial(CODE_GUARD_UNKEPT);", "      notify();"),
    ],
  },
  {
    without: "the scope of signals",
    noticedBy: ["keeper.check", "signal neither"],
    asRoot: true,
    edits: [edit("confinement.ts", "{ signals: direct && signals }", "{ signals: false }")],
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
  {
    without: "links on the policy's way",
    noticedBy: ["following.check", "a link to a folder"],
    edits: [edit("policy.ts", "paths: [path, ...trustedKeys]", "paths: trustedKeys")],
  },
  {
    without: "trusted keys",
    noticedBy: ["following.check", "with trusted keys"],
    edits: [edit("policy.ts", "trustedKeys: signatures?.trustedKeys,\n    keysOption", "trustedKeys: undefined, keysOption")],
  },
  {
    without: "revisions that only rise",
    noticedBy: ["following.check", "with trusted keys"],
    edits: [
      edit("policy.ts", 'keysOption: "--trusted-key",\n    revisions,', 'keysOption: "--trusted-key", revisions: null,'),
      edit("../shell/revision.ts", "if (why !== null) throw new Error(why);", ""),
    ],
  },
  {
    without: "a reload that outlives the lack of threads",
    noticedBy: ["following.check", "no thread can be started"],
    asRoot: true,
    edits: [
      edit(
        "../host/load_in_worker.ts",
        '    return refuse("module_selftest", `no thread',
        '    if (given !== null) process.exit(9);\n    return refuse("module_selftest", `no thread',
      ),
    ],
  },
  {
    without: "the watcher's word",
    noticedBy: ["following.check", "can't be watched"],
    asRoot: true,
    edits: [edit("../shell/watch.ts", "if (!said.has(sentence)) say(sentence);", "")],
  },
  { without: "an audit that is no link", noticedBy: ["audit.check", "an audit that is a link"], edits: [edit("audit_file.ts", " | constants.O_NOFOLLOW", "")] },
  { without: "an audit that never waits", noticedBy: ["audit.check", "a full audit pipe"], edits: [edit("audit_file.ts", " | constants.O_NONBLOCK", "")] },
];
