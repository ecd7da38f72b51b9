// A guarded program can't act on the processes outside, and can do everything else as before: a real kernel's Landlock,
// where it has one.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { LANDLOCK_REFER, landlockVersion } from "../../runtime/guard/domain.mjs";
import { openLibc } from "../../runtime/shell/libc.ts";
import { chosen } from "./chosen.ts";
import { ended, missing, NOBODY, place, program, remove, run, startWith, type Place } from "./guarded.ts";

const guard = suite("guard domain");
const root = process.getuid?.() === 0;
const where = place(undefined, root ? NOBODY : null);
const library = openLibc();
const version = library === null ? 0 : landlockVersion((prototype) => library.func(prototype));
const lacks = missing(where);
const work = mkdtempSync(join(tmpdir(), "guard-domain-"));
guard.after(() => {
  remove(where);
  rmSync(work, { recursive: true });
});

const test = (name: string, wanted: number, body: () => Promise<void>): void => {
  if (!chosen(name)) return;
  const why = lacks ?? (version < wanted ? `the kernel has Landlock ${version}, and ${wanted} is wanted` : null);
  if (why === null) guard(name, body);
  else guard(`${name} (skipped)`, () => console.log(`SKIP guard ${name}: ${why}`));
};

const [EPERM, EACCES] = [-1, -13];
const PYTHON = `import ctypes, fcntl, os, resource, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
def attempt(call):
  try: call(); return 0
  except OSError as e: return -e.errno
`;
const python = (at: Place, text: string, ...args: readonly string[]) => run(at, ["python3", "-c", PYTHON + text, ...args]);

test("the memory of a process outside is neither read nor written", LANDLOCK_REFER, async () => {
  // As the shell that npx starts: another process of the same user, which anybody of it could trace.
  const shell = spawn("sleep", ["60"], { ...(root && { uid: NOBODY, gid: NOBODY }) });
  const { out, err } = await python(
    where,
    `pid = sys.argv[1]
print([attempt(lambda: os.open(f"/proc/{pid}/{name}", os.O_RDWR if name == "mem" else os.O_RDONLY)) for name in ("mem", "environ", "maps")], attempt(lambda: os.readlink(f"/proc/{pid}/fd/0")))
own = os.fork()
if own == 0: os.read(0, 1)
print(attempt(lambda: os.open(f"/proc/{own}/mem", os.O_RDWR)), attempt(lambda: os.open(f"/proc/self/mem", os.O_RDWR)))
os.kill(own, 9)`,
    String(shell.pid),
  );
  shell.kill("SIGKILL");
  assert.is(out, `[${EACCES}, ${EACCES}, ${EACCES}] ${EACCES}\n0 0\n`, err);
});

test("files are renamed and linked between directories, and a namespace of users is had, as ever", LANDLOCK_REFER, async () => {
  const own = place(undefined);
  for (const name of ["a", "b"]) mkdirSync(join(work, name));
  writeFileSync(join(work, "a", "file"), "x");
  const { out, err } = await python(
    own,
    `a, b = sys.argv[1] + "/a", sys.argv[1] + "/b"
print(attempt(lambda: os.rename(a + "/file", b + "/file")), attempt(lambda: os.link(b + "/file", a + "/again")), attempt(lambda: os.mkdir(a + "/d")), attempt(lambda: os.rename(a + "/d", b + "/d")), os.system("unshare --user --map-root-user true"))`,
    work,
  );
  assert.is(out, "0 0 0 0 0\n", err);
  remove(own);
});

test("a program that restricts itself by Landlock is restricted by its own rules", LANDLOCK_REFER, async () => {
  const own = place(undefined);
  const granted = mkdtempSync(join(work, "granted-"));
  for (const name of ["one", "two"]) mkdirSync(join(granted, name));
  const other = join(work, "other");
  mkdirSync(other);
  const { out, err } = await python(
    own,
    `MAKE_REG, REFER = 1 << 8, 1 << 13
ruleset = libc.syscall(444, struct.pack("Q", MAKE_REG | REFER), 8, 0)
fd = os.open(sys.argv[1], os.O_PATH)
print(libc.syscall(445, ruleset, 1, struct.pack("<Qi", MAKE_REG | REFER, fd), 0), libc.syscall(446, ruleset, 0))
make = lambda path: attempt(lambda: os.close(os.open(path, os.O_CREAT | os.O_WRONLY)))
print(make(sys.argv[1] + "/one/f"), attempt(lambda: os.rename(sys.argv[1] + "/one/f", sys.argv[1] + "/two/f")), make(sys.argv[2] + "/f"), attempt(lambda: os.rename(sys.argv[1] + "/two/f", sys.argv[2] + "/f")))`,
    granted,
    other,
  );
  assert.is(out, `0 0\n0 0 ${EACCES} ${EACCES}\n`, err);
  remove(own);
});

test("limits of another process, and what is typed at a terminal", 0, async () => {
  const { out, err } = await python(
    where,
    `guard = os.getppid()
print(attempt(lambda: resource.prlimit(guard, resource.RLIMIT_NPROC, (1, 1))), attempt(lambda: resource.prlimit(guard, resource.RLIMIT_NPROC)), attempt(lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0))), attempt(lambda: resource.prlimit(0, resource.RLIMIT_CORE, (0, 0))))
main, other = os.openpty()
print([attempt(lambda: fcntl.ioctl(other, command, b"x")) for command in (0x5412, 0x541c)], attempt(lambda: fcntl.ioctl(other, 0x5413, bytes(8))))`,
  );
  assert.is(out, `${EPERM} 0 0 0\n[${EPERM}, ${EPERM}] 0\n`, err);
});

test("without Landlock one sentence says so, and the program runs", 0, async () => {
  const own = place(undefined);
  const { code, out, err } = await ended(
    startWith(own, ["echo", "runs"], { through: [process.execPath, "--import", import.meta.resolve("tsx"), program("refusing"), "landlock"] }),
  );
  assert.equal([code, out], [0, "runs\n"], err);
  assert.match(err, /this kernel has no Landlock: the program can write into processes outside that run as its user\n$/);
  remove(own);
});

if (root) {
  test("without Landlock's scope of signals a user without rights gets no port under a token", 0, async () => {
    const { code, out, err } = await ended(
      startWith(where, ["echo", "runs"], {
        words: ["--ingressd", "/nowhere", "--key", "/nowhere"],
        through: [process.execPath, "--import", import.meta.resolve("tsx"), program("refusing"), "landlock"],
      }),
    );
    assert.equal([code, out], [4, ""], err);
    assert.match(err, /`--ingressd` is not possible here: the program could stop its guard and keep a port for ever, .*Linux 6\.12.*nothing was started/);
  });
}

guard.run();
