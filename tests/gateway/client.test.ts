// `ingressd/client` and `ingressd expose` against a real gateway: reachable while the service runs,
// and not after.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { expose, ExposeError, defaultSocket } from "../../gateway/client/expose.mjs";
import { ok } from "../../runtime/result/result.ts";
import { parseCommand } from "../../gateway/cli/arguments.ts";
import { peerCredentials } from "../../gateway/intents/peer_credentials.ts";
import { program } from "../ready.ts";
import { skip } from "../skip.ts";
import { freeUdpPort, udpBackend, udpSocket } from "./datagrams_under_test.ts";
import { backend, eventually, freePort, listening, moduleOf, probe, running, temporaryFolder } from "./gateway_under_test.ts";
import { policy } from "./registering.ts";

const test = suite("client");
const self = process.getuid?.() ?? 0;
const INGRESSD = program("gateway/ingressd.mjs");
const byCredentials = (name: string, run: () => Promise<void>): void => {
  if (peerCredentials() !== null) test(name, run);
  else skip(`client ${name}`, "koffi is not installed");
};
const config = `[services.web]\nuid = ${self}\n[policy]\nwatch = false`;

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "granted";
  } catch (error) {
    assert.instance(error, ExposeError);
    return error instanceof ExposeError ? error.code : "";
  }
}

byCredentials("a server is reachable while it listens, and not after", async () => {
  const port = await freePort();
  const gateway = await running({ policy: policy(port), config });
  const server = createServer((socket) => socket.end("hello"));
  server.listen(0, "127.0.0.1");
  const exposure = await expose({ service: "web", port, backend: server, socket: gateway.daemon.controlPath });
  assert.ok(exposure.open.includes(`0.0.0.0:${port}`));
  assert.is(await probe(port), "allow");
  server.close();
  await eventually(() => exposure.open.length === 0, "the exposure ends with its server");
  assert.is(await probe(port), "deny");
  await gateway.stop();
});

byCredentials("close() resolves when the port is closed", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const gateway = await running({ policy: policy(port), config });
  const exposure = await expose({ service: "web", port, backend: `127.0.0.1:${behind.port}`, socket: gateway.daemon.controlPath });
  assert.is(await probe(port), "allow");
  await exposure.close();
  assert.is(await probe(port), "deny");
  assert.equal(exposure.open, []);
  await exposure.close();
  await gateway.stop();
  behind.close();
});

byCredentials("a port that the policy withdraws is reported, and opens again when the policy grants it again", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const gateway = await running({ policy: policy(port), config });
  const changes: (string | null)[] = [];
  const exposure = await expose({
    service: "web",
    port,
    backend: `127.0.0.1:${behind.port}`,
    socket: gateway.daemon.controlPath,
    onChange: ({ because }) => changes.push(because),
  });
  gateway.place(moduleOf("edition 1"));
  await gateway.daemon.reload();
  await eventually(() => changes.length > 1, "it is refused once more");
  assert.is(changes[0], "the policy no longer grants it");
  assert.match(changes[1] ?? "", /exposes no tcp port/);
  gateway.place(moduleOf(policy(port)));
  await gateway.daemon.reload();
  await eventually(() => changes.at(-1) === null, "it is open again");
  assert.is(await probe(port), "allow");
  await exposure.close();
  await gateway.stop();
  behind.close();
});

byCredentials("a refusal rejects with the audit's word, and no gateway with `unreachable`", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const gateway = await running({ policy: policy(port), config });
  const common = { service: "web", port, backend: `127.0.0.1:${behind.port}`, socket: gateway.daemon.controlPath };
  assert.is(await codeOf(expose({ ...common, service: "api" })), "not_gateway");
  assert.is(await codeOf(expose({ ...common, port: port - 1 })), "not_exposed");
  assert.is(await codeOf(expose({ ...common, mode: "mtls" })), "not_exposed");
  assert.is(await codeOf(expose({ ...common, backend: "192.0.2.1:80" })), "bad_intent");
  assert.is(await codeOf(expose({ ...common, socket: join(gateway.folder, "none.sock") })), "unreachable");
  const open = createServer();
  await listening(open, "0.0.0.0");
  assert.is(await codeOf(expose({ ...common, backend: open })), "no_backend", "a server on every address");
  open.close();
  assert.is(await probe(port), "deny");
  await gateway.stop();
  behind.close();
});

byCredentials("the service of README is reachable as it says", async () => {
  const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
  const program = /^```js\n([^]*?)^```$/m.exec(readme)?.[1] ?? "";
  const port = await freePort();
  const gateway = await running({ policy: policy(port), config });
  const child = spawn(process.execPath, ["--input-type=module", "-e", `${program.replace("8443", String(port))}\nconsole.log("open");`], {
    stdio: ["ignore", "pipe", "inherit"],
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
    env: { ...process.env, INGRESSD_SOCKET: gateway.daemon.controlPath },
  });
  assert.match(String((await once(child.stdout, "data"))[0]), /^open/);
  assert.is(await (await fetch(`http://127.0.0.1:${port}/`)).text(), "hello\n");
  child.kill("SIGTERM");
  await once(child, "exit");
  await eventually(() => gateway.daemon.forwarder.live === 0, "its connections end");
  await gateway.stop();
});

test("the socket: INGRESSD_SOCKET, else that of the same user", () => {
  assert.is(defaultSocket({ INGRESSD_SOCKET: "/x.sock", XDG_RUNTIME_DIR: "/run/user/7" }), "/x.sock");
  assert.is(defaultSocket({ INGRESSD_SOCKET: "", XDG_RUNTIME_DIR: "/run/user/7" }), "/run/user/7/ingressd/control.sock");
  assert.is(defaultSocket({ XDG_RUNTIME_DIR: "run" }), "/run/ingressd/control.sock");
});

byCredentials("ingressd expose keeps the port open until it is ended", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const gateway = await running({ policy: policy(port), config });
  const command = (at: number): string[] => [
    ...INGRESSD,
    "expose",
    "--service",
    "web",
    "--port",
    String(at),
    "--backend",
    `127.0.0.1:${behind.port}`,
    "--socket",
    gateway.daemon.controlPath,
  ];
  const child = spawn(process.execPath, command(port), { stdio: ["ignore", "pipe", "inherit"] });
  const line = String((await once(child.stdout, "data"))[0]);
  assert.match(line, new RegExp(`^exposed web on 0\\.0\\.0\\.0:${port}`));
  assert.is(await probe(port), "allow");
  child.kill("SIGTERM");
  assert.equal(await once(child, "exit"), [0, null]);
  assert.is(await probe(port), "deny");
  const other = spawn(process.execPath, command(port - 1), { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  other.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  assert.equal(await once(other, "close"), [3, null]);
  assert.match(said, /^ingressd: refused \(not_exposed\): the policy exposes no tcp port/);
  await gateway.stop();
  behind.close();
});

byCredentials("ingressd expose --proto udp keeps a udp port open until it is ended", async () => {
  const behind = await udpBackend();
  const port = await freeUdpPort();
  const gateway = await running({ policy: `edition 1\nexpose web on udp ${port} { amplify 1 allow from any }`, config });
  const words = ["--service", "web", "--proto", "udp", "--port", String(port), "--backend", `127.0.0.1:${behind.port}`, "--socket", gateway.daemon.controlPath];
  const child = spawn(process.execPath, [...INGRESSD, "expose", ...words], { stdio: ["ignore", "pipe", "inherit"] });
  assert.match(String((await once(child.stdout, "data"))[0]), new RegExp(`^exposed web on .*:${port}`));
  const client = await udpSocket("127.0.0.1");
  await client.send("hello", port);
  await client.until(1);
  assert.is(client.got[0]?.bytes.toString(), "hello");
  child.kill("SIGTERM");
  assert.equal(await once(child, "exit"), [0, null]);
  // Its last flow is over then, and the port is free.
  gateway.clock.advance(3_000);
  await (await udpSocket("127.0.0.1", port)).close();
});

byCredentials("a service that is killed is not reachable any more", async () => {
  const port = await freePort();
  const gateway = await running({ policy: policy(port), config });
  const client = new URL("../../gateway/client/expose.mjs", import.meta.url).href;
  const program = `import { createServer } from "node:http"; import { expose } from ${JSON.stringify(client)};
const server = createServer((_, response) => response.end("hello")).listen(0, "127.0.0.1");
await expose({ service: "web", port: ${port}, backend: server }); console.log("open");`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, INGRESSD_SOCKET: gateway.daemon.controlPath },
  });
  assert.match(String((await once(child.stdout, "data"))[0]), /^open/);
  assert.is(await (await fetch(`http://127.0.0.1:${port}/`)).text(), "hello");
  child.kill("SIGKILL");
  await once(child, "exit");
  await eventually(() => gateway.daemon.forwarder.live === 0, "its connections end");
  let answer = await probe(port);
  for (let tries = 0; answer === "allow" && tries < 100; tries++) answer = await probe(port);
  assert.is(answer, "deny");
  await gateway.stop();
});

test("the command line of expose", () => {
  const good = ["expose", "--service", "web", "--port", "8443", "--backend", "127.0.0.1:80"];
  assert.equal(
    parseCommand(good),
    ok({
      kind: "expose",
      intent: { service: "web", proto: "tcp", port: 8443, backend: "127.0.0.1:80", mode: "tcp", expose: null, proxy: null, bind: null, socket: null },
    }),
  );
  const overUdp = parseCommand([...good, "--proto", "udp"]);
  assert.is(overUdp.ok && overUdp.value.kind === "expose" && overUdp.value.intent.proto, "udp");
  const bad: readonly (readonly [readonly string[], RegExp])[] = [
    [[...good, "--proxy", "v3"], /`--proxy v3` is none of v1, v2/],
    [[...good, "--proxy", "v1", "--proto", "udp"], /`--proxy` is of tcp alone/],
    [[...good, "--proto", "sctp"], /`--proto sctp` is none of tcp, udp/],
    [[...good, "--proto", "udp", "--mode", "tls"], /`--mode tls` is of tcp alone/],
    [["expose"], /`--service NAME` is missing/],
    [good.slice(0, 3), /`--port N` is missing/],
    [good.slice(0, 5), /`--backend B` is missing/],
    [[...good, "--mode", "http"], /`--mode http` is none of tcp, passthrough, tls, mtls/],
    [[...good.slice(0, 4), "65536", ...good.slice(5)], /is no port/],
    [[...good.slice(0, 4), "0", ...good.slice(5)], /is no port/],
    [[...good, "--policy", "p.wasm"], /`ingressd expose` has no flag `--policy`/],
    [["status", "--port", "1"], /`ingressd status` has no flag `--port`/],
    [["--policy", "p.wasm", "--backend", "x"], /unknown flag `--backend`/],
  ];
  for (const [argv, expected] of bad) {
    const command = parseCommand(argv);
    assert.match(command.ok ? "accepted" : command.error.message, expected);
  }
});

test("the client is plain JavaScript that needs nothing but Node", async () => {
  const child = spawn(
    process.execPath,
    ["-e", `import(${JSON.stringify(new URL("../../gateway/client/expose.mjs", import.meta.url).href)}).then((m) => console.log(typeof m.expose))`],
    { cwd: temporaryFolder(), stdio: ["ignore", "pipe", "inherit"] },
  );
  assert.match(String((await once(child.stdout, "data"))[0]), /^function/);
});

test.run();
