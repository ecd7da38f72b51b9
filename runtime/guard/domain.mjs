// The Landlock domain of a guarded program: from within it no process outside can be traced or have its memory
// written (`/proc/PID/mem`), and with `signals` none can be sent a signal. A domain must restrict something: with
// `signals` that is them; else it is to rename and link between directories, which is granted again below `/` (mounting
// is then refused, as in every domain that knows of files). Used by the launcher, before exec.
const LANDLOCK_CREATE_RULESET = 444;
const LANDLOCK_ADD_RULE = 445;
const LANDLOCK_RESTRICT_SELF = 446;
const CREATE_RULESET_VERSION = 1;
const RULE_PATH_BENEATH = 1;
const ACCESS_FS_REFER = 1n << 13n;
const SCOPE_SIGNAL = 2n;
// struct landlock_ruleset_attr: u64 handled_access_fs, handled_access_net, scoped
const RULESET_BYTES = 24;
/** As kernels before scopes know it. */
const RULESET_FS_BYTES = 8;
// struct landlock_path_beneath_attr, packed: u64 allowed_access, s32 parent_fd
const RULE_BYTES = 12;
const O_PATH = 0o10000000;
const O_CLOEXEC = 0o2000000;

/** Versions from which on there is the right to be handled, and the scope of signals. */
export const LANDLOCK_REFER = 2;
export const LANDLOCK_SIGNALS = 6;

/** Landlock's version here, 0 where the kernel has none or it is off. `syscall`: of the C library, three words and a number. */
export function landlockVersion(func) {
  return Math.max(0, Number(func("long syscall(long, void *, long, long)")(LANDLOCK_CREATE_RULESET, null, 0, CREATE_RULESET_VERSION)));
}

/** Puts the calling thread, and what it executes and starts, into a domain; false: errno says why. Needs no_new_privs. */
export function enterDomain(func, signals) {
  const create = func("long syscall(long, void *, long, long)");
  const add = func("long syscall(long, long, long, void *, long)");
  const restrict = func("long syscall(long, long, long, long)");
  const open = func("int open(const char *, int)");
  const ruleset = Buffer.alloc(signals ? RULESET_BYTES : RULESET_FS_BYTES);
  if (signals) ruleset.writeBigUInt64LE(SCOPE_SIGNAL, 16);
  else ruleset.writeBigUInt64LE(ACCESS_FS_REFER, 0);
  const domain = Number(create(LANDLOCK_CREATE_RULESET, ruleset, ruleset.length, 0));
  if (domain < 0) return false;
  const enter = () => Number(restrict(LANDLOCK_RESTRICT_SELF, domain, 0, 0)) === 0;
  if (signals) return enter();
  const rule = Buffer.alloc(RULE_BYTES);
  rule.writeBigUInt64LE(ACCESS_FS_REFER, 0);
  rule.writeInt32LE(open("/", O_PATH | O_CLOEXEC), 8);
  // The descriptors end with exec.
  return Number(add(LANDLOCK_ADD_RULE, domain, RULE_PATH_BENEATH, rule, 0)) === 0 && enter();
}
