// The guard remembers its binds, and the programs with a Landlock domain: each bound at its last and at one more.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createLandlock, MOST_PROCESSES } from "../../runtime/guard/landlock.ts";
import { createMadeBinds, MOST_BINDS, type MadeBinds } from "../../runtime/guard/made_binds.ts";
import { locksLimit } from "../../runtime/guard/proc.ts";
import { parseAddress } from "../../runtime/net/address.ts";

const test = suite("guard remembers");
const LOCAL = { family: 2, address: loopback(), port: 8080 };

function loopback(): NonNullable<ReturnType<typeof parseAddress>> {
  const address = parseAddress("127.0.0.1");
  if (address === null) throw new Error("no address");
  return address;
}

/** `most` sockets; `inodes` returns those that still exist. */
function filled(most: number, inodes: () => ReadonlySet<number>, monoMs: () => number): MadeBinds {
  const binds = createMadeBinds({ most, inodes, monoMs });
  for (let i = 1; i <= most; i++) {
    assert.ok(binds.hasRoom(), `room for ${i}`);
    binds.remember({ cookie: BigInt(i), inode: i }, LOCAL);
  }
  return binds;
}

test("65,536 sockets, and one more where one is gone", () => {
  assert.is(MOST_BINDS, 65_536);
  const all = new Set(Array.from({ length: MOST_BINDS }, (_, i) => i + 1));
  let [now, looks] = [0, 0];
  const binds = filled(
    MOST_BINDS,
    () => {
      looks++;
      return all;
    },
    () => now,
  );
  assert.is(looks, 0, "it looks only where it is full");
  assert.not.ok(binds.hasRoom());
  all.delete(7);
  // Not before a second is over: a program that floods it would have the guard read /proc all the time.
  now = 999;
  assert.not.ok(binds.hasRoom());
  assert.is(looks, 1);
  now = 1_000;
  assert.ok(binds.hasRoom());
  assert.is(looks, 2);
  assert.equal([binds.of({ cookie: 7n, inode: 7 }), binds.of({ cookie: 8n, inode: 8 })?.port], [null, 8080]);
  binds.remember({ cookie: 70_000n, inode: 7 }, LOCAL);
  assert.not.ok(binds.hasRoom());
});

test("a socket is its cookie and its inode", () => {
  const binds = filled(
    1,
    () => new Set([1]),
    () => 0,
  );
  const rows = [
    [1n, 1, true, false],
    [1n, 2, false, true],
    [2n, 1, false, false],
    [-1n, 1, false, false],
  ] as const;
  for (const [cookie, inode, known, twin] of rows) {
    const name = { cookie, inode };
    assert.equal([binds.of(name) !== null, binds.hasTwin(name)], [known, twin], `${cookie} ${inode}`);
  }
  binds.forget({ cookie: 1n, inode: 2 });
  assert.ok(binds.of({ cookie: 1n, inode: 1 }) !== null, "a twin's end is not its own");
  binds.forget({ cookie: 1n, inode: 1 });
  assert.is(binds.of({ cookie: 1n, inode: 1 }), null);
  // A socket without a cookie is never remembered.
  binds.remember({ cookie: -1n, inode: 1 }, LOCAL);
  assert.is(binds.of({ cookie: -1n, inode: 1 }), null);
});

/** handled_access_fs, handled_access_net, as a program hands them over. */
const ruleset = (fs: bigint, net?: bigint): Uint8Array => {
  const bytes = Buffer.alloc(net === undefined ? 8 : 16);
  bytes.writeBigUInt64LE(fs);
  if (net !== undefined) bytes.writeBigUInt64LE(net, 8);
  return bytes;
};
const MAKE_SOCK = 1n << 9n;

test("a domain has the limits that its rulesets forbid", () => {
  const rows: readonly (readonly [string, readonly (Uint8Array | null)[], number | null])[] = [
    ["no socket in the file system", [ruleset(MAKE_SOCK)], 2],
    ["no bind of a port", [ruleset(0n, 1n)], 1],
    ["both", [ruleset(MAKE_SOCK, 1n)], 0],
    ["both, in two", [ruleset(MAKE_SOCK), ruleset(0n, 1n)], 0],
    ["neither: other files, and connecting", [ruleset(~MAKE_SOCK & 0xffffn, 2n)], null],
    ["rights to the network that came later", [ruleset(0n, 4n)], 1],
    ["one that can't be read", [null], 0],
    ["one of another process", [], 0],
  ];
  // This process has no domain: what is said of it is the ruleset's alone.
  assert.is(locksLimit(process.pid), null);
  for (const [name, rulesets, due] of rows) {
    const limits: number[] = [];
    const landlock = createLandlock({ limitLocks: (_process, most) => limits.push(most) > 0 });
    for (const one of rulesets) landlock.creates(process.pid, one);
    landlock.restricts(process.pid);
    assert.equal(limits, due === null ? [] : [due], name);
  }
});

test("1,024 processes with rulesets are known, and of the oldest of one more nothing is", () => {
  for (const [others, due] of [
    [MOST_PROCESSES - 1, 2],
    [MOST_PROCESSES, 0],
  ] as const) {
    const limits: number[] = [];
    const landlock = createLandlock({ limitLocks: (_process, most) => limits.push(most) > 0 });
    landlock.creates(process.pid, ruleset(MAKE_SOCK));
    for (let i = 0; i < others; i++) landlock.creates(1e9 + i, ruleset(0n, 1n));
    landlock.restricts(process.pid);
    assert.equal(limits, [due], `${others} others`);
  }
});

test("where no mark can be set, the process and all that begin later are taken for restricted", () => {
  const landlock = createLandlock({ limitLocks: () => false });
  landlock.creates(process.pid, ruleset(MAKE_SOCK));
  assert.not.ok(landlock.mayForbid(process.pid, "files"));
  landlock.restricts(process.pid);
  assert.equal([landlock.mayForbid(process.pid, "files"), landlock.mayForbid(process.pid, "ports")], [true, false]);
  // Init began long before; one that is gone has no limit to be read, and is refused.
  if (locksLimit(1) === null) assert.not.ok(landlock.mayForbid(1, "files"));
  assert.ok(landlock.mayForbid(1e9, "ports"));
});

test("1,024 processes are known that no mark can be set on; with one more all are taken for restricted", () => {
  if (locksLimit(1) !== null) return console.log("SKIP guard remembers: process 1 has a limit of its own");
  for (const [count, due] of [
    [MOST_PROCESSES, false],
    [MOST_PROCESSES + 1, true],
  ] as const) {
    const landlock = createLandlock({ limitLocks: () => false });
    for (let i = 0; i < count; i++) landlock.restricts(1e9 + i);
    assert.is(landlock.mayForbid(1, "files"), due, String(count));
  }
});

test.run();
