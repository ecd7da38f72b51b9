// `explain` of a running gateway where names decide which expose answers: it says what the gateway then does with such a
// connection, and what `ingressc explain` says of the same policy.
import * as assert from "uvu/assert";
import { ingresscHere } from "../cli/programs.ts";
import { suite } from "../suite.ts";
import { backend, eventually, freePort, running, visit, type Under } from "./gateway_under_test.ts";
import { helloWith, records, serverName } from "./hello_bytes.ts";

const test = suite("explain of a gateway");

interface Scene {
  readonly gateway: Under;
  readonly ports: { readonly shared: number; readonly lone: number; readonly plain: number; readonly ruled: number };
  /** The answers of the gateway, or its error's message. */
  explained(params: object): Promise<readonly Said[] | string>;
}

interface Said {
  readonly to: string;
  readonly decision: string;
  readonly reason: string;
  readonly code: string;
  readonly detail?: string;
  readonly rule?: string;
}

async function scene(rest = ""): Promise<Scene> {
  const behind = await backend("hello");
  const ports = { shared: await freePort(), lone: await freePort(), plain: await freePort(), ruled: await freePort() };
  const to = `backend 127.0.0.1:${behind.port}`;
  const gateway = await running({
    policy: `edition 1
deny from 127.0.0.7
expose www on tcp ${ports.shared} for "www.example.com" as passthrough { ${to} allow named pages from any }
expose shop on tcp ${ports.shared} for "*.shop.example.com" as passthrough { ${to} allow named office from 127.0.0.2 }
${rest.replace("PORT", String(ports.shared)).replace("BACKEND", to)}
expose lone on tcp ${ports.lone} for "lone.example.com" as passthrough { ${to} allow from any }
expose plain on tcp ${ports.plain} as passthrough { ${to} allow from any }
expose ruled on tcp ${ports.ruled} as passthrough { ${to} allow from any sni "a.example.com" }`,
  });
  return {
    gateway,
    ports,
    async explained(params) {
      const client = await gateway.control();
      try {
        const answer = await client.call("explain", params);
        return "error" in answer ? answer.error.message : (answer.result as { answers: readonly Said[] }).answers;
      } finally {
        client.close();
      }
    },
  };
}

/** Makes one connection. The code, the reason, the expose and the detail of its record. */
async function served({ gateway }: Scene, port: number, from: string, sni: string | null): Promise<readonly unknown[]> {
  const accepts = (): ReturnType<Under["records"]> => gateway.records().filter(({ op }) => op === "accept");
  const before = accepts().length;
  const { socket, first } = visit(port, { from });
  socket.write(records(sni === null ? helloWith() : helloWith(serverName(sni))));
  await eventually(() => accepts().length > before, "its record");
  await first;
  socket.destroy();
  const { code, reason, listener, detail } = accepts().at(-1) ?? {};
  return [code, reason, listener, detail];
}

/** [the port, the source, the name or null, the code, the expose] */
const ROWS: readonly (readonly [port: keyof Scene["ports"], from: string, sni: string | null, code: string, listener: string | undefined, detail?: string])[] =
  [
    ["shared", "127.0.0.2", "www.example.com", "allowed", "www"],
    ["shared", "127.0.0.3", "WWW.example.com", "allowed", "www"],
    ["shared", "127.0.0.2", "a.shop.example.com", "allowed", "shop"],
    ["shared", "127.0.0.3", "a.shop.example.com", "no_match", "shop"],
    ["shared", "127.0.0.2", "shop.example.com", "no_expose", undefined],
    ["shared", "127.0.0.2", "a.b.shop.example.com", "no_expose", undefined],
    ["shared", "127.0.0.2", null, "no_expose", undefined],
    ["shared", "127.0.0.2", "", "hello_malformed", undefined, "name_empty"],
    ["shared", "127.0.0.2", "127.0.0.1", "hello_malformed", undefined, "name_ip_literal"],
    ["shared", "127.0.0.2", "::1", "hello_malformed", undefined, "name_ip_literal"],
    ["shared", "127.0.0.2", "www..example.com", "hello_malformed", undefined, "name_empty_label"],
    ["shared", "127.0.0.2", "*.example.com", "hello_malformed", undefined, "name_wildcard"],
    ["shared", "127.0.0.2", "www.example.com.", "hello_malformed", "www", "name_dot"],
    ["shared", "127.0.0.7", "www.example.com", "deny_rule", undefined],
    ["shared", "127.0.0.7", "127.0.0.1", "deny_rule", undefined],
    ["lone", "127.0.0.2", "lone.example.com", "allowed", "lone"],
    ["lone", "127.0.0.2", "www.example.com", "no_expose", undefined],
    ["lone", "127.0.0.2", null, "no_expose", undefined],
    ["lone", "127.0.0.2", "127.0.0.1", "hello_malformed", undefined, "name_ip_literal"],
    ["plain", "127.0.0.2", "127.0.0.1", "allowed", "plain"],
    ["plain", "127.0.0.2", null, "allowed", "plain"],
    ["ruled", "127.0.0.2", "a.example.com", "allowed", "ruled"],
    ["ruled", "127.0.0.2", "b.example.com", "no_name", "ruled"],
    ["ruled", "127.0.0.2", null, "no_name", "ruled"],
    ["ruled", "127.0.0.2", "127.0.0.1", "hello_malformed", "ruled", "name_ip_literal"],
    ["ruled", "127.0.0.2", "a.example.com.", "hello_malformed", "ruled", "name_dot"],
  ];

test("of a port: what the gateway then does with the connection", async () => {
  const s = await scene();
  for (const [port, from, sni, code, listener, detail] of ROWS) {
    const what = `${port} ${from} ${sni}`;
    const to = `tcp ${s.ports[port]}`;
    const answers = await s.explained({ from, to, ...(sni !== null && { sni }) });
    assert.ok(typeof answers !== "string", `${what}: ${answers as string}`);
    const [only, ...more] = answers;
    const record = await served(s, s.ports[port], from, sni);
    assert.equal(record.slice(0, 1), [code], what);
    assert.equal(record[2], listener, what);
    assert.equal([only?.code, only?.reason, only?.to, more.length], [code, record[1], listener ?? to, 0], what);
    assert.is(only?.decision, code === "allowed" ? "allow" : "deny", what);
    if (code !== "allowed") assert.equal([only?.detail, record[3]], [detail, detail], what);
  }
});

test("of an expose: a name that leads to another one, and none, are errors that name the right expose", async () => {
  const s = await scene();
  const on = `on port ${s.ports.shared}`;
  const rows: readonly (readonly [to: string, sni: string | null, says: string])[] = [
    ["www", "a.shop.example.com", `${on} \`a.shop.example.com\` leads to \`shop\`, and not to \`www\`: query \`shop\`, or \`tcp ${s.ports.shared}\``],
    ["shop", "WWW.example.com.", `${on} \`www.example.com\` leads to \`www\`, and not to \`shop\`: query \`www\`, or \`tcp ${s.ports.shared}\``],
    [
      "www",
      null,
      `${on} a client that sends no name leads to no expose, and not to \`www\`: query \`tcp ${s.ports.shared}\` to see the refusal, or a name that leads to \`www\``,
    ],
    [
      "www",
      "mail.example.com",
      `${on} \`mail.example.com\` leads to no expose, and not to \`www\`: query \`tcp ${s.ports.shared}\` to see the refusal, or a name that leads to \`www\``,
    ],
    [
      "lone",
      null,
      `on port ${s.ports.lone} a client that sends no name leads to no expose, and not to \`lone\`: query \`tcp ${s.ports.lone}\` to see the refusal, or a name that leads to \`lone\``,
    ],
  ];
  for (const [to, sni, says] of rows) {
    assert.is(await s.explained({ from: "127.0.0.2", to, ...(sni !== null && { sni }) }), says, `${to} ${sni}`);
    const request = `from 127.0.0.2 to ${to}${sni === null ? "" : ` sni "${sni.replace(/\.$/, "")}"`}`;
    const { code, out, err } = await ingresscHere(["explain", "policy.wasm", request], s.gateway.folder);
    assert.is(code, 2, request);
    assert.match(`${out}${err}`, says.split(":")[0] ?? "", request);
  }
  assert.equal(await s.explained({ from: "127.0.0.2", to: "www", sni: "127.0.0.1" }), [
    { to: "www", proto: "tcp", decision: "deny", reason: "sni", code: "hello_malformed", detail: "name_ip_literal" },
  ]);
});

test("of an expose: where the name leads to it, what `ingressc explain` says of the policy in force", async () => {
  const s = await scene("expose rest on tcp PORT as passthrough { BACKEND allow from 127.0.0.0/30 }");
  const rows: readonly (readonly [to: string, from: string, sni: string | null, code: string])[] = [
    ["www", "127.0.0.9", "www.example.com", "allowed"],
    ["shop", "127.0.0.2", "a.shop.example.com", "allowed"],
    ["shop", "127.0.0.9", "a.shop.example.com", "no_match"],
    ["rest", "127.0.0.2", "mail.example.com", "allowed"],
    ["rest", "127.0.0.2", null, "allowed"],
    ["rest", "127.0.0.9", null, "no_match"],
    ["www", "127.0.0.7", "www.example.com", "deny_rule"],
    ["lone", "127.0.0.9", "lone.example.com", "allowed"],
    ["plain", "127.0.0.9", "lone.example.com", "allowed"],
  ];
  for (const [to, from, sni, code] of rows) {
    const answers = await s.explained({ from, to, ...(sni !== null && { sni }) });
    assert.ok(typeof answers !== "string", `${to}: ${answers as string}`);
    const request = `from ${from} to ${to}${sni === null ? "" : ` sni "${sni}"`}`;
    const { out } = await ingresscHere(["explain", "policy.wasm", request, "--json"], s.gateway.folder);
    const { data } = JSON.parse(out) as { data: { answers: readonly { code: string; verdict: string; reason: string | null }[] } };
    const theirs = data.answers.map((one) => [one.code, one.verdict, one.reason ?? "none"]);
    assert.equal(
      answers.map((one) => [one.code, one.decision, one.reason]),
      theirs,
      request,
    );
    assert.equal(
      theirs.map(([first]) => first),
      [code],
      request,
    );
  }
  assert.match(JSON.stringify(await s.explained({ from: "127.0.0.2", to: "www" })), /leads to `rest`, and not to `www`: query `rest`/);
});

test("of a port that nothing has, and of words that are neither a port nor an expose", async () => {
  const s = await scene();
  const free = await freePort();
  for (const to of [`tcp ${free}`, `udp ${s.ports.shared}`, "tcp 65535"]) {
    assert.equal(await s.explained({ from: "127.0.0.2", to }), [{ to, proto: to.slice(0, 3), decision: "deny", reason: "policy", code: "not_exposed" }]);
    assert.match(JSON.stringify(await s.explained({ from: "127.0.0.2", to, via: "127.0.0.5" })), /nothing is exposed there, so that its PROXY header is data/);
  }
  assert.match(
    JSON.stringify(await s.explained({ from: "127.0.0.2", to: `tcp ${s.ports.shared}`, via: "127.0.0.5" })),
    /`127\.0\.0\.5` is not in the `via` of `shop`/,
  );
  for (const to of ["tcp", "tcp 0", "tcp 65536", "tcp 0443", "sctp 443", "tcp  443", "443"])
    assert.match(JSON.stringify(await s.explained({ from: "127.0.0.2", to })), /the policy in force has no expose/, to);
});

test("explain costs nobody a token, also where the name leads to no expose", async () => {
  const s = await scene('expose few on tcp PORT for "few.example.com" as passthrough { BACKEND limit 2/h per source allow from any }');
  const to = `tcp ${s.ports.shared}`;
  for (let i = 0; i < 4; i++) {
    for (const sni of ["few.example.com", "mail.example.com"]) assert.ok(Array.isArray(await s.explained({ from: "127.0.0.2", to, sni })), sni);
  }
  for (const code of ["allowed", "allowed", "limit_source"]) assert.is((await served(s, s.ports.shared, "127.0.0.2", "few.example.com"))[0], code);
});

test.run();
