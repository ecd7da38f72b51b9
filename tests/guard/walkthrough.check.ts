// The walk-through of the README, line by line, in a network namespace; the scanner is in another, which
// a pair of interfaces joins to it. Of 65,535 ports it finds those that the policy exposes.
import { spawn, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { atEnd, suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { notInstalled } from "../installed.ts";
import { missing, place, remove } from "./guarded.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const GATE = `gate-${process.pid}`;
const OUTSIDE = `outside-${process.pid}`;
const SCAN = `import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
def opened(port):
  with socket.socket(family) as s:
    s.settimeout(5)
    # On its own host a scanner can be given the port that it scans as its own, and then connects to itself.
    return s.connect_ex((sys.argv[1], port)) == 0 and s.getsockname() != s.getpeername()
print([port for port in range(1, 65536) if opened(port)])`;

const walk = suite("walk-through");

/** The shell lines below a heading of the README. */
function lines(heading: string): string {
  const section = readFileSync(join(ROOT, "README.md"), "utf8").split(`\n### ${heading}\n`)[1] ?? "";
  return /```sh\n([^]*?)```/.exec(section)?.[1] ?? "";
}

function ip(...words: readonly string[]): void {
  const { status, stderr } = spawnSync("ip", words, { encoding: "utf8" });
  if (status !== 0) throw new Error(`ip ${words.join(" ")}: ${stderr}`);
}

const inside = (namespace: string, command: readonly string[]): string =>
  spawnSync("ip", ["netns", "exec", namespace, ...command], { encoding: "utf8" }).stdout.trim();
const scan = (namespace: string, address: string): string => inside(namespace, ["python3", "-c", SCAN, address]);

function lacking(): string | null {
  if (process.getuid?.() !== 0) return "not root here";
  const absent = notInstalled(["ip", "python3", "curl", "npx", "bash"]);
  if (absent.length > 0) return `${absent.join(", ")} is missing`;
  const where = place();
  const lacks = missing(where, ["--isolate"]);
  remove(where);
  return lacks;
}

const lacks = lacking();
if (lacks !== null) walk("the README's lines (skipped)", () => console.log(`SKIP guard walk-through: ${lacks}`));
else {
  walk("the README's lines: a scan from outside finds the gateway's port alone", async () => {
    const folder = mkdtempSync(join(tmpdir(), "walk-"));
    atEnd(() => {
      rmSync(folder, { recursive: true });
    });
    atEnd(() => {
      for (const namespace of [GATE, OUTSIDE]) spawnSync("ip", ["netns", "del", namespace]);
    });
    // As a checkout has it.
    cpSync(join(ROOT, "package.json"), join(folder, "package.json"));
    for (const name of ["compiler", "gateway", "runtime", "node_modules", "schemas"]) symlinkSync(join(ROOT, name), join(folder, name));
    const text = lines("A web server that can't be reached any other way");
    assert.match(text, /ingress-guard .*--isolate[^]*ingressd expose/);
    ip("netns", "add", GATE);
    ip("netns", "add", OUTSIDE);
    ip("link", "add", "veth0", "netns", GATE, "type", "veth", "peer", "name", "veth0", "netns", OUTSIDE);
    for (const [namespace, host] of [
      [GATE, 1],
      [OUTSIDE, 2],
    ] as const) {
      ip("-n", namespace, "addr", "add", `198.51.100.${host}/24`, "dev", "veth0");
      ip("-n", namespace, "addr", "add", `2001:db8::${host}/64`, "dev", "veth0", "nodad");
      for (const device of ["lo", "veth0"]) ip("-n", namespace, "link", "set", device, "up");
    }
    const started = spawn("ip", ["netns", "exec", GATE, "bash", "-c", `umask 022\n${text}\nwait`], {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    const gone = new Promise((resolve) => started.once("exit", resolve));
    atEnd(() => {
      if (started.pid !== undefined && started.exitCode === null) process.kill(-started.pid, "SIGKILL");
      return gone;
    });
    let out = "";
    await new Promise<void>((resolve) => {
      for (const stream of [started.stdout, started.stderr]) {
        stream.setEncoding("utf8").on("data", (chunk: string) => {
          out += chunk;
          if (out.includes("ingressd: port open (port=8443, proto=tcp)")) resolve();
        });
      }
      started.once("exit", () => resolve());
    });
    assert.match(inside(OUTSIDE, ["curl", "-s", "-m", "20", "http://198.51.100.1:8443/web.ingress"]), /^edition 1\nexpose web on tcp 8443/, out);
    assert.match(inside(OUTSIDE, ["curl", "-s", "-m", "20", "http://[2001:db8::1]:8443/web.ingress"]), /^edition 1/);
    const found = [scan(OUTSIDE, "198.51.100.1"), scan(OUTSIDE, "2001:db8::1"), scan(GATE, "127.0.0.1")];
    assert.equal(found, ["[8443]", "[8443]", "[8443]"]);
    console.log(`guard: of 65535 TCP ports of the gateway, ${found[0] ?? ""} are open from outside, and from its own loopback`);
    const ways = inside(GATE, ["ss", "-Hltn"])
      .split("\n")
      .map((line) => line.trim().split(/\s+/)[3])
      .sort();
    assert.equal(ways, ["0.0.0.0:8443", "[::]:8443"]);
  });
}

walk.run();
