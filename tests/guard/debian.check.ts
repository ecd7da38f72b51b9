// ingress-guard around programs that nobody here wrote: a static binary, python3, nginx, nc, and what
// the kernel then shows as bound. Each is needed by name.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { atEnd, suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { notInstalled } from "../installed.ts";
import { chosen } from "./chosen.ts";
import { ended, missing, place, remove, run, start, startWith, until } from "./guarded.ts";

const guard = suite("guard and Debian's programs");
const where = place();
const lacks = missing(where);
guard.after(() => remove(where));
const PORT = 18_470;

function test(name: string, tools: readonly string[], work: () => Promise<void>): void {
  if (!chosen(name)) return;
  const absent = notInstalled(tools);
  const why = lacks ?? (absent.length === 0 ? null : `${absent.join(", ")} is missing`);
  if (why === null) guard(name, work);
  else guard(`${name} (skipped)`, () => console.log(`SKIP guard ${name}: ${why}`));
}

/** Local addresses at which the kernel has a TCP listener on a port. */
function listening(port: number): readonly string[] {
  return execFileSync("ss", ["-Hltn"], { encoding: "utf8" })
    .split("\n")
    .map((line) => line.trim().split(/\s+/)[3] ?? "")
    .filter((local) => local.endsWith(`:${port}`));
}

const untilServed = (port: number): Promise<boolean> =>
  until(
    `port ${port} is served`,
    () =>
      new Promise((resolve) => {
        const socket = connect(port, "127.0.0.1", () => {
          socket.destroy();
          resolve(true);
        });
        atEnd(() => {
          socket.destroy();
        });
        socket.on("error", () => resolve(null));
      }),
  );

const binary = join(where.folder, "static");
const built = (): void => {
  execFileSync("gcc", ["-static", "-O1", "-o", binary, fileURLToPath(new URL("programs/static.c", import.meta.url))]);
};

test("a static binary that makes its own system calls", ["gcc"], async () => {
  built();
  assert.is((await run(where, [binary])).out, "any=-13 loopback=0 low=-13 chosen=-13 passed=-13\n");
});

test("300 processes at once", ["gcc", "prlimit"], async () => {
  built();
  // Few descriptors: none is left over from a call. The program's own are none of it.
  const { out, err } = await ended(startWith(where, [binary, "crowd"], { through: ["prlimit", "--nofile=160:160"] }));
  assert.is(out, "wrong=0\n", err);
});

if (process.arch === "x64") {
  for (const abi of ["i386", "x32"]) {
    test(`the ABI ${abi}`, ["gcc"], async () => {
      built();
      const { code, out } = await run(where, [binary, abi]);
      assert.equal([code, out], [128 + 31, ""]);
    });
  }
}

test("python3 -m http.server serves at loopback, and at another address does not start", ["python3", "ss"], async () => {
  const child = start(where, ["python3", "-m", "http.server", "--bind", "127.0.0.1", String(PORT)]);
  const end = ended(child);
  await untilServed(PORT);
  assert.equal(listening(PORT), [`127.0.0.1:${PORT}`]);
  child.kill("SIGTERM");
  await end;
  const public_ = await run(where, ["python3", "-m", "http.server", "--bind", "0.0.0.0", String(PORT)]);
  assert.is(public_.code, 1);
  assert.match(public_.err, /Permission denied/);
  assert.match(public_.err, /abi-filter: deny \(subject=web syscall=net\.bind\)/);
  assert.equal(listening(PORT), []);
});

function nginxConfig(listen: string): string {
  const folder = join(where.folder, `nginx-${listen.replaceAll(/\W/g, "_")}`);
  mkdirSync(folder);
  const file = join(folder, "nginx.conf");
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((word) => `${word}_temp_path ${folder}/${word};`).join(" ");
  writeFileSync(
    file,
    `pid ${folder}/pid; error_log stderr; daemon off; worker_processes 2; events {} http { access_log off; ${paths} server { listen ${listen}; return 200 "guarded\\n"; } }\n`,
  );
  return file;
}

test("nginx, with its workers", ["nginx", "ss", "curl"], async () => {
  const child = start(where, ["nginx", "-c", nginxConfig(`127.0.0.1:${PORT + 1}`)]);
  const end = ended(child);
  await untilServed(PORT + 1);
  assert.is(execFileSync("curl", ["-s", `http://127.0.0.1:${PORT + 1}/`], { encoding: "utf8" }), "guarded\n");
  assert.equal(listening(PORT + 1), [`127.0.0.1:${PORT + 1}`]);
  child.kill("SIGQUIT");
  assert.is((await end).code, 0);
  const refused = await run(where, ["nginx", "-c", nginxConfig(String(PORT + 1))]);
  assert.is(refused.code, 1);
  assert.match(refused.err, /bind\(\) to 0\.0\.0\.0:\d+ failed \(13: Permission denied\)/);
});

test("nc listens at loopback alone", ["nc", "ss"], async () => {
  const child = start(where, ["nc", "-l", "127.0.0.1", String(PORT + 2)]);
  const end = ended(child);
  await untilServed(PORT + 2);
  await end;
  const refused = await run(where, ["nc", "-l", "0.0.0.0", String(PORT + 2)]);
  assert.is.not(refused.code, 0);
  assert.equal(listening(PORT + 2), []);
});

test("the record of it all", ["python3"], () => {
  const records = readFileSync(where.audit, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { readonly decision: string; readonly local?: string });
  const public_ = records.filter(({ local }) => local !== undefined && !/^(127\.|\[::1\])/.test(local));
  assert.ok(public_.length > 0);
  assert.equal(
    public_.filter(({ decision }) => decision !== "deny"),
    [],
  );
  return Promise.resolve();
});

guard.run();
