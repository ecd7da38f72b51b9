// The first policy of `ingressc init`, from tables of sockets as the kernel prints them: what is public, where it moves, what stays.
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import * as assert from "uvu/assert";
import { checkedText, firstPolicy, freePort } from "../../compiler/cli/init/first_policy.ts";
import { findListeners } from "../../compiler/cli/init/listeners.ts";
import { format } from "../../compiler/format/format.ts";
import { loadPolicy } from "../../runtime/host/load.ts";
import { compile } from "../../compiler/compile.ts";
import { runTests } from "../../compiler/cli/policy_tests.ts";
import { failed } from "../../runtime/result/result.ts";
import { ownFolder, suite } from "../suite.ts";

const test = suite("first_policy");

interface Socket {
  readonly table: "tcp" | "tcp6" | "udp" | "udp6";
  /** As the kernel prints it. */
  readonly local: string;
  readonly state?: string;
  readonly remote?: string;
  readonly program?: string;
  readonly uid?: number;
  /** Of an interpreter. */
  readonly words?: readonly string[];
}

const V4 = (port: number, address = "00000000"): string => `${address}:${port.toString(16).toUpperCase().padStart(4, "0")}`;
const V6 = (port: number, address = "0".repeat(32)): string => V4(port, address);
const LOOPBACK = "0100007F";

/** A folder like /proc. */
function procOf(sockets: readonly Socket[]): string {
  const proc = ownFolder("proc-");
  const put = (path: string, text: string): void => {
    mkdirSync(dirname(join(proc, path)), { recursive: true });
    writeFileSync(join(proc, path), text);
  };
  for (const table of ["tcp", "tcp6", "udp", "udp6"] as const) {
    const rows = sockets.flatMap((socket, i) => {
      if (socket.table !== table) return [];
      const none = table.endsWith("6") ? V6(0) : V4(0);
      const state = socket.state ?? (table.startsWith("tcp") ? "0A" : "07");
      return [
        `   0: ${socket.local} ${socket.remote ?? none} ${state} 00000000:00000000 00:00000000 00000000 ${socket.uid ?? 0} 0 ${1000 + i} 1 0 100 0 0 10 0`,
      ];
    });
    put(`self/net/${table}`, `  sl  local_address rem_address   st\n${rows.map((row) => `${row}\n`).join("")}`);
  }
  sockets.forEach(({ program, words }, i) => {
    if (program === undefined) return;
    mkdirSync(join(proc, `${200 + i}/fd`), { recursive: true });
    symlinkSync(`socket:[${1000 + i}]`, join(proc, `${200 + i}/fd/3`));
    symlinkSync(`/usr/bin/${words === undefined ? program : (words[0] ?? "")}`, join(proc, `${200 + i}/exe`));
    put(`${200 + i}/comm`, `${program}\n`);
    put(`${200 + i}/cmdline`, (words ?? [program]).map((word) => `${word}\0`).join(""));
  });
  put("sys/net/ipv4/ip_local_port_range", "32768\t60999\n");
  put("passwd", 'root:x:0:0:root:/root:/bin/sh\nredis:x:112:120::/var/lib/redis:/bin/false\nodd"}:x:113:1::/:/bin/sh\n');
  return proc;
}

/** The policy's text, formatted; its tests have passed in its module. */
function policyOf(sockets: readonly Socket[]): string {
  const proc = procOf(sockets);
  const found = findListeners(proc, join(proc, "passwd"));
  if (found === null) throw new Error("no tables");
  const formatted = format({ path: "p", text: firstPolicy(found).text });
  if (!formatted.ok) throw new Error(JSON.stringify(formatted.error));
  const { diagnostics, module, policy } = compile({ path: "p", text: formatted.value }, { read: () => failed("missing") });
  assert.equal(
    diagnostics.map(({ message }) => message),
    [],
    formatted.value,
  );
  const loaded = loadPolicy(module ?? new Uint8Array());
  if (!loaded.ok || policy === null) throw new Error("it does not load");
  const results = runTests(policy.tests, loaded.value);
  assert.ok(
    results.every(({ passed }) => passed),
    formatted.value,
  );
  return formatted.value;
}

const exposes = (text: string): readonly string[] =>
  [...text.matchAll(/^expose (.*) \{\n {2}backend (.*)$/gm)].map(([, head, backend]) => `${head ?? ""} -> ${backend ?? ""}`);

test("what others can reach is exposed, and what only this host can is not", () => {
  const text = policyOf([
    { table: "tcp", local: V4(80), program: "nginx" },
    { table: "tcp6", local: V6(80), program: "nginx" },
    { table: "tcp", local: V4(631, LOOPBACK), program: "cupsd" },
    { table: "tcp6", local: V6(632, "00000000000000000000000001000000"), program: "cupsd" },
    { table: "tcp", local: V4(81), state: "01", remote: V4(5, "01020304"), program: "curl" },
    { table: "udp", local: V4(53), program: "unbound" },
    { table: "udp", local: V4(123), state: "01", remote: V4(123, "01020304"), program: "ntpd" },
    { table: "udp", local: V4(32_767), program: "below" },
    { table: "udp", local: V4(32_768), program: "client" },
    { table: "udp", local: V4(60_999), program: "client" },
    { table: "udp", local: V4(61_000), program: "above" },
  ]);
  // Port + 20,000 would be too large for the last one.
  assert.equal(exposes(text), [
    "unbound on udp 53 -> 127.0.0.1:20053",
    "nginx on tcp 80 -> 127.0.0.1:20080",
    "below on udp 32767 -> 127.0.0.1:52767",
    "above on udp 61000 -> 127.0.0.1:41000",
  ]);
  assert.match(text, "# nginx: write `listen 127.0.0.1:20080;` in place of `listen 80;` and `listen [::]:80;`");
});

test("each program that is known has its lines, and any other its address", () => {
  const text = policyOf([
    { table: "tcp", local: V4(6379), program: "redis-server", uid: 112 },
    { table: "tcp", local: V4(5432, "0501000A"), program: "postgres" },
    { table: "tcp", local: V4(443, "0501000A"), program: "nginx" },
    { table: "tcp", local: V4(3000), program: "node", words: ["node", "--title", "/srv/app.mjs"] },
    { table: "tcp", local: V4(3001) },
  ]);
  assert.match(text, '# redis.conf: `bind 127.0.0.1` and `port 26379`\n@owner "redis"\nexpose redis_server on tcp 6379 {');
  assert.match(text, "# postgresql.conf: `listen_addresses = '127.0.0.1'` and `port = 25432`");
  assert.match(text, "expose postgres on tcp 5432 bind 10.0.1.5 {");
  assert.match(text, "# nginx: write `listen 127.0.0.1:20443;` in place of `listen 10.0.1.5:443;`");
  assert.match(text, "# app: make it listen on 127.0.0.1:23000, and nowhere else");
  assert.match(text, "# a program that this user may not see listens on 0.0.0.0:3001");
  assert.match(text, "expose service_3001 on tcp 3001 {");
});

test("sshd stays, also behind systemd's socket or for a user who sees no programs; so does ingressd", () => {
  for (const program of ["sshd", "systemd", undefined]) {
    const text = policyOf([
      { table: "tcp", local: V4(22), ...(program === undefined ? {} : { program }) },
      { table: "tcp", local: V4(80), program: "nginx" },
    ]);
    assert.equal(exposes(text), ["nginx on tcp 80 -> 127.0.0.1:20080"]);
    assert.match(text, /^# .* on tcp 22 \(0\.0\.0\.0:22\) is never moved: /m);
    assert.match(text, /from 203\.0\.113\.9 to tcp 22 +=> deny policy/);
  }
  assert.equal(exposes(policyOf([{ table: "tcp", local: V4(2222), program: "sshd" }])), []);
  assert.match(policyOf([{ table: "tcp", local: V4(8443), program: "ingressd" }]), "is ingressd itself");
  // Another program at port 22 is a service like any other.
  assert.equal(exposes(policyOf([{ table: "tcp", local: V4(22), program: "gitea" }])), ["gitea on tcp 22 -> 127.0.0.1:20022"]);
});

test("a socket that systemd has may be sshd's, at whatever port, and stays", () => {
  const text = policyOf([
    { table: "tcp", local: V4(2222), program: "systemd" },
    { table: "tcp", local: V4(80), program: "nginx" },
  ]);
  assert.equal(exposes(text), ["nginx on tcp 80 -> 127.0.0.1:20080"]);
  assert.match(text, /^# systemd on tcp 2222 \(0\.0\.0\.0:2222\) is a socket that systemd has for a service, which may be sshd/m);
  assert.match(text, /from 203\.0\.113\.9 to tcp 2222 +=> deny policy/);
});

test("two programs at one place have no expose; at addresses of their own each has one", () => {
  const [one, two] = ["0100000A", "0200000A"];
  const rows: readonly (readonly [what: string, sockets: readonly Socket[], exposes: readonly string[]])[] = [
    [
      "both on all addresses",
      [
        { table: "tcp", local: V4(80), program: "a" },
        { table: "tcp", local: V4(80), program: "b" },
      ],
      [],
    ],
    [
      "each on all of one family",
      [
        { table: "tcp", local: V4(80), program: "a" },
        { table: "tcp6", local: V6(80), program: "b" },
      ],
      [],
    ],
    [
      "one on all addresses",
      [
        { table: "tcp", local: V4(80), program: "a" },
        { table: "tcp", local: V4(80, one), program: "b" },
      ],
      [],
    ],
    [
      "both on one address",
      [
        { table: "tcp", local: V4(80, one), program: "a" },
        { table: "tcp", local: V4(80, one), program: "b" },
      ],
      [],
    ],
    [
      "a program that nobody sees",
      [
        { table: "tcp", local: V4(80), program: "a" },
        { table: "tcp", local: V4(80) },
      ],
      [],
    ],
    [
      "beside sshd",
      [
        { table: "tcp", local: V4(80), program: "a" },
        { table: "tcp", local: V4(80), program: "sshd" },
      ],
      [],
    ],
    [
      "each on an address of its own",
      [
        { table: "tcp", local: V4(80, one), program: "a" },
        { table: "tcp", local: V4(80, two), program: "b" },
      ],
      ["a on tcp 80 bind 10.0.0.1 -> 127.0.0.1:20080", "b on tcp 80 bind 10.0.0.2 -> 127.0.0.1:20081"],
    ],
    [
      "each over its own protocol",
      [
        { table: "tcp", local: V4(80), program: "a" },
        { table: "udp", local: V4(80), program: "b" },
      ],
      ["a on tcp 80 -> 127.0.0.1:20080", "b on udp 80 -> 127.0.0.1:20081"],
    ],
  ];
  for (const [what, sockets, due] of rows) {
    const text = policyOf([...sockets, { table: "tcp", local: V4(9000), program: "other" }]);
    assert.equal(exposes(text), [...due, "other on tcp 9000 -> 127.0.0.1:29000"], what);
    const [program = "a program that this user may not see", address] = [sockets[1]?.program, what === "both on one address" ? "10.0.0.1" : "0.0.0.0"];
    if (due.length === 0) assert.match(text, `# a on tcp 80 (${address}:80) shares its port with ${program}, and a policy has one expose there`, what);
  }
});

test("a policy with an error is not given", () => {
  assert.is(checkedText("edition 1\n"), "edition 1\n");
  assert.is(checkedText("edition 1\nexpose"), null);
  const twice = "expose a on tcp 80 { backend 127.0.0.1:1 allow from any }\n";
  assert.is(checkedText(`edition 1\n${twice}${twice.replace(" a ", " b ")}`), null);
});

test("a backend is at the first port that nothing uses, on whatever address", () => {
  const text = policyOf([
    { table: "tcp", local: V4(80), program: "nginx" },
    { table: "tcp", local: V4(20_080, LOOPBACK), program: "other" },
    { table: "tcp", local: V4(20_081, LOOPBACK), state: "01", remote: V4(9, LOOPBACK) },
    { table: "udp", local: V4(20_082), program: "third" },
  ]);
  assert.equal(exposes(text), ["nginx on tcp 80 -> 127.0.0.1:20083", "third on udp 20082 -> 127.0.0.1:40082"]);
});

test("the port of a backend, at its bounds", () => {
  assert.is(freePort(1, new Set()), 20_001);
  assert.is(freePort(45_535, new Set()), 65_535);
  assert.is(freePort(45_536, new Set()), 25_536);
  assert.is(freePort(65_535, new Set()), 45_535);
  assert.is(freePort(45_535, new Set([65_535])), 65_534);
});

test("one service over both protocols is one expose; two ports of a program are two", () => {
  const text = policyOf([
    { table: "tcp", local: V4(53), program: "unbound" },
    { table: "udp", local: V4(53), program: "unbound" },
    { table: "tcp", local: V4(80), program: "nginx" },
    { table: "tcp", local: V4(443), program: "nginx" },
  ]);
  assert.equal(exposes(text), [
    "unbound on tcp, udp 53 -> 127.0.0.1:20053",
    "nginx_80 on tcp 80 -> 127.0.0.1:20080",
    "nginx_443 on tcp 443 -> 127.0.0.1:20443",
  ]);
});

test("a socket of one family is for clients of that family", () => {
  const v6 = "B80D0120000000000000000009000000";
  const text = policyOf([
    { table: "tcp", local: V4(80), program: "a" },
    { table: "tcp6", local: V6(81), program: "b" },
    { table: "tcp6", local: V6(82, v6), program: "c" },
  ]);
  assert.equal(
    [...text.matchAll(/allow from (\w+)/g)].map(([, from]) => from),
    ["any4", "any", "any6"],
  );
  assert.match(text, "expose c on tcp 82 bind 2001:db8::9 {");
});

test("no name of a program or a user becomes syntax", () => {
  const text = policyOf([
    { table: "tcp", local: V4(80), program: "x } allow\nfrom any #", uid: 113 },
    { table: "tcp", local: V4(81), program: "ingressd\u0007\u2028" },
    { table: "tcp", local: V4(82), program: "tcp" },
    { table: "tcp", local: V4(83), program: "é" },
  ]);
  assert.is(exposes(text).length, 4);
  assert.not.match(text, /odd/);
});

test("a host without listeners has a policy that opens nothing, and one without tables none", () => {
  assert.equal(exposes(policyOf([])), []);
  assert.is(findListeners(ownFolder("no-proc-"), "passwd"), null);
});

test("torn tables are read as far as they go", () => {
  const proc = procOf([{ table: "tcp", local: V4(80), program: "nginx" }]);
  writeFileSync(join(proc, "self/net/tcp6"), "  sl  local_address\n   0: 0000000000000000");
  writeFileSync(join(proc, "self/net/udp"), "\0\0garbage");
  assert.is(findListeners(proc, join(proc, "nothing"))?.listeners.length, 1);
});

test.run();
