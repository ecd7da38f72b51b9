// The gateway's own sockets are nobody's backend, by whatever path a policy reaches them.
import { once } from "node:events";
import { renameSync, symlinkSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { Backends } from "../../gateway/forward/backends.ts";
import { notOwnSocket } from "../../gateway/admit/own_socket.ts";
import { unixBackend } from "../../gateway/forward/backend.ts";
import { backendProcess } from "./backend_process.ts";
import { eventually, freePort, probe, running, temporaryFolder, visit } from "./gateway_under_test.ts";

const test = suite("own sockets");

const paths: readonly (readonly [name: string, path: (folder: string) => string])[] = [
  ["as it is", (folder) => join(folder, "run", "control.sock")],
  [
    "through a link",
    (folder) => {
      symlinkSync(join(folder, "run", "control.sock"), join(folder, "link.sock"));
      return join(folder, "link.sock");
    },
  ],
  ["through /proc", (folder) => `/proc/self/root${join(folder, "run", "control.sock")}`],
];

for (const [name, path] of paths) {
  test(`the control socket ${name}`, async () => {
    const folder = temporaryFolder();
    const port = await freePort();
    const gateway = await running({ folder, policy: `edition 1\nexpose web on tcp ${port} { backend unix "${path(folder)}" allow from any }` });
    assert.is(await probe(port), "deny");
    assert.equal(
      gateway
        .records()
        .filter(({ op }) => op === "accept")
        .map(({ decision, code }) => [decision, code]),
      [["deny", "no_backend"]],
    );
    await gateway.stop();
  });
}

test("a link that is turned to the control socket after the decision", async () => {
  const folder = temporaryFolder();
  const port = await freePort();
  const link = join(folder, "app.sock");
  const point = (target: string): void => {
    symlinkSync(target, `${link}.new`);
    renameSync(`${link}.new`, link);
  };
  const gateway = await running({ folder, policy: `edition 1\nexpose web on tcp ${port} { backend unix "${link}" allow from any }` });
  point(join(folder, "nobody.sock"));
  const { monoMs } = gateway.clock;
  gateway.clock.monoMs = () => {
    // Admission reads the time after it has looked at the path, and before anything connects.
    point(gateway.daemon.controlPath);
    return monoMs();
  };
  const { socket, first, closed } = visit(port);
  socket.write('{"jsonrpc":"2.0","id":1,"method":"status"}\n');
  assert.is(await first, "", "not a byte of the control socket's answer");
  await closed;
  gateway.clock.monoMs = monoMs;
  assert.equal(
    gateway
      .records()
      .filter(({ op }) => op === "accept")
      .map(({ code }) => code),
    ["allowed"],
    "it was too late for the decision",
  );
  await eventually(() => gateway.daemon.counters.ends.get("backend_not_owned") === 1, "the end's count");
  await gateway.stop();
});

test("another process's socket is served, through a link too", async () => {
  const folder = temporaryFolder();
  const port = await freePort();
  const app = await backendProcess(join(folder, "real.sock"), "hello");
  symlinkSync(join(folder, "real.sock"), join(folder, "app.sock"));
  const gateway = await running({ folder, policy: `edition 1\nexpose web on tcp ${port} { backend unix "${join(folder, "app.sock")}" allow from any }` });
  assert.is(await probe(port), "allow");
  await gateway.stop();
  await app?.stop();
});

test("the process that listens is looked up at each connect, and an unknown one is refused", async () => {
  const folder = temporaryFolder();
  const path = join(folder, "app.sock");
  const server = createServer().listen(path);
  await once(server, "listening");
  const address = unixBackend(path);
  if (typeof address === "string") throw new Error(address);
  const socket = connect(path);
  await once(socket, "connect");
  const peer = { pid: 41, uid: 0, gid: 0 };
  const table = [
    [
      "another process",
      notOwnSocket(
        42,
        () => peer,
        () => true,
      ),
      null,
    ],
    [
      "the gateway",
      notOwnSocket(
        41,
        () => peer,
        () => false,
      ),
      /own sockets/,
    ],
    [
      "unknown",
      notOwnSocket(
        42,
        () => null,
        () => false,
      ),
      /does not say/,
    ],
    ["without koffi, another path", notOwnSocket(42, null, () => false), null],
    ["without koffi, an own path", notOwnSocket(42, null, () => true), /own sockets/],
  ] as const;
  for (const [name, notOwn, expected] of table) {
    // A service's own check comes after it, and never instead of it.
    for (const own of [null, () => null, () => "not the service's"] as const) {
      const said = new Backends(notOwn).at(address, own).verify?.(socket, address) ?? null;
      if (expected !== null) assert.match(String(said), expected, name);
      else assert.is(said, own?.() ?? null, name);
    }
  }
  socket.destroy();
  server.close();
});

test.run();
