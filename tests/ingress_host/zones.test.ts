// A link-local peer has a zone, which no policy can name: it is refused as `bad_peer`, for real, in
// a network namespace that the test makes and that ends with the gateway.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { skip } from "../skip.ts";
import { moduleOf, temporaryFolder } from "./gateway_under_test.ts";
import { launch, place } from "./ingressd_process.ts";

const test = suite("zones");

const APART = ["unshare", "-n", "sh", "-ec", 'ip link set lo up; ip addr add fe80::1/64 dev lo nodad; exec "$@"', "sh"];
/** Nothing else is in the namespace. */
const PORT = 8443;

const [unshare = "unshare", ...argv] = APART;
const tried = spawnSync(unshare, [...argv, "nsenter", "--version"], { encoding: "utf8" });

if (tried.status === 0) {
  test("a peer with a zone is bad_peer, whatever the policy allows; its neighbour without one is served", async () => {
    const folder = temporaryFolder();
    place(folder, moduleOf(`edition 1\nexpose web on tcp ${PORT} { backend 127.0.0.1:9000 allow from any }`));
    const it = launch(folder, "", { through: APART });
    await it.line("ingressd: ready");
    const visits = `
      const { connect, createServer } = require("node:net");
      const backend = createServer((s) => s.on("error", () => {}).end("hello")).listen(9000, "127.0.0.1", async () => {
        for (const host of ["::1", "fe80::1%lo", "127.0.0.1"]) {
          const answer = await new Promise((resolve) => {
            const socket = connect({ host, port: ${PORT} });
            socket.once("data", (chunk) => { resolve(String(chunk)); socket.destroy(); });
            socket.once("error", () => resolve("refused"));
            socket.once("end", () => resolve("ended"));
          });
          console.log(host, answer);
        }
        backend.close();
      });`;
    const inside = spawnSync("nsenter", ["-t", String(it.child.pid), "-n", process.execPath, "-e", visits], { encoding: "utf8", timeout: 10_000 });
    assert.equal(inside.stdout.trim().split("\n"), ["::1 hello", "fe80::1%lo refused", "127.0.0.1 hello"], inside.stderr);
    const records = readFileSync(join(folder, "audit.jsonl"), "utf8").split("\n").filter((line) => line.includes('"op":"accept"'));
    const codes = records.map((line) => /"decision":"([a-z]+)","reason":"([a-z]+)","code":"([a-z_]+)"/.exec(line)?.slice(1));
    assert.equal(codes, [["allow", "none", "allowed"], ["deny", "policy", "bad_peer"], ["allow", "none", "allowed"]]);
    assert.is(records[1]?.includes('"source"'), false, "what can't be decided is not named as an address");
    const status = it.order("status", "--json").out;
    assert.match(status, /"bad_peer":1/);
    it.child.kill("SIGTERM");
    assert.is(await it.exit, 0);
  });
} else {
  skip("zones bad_peer", "no network namespace of one's own (root, unshare, ip, nsenter)");
}

test.run();
