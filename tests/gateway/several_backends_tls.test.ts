// Where the gateway has read a hello, or has done the handshake, a backend that refuses costs the client nothing: the next
// one gets all of its bytes, once.
import * as assert from "uvu/assert";
import { suite } from "../suite.ts";
import { authority, dns, leaf } from "../tls/certificates.ts";
import { call, GREETING, put, putAuthority, SERVED } from "../tls/tls_under_test.ts";
import { backend, eventually, FORWARDERS, freePort, running, temporaryFolder, visit, type EngineName, type UnderSetup } from "./gateway_under_test.ts";
import { helloWith, records, serverName } from "./hello_bytes.ts";

const test = suite("several backends behind TLS");

const WAYS: readonly (readonly [name: string, setup: Pick<UnderSetup, "forwarder" | "engine" | "threads">])[] = [
  ...(FORWARDERS.includes("kernel") ?
    ([
      ["kernel, openssl", { forwarder: "kernel", engine: "openssl" as EngineName }],
      ["kernel, node", { forwarder: "kernel", engine: "node" as EngineName }],
      ["a thread, openssl", { forwarder: "kernel", engine: "openssl" as EngineName, threads: 2 }],
    ] as const)
  : []),
  ["node", { forwarder: "node", engine: undefined }],
];

for (const [name, setup] of WAYS) {
  for (const mode of ["tls", "mtls"] as const)
    test(`${name}: as ${mode}`, async () => {
      const folder = temporaryFolder();
      const [site, clients] = [authority("site root"), authority("client root")];
      put(folder, "web", leaf(site, { names: [dns("www.example.com")] }));
      putAuthority(folder, "corp", clients);
      const [dead, port] = [await freePort(), await freePort()];
      const behind = await backend(GREETING);
      const gateway = await running({
        folder,
        policy: `edition 1
expose web on tcp ${port} as ${mode} {
  backend 127.0.0.1:${dead}, 127.0.0.1:${behind.port}
  cert "web"${mode === "mtls" ? ' ca "corp"' : ""}
  allow from any
}`,
        config: `[certs.web]\ncert = "${folder}/web.pem"\nkey = "${folder}/web.key"\n[cas.corp]\nfile = "${folder}/corp.pem"`,
        ...setup,
      });
      const certificate = leaf(clients, { names: [dns("a.example.com")] });
      for (let i = 0; i < 3; i++) {
        let got: string | null = null;
        void call({ port, site }, mode === "mtls" ? { certificate } : {}).then((came) => (got = came.got));
        await eventually(() => (gateway.clock.advance(0), got !== null), "the answer");
        assert.is(got, SERVED);
      }
      assert.is(behind.accepted, 3);
      assert.equal(
        gateway.daemon.counters.traffic
          .all()
          .find(({ backend: at }) => at === `127.0.0.1:${dead}`)
          ?.failures.get("refused"),
        1,
      );
    });

  test(`${name}: as passthrough, the hello comes whole and once`, async () => {
    const [dead, port] = [await freePort(), await freePort()];
    let heard = Buffer.alloc(0);
    const behind = await backend("", (socket) => void socket.on("data", (chunk) => void (heard = Buffer.concat([heard, chunk]))));
    const gateway = await running({
      policy: `edition 1\nexpose web on tcp ${port} as passthrough { backend 127.0.0.1:${dead}, 127.0.0.1:${behind.port} allow from any sni "www.example.com" }`,
      ...setup,
    });
    const hello = records(helloWith(serverName("www.example.com")));
    const { socket } = visit(port);
    socket.write(hello);
    await eventually(() => (gateway.clock.advance(0), heard.length >= hello.length), "the hello");
    assert.equal(heard, hello);
    socket.destroy();
  });
}

test.run();
