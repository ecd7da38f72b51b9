// A real TLS client through a passthrough listener to a real TLS backend, and what a listener
// without any rule about names still demands: a ClientHello.
import { once } from "node:events";
import { connect as connectTcp, createServer as createTcpServer } from "node:net";
import { connect, createServer } from "node:tls";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { freePort, listening, running, type Under } from "./gateway_under_test.ts";
import { helloWith, record, serverName } from "./hello_bytes.ts";

const test = suite("passthrough to TLS");
/** Both sides know one key, so no certificate is needed (TLS 1.2: Node offers it there only). */
const PSK = { psk: Buffer.alloc(32, 5), identity: "test" };
const SHARED = { ciphers: "PSK-AES256-GCM-SHA384", maxVersion: "TLSv1.2", minVersion: "TLSv1.2" } as const;

const policyOf = (port: number, behind: number, rule: string): string => `edition 1
expose web on tcp ${port} as passthrough { backend 127.0.0.1:${behind} ${rule} }`;
const lastCode = (gateway: Under): string | undefined =>
  gateway
    .records()
    .filter(({ op }) => op === "accept")
    .at(-1)?.code;

test("the session is between the client and the backend", async () => {
  const names: (string | false | null)[] = [];
  const server = createServer({ ...SHARED, pskCallback: () => PSK.psk }, (socket) => {
    names.push(socket.servername);
    socket.on("error", () => undefined);
    socket.pipe(socket);
  });
  const behind = await listening(server);
  const port = await freePort();
  const gateway = await running({ policy: policyOf(port, behind, 'allow from any sni "www.example.com"') });
  const dial = (servername: string): ReturnType<typeof connect> =>
    connect({
      ...SHARED,
      port,
      host: "127.0.0.1",
      servername,
      pskCallback: () => PSK,
      checkServerIdentity: () => undefined,
    });

  const good = dial("www.example.com");
  await once(good, "secureConnect");
  good.write("through the session");
  const heard: readonly unknown[] = await once(good, "data");
  assert.is(String(heard[0]), "through the session");
  assert.equal(names, ["www.example.com"]);
  good.destroy();
  assert.is(lastCode(gateway), "allowed");

  const bad = dial("other.example.com");
  const failed: readonly unknown[] = await once(bad, "error");
  assert.ok(failed[0] instanceof Error);
  assert.is(lastCode(gateway), "no_name");
  assert.is(names.length, 1, "the backend never heard of it");
  assert.ok(gateway.markers.includes("ingressd: deny (reason=sni)"));
  await gateway.stop();
  server.close();
});

test("a hello is demanded also where every source is allowed without a name", async () => {
  let received = Buffer.alloc(0);
  let accepted = 0;
  const server = createTcpServer({ allowHalfOpen: true }, (socket) => {
    accepted++;
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => {
      received = Buffer.concat([received, chunk]);
    });
    socket.on("end", () => socket.end("all"));
  });
  const behind = await listening(server);
  const port = await freePort();
  const gateway = await running({ policy: policyOf(port, behind, "allow from any") });
  const say = async (bytes: Buffer): Promise<string> => {
    const socket = connectTcp({ port, host: "127.0.0.1", allowHalfOpen: true });
    let answer = "";
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => {
      answer += chunk.toString("latin1");
    });
    // The end of the stream comes with the hello, while no backend is connected yet.
    socket.end(bytes);
    await new Promise<void>((resolve) => socket.once("close", () => resolve()));
    return answer;
  };
  const table: readonly (readonly [what: string, bytes: Buffer, code: string])[] = [
    ["plain text", Buffer.from("SSH-2.0-client\r\n"), "hello_malformed"],
    ["nothing", Buffer.alloc(0), "hello_gone"],
    ["half a hello", record(helloWith()).subarray(0, 30), "hello_gone"],
    ["two names", record(helloWith(serverName("a.example", "b.example"))), "hello_malformed"],
  ];
  for (const [what, bytes, code] of table) {
    assert.is(await say(bytes), "", what);
    assert.is(lastCode(gateway), code, what);
  }
  assert.is(accepted, 0);
  const whole = Buffer.concat([record(helloWith()), Buffer.alloc(150_000, "after the hello ")]);
  assert.is(await say(whole), "all", "the end of the stream is passed on");
  assert.ok(received.equals(whole), "every byte, in order");
  assert.is(lastCode(gateway), "allowed");
  await gateway.stop();
  server.close();
});

test.run();
