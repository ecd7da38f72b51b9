// A server name that is an address, empty or invalid counts as no name where no rule has `sni`, and is a
// refusal where one has it.
import { connect } from "node:net";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { uri } from "../tls/certificates.ts";
import { call, lastAccept, SERVED, within } from "../tls/tls_under_test.ts";
import { backend, eventually, freePort, moduleOf, running } from "./gateway_under_test.ts";
import { helloWith, record, serverName } from "./hello_bytes.ts";

const test = suite("unasked names");
const ODD: readonly (readonly [name: string, fault: string])[] = [
  ["192.0.2.7", "name_ip_literal"],
  ["::1", "name_ip_literal"],
  ["127.1", "name_ip_literal"],
  ["localhost:8443", "name_byte"],
  ["", "name_empty"],
  ["a..b", "name_empty_label"],
  ["a\0b", "name_nul"],
  ["*.a.test", "name_wildcard"],
  [`${"a".repeat(64)}.test`, "name_label_too_long"],
  ["a.test.", "name_dot"],
];

test("as passthrough: an odd name is refused where an enforced rule has `sni`, and admitted otherwise", async () => {
  const behind = await backend("");
  const [port, other] = [await freePort(), await freePort()];
  const policy = (body: string, top = ""): string => `edition 1\n${top}\nexpose web on tcp ${port} as passthrough { backend 127.0.0.1:${behind.port} ${body} }`;
  const gateway = await running({ policy: policy("allow from any") });
  const rows: readonly (readonly [body: string, top: string, hasSni: boolean])[] = [
    ["allow from any", "", false],
    ['allow from any\n dryrun deny sni "b.test"', "", false],
    ["allow from any", `deny on tcp ${port + 1}-65535 sni "b.test"`, false],
    ["allow from any", `dryrun deny sni "b.test"`, false],
    ['allow from any\n deny sni "b.test"', "", true],
    ['allow from 192.0.2.1 sni "b.test"\n allow from any', "", true],
    ["allow from any", 'deny sni "b.test"', true],
    ["allow from any", `deny on tcp 1-${port} sni "b.test"`, true],
  ];
  // A deny may name no port that nobody exposes as TLS.
  const neighbour = `\nexpose second on tcp ${other} as passthrough { backend 127.0.0.1:${behind.port} }`;
  for (const [body, top, hasSni] of rows) {
    if (top.includes("65535") && other <= port) continue;
    gateway.place(moduleOf(policy(body, top) + neighbour));
    await gateway.daemon.reload();
    for (const [name, fault] of ODD) {
      const reached = behind.accepted;
      const hello = record(helloWith(serverName(name)));
      const socket = connect(port, "127.0.0.1");
      let got = Buffer.alloc(0);
      socket
        .on("error", () => undefined)
        .on("data", (chunk: Buffer) => {
          got = Buffer.concat([got, chunk]);
        });
      socket.write(hello);
      await eventually(() => socket.closed || got.length === hello.length, `${body}, ${name}`);
      const said = gateway
        .records()
        .filter(({ op }) => op === "accept")
        .at(-1);
      assert.equal(
        [said?.code, said?.detail, said?.sni, behind.accepted - reached],
        [hasSni ? "hello_malformed" : "allowed", fault, undefined, hasSni ? 0 : 1],
        `${top} ${body}, ${name}`,
      );
      socket.destroy();
      await eventually(() => gateway.daemon.forwarder.live === 0, "its end");
    }
  }
  await gateway.stop();
  behind.close();
});

test("as tls and as mtls", async () => {
  for (const mode of ["tls", "mtls"] as const) {
    const ids = mode === "mtls" ? 'client uri "spiffe://corp.example/ops"' : "";
    await within(`allow from any ${ids}`, { mode }, async (s) => {
      const certificate = s.issue({ names: [uri("spiffe://corp.example/ops")] });
      for (const name of ["127.1", "a..b", "localhost:8443", "www.example.com."]) {
        assert.is((await call(s, { name, certificate })).got, SERVED, `${mode} ${name}`);
        assert.is((await lastAccept(s)).sni, name === "www.example.com." ? "www.example.com" : undefined);
      }
      s.gateway.place(moduleOf(s.policy(`allow from any sni "www.example.com" ${ids}`, mode)));
      await s.gateway.daemon.reload();
      for (const name of ["127.1", "a..b", "localhost:8443"]) {
        assert.equal([(await call(s, { name, certificate })).got, (await lastAccept(s)).code], ["", "hello_malformed"], `${mode} ${name}`);
      }
      assert.is((await call(s, { name: "www.example.com.", certificate })).got, SERVED);
    });
  }
});

test("a stream that was admitted with such a name is closed when a reload adds `sni`", async () => {
  const behind = await backend("");
  const port = await freePort();
  const policy = (body: string): string => `edition 1\nexpose web on tcp ${port} as passthrough { backend 127.0.0.1:${behind.port} ${body} }`;
  const gateway = await running({ policy: policy("allow from any") });
  const socket = connect(port, "127.0.0.1").on("error", () => undefined);
  socket.write(record(helloWith(serverName("192.0.2.7"))));
  await new Promise((resolve) => socket.once("data", resolve));
  gateway.place(moduleOf(policy("allow from any\n deny from 192.0.2.0/24")));
  await gateway.daemon.reload();
  assert.is(gateway.daemon.forwarder.live, 1);
  gateway.place(moduleOf(policy('allow from any\n deny sni "b.test"')));
  await gateway.daemon.reload();
  await eventually(() => socket.closed, "its end");
  const said = gateway.records().at(-1);
  assert.equal([said?.op, said?.code, said?.detail], ["recheck", "rechecked", "hello_malformed"]);
  await gateway.stop();
  behind.close();
});

test.run();
