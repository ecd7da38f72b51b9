// The systemd unit: systemd-analyze accepts it, and a real systemd runs ingressd with one capability and no other
// privileges, and restarts it with the last good policy.
import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { moduleOf } from "../host/compiled.ts";
import { skip } from "../skip.ts";
import { atEnd, ownFolder, suite } from "../suite.ts";

/** Maximum exposure level of the unit in systemd-analyze, times ten (levels are 0 to 10). */
const MOST_EXPOSURE = 15;

const test = suite("systemd");
const project = fileURLToPath(new URL("../../", import.meta.url));
const unit = join(project, "docs/deploy/ingressd.service");
const analyze = (...args: readonly string[]): { status: number | null; stdout: string; stderr: string } =>
  spawnSync("systemd-analyze", [...args], { encoding: "utf8", env: { ...process.env, NO_COLOR: "1" } });

if (analyze("--version").status === 0) {
  test("systemd-analyze finds no mistake in the unit", () => {
    const { status, stdout, stderr } = analyze("verify", unit);
    assert.equal([status, stdout, stderr], [0, "", ""]);
  });

  test("its exposure is bounded", () => {
    const at = (threshold: number): { status: number | null; stdout: string; stderr: string } =>
      analyze("security", "--offline=yes", `--threshold=${threshold}`, unit);
    const said = at(MOST_EXPOSURE);
    assert.is(said.status, 0, said.stdout + said.stderr);
    console.log(said.stdout.trim().split("\n").at(-1));
    assert.is(at(MOST_EXPOSURE - 5).status, 1, "a bound that is too low is noticed");
  });
} else {
  skip("systemd-analyze", "systemd-analyze is not installed");
}

/** Checks once per turn of the event loop until the condition is true. */
async function until(isSo: () => boolean, what: () => string): Promise<void> {
  const from = performance.now();
  while (!isSo()) {
    if (performance.now() - from > 60_000) throw new Error(`never came: ${what()}`);
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

const read = (path: string): string => (existsSync(path) ? readFileSync(path, "utf8") : "");

/** The descendants of a process that run ingressd. */
function gatewaysBelow(pid: number): number[] {
  return read(`/proc/${pid}/task/${pid}/children`)
    .split(" ")
    .filter((word) => /^\d+$/.test(word))
    .map(Number)
    .flatMap((child) => [
      ...(read(`/proc/${child}/cmdline`).includes("gateway/ingressd.mjs\0--policy") && read(`/proc/${child}/comm`).startsWith("node") ? [child] : []),
      ...gatewaysBelow(child),
    ]);
}

/** The control groups at the top of each hierarchy; a systemd in namespaces makes some there. */
function groups(): string[] {
  const folders = (path: string): string[] =>
    readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(path, entry.name));
  return folders("/sys/fs/cgroup").flatMap(folders);
}

/** Returns false while a process in the group has not ended. */
function removeGroup(path: string): boolean {
  try {
    for (const entry of readdirSync(path, { withFileTypes: true })) if (entry.isDirectory()) removeGroup(join(path, entry.name));
    rmdirSync(path);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EBUSY") return false;
    throw error;
  }
}

const missing =
  process.getuid?.() !== 0 ? "not root"
  : existsSync("/run/systemd/system") ? "this machine is run by systemd, whose control groups a second one would share"
  : !existsSync("/lib/systemd/systemd") ? "systemd is not installed"
  : spawnSync("unshare", ["--fork", "--pid", "--mount", "--net", "true"]).status !== 0 ? "no namespaces can be made"
  : null;
const [PORT, BEHIND] = [181, 9];

const RESTARTS = 3;
/** Served before the next restart. */
const CLIENTS_BETWEEN = 50;
const GREETER = `require("net").createServer((s) => s.on("error", () => 0).end("hello")).listen(${BEHIND}, "127.0.0.1", () => console.log("up"))`;
/** A client every 10 ms until its input ends; a line for each that has ended: how many were served, how many not, and the longest time. */
const CLIENTS = `
const net = require("net");
let [served, failed, longest, open, isOver] = [0, 0, 0, 0, false];
const timer = setInterval(() => {
  const from = performance.now();
  let got = "", because = "";
  open++;
  net.connect(${PORT}, "127.0.0.1").on("data", (bytes) => (got += bytes)).on("error", (error) => (because = error.code)).on("close", () => {
    open--;
    if (got === "hello" && because === "") served++;
    else failed++;
    longest = Math.max(longest, Math.round(performance.now() - from));
    console.log([served, failed, longest, because].join(" "));
    if (isOver && open === 0) process.exit();
  });
}, 10);
process.stdin.resume().on("end", () => { isOver = true; clearInterval(timer); if (open === 0) process.exit(); });
`;

interface Booted {
  /** Its process. */
  readonly systemd: () => number;
  /** A path as its processes see it. */
  readonly inside: (path: string) => string;
  readonly output: () => string;
  readonly end: () => Promise<void>;
}

/** A systemd in namespaces of its own, whose one unit is the shipped one, when that is ready. */
async function booted(): Promise<Booted> {
  const scratch = ownFolder("ingressd-unit-");
  mkdirSync(join(scratch, "units"));
  mkdirSync(join(scratch, "mounts"));
  writeFileSync(join(scratch, "policy.wasm"), moduleOf(`edition 1\nexpose web on tcp ${PORT} { backend 127.0.0.1:${BEHIND} allow from any }`));
  writeFileSync(join(scratch, "units", "alone.target"), "[Unit]\nWants=ingressd.service\n");
  // The targets that every service depends on; they are empty.
  for (const name of ["sysinit", "basic", "shutdown", "network-online"])
    writeFileSync(join(scratch, "units", `${name}.target`), "[Unit]\nDefaultDependencies=no\n");
  // As it is shipped, but for where output goes (there is no journal here) and where Node lies.
  const text = readFileSync(unit, "utf8").replace(
    "[Service]\n",
    `[Service]\nStandardOutput=append:/run/out\nStandardError=append:/run/err\nEnvironment=PATH=${dirname(process.execPath)}:/usr/bin:/bin\n`,
  );
  writeFileSync(join(scratch, "units", "ingressd.service"), text);
  const before = new Set(groups());
  const outer = spawn(
    "unshare",
    ["--fork", "--kill-child", "--pid", "--mount", "--net", "sh", join(project, "tests/deploy/inside_namespaces.sh"), scratch, project],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  const ended = new Promise((resolve) => outer.once("close", resolve));
  let log = "";
  for (const stream of [outer.stdout, outer.stderr]) stream.on("data", (chunk: Buffer) => (log += chunk.toString()));
  const end = async (): Promise<void> => {
    outer.kill("SIGKILL");
    await ended;
    await until(
      () =>
        groups()
          .filter((group) => !before.has(group))
          .every(removeGroup),
      () => "the end of its control groups",
    );
  };
  atEnd(end);
  const own = outer.pid ?? 0;
  const systemd = (): number => Number(read(`/proc/${own}/task/${own}/children`).trim());
  const inside = (path: string): string => `/proc/${systemd()}/root${path}`;
  const output = (): string => `${log}${read(inside("/run/err"))}`;
  await until(() => read(inside("/run/out")).includes("ingressd: ready\n"), output);
  return { systemd, inside, output, end };
}

if (missing === null) {
  test("a real systemd runs the unit, and restarts it with the last good policy", async () => {
    const { systemd, inside, output, end } = await booted();
    assert.match(read(inside("/run/out")), /^ingressd: port open \(port=181, proto=tcp\)\n/);

    const [gateway = 0] = gatewaysBelow(systemd());
    const status = new Map(
      read(`/proc/${gateway}/status`)
        .split("\n")
        .map((line) => [line.split(":")[0] ?? "", line.replace(/^[^:]*:\s*/, "")]),
    );
    const uid = read(inside("/etc/passwd"))
      .split("\n")
      .find((line) => line.startsWith("ingressd:"))
      ?.split(":")[2];
    assert.is(status.get("Uid"), [uid, uid, uid, uid].join("\t"));
    assert.is.not(uid, "0");
    // CAP_NET_BIND_SERVICE is bit 10.
    for (const set of ["CapEff", "CapPrm", "CapBnd", "CapAmb"]) assert.is(status.get(set), "0000000000000400", set);
    assert.equal([status.get("NoNewPrivs"), status.get("Seccomp")], ["1", "2"]);

    const within = (command: string): string => spawnSync("nsenter", ["-t", String(gateway), "-m", "sh", "-c", command], { encoding: "utf8" }).stdout.trim();
    for (const place of ["/etc/ingressd", "/opt/ingressd", "/usr", "/var"]) assert.is(within(`touch ${place}/x 2>/dev/null || echo no`), "no", place);
    assert.is(
      within(
        "stat -c '%a %U' /var/lib/ingressd /run/ingressd /run/ingressd/control.sock /var/lib/ingressd/last_good.wasm /run/ingressd-services/web.sock | tr '\\n' ' '",
      ),
      "700 ingressd 700 ingressd 600 ingressd 600 ingressd 660 ingressd",
    );
    assert.is(within("find /home /root -mindepth 1 | wc -l"), "0");

    rmSync(inside("/etc/ingressd/policy.wasm"));
    process.kill(gateway, "SIGKILL");
    await until(() => read(inside("/run/out")).split("ingressd: ready\n").length === 3, output);
    assert.match(
      read(inside("/run/err")),
      /WARNING: the last good policy is in force in place of the file: policy `\/etc\/ingressd\/policy\.wasm` can't be read/,
    );
    assert.is.not(gatewaysBelow(systemd())[0], gateway);
    await end();
    assert.equal(
      readdirSync("/etc").filter((name) => name === "ingressd"),
      [],
      "nothing of it is left",
    );
  });

  test("systemctl restart refuses no client: systemd keeps the listening socket, and peers wait in its queue", async () => {
    const { systemd, inside, output, end } = await booted();
    const pid = String(systemd());
    const program = (text: string): ChildProcessWithoutNullStreams => {
      const child = spawn("nsenter", ["-t", pid, "-n", process.execPath, "-e", text], { stdio: "pipe" });
      atEnd(() => child.kill("SIGKILL"));
      child.stderr.pipe(process.stderr);
      return child;
    };
    await once(program(GREETER).stdout, "data");
    const clients = program(CLIENTS);
    let printed = "";
    clients.stdout.on("data", (chunk: Buffer) => (printed += chunk.toString()));
    const counts = (): readonly number[] => (printed.trim().split("\n").at(-1) ?? "").split(" ").map(Number);
    await until(() => (counts()[0] ?? 0) >= CLIENTS_BETWEEN, output);
    const pids = new Set<number>();
    for (let i = 0; i < RESTARTS; i++) {
      pids.add(gatewaysBelow(systemd())[0] ?? -1);
      const done = spawn("nsenter", ["-t", pid, "-m", "-n", "-p", "systemctl", "restart", "ingressd.service"], { stdio: ["ignore", "ignore", "pipe"] });
      let err = "";
      done.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
      const [code] = (await once(done, "close")) as unknown[];
      assert.is(code, 0, err + output());
      const served = counts()[0] ?? 0;
      await until(() => (counts()[0] ?? 0) >= served + CLIENTS_BETWEEN, output);
    }
    pids.add(gatewaysBelow(systemd())[0] ?? -1);
    clients.stdin.end();
    await once(clients, "close");
    const [served = 0, failed, longest = NaN] = counts();
    console.log(`${RESTARTS} restarts by systemctl: ${served} clients served, ${String(failed)} not; the longest took ${longest} ms`);
    assert.is(pids.size, RESTARTS + 1, "each restart is another process");
    assert.is(failed, 0, `${printed.slice(-400)}${output()}`);
    assert.ok(served >= CLIENTS_BETWEEN * (RESTARTS + 1));
    assert.is(read(inside("/run/out")).split("ingressd: ready\n").length, RESTARTS + 2);
    await end();
  });
} else {
  skip("systemd runs the unit", missing);
}

test.run();
