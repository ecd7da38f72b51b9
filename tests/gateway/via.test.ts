// `via NET`: a load balancer's header names the source, and nobody else's does. Each forwarder, and several threads.
import { connect as connectTls } from "node:tls";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { authority, dns, leaf } from "../tls/certificates.ts";
import { put } from "../tls/tls_under_test.ts";
import { eventually, temporaryFolder } from "./gateway_under_test.ts";
import { helloWith, records, serverName } from "./hello_bytes.ts";
import { four, head, line, LOCAL, six, summed, tlv } from "./proxy_bytes.ts";
import { BALANCER, behind, closed, echoed, peer, STRANGER, turns, WAYS } from "./via_under_test.ts";

const test = suite("via");

const NAMED = "203.0.113.9";
const TO = "198.51.100.1";
const HEADERS: readonly (readonly [what: string, header: Buffer, source: string, destination: string])[] = [
  ["version 1", line("TCP4", NAMED, TO, 40_000, 443), `${NAMED}:40000`, `${TO}:443`],
  ["version 1 over IPv6", line("TCP6", "2001:db8::9", "2001:db8::1", 40_000, 443), "[2001:db8::9]:40000", "[2001:db8::1]:443"],
  ["version 2", four(NAMED, TO, 40_000, 443, tlv(0x02, Buffer.from("x.test"))), `${NAMED}:40000`, `${TO}:443`],
  ["version 2 with a checksum", summed((sum) => four(NAMED, TO, 40_000, 443, sum)), `${NAMED}:40000`, `${TO}:443`],
  ["version 2 over IPv6", six("2001:db8:0:0:0:0:0:9", "2001:db8:0:0:0:0:0:1", 40_000, 443), "[2001:db8::9]:40000", "[2001:db8::1]:443"],
  ["a mapped source", six("0:0:0:0:0:ffff:cb00:7109", "0:0:0:0:0:ffff:c633:6401", 40_000, 443), `${NAMED}:40000`, `${TO}:443`],
];
const NOBODY: readonly (readonly [what: string, header: Buffer])[] = [
  ["UNKNOWN", line("UNKNOWN")],
  ["LOCAL", LOCAL],
  ["LOCAL with addresses", head(0x20, 0x11, Buffer.alloc(12, 1))],
  ["LOCAL with a checksum", summed((sum) => head(0x20, 0x00, sum))],
  ["AF_UNSPEC", head(0x21, 0x00, Buffer.alloc(0))],
];
const HELLO = records(helloWith(serverName("www.example.com")));

const plain =
  (rules: string, more = "") =>
  (port: number, backend: number): string =>
    `edition 1\n${more}\nexpose web on tcp ${port} via ${BALANCER} { backend 127.0.0.1:${backend} ${rules} }`;

for (const way of WAYS) {
  const title = `forwarder ${way.forwarder}, ${way.threads} threads`;

  test(`${title}: the source that a header names is the one of rules and records, and the backend gets the bytes behind the header alone`, async () => {
    const it = await behind(plain("allow from 203.0.113.0/24, 2001:db8::/32"), way);
    for (const [what, header, source, destination] of HEADERS) {
      const all = peer(it.port, Buffer.concat([header, Buffer.from("together")]));
      await echoed(all, "together");
      const record = it.lastAccept();
      assert.equal([record?.decision, record?.source, record?.destination], ["allow", source, destination], what);
      assert.is(record?.peer, `${BALANCER}:${all.socket.localPort}`);
      all.socket.write(", and later");
      await echoed(all, "together, and later");
      all.socket.destroy();
      const alone = peer(it.port, header);
      await eventually(() => it.accepts().length % 2 === 0, "the header alone decides");
      alone.socket.write("later");
      await echoed(alone, "later");
      alone.socket.destroy();
    }
    await it.gateway.stop();
  });

  test(`${title}: a header that comes byte by byte, with an end behind it`, async () => {
    const it = await behind(plain("allow from 203.0.113.9"), way);
    for (const header of [HEADERS[0]?.[1], HEADERS[2]?.[1]]) {
      const one = peer(it.port, "");
      one.socket.setNoDelay(true);
      for (const byte of header ?? Buffer.alloc(0)) {
        one.socket.write(Buffer.from([byte]));
        await turns();
      }
      one.socket.end("x");
      await echoed(one, "x");
      await closed(one);
    }
    await it.gateway.stop();
  });

  test(`${title}: who is named and refused has the record, not the peer; a top-level deny sees the named source`, async () => {
    const it = await behind(plain("allow from any", "deny named bad from 203.0.113.9\ndeny named balancers from 127.0.0.5"), way);
    const one = peer(it.port, HEADERS[0]?.[1] ?? "");
    await closed(one);
    const record = it.lastAccept();
    assert.equal(
      [record?.decision, record?.rule, record?.source, record?.peer],
      ["deny", "bad", `${NAMED}:40000`, `${BALANCER}:${one.socket.localPort ?? record?.peer?.split(":")[1]}`],
    );
    assert.is(it.backend.accepted, 0);
    const other = peer(it.port, Buffer.concat([line("TCP4", "203.0.113.10", TO, 1, 2), Buffer.from("x")]));
    await echoed(other, "x");
    await it.gateway.stop();
  });

  test(`${title}: a header that names nobody means the peer`, async () => {
    const it = await behind(plain("allow from 127.0.0.5"), way);
    for (const [what, header] of NOBODY) {
      const one = peer(it.port, Buffer.concat([header, Buffer.from("x")]));
      await echoed(one, "x");
      const record = it.lastAccept();
      assert.equal([record?.source, record?.peer, record?.destination], [record?.peer, `${BALANCER}:${one.socket.localPort}`, undefined], what);
      one.socket.destroy();
    }
    await it.gateway.stop();
  });

  test(`${title}: bytes of any other peer are data, also if they look like a header`, async () => {
    const it = await behind(plain("allow from 127.0.0.6"), way);
    for (const [, header] of HEADERS) {
      const one = peer(it.port, header, STRANGER);
      await echoed(one, header);
      const record = it.lastAccept();
      assert.equal([record?.source?.split(":")[0], record?.peer, record?.destination], [STRANGER, undefined, undefined]);
      one.socket.destroy();
    }
    await it.gateway.stop();
  });

  test(`${title}: what is no header is refused, recorded with its fault, and reaches nobody`, async () => {
    const it = await behind(plain("allow from any"), way);
    for (const [sends, fault] of [
      [Buffer.from("GET / HTTP/1.1\r\n\r\n"), "not_a_header"],
      [HELLO, "not_a_header"],
      [line("TCP4", NAMED, TO, 0, 443), "port"],
      [line("TCP4", "224.0.0.1", TO, 1, 443), "source"],
      [head(0x21, 0x31, Buffer.alloc(216)), "family"],
      [head(0x21, 0x12, Buffer.alloc(12, 1)), "transport"],
      [summed((sum) => four(NAMED, TO, 1, 2, sum), 1), "checksum"],
      [summed((sum) => head(0x20, 0x00, sum), 1), "checksum"],
      [head(0x21, 0x11, Buffer.alloc(0), 5000), "too_large"],
    ] as const) {
      const before = it.accepts().length;
      const one = peer(it.port, sends);
      await closed(one);
      assert.is(one.got().length, 0);
      const [record, ...more] = it.accepts().slice(before);
      assert.equal(more, []);
      assert.equal([record?.code, record?.reason, record?.detail, record?.source], ["proxy_malformed", "cidr", fault, record?.peer]);
    }
    assert.is(it.backend.accepted, 0);
    await it.gateway.stop();
  });

  test(`${title}: passthrough reads the hello behind the header, together or in pieces, and sends it on whole`, async () => {
    const it = await behind(
      (port, backend) => `edition 1
expose web on tcp ${port} via ${BALANCER} as passthrough { backend 127.0.0.1:${backend} allow from 203.0.113.9 sni "www.example.com" }`,
      way,
    );
    const header = HEADERS[2]?.[1] ?? Buffer.alloc(0);
    const all = Buffer.concat([header, HELLO]);
    for (const cut of [0, 1, header.length - 1, header.length, header.length + 1, header.length + 20, all.length - 1]) {
      const one = peer(it.port, all.subarray(0, cut));
      one.socket.setNoDelay(true);
      await turns();
      one.socket.write(all.subarray(cut));
      await echoed(one, HELLO);
      one.socket.write("more");
      await echoed(one, Buffer.concat([HELLO, Buffer.from("more")]));
      assert.equal([it.lastAccept()?.source, it.lastAccept()?.sni], [`${NAMED}:40000`, "www.example.com"]);
      one.socket.destroy();
    }
    await it.gateway.stop();
  });

  for (const engine of way.forwarder === "kernel" && way.threads === 1 ? (["openssl", "node"] as const) : ([undefined] as const))
    test(`${title}, TLS by ${engine ?? "its own engine"}: TLS that ends here begins behind the header`, async () => {
      const folder = temporaryFolder();
      const site = authority("site root");
      put(folder, "web", leaf(site, { names: [dns("www.example.com")] }));
      const it = await behind(
        (port, backend) => `edition 1
expose web on tcp ${port} via ${BALANCER} as tls { backend 127.0.0.1:${backend} cert "web" allow from 203.0.113.9 sni "www.example.com" }`,
        { ...way, ...(engine !== undefined && { engine }) },
        `[certs.web]\ncert = "${folder}/web.pem"\nkey = "${folder}/web.key"`,
      );
      for (const [what, header, source] of HEADERS) {
        if (!source.startsWith(NAMED)) continue;
        const raw = peer(it.port, header);
        raw.socket.removeAllListeners("data");
        const secured = connectTls({ socket: raw.socket, servername: "www.example.com", ca: site.pem });
        let got = "";
        secured.on("data", (chunk) => (got += String(chunk)));
        secured.on("error", () => undefined);
        secured.write("hello");
        await eventually(() => got === "hello", `the echo over TLS, ${what}`);
        assert.is(it.lastAccept()?.source, source);
        secured.destroy();
      }
      await it.gateway.stop();
    });
}

test.run();
