// `ingressc replay` of what real gateways have recorded: under the same policy every decision is the same, and under another
// one exactly those change that a client would see change. udp, `via`, mtls, and names that share a port.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { countsOf } from "../cli/audit_records.ts";
import { folder, ingresscHere, envelope } from "../cli/programs.ts";
import { suite } from "../suite.ts";
import { dns, uri } from "../tls/certificates.ts";
import { call, lastAccept, within } from "../tls/tls_under_test.ts";
import { eventually, type Under } from "./gateway_under_test.ts";
import { four, line } from "./proxy_bytes.ts";
import { accepts, clients, current, policyOf, served } from "./served_datagrams.ts";
import { sharedPort, threeNames } from "./shared_port_under_test.ts";
import { BALANCER, behind, closed, echoed, peer } from "./via_under_test.ts";

const test = suite("replay of real records");

interface Replayed {
  readonly code: unknown;
  readonly counts: string;
}

/** The counts that are not 0. */
async function replayed({ folder: own }: Pick<Under, "folder">, policy: string): Promise<Replayed> {
  const f = folder();
  f.write("edge.ingress", policy);
  f.write("audit.jsonl", readFileSync(join(own, "audit.jsonl")));
  const answer = envelope(await ingresscHere(["replay", "edge.ingress", "audit.jsonl", "--json"], f.path));
  return { code: answer["code"], counts: countsOf(answer["data"]) };
}

test("udp", async () => {
  current.forwarder = "node";
  const { gateway, port, behind: backend } = await served("amplify any allow from loopback deny from ::1");
  const [one] = await clients(1);
  const [denied] = await clients(1, "::1");
  assert.ok(one !== undefined && denied !== undefined);
  await one?.send("q", port);
  await denied?.send("q", port);
  await eventually(() => accepts(gateway).length === 2, "two records");
  const policy = (rules: string): string => policyOf(port, backend.port, `amplify any ${rules}`);
  // The binds of the gateway are records too: of udp one for each address.
  assert.equal(await replayed(gateway, policy("allow from loopback deny from ::1")), { code: "policy.replay_same", counts: "decisions 4, same 4" });
  assert.equal(await replayed(gateway, policy("allow from loopback")), { code: "policy.replay_differs", counts: "decisions 4, same 3, opens 1" });
  assert.equal(await replayed(gateway, policy("allow from ::1")), { code: "policy.replay_differs", counts: "decisions 4, same 2, opens 1, closes 1" });
  assert.equal(await replayed(gateway, "edition 1"), { code: "policy.replay_differs", counts: "decisions 4, same 3, closes 1" });
});

test("via", async () => {
  const policy =
    (rules: string, via = BALANCER) =>
    (port: number, backend: number): string =>
      `edition 1\nexpose web on tcp ${port} via ${via} { backend 127.0.0.1:${backend} ${rules} }`;
  const rules = "allow from 203.0.113.0/24, 127.0.0.7 deny from 203.0.113.66";
  const scene = await behind(policy(rules));
  const { port, gateway } = scene;
  const sent = [four("203.0.113.9", "198.51.100.1", 40_000, 443), line("TCP4", "203.0.113.66", "198.51.100.1", 40_000, 443)];
  const [allowed, refused] = sent.map((header) => peer(port, Buffer.concat([header, Buffer.from("hello")])));
  assert.ok(allowed !== undefined && refused !== undefined);
  if (allowed === undefined || refused === undefined) return;
  await echoed(allowed, "hello");
  await closed(refused);
  const direct = peer(port, "hello", "127.0.0.7");
  await echoed(direct, "hello");
  await eventually(() => scene.accepts().length === 3, "three records");
  const under = async (text: string): Promise<string> => (await replayed(gateway, text)).counts;
  assert.is(await under(policy(rules)(port, 1)), "decisions 5, same 5");
  assert.is(await under(policy("allow from 203.0.113.0/24")(port, 1)), "decisions 5, same 3, opens 1, closes 1");
  // The header of another peer is data, and its source the peer.
  assert.is(await under(policy(rules, "127.0.0.6")(port, 1)), "decisions 5, same 4, closes 1");
  assert.is(await under(policy("allow from any", "127.0.0.0/8")(port, 1)), "decisions 5, same 3, opens 1, undecidable header 1");
});

test("mtls", () =>
  within('allow from any client uri "spiffe://corp.example/ops/*" deny from any client dns "old.corp.example"', {}, async (s) => {
    const shown = [
      { names: [uri("spiffe://corp.example/ops/web")] },
      { names: [uri("spiffe://corp.example/ops/web"), dns("old.corp.example")] },
      { names: [dns("jump.corp.example")] },
    ];
    for (const wish of shown) {
      await call(s, { certificate: s.issue(wish) });
      await lastAccept(s);
    }
    await call(s, {});
    await lastAccept(s);
    const under = async (rules: string, mode = "mtls"): Promise<string> => (await replayed(s.gateway, s.policy(rules, mode))).counts;
    const due = 'allow from any client uri "spiffe://corp.example/ops/*" deny from any client dns "old.corp.example"';
    assert.is(await under(due), "decisions 6, same 6");
    assert.is(await under('allow from any client uri "spiffe://corp.example/ops/*"'), "decisions 6, same 5, opens 1");
    assert.is(await under('allow from any client dns "jump.corp.example"'), "decisions 6, same 4, opens 1, closes 1");
  }));

test("names that share a port", async () => {
  const s = await sharedPort();
  const { words } = s;
  await s.call({ name: "www.example.com" });
  await s.call({ name: "a.shop.example.com" });
  await s.call({ name: "staff.example.com", certificate: s.client });
  await s.call({ name: "nobody.example.com" });
  await s.call({ name: "" });
  await eventually(() => s.accepts().length === 5, "five records");
  const under = async (text: string): Promise<string> => (await replayed(s.gateway, text)).counts;
  assert.is(await under(threeNames(words)), "decisions 7, same 7");
  assert.is(
    await under(threeNames(words, `expose rest on tcp ${words.port} as passthrough { backend 127.0.0.1:${words.rest} allow from any }`)),
    "decisions 7, same 5, opens 2",
  );
  assert.is(await under(threeNames(words).replace('for "www.example.com"', 'for "www2.example.com"')), "decisions 7, same 6, closes 1");
  // The name leads to another service, which is no refusal and no opening.
  const moved = threeNames(words)
    .replace('for "www.example.com"', 'for "www2.example.com"')
    .replace('for "*.shop.example.com"', 'for "*.shop.example.com", "www.example.com"');
  assert.is(await under(moved), "decisions 7, same 6, moves 1");
});

test.run();
