// Registration and backends where services run as different users: the kernel's word decides.
import { spawn } from "node:child_process";
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { peerCredentials } from "../../gateway/intents/peer_credentials.ts";
import { skip } from "../skip.ts";
import { backendProcess } from "./backend_process.ts";
import { backend, freePort, running, temporaryFolder, visit } from "./gateway_under_test.ts";
import { denialOf, intent, leaseOf, policy } from "./registering.ts";

const test = suite("other users");
const koffi = peerCredentials() !== null;
const self = process.getuid?.() ?? 0;

/** nobody */
const OTHER = 65534;
/** Why a service of another user can't be tried; a folder that is closed to them is one reason. */
const lacking =
  !koffi ? "koffi is not installed"
  : self !== 0 ? "not root"
  : (await startsAsOther()) ? null
  : "another user can't start this Node";

async function startsAsOther(): Promise<boolean> {
  const child = await backendProcess(await freePort(), "", { uid: OTHER });
  await child?.stop();
  return child !== null;
}

if (lacking === null) {
  test("a backend that passes to another user is cut before a byte of it is forwarded", async () => {
    const port = await freePort();
    const mine = await backend("mine");
    const gateway = await running({ policy: policy(port), config: `[services.web]\nuid = 0` });
    const client = await gateway.control();
    await leaseOf(client, intent(port, mine.port));
    const before = visit(port);
    assert.is(await before.first, "mine");
    before.socket.destroy();
    mine.close();
    // Another user takes the very same port.
    const thief = await backendProcess(mine.port, "stolen", { uid: OTHER });
    assert.ok(thief);
    const after = visit(port);
    assert.is(await after.first, "");
    await after.closed;
    assert.is(gateway.daemon.counters.ends.get("backend_not_owned"), 1);
    await thief?.stop();
    client.close();
    await gateway.stop();
  });

  test("a backend of another user is refused, unless the configuration lists it", async () => {
    const [port, other] = [await freePort(), await freePort()];
    const database = await backendProcess(other, "database", { uid: OTHER });
    assert.ok(database);
    for (const [config, expected] of [
      ["", /^no_backend: .*belongs to uid 65534, not 0/],
      [`allowed_backends = ["127.0.0.1:${other}"]`, /^granted$/],
    ] as const) {
      const gateway = await running({ policy: policy(port), config: `${config}\n[services.web]\nuid = 0` });
      const client = await gateway.control();
      assert.match(denialOf(await client.call("register", intent(port, other))), expected);
      client.close();
      await gateway.stop();
    }
    await database?.stop();
  });

  test("the shared socket distinguishes services by the uid that the kernel reports", async () => {
    const behind = await backend("hello");
    const [port, other] = [await freePort(), await freePort()];
    const folder = temporaryFolder();
    const shared = join(folder, "intents.sock");
    const gateway = await running({
      policy: policy(port, `expose api on tcp ${other} { allow from any }`),
      config: `allowed_backends = ["127.0.0.1:${behind.port}"]\n[intents]\nsocket = "${shared}"\n[services.web]\nuid = 0\n[services.api]\nuid = 65534`,
    });
    const asOther = (params: object): Promise<string> =>
      new Promise((resolve) => {
        // Root opens the socket's folder; the other user needs only to connect.
        const script = `process.setgid(65534);process.setuid(65534);const s=require("net").connect(${JSON.stringify(shared)},()=>s.write(${JSON.stringify(`${JSON.stringify({ jsonrpc: "2.0", id: 1, method: "register", params })}\n`)}));s.on("data",(d)=>{process.stdout.write(d);process.exit()});s.on("error",(e)=>{process.stdout.write(e.message);process.exit()})`;
        const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
        let out = "";
        child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
        child.once("exit", () => resolve(out));
      });
    // The folder of a shared socket must be open to those who register.
    chmodSync(folder, 0o755);
    assert.match(await asOther({ ...intent(port, behind.port) }), /this connection belongs to `api`/);
    assert.match(await asOther({ ...intent(other, behind.port), service: "api" }), /"lease":"[0-9a-f]{32}"/);
    const client = await gateway.control(shared);
    assert.match(denialOf(await client.call("status")), /is for the control socket/);
    assert.match(denialOf(await client.call("reload")), /is for the control socket/);
    client.close();
    await gateway.stop();
    behind.close();
  });
} else {
  skip("backends of other users", lacking);
}

test.run();
