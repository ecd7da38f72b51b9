// The example requests and the texts of `diff` and `who`: certificates that a listener needs, names that mean one listener alone,
// and facts that are said once.
import * as assert from "uvu/assert";
import { suite } from "../suite.ts";
import { envelope, folder, ingresscHere, type Folder } from "./programs.ts";

const test = suite<{ dir: Folder }>("examples");
test.before((context) => {
  context.dir = folder();
});
test.after(({ dir }) => dir.remove());

interface Line {
  readonly effect: string | null;
  readonly kind: string;
  readonly text: string;
  readonly place: string;
  readonly witness: string | null;
}

/** The lines of a difference; each request is one that one policy admits and the other does not. */
async function linesOf(dir: Folder, before: string, after: string): Promise<readonly Line[]> {
  dir.write("a.ingress", `edition 1\n${before}`);
  dir.write("b.ingress", `edition 1\n${after}`);
  const { changes } = envelope(await ingresscHere(["diff", "a.ingress", "b.ingress", "--json"], dir.path))["data"] as { changes: readonly Line[] };
  for (const { effect, kind, witness } of changes) {
    if (witness === null || effect === null) continue;
    const verdicts = [];
    for (const file of ["a.ingress", "b.ingress"]) verdicts.push(envelope(await ingresscHere(["explain", file, witness, "--json"], dir.path))["message"]);
    const opens = kind === "opened" || kind === "listener_opened";
    assert.is(verdicts[opens ? 1 : 0], "allow", witness);
    assert.match(String(verdicts[opens ? 0 : 1]), /^deny/, witness);
  }
  return changes;
}

const MTLS = 'expose ops on tcp 444 as mtls { backend 127.0.0.1:1 cert "c" ca "corp" allow from 10.0.0.0/8 }\n';

test("a listener that requires certificates says so, and its example has one", async ({ dir }) => {
  const [wider] = await linesOf(dir, MTLS, MTLS.replace("10.0.0.0/8", "10.0.0.0/7"));
  assert.match(wider?.text ?? "", /from `11\.0\.0\.0\/8` .*, with any certificate of its `ca`$/);
  assert.is(wider?.witness, 'from 11.0.0.1 to ops client dns "client.example"');
  const [fresh] = await linesOf(dir, "", MTLS);
  assert.match(fresh?.text ?? "", /^new listener, reachable from .*, with any certificate of its `ca`, backend/);
  assert.match(fresh?.witness ?? "", /client dns "client\.example"$/);
  const [plain] = await linesOf(
    dir,
    MTLS.replaceAll("as mtls", "as tls").replace('ca "corp"', ""),
    MTLS.replaceAll("as mtls", "as tls").replace('ca "corp"', "").replace("10.0.0.0/8", "10.0.0.0/7"),
  );
  assert.is(plain?.witness, "from 11.0.0.1 to ops");
});

const FIRST: readonly (readonly [what: string, sets: string, rules: string, shown: string, source: string])[] = [
  ["the largest prefix", "", "allow from 192.0.2.0/28, 198.51.100.0/24", "198.51.100.0/24", "198.51.100.1"],
  ["the largest prefix, of IPv6", "", "allow from 192.0.2.0/28, 2001:db8::/48", "2001:db8::/48", "2001:db8::1"],
  ["one address, which is even", "", "allow from 192.0.2.8", "192.0.2.8", "192.0.2.8"],
  ["the lowest of several that are as large", "", "allow from 198.51.100.0/24, 192.0.2.0/24", "192.0.2.0/24", "192.0.2.1"],
  ["a net, behind a smaller prefix", "net lab = 198.51.100.0/25, 203.0.113.0/25", "allow from lab, 192.0.2.7", "lab", "198.51.100.1"],
  ["a net of both families", "net lab = 2001:db8::/48, 203.0.113.0/25", "allow from lab", "lab", "203.0.113.1"],
  ["a net without another one", "net lab = 192.0.2.0/24 net desk = 192.0.2.0/28", "allow from lab deny from desk", "lab but desk", "192.0.2.17"],
  ["a family beside a prefix", "", "allow from any6, 192.0.2.0/24", "all of IPv6", "::1"],
  ["the whole internet", "", "allow from any", "the whole internet", "0.0.0.1"],
  ["the whole internet without a prefix", "", "allow from any deny from 0.0.0.0/8", "the whole internet but 0.0.0.0/8", "1.0.0.1"],
  [
    "the combination with the most addresses",
    "",
    'allow from 10.0.0.0/24 sni "a.example" allow from 192.0.2.0/23 sni "b.example"',
    "192.0.2.0/23",
    "192.0.2.1",
  ],
];

for (const [what, sets, rules, shown, source] of FIRST) {
  test(`the example is in the range that is shown first: ${what}`, async ({ dir }) => {
    const web = (own: string): string => `${sets}\nexpose web on tcp 443 as passthrough { backend 127.0.0.1:1 ${own} }\n`;
    const [line] = await linesOf(dir, web(""), web(rules));
    assert.ok(line?.text.replaceAll("`", "").startsWith(`may now be reached from ${shown}`), line?.text);
    assert.is(line?.witness?.replace(/ sni ".*"$/, ""), `from ${source} to web`);
    dir.write("w.ingress", `edition 1\n${web(rules)}`);
    const { out } = await ingresscHere(["who", "w.ingress", "to", "web"], dir.path);
    assert.match(out, `from ${shown}`);
    assert.match(out, `for example: from ${source} to web`);
  });
}

test("the example's certificate is in none of the policy's sets", async ({ dir }) => {
  const taken = MTLS.replace("allow", 'deny client dns "client.example", dns "client1.example" allow');
  const [line] = await linesOf(dir, taken, taken.replace("10.0.0.0/8", "10.0.0.0/7"));
  assert.match(line?.witness ?? "", /client dns "client2\.example"$/);
});

test("a range of certificates does not have the names that a narrower pattern takes out, and any name of it is enough", async ({ dir }) => {
  const only = MTLS.replace("allow from 10.0.0.0/8", "allow from 10.0.0.0/8 client ops").replace(
    /^/,
    'ids ops = uri "spiffe://corp/ops/*", dns "jump.example" except uri "spiffe://corp/ops/root"\n',
  );
  dir.write("w.ingress", `edition 1\n${only}`);
  const { out } = await ingresscHere(["who", "w.ingress", "to", "ops"], dir.path);
  assert.match(out, /with a certificate for uri "spiffe:\/\/corp\/ops\/\*" or dns "jump\.example" \(but uri "spiffe:\/\/corp\/ops\/root"\)\n/);
});

test("what is there at every time is one range, also where something else has an end", async ({ dir }) => {
  const web = (rules: string): string => `expose web on tcp 443 as passthrough { backend 127.0.0.1:1 ${rules} }\n`;
  const end = (year: number): string => `allow from 192.0.2.0/24 sni "old.example" until ${year}-01-01T00:00Z`;
  const [line] = await linesOf(dir, web(end(2027)), web(`${end(2028)} allow from any sni "new.example"`));
  assert.is(
    line?.text.replaceAll("`", ""),
    "may now be reached from the whole internet, with a name in new.example; from 192.0.2.0/24 (256 addresses), with a name in old.example, from 2027-01-01T00:00Z until 2028-01-01T00:00Z",
  );
  assert.is(line?.witness, 'from 0.0.0.1 to web sni "new.example"');
});

const LACKS: readonly (readonly [ids: string, says: RegExp])[] = [
  ['uri "spiffe://corp/ops/*"', /and not for uri "spiffe:\/\/corp\/ops\/\*"$/],
  // Both are atoms, because another rule is about one of them.
  ['uri "spiffe://corp/ops/*" allow from 10.0.0.0/8 client uri "spiffe://corp/ops/ann"', /and not for uri "spiffe:\/\/corp\/ops\/\*"$/],
  [
    'uri "spiffe://corp/**" allow from 10.0.0.0/8 client uri "spiffe://corp/ops/*" allow from 10.0.0.0/8 client uri "spiffe://corp/ops/ann"',
    /and not for uri "spiffe:\/\/corp\/\*\*"$/,
  ],
  ["some", /and not for uri "spiffe:\/\/corp\/ops\/\*" \(but uri "spiffe:\/\/corp\/ops\/ann"\)$/],
];

for (const [ids, says] of LACKS) {
  test(`a certificate without a pattern: ${ids}`, async ({ dir }) => {
    const head = 'ids some = uri "spiffe://corp/ops/*" except uri "spiffe://corp/ops/ann"\n';
    const ops = (more: string): string =>
      `${head}expose ops on tcp 444 as mtls { backend 127.0.0.1:1 cert "c" ca "corp" allow from 10.0.0.0/8 client ${ids} ${more} }\n`;
    const [line] = await linesOf(dir, ops(""), ops('allow from 10.0.0.0/8 client dns "probe.example"'));
    assert.match(line?.text.replaceAll("`", "") ?? "", says);
  });
}

test("an expose on tcp and udp: the example names the protocol", async ({ dir }) => {
  const dns = "expose dns on tcp, udp 53 { backend 127.0.0.1:5300 amplify 30 allow from 10.0.0.0/8 }\n";
  const lines = await linesOf(dir, dns, dns.replace("10.0.0.0/8", "10.0.0.0/7"));
  assert.equal(
    lines.map(({ witness }) => witness),
    ["from 11.0.0.1 to tcp 53", "from 11.0.0.1 to udp 53"],
  );
});

test("an expose with another name: the example names the port", async ({ dir }) => {
  const web = "expose web on tcp 80 { backend 127.0.0.1:1 allow from 10.0.0.0/8 }\n";
  const lines = await linesOf(dir, web, web.replace("10.0.0.0/8", "10.0.0.0/7").replace("web", "site"));
  assert.is(lines.find(({ kind }) => kind === "opened")?.witness, "from 11.0.0.1 to tcp 80");
  // The name is that of another listener in the policy before.
  const swapped = await linesOf(
    dir,
    `${web}expose site on tcp 81 { backend 127.0.0.1:2 allow from 10.0.0.0/7 }\n`,
    "expose site on tcp 80 { backend 127.0.0.1:1 allow from 10.0.0.0/7 }\nexpose web on tcp 81 { backend 127.0.0.1:2 allow from 10.0.0.0/7 }\n",
  );
  assert.is(swapped.find(({ kind }) => kind === "opened")?.witness, "from 11.0.0.1 to tcp 80");
});

test("a change of a listener's backend is said once, also where its ports differ in other ways", async ({ dir }) => {
  const before =
    'expose a on tcp 80, 443 for "*.example" as passthrough { backend 127.0.0.1:1 allow from any sni "a.example" }\nexpose c on tcp 443 for "c.other" as passthrough { backend 127.0.0.1:8 allow from any }\n';
  const after =
    'expose a on tcp 80, 443 for "*.example" as passthrough { backend 127.0.0.1:2 allow from any sni "a.example", "b.example" }\nexpose c on tcp 443 for "c.other", "b.example" as passthrough { backend 127.0.0.1:8 allow from any }\n';
  const lines = await linesOf(dir, before, after);
  const facts = lines.filter(({ text }) => text.startsWith("`backend` is another one: 127.0.0.1:1, now 127.0.0.1:2"));
  assert.equal(
    facts.map(({ place }) => place),
    ["tcp 80 and 443"],
    JSON.stringify(lines),
  );
});

test.run();
