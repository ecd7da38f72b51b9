// DNSSEC through the gateway: Debian's unbound validates a zone that is signed here, and answers drill.
import { spawn, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { skip } from "../skip.ts";
import { atEnd, suite } from "../suite.ts";
import { freeUdpPort } from "./datagrams_under_test.ts";
import { FORWARDERS, running, temporaryFolder } from "./gateway_under_test.ts";

const test = suite("udp through unbound");

/** Until the server is up; each try is a process of its own. */
const MOST_TRIES = 200;

const ZONE = `$ORIGIN ingress.test.
$TTL 300
@    IN SOA ns hostmaster 1 3600 600 86400 300
@    IN NS  ns
ns   IN A   192.0.2.53
www  IN A   192.0.2.80
big  IN TXT "${"a".repeat(250)}" "${"b".repeat(250)}" "${"c".repeat(250)}"
`;

function signed(folder: string): { readonly zone: string; readonly anchor: string } {
  const inside = (command: string, ...argv: readonly string[]): string => {
    const done = spawnSync(command, argv, { cwd: folder, encoding: "utf8" });
    assert.is(done.status, 0, done.stderr);
    return done.stdout.trim();
  };
  writeFileSync(join(folder, "zone"), ZONE);
  const key = inside("ldns-keygen", "-k", "-a", "ECDSAP256SHA256", "ingress.test");
  inside("ldns-signzone", "-f", "signed", "zone", key);
  const anchor = readFileSync(join(folder, `${key}.key`), "utf8").split("\n")[0] ?? "";
  return { zone: join(folder, "signed"), anchor: anchor.replace(/;.*$/, "").trim() };
}

function startUnbound(folder: string, port: number): void {
  const { zone, anchor } = signed(folder);
  writeFileSync(
    join(folder, "unbound.conf"),
    `server:
  interface: 127.0.0.1@${port}
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "${folder}"
  pidfile: ""
  use-syslog: no
  module-config: "validator iterator"
  trust-anchor: "${anchor.replaceAll('"', "")}"
  local-zone: "test." nodefault
  max-udp-size: 4096
remote-control:
  control-enable: no
auth-zone:
  name: "ingress.test"
  zonefile: "${zone}"
  for-downstream: no
  for-upstream: yes
  fallback-enabled: no
`,
  );
  const child = spawn("unbound", ["-d", "-c", join(folder, "unbound.conf")], { stdio: "ignore" });
  atEnd(() => {
    child.kill();
  });
}

function drill(port: number, ...words: readonly string[]): Promise<string> {
  const child = spawn("drill", ["-D", "-b", "4096", "-p", String(port), "@127.0.0.1", ...words], { stdio: ["ignore", "pipe", "ignore"] });
  let out = "";
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  return new Promise((resolve) => child.once("close", () => resolve(out)));
}

if (
  spawnSync("ldns-signzone", ["-v"]).error !== undefined ||
  spawnSync("unbound", ["-V"]).error !== undefined ||
  spawnSync("drill", ["-v"]).error !== undefined
) {
  skip("DNSSEC through unbound", "unbound and ldnsutils are not installed");
} else {
  for (const forwarder of FORWARDERS) {
    test(`${forwarder}: answers come validated and whole`, async () => {
      const [back, port] = [await freeUdpPort(), await freeUdpPort()];
      startUnbound(temporaryFolder(), back);
      for (let tries = 0; tries < MOST_TRIES && !(await drill(back, "www.ingress.test")).includes("NOERROR"); tries++);
      const gateway = await running({ policy: `edition 1\nexpose dns on udp ${port} { backend 127.0.0.1:${back} amplify 30 allow from any }`, forwarder });
      for (const [name, type, has] of [
        ["www.ingress.test", "A", "192.0.2.80"],
        ["big.ingress.test", "TXT", "c".repeat(250)],
        ["ingress.test", "DNSKEY", "DNSKEY"],
        ["none.ingress.test", "A", "NSEC"],
      ] as const) {
        const answer = await drill(port, name, type);
        assert.match(answer, /flags: qr rd ra ad/i, `${name}: ${answer}`);
        assert.match(answer, /RRSIG/);
        assert.ok(answer.includes(has), answer);
      }
      assert.equal([...gateway.daemon.counters.datagramsDropped], []);
      assert.is(gateway.records().filter(({ op, decision }) => op === "accept" && decision === "allow").length, 4);
    });
  }
}

test.run();
