// The clients in Python, Go and Rust: the same thousand answers, a gateway that restarts, leases that are renewed. They
// are built with the oldest supported releases if these are installed, as on Debian 12.
import { spawn, spawnSync, type ChildProcessByStdio } from "node:child_process";
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { freeUdpPort, udpBackend, udpSocket } from "../gateway/datagrams_under_test.ts";
import { backend, eventually, freePort, moduleOf, probe, running, temporaryFolder } from "../gateway/gateway_under_test.ts";
import { policy } from "../gateway/registering.ts";
import { decodeExposeRequest, encodeExposeReply } from "../../gateway/intents/expose_frame.ts";
import { skip } from "../skip.ts";
import { thousandAnswers, type Outcome } from "./answers.ts";
import { atEnd, suite } from "../suite.ts";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const self = process.getuid?.() ?? 0;
const folder = temporaryFolder();
/** Debian's own, where another one comes first in PATH. */
const tool = (name: string): string => (existsSync(`/usr/bin/${name}`) ? `/usr/bin/${name}` : name);

/** Python 3.9 where it is installed; its own syntax is checked below with every release. */
const PYTHON = spawnSync("python3.9", ["--version"]).status === 0 ? "python3.9" : tool("python3");

interface Client {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
}

function built(command: string, words: readonly string[], cwd: string): void {
  const { status, error, stderr } = spawnSync(command, words, {
    cwd,
    encoding: "utf8",
    env: { ...process.env, GOFLAGS: "-mod=mod", GO111MODULE: "on", GOTOOLCHAIN: "local", GOCACHE: join(folder, "go-cache") },
  });
  assert.is(status, 0, error?.message ?? stderr);
}

const CLIENTS: Readonly<Record<string, { readonly needs: string; readonly oldest: string; readonly make: () => Client["command"] }>> = {
  python: { needs: PYTHON, oldest: "Python 3.9", make: () => [PYTHON, at("drivers/driver.py"), at("../../clients/python")] },
  go: {
    needs: tool("go"),
    oldest: "Go 1.19",
    make() {
      const home = join(folder, "go");
      mkdirSync(join(home, "driver"), { recursive: true });
      cpSync(at("../../clients/go"), home, { recursive: true });
      cpSync(at("drivers/main.go"), join(home, "driver/main.go"));
      built(tool("go"), ["vet", "./..."], home);
      built(tool("go"), ["build", "-o", join(folder, "go-driver"), "./driver"], home);
      return [join(folder, "go-driver")];
    },
  },
  rust: {
    needs: tool("rustc"),
    oldest: "Rust 1.63",
    make() {
      const home = join(folder, "rust");
      mkdirSync(home);
      cpSync(at("../../clients/rust/ingressd.rs"), join(home, "ingressd.rs"));
      cpSync(at("drivers/driver.rs"), join(home, "driver.rs"));
      built(tool("rustc"), ["--edition", "2021", "-D", "warnings", "-o", join(folder, "rust-driver"), "driver.rs"], home);
      return [join(folder, "rust-driver")];
    },
  },
};

interface Event {
  readonly open?: readonly string[];
  readonly because?: string;
  readonly code?: string;
  readonly message?: string;
}

interface Driven {
  readonly child: ChildProcessByStdio<Writable, Readable, null>;
  /** The next event; rejects at the end. */
  next(): Promise<Event>;
  readonly ended: Promise<number | null>;
}

function drive({ command: [file, ...words] }: Client, args: readonly (string | number)[]): Driven {
  const child = spawn(file, [...words, ...args.map(String)], { stdio: ["pipe", "pipe", "inherit"], env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1" } });
  atEnd(() => child.kill("SIGKILL"));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    child,
    async next() {
      const line = await lines.next();
      if (line.done === true) throw new Error("the driver has ended");
      return JSON.parse(line.value) as Event;
    },
    ended: new Promise((resolve) => child.once("close", resolve)),
  };
}

function listen(path: string, heard: (socket: Socket) => void): Promise<Server> {
  return new Promise((resolve) => {
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      heard(socket);
    });
    atEnd(() => server.close());
    server.listen(path, () => resolve(server));
  });
}

/** The user of the service on the page. */
const SERVICE = 10001;
const recipes = suite("recipes of docs/services.md");
if (spawnSync("unshare", ["--net", "true"]).status !== 0) skip("recipe in a container", "no network namespace can be made");
else {
  recipes("a service in a network namespace of its own, by two sockets in a folder", async () => {
    const page = readFileSync(at("../../docs/services.md"), "utf8");
    const text = /^```python\n# in the container\n([^]*?)^```$/m.exec(page)?.[1] ?? "";
    const config = /^```toml\n# ingressd\.toml\n([^]*?)^```$/m.exec(page)?.[1] ?? "";
    const port = await freePort();
    const shared = temporaryFolder();
    const here = (part: string): string => part.replaceAll("/run/web", shared);
    // As root the service is another user than the gateway, as on the page.
    const uid = self === 0 ? SERVICE : self;
    const folders = [...page.matchAll(/^install -d -m (\d+) -o (\w+) -g ingressd (\S+)$/gm)];
    assert.is(folders.length, 2);
    for (const [, mode = "", owner, path = ""] of folders) {
      mkdirSync(here(path), { recursive: true });
      chmodSync(here(path), Number.parseInt(mode, 8));
      if (self === 0) chownSync(here(path), owner === "ingressd" ? self : uid, process.getgid?.() ?? 0);
    }
    const gateway = await running({ policy: policy(port), config: `${here(config).replace(`uid = ${SERVICE}`, `uid = ${uid}`)}[policy]\nwatch = false` });
    cpSync(at("../../clients/python/ingressd_client.py"), join(shared, "ingressd_client.py"));
    const service = join(shared, "service.py");
    writeFileSync(service, here(text).replace("8443", String(port)));
    const asService = self === 0 ? ["setpriv", `--reuid=${uid}`, `--regid=${uid}`, "--clear-groups"] : [];
    const child = spawn("unshare", ["--net", ...asService, tool("python3"), "-B", service], { stdio: ["ignore", "inherit", "inherit"] });
    atEnd(() => child.kill("SIGKILL"));
    await eventually(() => gateway.markers.includes(`ingressd: port open (port=${port}, proto=tcp)`), "its port opens");
    assert.is(await probe(port), "allow");
    child.kill("SIGTERM");
    await new Promise((resolve) => child.once("exit", resolve));
    let answer = await probe(port);
    for (let tries = 0; answer === "allow" && tries < 100; tries++) answer = await probe(port);
    assert.is(answer, "deny");
    await gateway.stop();
  });
}
recipes.run();

const numbersOf = (text: string): readonly number[] => (/\d+\.\d+/.exec(text)?.[0] ?? "0.0").split(".").map(Number);

for (const [name, { needs, oldest, make }] of Object.entries(CLIENTS)) {
  const test = suite(`client ${name}`);
  const { error, stdout: version } = spawnSync(needs, [name === "go" ? "version" : "--version"], { encoding: "utf8" });
  if (error !== undefined) {
    skip(`client ${name}`, `${needs} is not installed`);
    continue;
  }
  let client: Client = { name, command: ["false"] };
  test.before(() => {
    client = { name, command: make() };
  });

  test("it is tested with the oldest supported release, or a later one", () => {
    console.log(`${version.trim()}; the oldest that is supported: ${oldest}`);
    assert.match(readFileSync(at("../../docs/services.md"), "utf8"), `| ${oldest} and later | [clients/${name}/`);
    const [[major = 0, minor = 0], [least = 0, leastMinor = 0]] = [numbersOf(version), numbersOf(oldest)];
    assert.ok(major === least && minor >= leastMinor, version);
    if (name !== "python") return;
    const { status, stderr } = spawnSync(
      needs,
      ["-c", "import ast, sys; ast.parse(open(sys.argv[1]).read(), feature_version=(3, 9))", at("../../clients/python/ingressd_client.py")],
      { encoding: "utf8" },
    );
    assert.is(status, 0, stderr);
  });

  test("a thousand answers give the expected results", async () => {
    const answers = thousandAnswers();
    assert.is(answers.length, 1000);
    const queue = [...answers];
    const path = join(folder, `${name}-answers.sock`);
    await listen(path, (socket) => {
      const answer = queue.shift();
      socket.once("data", () => {
        socket.write(Buffer.concat([answer?.line ?? Buffer.alloc(0), Buffer.from("\n")]));
        // A client whose port is open closes it; the others have their result.
        if (answer !== undefined && "open" in answer.expected) socket.once("data", () => socket.end());
        else socket.end();
      });
    });
    const driven = drive(client, ["answers", path, answers.length]);
    for (const [index, { line, expected }] of answers.entries()) {
      const { code, message, open } = await driven.next();
      const seen: Outcome = code === undefined ? { open: open ?? ["?"] } : { code, message: message ?? "" };
      assert.equal(seen, expected, `answer ${index}: ${line.subarray(0, 300).toString("latin1")}`);
    }
    assert.is(await driven.ended, 0);
  });

  test("a line that exceeds the bound ends the attempt", async () => {
    const path = join(folder, `${name}-endless.sock`);
    await listen(
      path,
      (socket) =>
        void socket.once("data", () => {
          const more = (): void => {
            while (socket.writable && socket.write(Buffer.alloc(16 * 1024, 0x20)));
          };
          socket.on("drain", more);
          more();
        }),
    );
    const driven = drive(client, ["answers", path, 1]);
    assert.equal(await driven.next(), { code: "unreachable", message: "" });
    assert.is(await driven.ended, 0);
  });

  test("a server of byte frames is named at once: whole, byte by byte, and in place of a later line", async () => {
    const says = /^the other side speaks byte frames \(RFC-0092 of Open Nexus OS\), and no JSON: name the socket/;
    const path = join(folder, `${name}-frames.sock`);
    const heard: string[] = [];
    await listen(path, (socket) =>
      socket.on("data", (chunk) => {
        const request = decodeExposeRequest(chunk);
        if (!("status" in request)) return;
        heard.push(request.status);
        const frame = encodeExposeReply({ kind: "answer", op: request.op, nonce: request.nonce, status: request.status, reason: "none" });
        // The connection stays open, so that only these bytes can end the attempt.
        if (heard.length === 1) socket.write(frame);
        else for (const byte of frame) socket.write(Uint8Array.of(byte));
      }),
    );
    for (let times = 0; times < 2; times++) {
      const driven = drive(client, ["keep", path, 8443, "127.0.0.1:9", 0]);
      const { code, message } = await driven.next();
      assert.is(code, "other_protocol");
      assert.match(message ?? "", says);
      assert.is(await driven.ended, 3);
    }
    assert.equal(heard, ["malformed", "malformed"]);

    const later = join(folder, `${name}-later.sock`);
    const registered: Socket[] = [];
    await listen(later, (socket) => {
      registered.push(socket);
      socket.once("data", () => socket.write('{"jsonrpc":"2.0","id":1,"result":{"lease":"a","open":["127.0.0.1:1"]}}\n'));
    });
    const driven = drive(client, ["keep", later, 8443, "127.0.0.1:9", 0]);
    assert.equal(await driven.next(), { open: ["127.0.0.1:1"], because: "" });
    registered[0]?.write(encodeExposeReply({ kind: "answer", op: 0, nonce: 0, status: "malformed", reason: "none" }));
    assert.match((await driven.next()).because ?? "", says);
    driven.child.stdin.end();
    for (let event = await driven.next(); event.because !== "closed"; event = await driven.next()) assert.is(event.because, "");
    assert.is(await driven.ended, 0);
  });

  test("a lease with an end is renewed, and registered again if renewal is refused", async () => {
    const path = join(folder, `${name}-renew.sock`);
    const requests: string[] = [];
    let registrations = 0;
    await listen(path, (socket) => {
      createInterface({ input: socket })
        .on("error", () => undefined)
        .on("line", (line) => {
          const { id, method, params } = JSON.parse(line) as { id: number; method: string; params: { lease?: string; ttl_ms?: number } };
          requests.push(`${method} ${params.lease ?? ""} ${params.ttl_ms ?? ""}`.trim());
          if (method === "register") registrations++;
          const refused = method === "renew" && requests.filter((word) => word.startsWith("renew")).length === 3;
          const answer =
            refused ?
              { error: { code: -32001, message: "no such lease", data: { code: "no_lease" } } }
            : { result: method === "register" ? { lease: `lease${registrations}`, open: ["127.0.0.1:1"] } : {} };
          socket.write(`${JSON.stringify({ jsonrpc: "2.0", id, ...answer })}\n`);
        });
    });
    const driven = drive(client, ["keep", path, 8443, "127.0.0.1:9", 1]);
    assert.equal(await driven.next(), { open: ["127.0.0.1:1"], because: "" });
    assert.equal(await driven.next(), { open: [], because: "no such lease" });
    assert.equal(await driven.next(), { open: ["127.0.0.1:1"], because: "" });
    driven.child.stdin.end();
    assert.equal(await driven.next(), { open: [], because: "closed" });
    assert.is(await driven.ended, 0);
    assert.equal(requests.slice(0, 5), ["register  1000", "renew lease1 1000", "renew lease1 1000", "renew lease1 1000", "register  1000"]);
    assert.is(requests.at(-1), "unregister lease2");
  });

  test("with a real gateway the port is open until close() and opens again after a restart", async () => {
    const behind = await backend("hello");
    const port = await freePort();
    const config = `[services.web]\nuid = ${self}\n[policy]\nwatch = false`;
    const gateway = await running({ policy: policy(port), config });
    const socket = gateway.daemon.controlPath;
    const driven = drive(client, ["keep", socket, port, `127.0.0.1:${behind.port}`, 0]);
    assert.ok((await driven.next()).open?.includes(`0.0.0.0:${port}`));
    assert.is(await probe(port), "allow");

    gateway.place(moduleOf("edition 1"));
    await gateway.daemon.reload();
    assert.equal(await driven.next(), { open: [], because: "the policy no longer grants it" });
    assert.match((await driven.next()).because ?? "", /exposes no tcp port/);
    gateway.place(moduleOf(policy(port)));
    await gateway.daemon.reload();
    let event = await driven.next();
    while (event.because !== "") event = await driven.next();
    assert.is(await probe(port), "allow");

    await gateway.stop();
    assert.match((await driven.next()).because ?? "", /^the gateway/);
    mkdirSync(gateway.folder, { recursive: true, mode: 0o700 });
    const second = await running({ policy: policy(port), config, folder: gateway.folder });
    for (event = await driven.next(); event.because !== "";) event = await driven.next();
    assert.is(await probe(port), "allow");
    driven.child.stdin.end();
    assert.equal(await driven.next(), { open: [], because: "closed" });
    assert.is(await probe(port), "deny", "closed when close() has returned");
    assert.is(await driven.ended, 0);

    const refused = drive(client, ["keep", socket, port - 1, `127.0.0.1:${behind.port}`, 0]);
    assert.is((await refused.next()).code, "not_exposed");
    assert.is(await refused.ended, 3);
    await second.stop();
  });

  test("a udp port is open until close()", async () => {
    const behind = await udpBackend();
    const port = await freeUdpPort();
    const gateway = await running({
      policy: `edition 1\nexpose web on udp ${port} { amplify 1 allow from any }`,
      config: `[services.web]\nuid = ${self}\n[policy]\nwatch = false`,
    });
    const driven = drive(client, ["keep", gateway.daemon.controlPath, port, `127.0.0.1:${behind.port}`, 0, "udp"]);
    assert.ok(((await driven.next()).open ?? []).length > 0);
    const sender = await udpSocket("127.0.0.1");
    await sender.send("hello", port);
    await sender.until(1);
    assert.is(sender.got[0]?.bytes.toString(), "hello");
    driven.child.stdin.end();
    assert.equal(await driven.next(), { open: [], because: "closed" });
    assert.is(await driven.ended, 0);
    const overTcp = drive(client, ["keep", gateway.daemon.controlPath, port, `127.0.0.1:${behind.port}`, 0]);
    assert.is((await overTcp.next()).code, "not_exposed");
    await gateway.stop();
    for (const socket of [behind, sender]) await socket.close();
  });

  test("a missing gateway and a foreign socket are reported", async () => {
    const none = drive(client, ["keep", join(folder, "none.sock"), 1, "127.0.0.1:9", 0]);
    const { code, message } = await none.next();
    assert.is(code, "unreachable");
    assert.match(message ?? "", /no ingressd answers at `[^`]*none\.sock` \(.+\): start it, or name its socket with INGRESSD_SOCKET/);
    assert.is(await none.ended, 3);
    writeFileSync(join(folder, `${name}-file`), "");
    assert.is((await drive(client, ["keep", join(folder, `${name}-file`), 1, "127.0.0.1:9", 0]).next()).code, "unreachable");
  });

  test.run();
}
