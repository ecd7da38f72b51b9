// `ingressc build --target haproxy` in HAProxy: real clients in a network namespace, at every edge and at random.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { haproxy } from "../../compiler/emitters/haproxy.ts";
import { write } from "../../compiler/emitters/written.ts";
import { readHeader } from "../../gateway/forward/proxy_reading.ts";
import { formatAddress } from "../../runtime/net/address.ts";
import { chance } from "../oracle/random.ts";
import { skip } from "../skip.ts";
import { atEnd, ownFolder, stallsAfter, suite } from "../suite.ts";
import { freePort } from "../gateway/gateway_under_test.ts";
import { body, bytes, extension, helloWith, hostName, message, padding, record, records, serverName, u16, u8, vector16 } from "../gateway/hello_bytes.ts";
import { accept, answersTo, drifted, filesFor, RANDOM, RANDOM_POLICIES, SETTINGS, SHIPPED, type Engine } from "./acceptance.ts";
import { listens, until } from "./gateways.ts";
import { printed, shipped, written, type Compiled } from "./policies.ts";
import { namedPolicy } from "./random_policies.ts";
import { toThoseThatAccept } from "./several_backends.ts";

const test = suite("fleet: haproxy");
const API = fileURLToPath(new URL("runtime_api.py", import.meta.url));
const PROGRAM = ["haproxy", "-f", "haproxy.cfg", "-db"];
const ENGINE: Engine = { target: haproxy, setup: [], program: PROGRAM, ready: "runtime.sock", silent: false };
const POLICIES = ["fleet", "queue", "public_api", "mail", "monitored"];

const tried = spawnSync("unshare", ["--net", "sh", "-ec", "haproxy -v; python3 -c 1"], {
  encoding: "utf8",
  env: { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin` },
});
if (tried.status !== 0) skip("haproxy in a network namespace", tried.error?.message ?? tried.stderr.trim());
else {
  for (const name of POLICIES)
    test(`${name}: HAProxy admits whom the module admits`, () => {
      stallsAfter(120_000);
      const { visits, admitted, impossible } = accept(shipped(name), ENGINE, SHIPPED, chance(22));
      console.log(`  ${name}: ${visits} clients, ${admitted} admitted, ${impossible} that the kernel does not have`);
      assert.ok(visits > 1_500 && admitted > 50);
    });

  test(`${RANDOM_POLICIES} random policies`, () => {
    stallsAfter(120_000);
    const sum = { visits: 0, admitted: 0, impossible: 0 };
    for (let seed = 0, left = RANDOM_POLICIES; left > 0; seed++) {
      const c = chance(8_000 + seed);
      const made = printed(namedPolicy(c), `random${seed}`);
      const tried = write(made, haproxy, SETTINGS);
      // Clients without a name, where names decide.
      if (!tried.ok && tried.error.every(({ code, message }) => code === "ING907" && message.includes("clients without a name"))) continue;
      left--;
      const one = accept(made, ENGINE, RANDOM, c);
      sum.visits += one.visits;
      sum.admitted += one.admitted;
      sum.impossible += one.impossible;
    }
    console.log(`  random policies: ${sum.visits} clients, ${sum.admitted} admitted, ${sum.impossible} that the kernel does not have`);
    assert.ok(sum.visits > 100 * RANDOM_POLICIES && sum.admitted > 500 && sum.visits - sum.admitted > 500);
  });

  test("hellos that HAProxy and a server could read differently are refused", () => {
    stallsAfter(120_000);
    const named = written(
      "named",
      'edition 1\nexpose web on tcp 8443 as passthrough {\n  backend 127.0.0.1:18443\n  allow from any sni "www.example.com"\n}\n',
    );
    const www = serverName("www.example.com");
    const right = helloWith(www, padding(40));
    const ended = helloWith(padding(40), www);
    const hidden = helloWith(serverName("admin.example.com"), extension(21, bytes(Buffer.alloc(9), www, Buffer.alloc(9))));
    const versioned = (version: number): Buffer => record(message(body({ version: u16(version), extensions: vector16(www) })));
    const ofType = (type: number, content: Buffer): Buffer => bytes(u8(22), u16(type), vector16(content));
    const named2 = (...entries: readonly Buffer[]): Buffer => record(helloWith(extension(0, vector16(bytes(...entries)))));
    const cuts = (content: Buffer): readonly (readonly Buffer[])[] => Array.from({ length: content.length - 1 }, (_, i) => [records(content, i + 1)]);
    const admitted: readonly (readonly Buffer[])[] = [
      [record(right)],
      [record(ended)],
      ...[0x0301, 0x0302, 0x0303].map((version) => [versioned(version)]),
      [ofType(0x0300, right)],
      ...[3, 8, 20, 60, ended.length + 1, ended.length + 4].map((at) => [record(ended).subarray(0, at), record(ended).subarray(at)]),
      [record(right), ofType(0x0303, u8(1))],
    ];
    const refused: readonly (readonly Buffer[])[] = [
      ...cuts(right),
      ...cuts(ended),
      ...cuts(hidden),
      [records(right, 10, 20, 30)],
      ...[1, 2, 3, 4, 5].map((less) => [record(ended).subarray(0, -less)]),
      ...[0x0300, 0x0304, 0x0403, 0x0203].map((version) => [versioned(version)]),
      [ofType(0x0401, right)],
      [record(bytes(right, u8(0)))],
      [record(hidden)],
      [record(helloWith())],
      ...["", "www.example.com\n", "www.example.com\0", "www.example.com.", "admin.example.com"].map((name) => [record(helloWith(serverName(name)))]),
      [named2(bytes(u8(1), vector16(bytes("x"))), hostName("www.example.com"))],
      [named2()],
    ];
    const answers = answersTo(named, { ...ENGINE, atATime: 1000 }, 8443, [...admitted, ...refused]);
    assert.equal(
      answers.flatMap((answer, i) => (answer === (i < admitted.length ? 18_443 : 0) ? [] : [`${i - admitted.length}: ${answer}`])),
      [],
    );
  });

  const policy = (office: string): Compiled =>
    written(
      "swapped",
      `edition 1\nnet office = ${office}\nexpose web on tcp 8443 as passthrough {\n  backend 127.0.0.1:18443\n  allow from any sni "www.example.com"\n  allow from office sni "**.a.example.com"\n}\n`,
    );

  test("the maps of another policy are put in the place of those that run, and what runs is read back", () => {
    stallsAfter(120_000);
    const [before, after] = [policy("198.51.100.0/24, 2001:db8:9::/48"), policy("203.0.113.0/25, 2001:db8::/32")];
    const [first, next] = [filesFor(before, ENGINE), filesFor(after, ENGINE)];
    const engine: Engine = {
      ...ENGINE,
      files: new Map([...first, ["next.txt", next.get("swap.txt") ?? ""]]),
      before: [["python3", API, "swap", "next.txt"]],
      after: [["python3", API, "show", "shown"]],
    };
    const { visits, admitted, folder } = accept(after, engine, { random: 500, drawn: 100 }, chance(23));
    assert.ok(visits > 400 && admitted > 50);
    const shown = readFileSync(join(folder, "shown"), "utf8");
    assert.equal(drifted(after, haproxy, shown), { opened: 0, closed: 0, strange: 0 });
    assert.equal(drifted(before, haproxy, shown), { opened: 1, closed: 1, strange: 0 });
    const other = shown.replace("www.example.com", "web.example.com");
    assert.not.equal(other, shown);
    assert.ok(drifted(after, haproxy, other).opened > 0 && drifted(after, haproxy, other).closed > 0);
  });

  test("several backends: each gets clients, and one that does not accept refuses nobody", () => {
    stallsAfter(120_000);
    toThoseThatAccept(ENGINE);
  });

  test("a backend gets the PROXY header that the policy names, with the client's address and port", async () => {
    stallsAfter(60_000);
    for (const version of ["v1", "v2", null] as const) {
      const [front, behind] = [await freePort(), await freePort()];
      const got: Buffer[] = [];
      // Of the connection that the client's bytes come on; others are those of HAProxy's start.
      const server = createServer((socket) => {
        const own: Buffer[] = [];
        socket
          .on("error", () => undefined)
          .on("data", (part: Buffer) => {
            own.push(part);
            if (Buffer.concat(own).includes("hello")) got.push(...own);
          });
      });
      await new Promise<void>((resolve) => {
        server.listen(behind, "127.0.0.1", () => resolve());
      });
      atEnd(() => server.close());
      const proxy = version === null ? "" : ` proxy ${version}`;
      const compiled = written("header", `edition 1\nexpose web on tcp ${front} {\n  backend 127.0.0.1:${behind}${proxy}\n  allow from 127.0.0.0/8\n}\n`);
      const folder = ownFolder("haproxy-");
      for (const [name, text] of filesFor(compiled, ENGINE)) {
        mkdirSync(dirname(join(folder, name)), { recursive: true });
        writeFileSync(join(folder, name), text);
      }
      const child = spawn("haproxy", ["-f", "haproxy.cfg", "-db"], {
        cwd: folder,
        stdio: "ignore",
        env: { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin` },
      });
      atEnd(() => child.kill("SIGKILL"));
      await until("HAProxy listens", () => listens(`127.0.0.1:${front}`));
      const client = connect({ host: "127.0.0.2", port: front, localAddress: "127.0.0.9" });
      await once(client, "connect");
      client.write("hello");
      await until("the backend has the client's bytes", () => got.length > 0);
      const bytes = Buffer.concat(got);
      const { localPort: port = 0 } = client;
      client.destroy();
      child.kill("SIGTERM");
      if (version === null) {
        assert.is(bytes.toString(), "hello");
        continue;
      }
      const read = readHeader(bytes);
      assert.ok(read !== null && "bytes" in read, bytes.toString("hex"));
      assert.is(bytes.subarray(read.bytes).toString(), "hello");
      assert.is(bytes[0] === 0x50, version === "v1");
      assert.equal(read.named && [read.named.source, read.named.destination].map((end) => [formatAddress(end.address), end.port]), [
        ["127.0.0.9", port],
        ["127.0.0.2", front],
      ]);
    }
  });

  test("via is refused, because HAProxy believes headers that ingressd refuses", async () => {
    stallsAfter(60_000);
    const [front, behind] = [await freePort(), await freePort()];
    const server = createServer((socket) => void socket.on("error", () => undefined).end("served"));
    await new Promise<void>((resolve) => {
      server.listen(behind, "127.0.0.1", () => resolve());
    });
    atEnd(() => server.close());
    const folder = ownFolder("haproxy-");
    writeFileSync(
      join(folder, "haproxy.cfg"),
      `defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 5s\n  timeout server 5s\nfrontend f\n  bind 127.0.0.1:${front}\n` +
        `  tcp-request connection expect-proxy layer4 if { src 127.0.0.9 }\n  tcp-request session reject unless { src 198.51.100.7 }\n  default_backend b\nbackend b\n  server s 127.0.0.1:${behind}\n`,
    );
    const child = spawn("haproxy", ["-f", "haproxy.cfg", "-db"], {
      cwd: folder,
      stdio: "ignore",
      env: { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin` },
    });
    atEnd(() => child.kill("SIGKILL"));
    await until("HAProxy listens", () => listens(`127.0.0.1:${front}`));
    const signature = "0d0a0d0a000d0a515549540a";
    const header = (source: string, ports: string, fields = ""): Buffer =>
      Buffer.from(`${signature}2111${(12 + fields.length / 2).toString(16).padStart(4, "0")}${source}0a000001${ports}${fields}`, "hex");
    const served = (bytes: Buffer): Promise<boolean> =>
      new Promise((resolve) => {
        let got = "";
        const client = connect({ host: "127.0.0.1", port: front, localAddress: "127.0.0.9" }, () => client.write(bytes));
        client.on("data", (part: Buffer) => (got += part.toString()));
        client.on("error", () => undefined).on("close", () => resolve(got === "served"));
      });
    const [named, stranger] = [header("c6336407", "c35001bb"), header("cb007107", "c35001bb")];
    assert.equal([await served(named), await served(stranger)], [true, false], "it does read headers");
    for (const [why, bytes] of [
      ["the port 0", header("c6336407", "000001bb")],
      ["a port with zeros before it", Buffer.from("PROXY TCP4 198.51.100.7 10.0.0.1 0050000 443\r\n")],
    ] as const) {
      assert.ok("fault" in (readHeader(bytes) ?? {}), why);
      assert.is(await served(bytes), true, why);
    }
    child.kill("SIGTERM");
  });
}
test.run();
