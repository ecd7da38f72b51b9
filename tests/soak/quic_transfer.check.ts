// A transfer over QUIC through the gateway at each forwarder, with `amplify any`: QUIC proves its clients' addresses itself. Server and
// client are aioquic, of the Python registry by version and hash (quic/wheels.txt).
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { freeUdpPort } from "../gateway/datagrams_under_test.ts";
import { FORWARDERS, running, temporaryFolder } from "../gateway/gateway_under_test.ts";
import { statusOf } from "../gateway/served_datagrams.ts";
import { skip } from "../skip.ts";
import { atEnd, suite } from "../suite.ts";
import { authority, dns, leaf } from "../tls/certificates.ts";
import { put } from "../tls/tls_under_test.ts";

const test = suite("quic transfer");

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const LIST = at("quic/wheels.txt");
/** Where nothing of the project looks for its own files. */
const PACKAGES = at("../../node_modules/.cache/ingressd_quic");
const INSTALL_MS = 300_000;
const MIB = 1024 * 1024;
const BYTES = 100 * MIB;
/** As serve.py repeats them. */
const PIECE = Buffer.from(Array.from({ length: 256 }, (_, i) => i));

/** Null, or why the packages can't be had. */
function install(): string | null {
  const version = /^aioquic==(\S+)/m.exec(readFileSync(LIST, "utf8"))?.[1] ?? "";
  if (existsSync(join(PACKAGES, `aioquic-${version}.dist-info`))) return null;
  const options = ["--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes", "--upgrade", "--target", PACKAGES];
  const { status, error, stderr } = spawnSync("python3", ["-m", "pip", "install", ...options, "-r", LIST], { encoding: "utf8", timeout: INSTALL_MS });
  if (status === 0) return null;
  const because = error?.message ?? stderr;
  // A file of another hash is no reason to skip.
  if (/HASH|do not match/.test(because)) throw new Error(because);
  return `pip did not install aioquic: ${because.trim().split("\n").at(-1) ?? ""}`;
}

function due(): string {
  const hash = createHash("sha256");
  const whole = Buffer.concat(Array.from({ length: MIB / PIECE.length }, () => PIECE));
  for (let i = 0; i < BYTES / MIB; i++) hash.update(whole);
  return `${BYTES} ${hash.digest("hex")}`;
}

const because = install();
if (because !== null) skip("a transfer over QUIC", because);
else {
  for (const forwarder of FORWARDERS) {
    test(`${forwarder}: 100 MiB over QUIC come whole, in one flow`, async () => {
      const [folder, back, port, root] = [temporaryFolder(), await freeUdpPort(), await freeUdpPort(), authority("site root")];
      put(folder, "web", leaf(root, { names: [dns("www.example.com")] }));
      put(folder, "root", root);
      const server = spawn("python3", [at("quic/serve.py"), PACKAGES, join(folder, "web.pem"), join(folder, "web.key"), String(back)], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      atEnd(() => void server.kill());
      await once(server.stdout, "data");
      const gateway = await running({ forwarder, policy: `edition 1\nexpose quic on udp ${port} { backend 127.0.0.1:${back} amplify any allow from any }` });
      const began = performance.now();
      const client = spawn("python3", [at("quic/fetch.py"), PACKAGES, join(folder, "root.pem"), String(port), String(BYTES)], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      let out = "";
      client.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
      await once(client, "close");
      assert.is(out.trim(), due());
      const { flows } = await statusOf(gateway);
      console.log(`${forwarder}: 100 MiB in ${Math.round(performance.now() - began)} ms, dropped ${JSON.stringify(flows.dropped)}`);
      assert.is(gateway.records().filter(({ op, decision }) => op === "accept" && decision === "allow").length, 1);
      assert.is(flows.dropped["amplify"], undefined);
      await gateway.stop();
    });
  }
}

test.run();
