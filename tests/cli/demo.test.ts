// npm start for real: the shipped executables, an allowed and a denied connection, Ctrl-C, a busy port.
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { request } from "node:http";
import { createServer } from "node:net";
import { join } from "node:path";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { folder, PROJECT, start, type Ended, type Folder } from "./programs.ts";

const demo = suite<{ dir: Folder }>("demo");
const START = join(PROJECT, "policies/demo/start.mjs");

demo.before.each((context) => {
  context.dir = folder();
});
demo.after.each(({ dir }) => dir.remove());

/** Other programs (tsx) keep caches in a temporary folder; the demo keeps nothing. */
const left = (dir: Folder): readonly string[] => readdirSync(dir.path).filter((name) => name.startsWith("ingressd-demo-"));

const here = (dir: Folder): NodeJS.ProcessEnv => ({ ...process.env, NO_COLOR: "1", TMPDIR: dir.path });

function listening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer().once("error", () => resolve(true));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(false)));
  });
}

function npmStart(words: readonly string[], env: NodeJS.ProcessEnv): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn("npm", ["start", "--silent", ...words], { cwd: PROJECT, env, stdio: ["ignore", "pipe", "pipe"] });
    let out = "";
    let err = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      err += text;
    });
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, out, err }));
  });
}

function get(port: number): Promise<string> {
  return new Promise((resolve) => {
    const sent = request({ host: "127.0.0.1", port, agent: false }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => {
        body += text;
      });
      response.on("end", () => resolve(`${response.statusCode ?? 0} ${body.trim()}`));
    });
    sent.on("error", () => resolve("closed"));
    sent.end();
  });
}

demo("npm start -- --once: markers, both decisions with their lines, exit 0", async ({ dir }) => {
  const { code, out, err } = await npmStart(["--", "--once"], here(dir));
  assert.is(code, 0, out + err);
  assert.equal(left(dir), []);
  const shown = [
    /^ +ingressd: port open \(port=18443, proto=tcp\)$/m,
    /^ +ingressd: port open \(port=18444, proto=tcp\)$/m,
    /^ +ingressd: ready$/m,
    /^ +the backend answers: 200 "hello from behind ingressd"$/m,
    /^ +audit +allow, code allowed, at demo\.ingress:\d+$/m,
    /^ +explain +allow named here, policies\/demo\.ingress:\d+:\d+$/m,
    /^ +ingressd: deny \(reason=cidr\)$/m,
    /^ +explain +deny named (guest|local), policies\/demo\.ingress:\d+:\d+$/m,
  ];
  for (const pattern of shown) assert.match(out, pattern, out);
});

demo("`npm start` serves until Ctrl-C reaches every process in the foreground, exits 0, and removes its files", async ({ dir }) => {
  // A terminal signals the whole foreground group: npm, its shell and the demo.
  const npm = spawn("npm", ["start", "--silent"], { cwd: PROJECT, env: here(dir), detached: true, stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise<unknown>((resolve) => {
    npm.once("close", (code, signal) => {
      resolve(signal ?? code);
    });
  });
  let out = "";
  let err = "";
  npm.stderr.on("data", (chunk: Buffer) => {
    err += chunk.toString();
  });
  const says = (pattern: RegExp): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (pattern.test(out)) resolve();
      };
      npm.stdout.on("data", look);
      npm.once("close", () => {
        reject(new Error(`it ended without ${String(pattern)}: ${out}${err}`));
      });
      look();
    });
  npm.stdout.on("data", (chunk: Buffer) => {
    out += chunk.toString();
  });
  try {
    await says(/Ctrl-C ends it/);
    assert.is(await get(18443), "200 hello from behind ingressd");
    assert.is(await get(18444), "closed");
    await says(/deny +127\.0\.0\.1:\d+ to console +\(deny_rule, demo\.ingress:\d+\)/);
    // A second start finds the port busy: one sentence, and the first continues.
    const second = await start([START], ["--once"], { env: here(dir) }).ended;
    assert.is(second.code, 1);
    assert.match(second.err, /^\ndemo: port 18443 is in use by another program, and the policy needs it: [^\n]+\n$/);
    assert.is(await get(18443), "200 hello from behind ingressd");
  } finally {
    if (npm.pid !== undefined) process.kill(-npm.pid, "SIGINT");
  }
  assert.equal([await ended, err], [0, ""]);
  for (const port of [18443, 18444, 18080]) assert.is(await listening(port), false, `port ${port}`);
  assert.equal(left(dir), []);
});

demo("Ctrl-C in the middle of the start ends everything too", async ({ dir }) => {
  const running = start([START], [], { env: here(dir) });
  await running.line(/^2 +serve/);
  running.child.kill("SIGINT");
  const { code, err } = await running.ended;
  assert.equal([code, err], [0, ""]);
  for (const port of [18443, 18444, 18080]) assert.is(await listening(port), false, `port ${port}`);
  assert.equal(left(dir), []);
});

demo("an unknown option is a usage mistake", async ({ dir }) => {
  const { code, err } = await start([START], ["--onec"], { env: here(dir) }).ended;
  assert.is(code, 2);
  assert.match(err, /unknown option `--onec`.*`--once`/);
});

demo.run();
