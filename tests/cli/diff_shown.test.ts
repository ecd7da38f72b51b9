// Much of it at once in ingressc diff: it shows patterns before names and what opens before what closes, with the number of the others.
// And the budget of the analysis where none is given.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { MOST_NODES } from "../../compiler/analysis/budget.ts";
import { ALWAYS, Diagrams, NEVER } from "../../compiler/analysis/diagrams.ts";
import { suite } from "../suite.ts";
import { envelope, folder, ingresscHere, PROJECT, type Folder } from "./programs.ts";

const test = suite<{ dir: Folder }>("diff: shown");
test.before((context) => {
  context.dir = folder();
});
test.after(({ dir }) => dir.remove());

test("identities: patterns come before names, the widest first, and all that is not shown is counted", async ({ dir }) => {
  const text = (rules: string): string => `edition 1\nexpose m on tcp 443 as mtls { backend 127.0.0.1:1 cert "m" ca "corp" ${rules} }\n`;
  const dns = (n: number): string => Array.from({ length: n }, (_, i) => `dns "${String.fromCharCode(97 + i)}.example"`).join(", ");
  const rows: readonly (readonly [client: string, says: string])[] = [
    ['dns "a.example", dns "b.example", uri "spiffe://x/*"', 'for uri "spiffe://x/*" or dns "a.example" or 1 more'],
    ['dns "a.example", uri "spiffe://x/*"', 'for uri "spiffe://x/*" or dns "a.example"'],
    [`${dns(3)}, uri "spiffe://x/a"`, 'for dns "a.example" or dns "b.example" or 2 more'],
    ['uri "spiffe://a/ops/*", uri "spiffe://b/ops*", uri "spiffe://c/**", dns "a.example"', 'for uri "spiffe://c/**" or uri "spiffe://a/ops/*" or 2 more'],
  ];
  dir.write("a.ingress", text(""));
  for (const [client, says] of rows) {
    dir.write("b.ingress", text(`allow from any client ${client}`));
    const { out } = await ingresscHere(["diff", "a.ingress", "b.ingress"], dir.path);
    assert.ok(out.includes(`, with a certificate ${says}\n`), out);
  }
});

test("identities: four ways, those with the widest patterns first, and how many more", async ({ dir }) => {
  const text = (rules: string): string => `edition 1\nexpose m on tcp 443 as mtls { backend 127.0.0.1:1 cert "m" ca "corp" ${rules} }\n`;
  // By another port each of the names is in a set of its own.
  const alone = (clients: readonly string[]): string =>
    clients.map((client, i) => `expose m${i} on tcp ${1000 + i} as mtls { backend 127.0.0.1:1 cert "m" ca "corp" allow from any client ${client} }\n`).join("");
  for (const [n, more] of [
    [3, ""],
    [4, ", or in 1 more way"],
    [6, ", or in 3 more ways"],
  ] as const) {
    // The atoms are numbered by the alphabet, so that the pattern is the last of them, and the first.
    for (const [named, wide] of [
      ["dns", 'uri "spiffe://x/*"'],
      ['uri "spiffe://z/', 'uri "spiffe://x/*"'],
    ] as const) {
      const names = Array.from({ length: n }, (_, i) => (named === "dns" ? `dns "${i}.example"` : `${named}${i}"`));
      const clients = [...names, wide];
      dir.write("a.ingress", `${text("")}${alone(clients)}`);
      dir.write("b.ingress", `${text(`allow from any client ${clients.join(", ")}`)}${alone(clients)}`);
      const { out } = await ingresscHere(["diff", "a.ingress", "b.ingress"], dir.path);
      const said = /with a certificate (.*)$/m.exec(out)?.[1] ?? "";
      assert.ok(said.startsWith(`for ${wide}`), said);
      assert.is(said.split(", or for ").length, 4, said);
      assert.ok(more === "" ? !said.includes("more") : said.endsWith(more), said);
    }
  }
});

test("names: patterns come before names, the widest first, and all that is not shown is counted", async ({ dir }) => {
  const text = (names: readonly string[]): string =>
    `edition 1\nexpose web on tcp 443 as passthrough { backend 127.0.0.1:1 ${names.length === 0 ? "" : `allow from any sni ${names.map((name) => `"${name}"`).join(", ")}`} }\n`;
  const hosts = (n: number): readonly string[] => Array.from({ length: n }, (_, i) => `${String.fromCharCode(97 + i)}.example`);
  dir.write("a.ingress", text([]));
  for (const [names, says] of [
    [hosts(6), "a.example, b.example, c.example, d.example, e.example and f.example"],
    [hosts(7), "a.example, b.example, c.example, d.example, e.example, f.example and 1 more"],
    [[...hosts(6), "*.z.example", "**.x.example"], "**.x.example, *.z.example, a.example, b.example, c.example, d.example and 2 more"],
    [[...hosts(6), "**.a.y.example", "**.x.example"], "**.x.example, **.a.y.example, a.example, b.example, c.example, d.example and 2 more"],
  ] as const) {
    dir.write("b.ingress", text(names));
    const { out } = await ingresscHere(["diff", "a.ingress", "b.ingress"], dir.path);
    assert.ok(out.includes(`with a name in ${says}\n`), out);
  }
});

test("all that opens comes before all that closes", async ({ dir }) => {
  const text = (web: string, more: string): string =>
    `edition 1\nexpose web on tcp 443 as tls { ${web} allow from 10.0.0.0/8 }\nexpose ssh on tcp 22 { backend 127.0.0.1:9022 allow from 10.0.0.0/8 }\n${more}`;
  dir.write(
    "a.ingress",
    text('backend 127.0.0.1:9001 cert "a"', "expose old on tcp 1 { backend 127.0.0.1:9 allow from any }\n").replace(
      "backend 127.0.0.1:9022",
      "backend 127.0.0.1:9022 cap 9 connections",
    ),
  );
  dir.write(
    "b.ingress",
    text('backend 127.0.0.1:9002 cert "b"', '@why "dns" dial resolver on udp\nexpose new on tcp 2 { backend 127.0.0.1:9 allow from 10.0.0.1 }\n')
      .replace("backend 127.0.0.1:9022", "backend 127.0.0.1:9022 cap 8 connections")
      .replace("allow from 10.0.0.0/8 }\nexpose ssh", "allow from 10.0.0.0/9, 192.0.2.1 dryrun allow from any }\nexpose ssh"),
  );
  const { changes } = envelope(await ingresscHere(["diff", "a.ingress", "b.ingress", "--json"], dir.path))["data"] as {
    changes: readonly { kind: string; effect: string | null; listener: string; fact?: { what: string } }[];
  };
  assert.equal(
    changes.map(({ kind, effect, listener, fact }) => [effect, kind, listener, ...(fact === undefined ? [] : [fact.what])].join(" ")),
    [
      "opens listener_opened new",
      "opens opened web",
      "opens changed web backend",
      "opens changed web cert",
      "opens dial resolver",
      "closes listener_closed old",
      "closes closed web",
      "closes changed ssh cap",
      " dryrun_opened web",
    ],
  );
});

test("the budget is one constant: every analysis, the help, the remedy and the documents have it", async ({ dir }) => {
  assert.is(MOST_NODES, 4_000_000);
  const diagrams = new Diagrams();
  // Each level has another node.
  for (let level = MOST_NODES; level > 0; level--) diagrams.node(level, NEVER, ALWAYS);
  assert.is(diagrams.nodes, MOST_NODES);
  assert.throws(() => diagrams.node(0, NEVER, ALWAYS));
  for (const command of ["check", "diff", "who", "prove", "build", "drift"])
    assert.match((await ingresscHere([command, "--help"], dir.path)).out, /--nodes N .*\(default: 4000000\)/, command);
  assert.match((await ingresscHere(["diff", "a", "b", "--nodes", "x"], dir.path)).err, /from 1 to 64000000; without `--nodes` it is 4000000/);
  for (const file of ["analysis.md", "invariants.md", "diagnostics.md"])
    assert.match(readFileSync(join(PROJECT, "docs", file), "utf8"), /4,000,000 by default/, file);
});

test.run();
