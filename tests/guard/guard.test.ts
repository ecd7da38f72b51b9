// ingress-guard with real programs and a real kernel: a program binds what it may, and no more by a race.
// The longer tests are in whole.check.ts.
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { chosen } from "./chosen.ts";
import { ended, GUARD, missing, place, printed, remove, run, runNode } from "./guarded.ts";

const guard = suite("guard");
const where = place();
const lacks = missing(where);
guard.after(() => remove(where));

const EPERM = -1;
const EACCES = -13;
const EINVAL = -22;
const EAFNOSUPPORT = -97;
const [UNIX, INET, INET6, NETLINK, PACKET, VSOCK, ALG] = [1, 2, 10, 16, 17, 40, 38];
const [STREAM, DGRAM, RAW] = [1, 2, 3];
const [ICMP, MPTCP, UDPLITE] = [1, 262, 136];

const hex = (n: number, bytes: number): string => n.toString(16).padStart(2 * bytes, "0");
const v4 = (address: string, port: number, family = "0200"): string =>
  `${family}${hex(port, 2)}${address
    .split(".")
    .map((part) => hex(Number(part), 1))
    .join("")}${"00".repeat(8)}`;
const v6 = (digits: string, port: number): string => `0a00${hex(port, 2)}00000000${digits.padStart(32, "0")}00000000`;
const unix = (path: string): string => `0100${Buffer.from(path).toString("hex")}`;

interface Row {
  readonly name: string;
  readonly family: number;
  readonly type: number;
  readonly protocol?: number;
  /** In hexadecimal digits; null: not bound. */
  readonly address: string | null;
  readonly listens?: true;
  readonly due: number;
  readonly unlessMissing?: true;
}

const PORT = 18_461;
const rows: readonly Row[] = [
  { name: "IPv4 loopback", family: INET, type: STREAM, address: v4("127.0.0.1", 0), listens: true, due: 0 },
  { name: "another loopback address", family: INET, type: STREAM, address: v4("127.9.9.9", 0), listens: true, due: 0 },
  { name: "IPv4 any", family: INET, type: STREAM, address: v4("0.0.0.0", PORT), due: EACCES },
  { name: "a port that the policy exposes, which is the gateway's", family: INET, type: STREAM, address: v4("0.0.0.0", 8443), due: EACCES },
  { name: "IPv4 any at a port of the kernel's choice", family: INET, type: STREAM, address: v4("0.0.0.0", 0), due: EACCES },
  { name: "an address next to loopback", family: INET, type: STREAM, address: v4("128.0.0.1", PORT), due: EACCES },
  { name: "the address before loopback", family: INET, type: STREAM, address: v4("126.255.255.255", PORT), due: EACCES },
  { name: "a multicast address", family: INET, type: DGRAM, address: v4("224.0.0.1", PORT), due: EACCES },
  { name: "broadcast", family: INET, type: DGRAM, address: v4("255.255.255.255", PORT), due: EACCES },
  { name: "AF_UNSPEC with any", family: INET, type: STREAM, address: v4("0.0.0.0", PORT, "0000"), due: EAFNOSUPPORT },
  { name: "AF_UNSPEC with loopback", family: INET, type: STREAM, address: v4("127.0.0.1", 0, "0000"), due: EAFNOSUPPORT },
  { name: "an IPv4 address on an IPv6 socket", family: INET6, type: STREAM, address: v4("127.0.0.1", 0), due: EAFNOSUPPORT },
  { name: "an IPv6 address on an IPv4 socket", family: INET, type: STREAM, address: v6("1", 0), due: EAFNOSUPPORT },
  { name: "an address that is cut", family: INET, type: STREAM, address: v4("127.0.0.1", 0).slice(0, 14), due: EAFNOSUPPORT },
  { name: "no address", family: INET, type: STREAM, address: "", due: EAFNOSUPPORT },
  { name: "an address of 129 bytes", family: INET, type: STREAM, address: v4("127.0.0.1", 0).padEnd(258, "0"), due: EINVAL },
  { name: "an address of 128 bytes", family: INET, type: STREAM, address: v4("127.0.0.1", 0).padEnd(256, "0"), due: 0 },
  { name: "IPv6 loopback", family: INET6, type: STREAM, address: v6("1", 0), listens: true, due: 0, unlessMissing: true },
  { name: "IPv6 any", family: INET6, type: STREAM, address: v6("0", PORT), due: EACCES, unlessMissing: true },
  { name: "mapped loopback", family: INET6, type: STREAM, address: v6("ffff7f000001", 0), listens: true, due: 0, unlessMissing: true },
  { name: "mapped any", family: INET6, type: STREAM, address: v6("ffff00000000", PORT), due: EACCES, unlessMissing: true },
  { name: "compatible loopback, which is not loopback", family: INET6, type: STREAM, address: v6("7f000001", PORT), due: EACCES, unlessMissing: true },
  { name: "listen without bind", family: INET, type: STREAM, address: null, listens: true, due: EACCES },
  { name: "listen without bind, IPv6", family: INET6, type: STREAM, address: null, listens: true, due: EACCES, unlessMissing: true },
  { name: "UDP loopback", family: INET, type: DGRAM, address: v4("127.0.0.1", 0), due: 0 },
  { name: "UDP any", family: INET, type: DGRAM, address: v4("0.0.0.0", PORT), due: EACCES },
  { name: "UDP any at a port of the kernel's choice, as Node's dgram.send binds", family: INET, type: DGRAM, address: v4("0.0.0.0", 0), due: EACCES },
  { name: "UDP IPv6 any", family: INET6, type: DGRAM, address: v6("0", PORT), due: EACCES, unlessMissing: true },
  { name: "MPTCP loopback", family: INET, type: STREAM, protocol: MPTCP, address: v4("127.0.0.1", 0), listens: true, due: 0, unlessMissing: true },
  { name: "MPTCP any", family: INET, type: STREAM, protocol: MPTCP, address: v4("0.0.0.0", PORT), due: EACCES, unlessMissing: true },
  {
    name: "UDP-Lite, for which the policy has no word",
    family: INET,
    type: DGRAM,
    protocol: UDPLITE,
    address: v4("127.0.0.1", 0),
    due: EACCES,
    unlessMissing: true,
  },
  { name: "raw IP", family: INET, type: RAW, protocol: ICMP, address: v4("127.0.0.1", 0), due: EPERM },
  { name: "raw IPv6", family: INET6, type: RAW, protocol: 58, address: v6("1", 0), due: EPERM },
  { name: "packets, without a bind", family: PACKET, type: RAW, address: null, due: EAFNOSUPPORT },
  { name: "vsock, without a bind", family: VSOCK, type: STREAM, address: null, due: EAFNOSUPPORT },
  { name: "packets", family: PACKET, type: RAW, address: "1100000000000000", due: EAFNOSUPPORT },
  { name: "vsock", family: VSOCK, type: STREAM, address: "28000000", due: EAFNOSUPPORT },
  { name: "the kernel's cryptography", family: ALG, type: 5, address: "2600", due: EAFNOSUPPORT },
  { name: "netlink", family: NETLINK, type: RAW, address: "100000000000000000000000", due: 0 },
  { name: "a unix socket", family: UNIX, type: STREAM, address: unix(join(where.folder, "u.sock\0")), listens: true, due: 0 },
  { name: "an abstract unix socket", family: UNIX, type: STREAM, address: unix(`\0guard-${process.pid}`), listens: true, due: 0 },
  { name: "a unix socket where there is no folder", family: UNIX, type: STREAM, address: unix(join(where.folder, "none/u.sock\0")), due: -2 },
  { name: "an IPv4 address on a unix socket", family: UNIX, type: STREAM, address: v4("0.0.0.0", PORT), due: EINVAL },
];
const NO_SUCH = [-93, -94, -97];
/** There may be no IPv6 loopback; where a bind is to be refused, this would say that it was not. */
const NO_SUCH_ADDRESS = -99;

const test = (name: string, work: () => Promise<void>): void => {
  if (!chosen(name)) return;
  if (lacks === null) guard(name, work);
  else guard(`${name} (skipped)`, () => console.log(`SKIP guard ${name}: ${lacks}`));
};

test("a program binds what the policy allows, and no more", async () => {
  const { out, err, code } = await runNode(
    where,
    "binds",
    JSON.stringify(rows.map(({ family, type, protocol = 0, address, listens = false }) => ({ family, type, protocol, address, listens }))),
  );
  assert.is(code, 0, err);
  const found = out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { readonly result: number; readonly local: string });
  assert.is(found.length, rows.length);
  const wrong = rows.flatMap(({ name, due, unlessMissing = false }, i) => {
    const { result = 1 } = found[i] ?? {};
    if (unlessMissing && (NO_SUCH.includes(result) || (due === 0 && result === NO_SUCH_ADDRESS)) && result !== due) {
      console.log(`SKIP guard ${name}: this kernel has no such socket (${result})`);
      return [];
    }
    return result === due ? [] : [`${name}: ${result} and not ${due}`];
  });
  assert.equal(wrong, []);
});

test("1,000 binds while a thread turns the address: no socket is bound to any", async () => {
  const counts = printed(await runNode(where, "race", "1000")) as {
    readonly bound: number;
    readonly refused: number;
    readonly leaked: number;
    readonly other: number;
  };
  assert.equal([counts.leaked, counts.other], [0, 0]);
  assert.ok(counts.bound > 0 && counts.refused > 0, `it never turned: ${JSON.stringify(counts)}`);
});

test("a socket that comes as standard input is refused", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const handle: unknown = "_handle" in server ? server._handle : null;
  const fd = typeof handle === "object" && handle !== null && "fd" in handle ? Number(handle.fd) : -1;
  const child = spawn(process.execPath, [GUARD, "--policy", where.policy, "--service", "web", "--", process.execPath, "-e", "0"], {
    stdio: [fd, "pipe", "pipe"],
  });
  const { code, err } = await ended(child);
  server.close();
  assert.is(code, 3);
  assert.match(err, /descriptor 0 is a socket that could be listened on/);
});

const LISTEN =
  "const s = require('node:net').createServer(); s.once('error', (e) => { console.log(e.code); process.exit(); }); s.listen(18462, '0.0.0.0', () => { console.log('listening'); process.exit(); });";

test("a denial has its marker and its record, an allowed bind its record", async () => {
  const fresh = place();
  const { out, err } = await run(fresh, [process.execPath, "-e", LISTEN]);
  assert.is(out, "EACCES\n");
  const lines = err.split("\n");
  assert.ok(lines.includes("abi-filter: deny (subject=web syscall=net.bind)"), err);
  assert.match(err, /`\S+` \(process \d+\) may not bind 0\.0\.0\.0:18462\/tcp: not_gateway/);
  await run(fresh, [process.execPath, "-e", LISTEN.replace("0.0.0.0", "127.0.0.1")], "nobody");
  const records = readFileSync(fresh.audit, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.equal(
    records.map(({ op, decision, service, local, proto, code }) => [op, decision, service, local, proto, code]),
    [
      ["bind", "deny", "web", "0.0.0.0:18462", "tcp", "not_gateway"],
      ["bind", "allow", "nobody", "127.0.0.1:18462", "tcp", "loopback_bind"],
      ["listen", "allow", "nobody", "127.0.0.1:18462", "tcp", "loopback_bind"],
    ],
  );
  remove(fresh);
});

guard.run();
