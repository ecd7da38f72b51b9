// The outputs of shipped policies for each target, as files; and what each target refuses, clause by clause.
// UPDATE=1 writes the files again.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { dirname } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Emitter } from "../../compiler/emitters/emitter.ts";
import { EMITTERS } from "../../compiler/emitters/register.ts";
import { write, type Settings } from "../../compiler/emitters/written.ts";
import { shipped, written as policyOf } from "./policies.ts";

const test = suite("fleet: outputs");
const PLAIN: Settings = {
  file: "",
  wholeHost: false,
  noSsh: false,
  selector: null,
  codeUrl: null,
  without: { caps: false, limits: false },
  asOf: null,
  nodes: 4_000_000,
};
const LESS: Settings = { ...PLAIN, without: { caps: true, limits: true } };

const sha256Of = (base64: string): string => createHash("sha256").update(Buffer.from(base64, "base64")).digest("hex");

interface Row {
  readonly target: Emitter;
  readonly policy: string;
  readonly name: string;
  readonly settings: Settings;
}

const plain = (target: Emitter, policy: string): Row => ({ target, policy, name: policy, settings: { ...PLAIN, file: `policies/${policy}.ingress` } });
const less = (target: Emitter, policy: string): Row => ({ target, policy, name: policy, settings: { ...LESS, file: `policies/${policy}.ingress` } });

const { nft, haproxy, envoy, "envoy-wasm": envoyWasm, kubernetes } = EMITTERS;
const ROWS: readonly Row[] = [
  plain(nft, "fleet"),
  plain(nft, "queue"),
  plain(nft, "shut"),
  less(nft, "demo"),
  less(nft, "mail"),
  less(nft, "monitored"),
  { ...plain(nft, "fleet"), name: "fleet_whole_host", settings: { ...PLAIN, file: "policies/fleet.ingress", wholeHost: true } },
  { ...plain(nft, "fleet"), name: "fleet_as_of", settings: { ...PLAIN, file: "policies/fleet.ingress", asOf: Date.UTC(2027, 1, 10) / 1000 } },
  plain(haproxy, "fleet"),
  less(haproxy, "lists"),
  less(haproxy, "public_api"),
  less(haproxy, "mail"),
  less(haproxy, "monitored"),
  plain(haproxy, "queue"),
  plain(envoy, "queue"),
  plain(envoy, "guarded"),
  plain(envoy, "shut"),
  less(envoy, "mail"),
  less(envoy, "two_hosts"),
  { ...plain(envoy, "fleet"), name: "fleet_as_of", settings: { ...PLAIN, file: "policies/fleet.ingress", asOf: Date.UTC(2027, 1, 10) / 1000 } },
  { ...less(envoy, "public_api"), name: "public_api_as_of", settings: { ...LESS, file: "policies/public_api.ingress", asOf: Date.UTC(2027, 1, 10) / 1000 } },
  plain(envoyWasm, "fleet"),
  less(envoyWasm, "lists"),
  plain(envoyWasm, "queue"),
  less(envoyWasm, "public_api"),
  less(envoyWasm, "mail"),
  less(envoyWasm, "monitored"),
  {
    ...plain(envoyWasm, "fleet"),
    name: "fleet_code_url",
    settings: { ...PLAIN, file: "policies/fleet.ingress", codeUrl: { text: "http://[2001:db8::9]/p.wasm", host: "2001:db8::9", port: 80 } },
  },
  plain(kubernetes, "cluster"),
  plain(kubernetes, "queue"),
  plain(kubernetes, "shut"),
  less(kubernetes, "mail"),
  less(kubernetes, "monitored"),
  { ...plain(kubernetes, "queue"), name: "queue_selector", settings: { ...PLAIN, file: "policies/queue.ingress", selector: { key: "app", value: "queue" } } },
];

for (const { target, policy, name, settings } of ROWS)
  test(`${target.name}: ${name}`, () => {
    const made = write(shipped(policy), target, settings);
    assert.ok(made.ok, made.ok ? "" : made.error.map(({ message }) => message).join("\n"));
    const text = [...made.value.files]
      .map(([file, content]) => (file === "" ? content : `==> ${file}\n${content}`))
      .join("")
      .replace(/"inline_bytes": "([^"]*)"/g, (_, code: string) => `"inline_bytes": "the module with SHA-256 ${sha256Of(code)}"`);
    const path = fileURLToPath(new URL(`golden/${target.name}/${name}.txt`, import.meta.url));
    if (process.env["UPDATE"] === "1") {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
    }
    assert.fixture(text, readFileSync(path, "utf8"));
  });

/** A policy of one expose, and the code of the clause for each target; null: it is written. */
const CLAUSES: readonly (readonly [clause: string, policy: string, codes: Readonly<Record<keyof typeof EMITTERS, string | null>>])[] = [
  [
    "passthrough",
    "expose web on tcp 443 as passthrough { backend 127.0.0.1:8443 allow from any }",
    { nft: "ING900", haproxy: null, envoy: null, "envoy-wasm": null, kubernetes: "ING900" },
  ],
  [
    "tls",
    'expose web on tcp 443 as tls { backend 127.0.0.1:8080 cert "web" allow from any }',
    { nft: "ING900", haproxy: "ING900", envoy: null, "envoy-wasm": "ING900", kubernetes: "ING900" },
  ],
  [
    "mtls",
    'expose web on tcp 443 as mtls { backend 127.0.0.1:8080 cert "web" ca "corp" allow from any }',
    { nft: "ING900", haproxy: "ING900", envoy: null, "envoy-wasm": "ING900", kubernetes: "ING900" },
  ],
  [
    "udp",
    "expose dns on udp 53 { backend 127.0.0.1:5300 amplify any allow from any }",
    { nft: null, haproxy: "ING901", envoy: "ING901", "envoy-wasm": "ING901", kubernetes: null },
  ],
  [
    "via",
    "expose web on tcp 80 via 10.0.0.5 { backend 127.0.0.1:18080 allow from any }",
    { nft: "ING902", haproxy: "ING902", envoy: "ING902", "envoy-wasm": "ING902", kubernetes: "ING902" },
  ],
  [
    "cap",
    "expose web on tcp 80 { backend 127.0.0.1:8080 cap 10 connections allow from any }",
    { nft: "ING903", haproxy: "ING903", envoy: "ING903", "envoy-wasm": "ING903", kubernetes: "ING903" },
  ],
  [
    "limit",
    "expose web on tcp 80 { backend 127.0.0.1:8080 limit 1/s per source allow from any }",
    { nft: "ING903", haproxy: "ING903", envoy: "ING903", "envoy-wasm": "ING903", kubernetes: "ING903" },
  ],
  [
    "amplify",
    "expose dns on udp 53 { backend 127.0.0.1:5300 amplify 30 allow from any }",
    { nft: "ING903", haproxy: "ING901 ING903", envoy: "ING901 ING903", "envoy-wasm": "ING901 ING903", kubernetes: "ING903" },
  ],
  [
    "until",
    "expose web on tcp 80 { backend 127.0.0.1:8080 allow from any until 2030-01-01T00:00Z }",
    { nft: null, haproxy: null, envoy: "ING904", "envoy-wasm": null, kubernetes: "ING904" },
  ],
  [
    "bind",
    "expose web on tcp 80 bind private { backend 127.0.0.1:8080 allow from any }",
    { nft: null, haproxy: null, envoy: null, "envoy-wasm": null, kubernetes: "ING905" },
  ],
  ["no backend", "expose web on tcp 80 { allow from any }", { nft: null, haproxy: "ING906", envoy: "ING906", "envoy-wasm": "ING906", kubernetes: null }],
  [
    "two backends",
    "expose web on tcp 80 { backend 127.0.0.1:8080, 127.0.0.1:8081 allow from any }",
    { nft: "ING906", haproxy: null, envoy: null, "envoy-wasm": null, kubernetes: "ING906" },
  ],
  [
    "a unix socket",
    'expose web on tcp 80 { backend unix "/run/web.sock" allow from any }',
    { nft: "ING906", haproxy: null, envoy: null, "envoy-wasm": null, kubernetes: "ING906" },
  ],
  [
    "another host",
    "expose web on tcp 80 { backend remote 10.0.3.7:80 allow from any }",
    { nft: "ING906", haproxy: null, envoy: null, "envoy-wasm": null, kubernetes: "ING906" },
  ],
  [
    "a PROXY header",
    "expose web on tcp 80 { backend 127.0.0.1:8080 proxy v2 allow from any }",
    { nft: "ING906", haproxy: null, envoy: null, "envoy-wasm": null, kubernetes: "ING906" },
  ],
  [
    "direct",
    '@why "it speaks its own protocol"\nexpose web service shop on tcp 8080 as direct { }',
    { nft: null, haproxy: null, envoy: null, "envoy-wasm": null, kubernetes: null },
  ],
  [
    "alpn",
    'expose web on tcp 443 as tls { backend 127.0.0.1:8080 cert "web" alpn "h2" allow from any }',
    { nft: "ING900", haproxy: "ING900", envoy: "ING910", "envoy-wasm": "ING900", kubernetes: "ING900" },
  ],
  [
    "a deny of an identity",
    'expose web on tcp 443 as mtls { backend 127.0.0.1:8080 cert "web" ca "corp" allow from any deny client dns "a.example" }',
    { nft: "ING900", haproxy: "ING900", envoy: "ING909", "envoy-wasm": "ING900", kubernetes: "ING900" },
  ],
  [
    "a deny of an identity at top level",
    'deny on tcp 443 client dns "a.example"\nexpose web on tcp 443 as mtls { backend 127.0.0.1:8080 cert "web" ca "corp" allow from any }',
    { nft: "ING900", haproxy: "ING900", envoy: "ING909", "envoy-wasm": "ING900", kubernetes: "ING900" },
  ],
  [
    "an identity that is taken out",
    'ids staff = uri "spiffe://a.example/*" except uri "spiffe://a.example/x"\nexpose web on tcp 443 as mtls { backend 127.0.0.1:8080 cert "web" ca "corp" allow from any client staff }',
    { nft: "ING900", haproxy: "ING900", envoy: "ING909", "envoy-wasm": "ING900", kubernetes: "ING900" },
  ],
  [
    "identities of rules without exceptions",
    'ids staff = uri "spiffe://a.example/*"\nexpose web on tcp 443 as mtls { backend 127.0.0.1:8080 cert "web" ca "corp" allow from 10.0.0.0/8 client staff allow from any client uri "spiffe://a.example/x", dns "b.example" deny from 10.1.0.0/16 }',
    { nft: "ING900", haproxy: "ING900", envoy: null, "envoy-wasm": "ING900", kubernetes: "ING900" },
  ],
  [
    "a PROXY header of version 2 behind a hello",
    "expose web on tcp 443 as passthrough { backend 127.0.0.1:8443 proxy v2 allow from any }",
    { nft: "ING900 ING906", haproxy: "ING906", envoy: "ING906", "envoy-wasm": "ING906", kubernetes: "ING900 ING906" },
  ],
  [
    "a PROXY header of version 1 behind a hello",
    "expose web on tcp 443 as passthrough { backend 127.0.0.1:8443 proxy v1 allow from any }",
    { nft: "ING900 ING906", haproxy: null, envoy: null, "envoy-wasm": null, kubernetes: "ING900 ING906" },
  ],
];

for (const [clause, text, codes] of CLAUSES)
  test(`${clause}: written or refused, with its place`, () => {
    const policy = policyOf("one", `edition 1\n${text}\n`);
    for (const target of Object.values<Emitter>(EMITTERS)) {
      const made = write(policy, target, { ...PLAIN, file: "one.ingress" });
      const found = made.ok ? null : made.error.map(({ code }) => code).join(" ");
      assert.is(found, codes[target.name as keyof typeof EMITTERS], `${target.name}: ${clause}`);
      if (!made.ok) assert.ok(made.error.every(({ span, message, help }) => span.start >= 10 && message.includes(`\`${target.name}\``) && help !== null));
    }
  });

test("haproxy: names that decide together with clients without a name, and unix paths that it reads in another way", () => {
  const codes = (text: string, target: Emitter = haproxy): readonly string[] => {
    const made = write(policyOf("one", `edition 1\n${text}\n`), target, PLAIN);
    return made.ok ? [] : made.error.map(({ code, message }) => `${code} ${message}`.slice(0, 90));
  };
  const web = (rules: string): string => `expose web on tcp 443 as passthrough { backend 127.0.0.1:8443 ${rules} }`;
  const nameless = ["ING907 `web` can't be written for `haproxy`: names decide at its port, and it admits clients wit"];
  for (const [rules, due] of [
    ["allow from any", []],
    ['allow from any sni "a.example.com"', []],
    ['allow from any sni "**" deny from any sni "a.example.com"', []],
    ['allow from any deny from any sni "a.example.com"', nameless],
    ['allow from any deny from 10.0.0.0/8 sni "**"', nameless],
    // No set differs, and yet names that are none are refused.
    ['allow named all from any allow named some from 10.0.0.0/8 sni "a.example.com"', nameless],
    ['allow named all from any dryrun deny named some from 10.0.0.0/8 sni "a.example.com"', []],
  ] as const)
    assert.equal(
      codes(web(rules)).map((text) => text.slice(0, 90)),
      due.map((text) => text.slice(0, 90)),
      rules,
    );
  for (const path of ["/run/$HOME/a", "/run/a b", "/run/a#b", "/run/a%b", "/run/{a}", "/run/é", "/run/a~", "/run/a:b", "/run/a'b"])
    assert.match(codes(`expose web on tcp 80 { backend unix "${path}" allow from any }`).join(), /^ING906 `unix ".*can't be written for `haproxy`: /, path);
  for (const path of ["/run/a.sock", "/run/A-9_b/c+d,e@f.sock"])
    assert.equal(codes(`expose web on tcp 80 { backend unix "${path}" allow from any }`), [], path);
});

test("envoy-wasm: ports with TLS and without it, and many ports", () => {
  const codes = (text: string): readonly string[] => {
    const made = write(policyOf("one", `edition 1\n${text}\n`), envoyWasm, PLAIN);
    return made.ok ? [] : made.error.map(({ code, message }) => `${code} ${message}`);
  };
  const two = (first: string, second: string): readonly string[] =>
    codes(
      `expose a on tcp ${first} bind 10.0.0.0/8 as passthrough { backend 127.0.0.1:9000 allow from any }\n` +
        `expose b on tcp ${second} bind 192.168.0.0/16 { backend 127.0.0.1:9001 allow from any }`,
    );
  const due =
    "ING907 `a` can't be written for `envoy-wasm`: an expose without TLS has the same port, and the target reads hellos at a whole port or not at all";
  assert.equal(two("443", "443"), [due]);
  assert.equal(two("443-445", "445"), [due]);
  assert.equal(two("443", "400-500"), [due]);
  assert.equal(two("443", "444"), []);
  const many = (ports: string): readonly string[] => codes(`expose a on tcp ${ports} { backend 127.0.0.1:9000 allow from any }`);
  assert.equal(many("1000-1999"), []);
  assert.equal(many("1000-2000"), [
    "ING907 `a` can't be written for `envoy-wasm`: the policy has 1001 ports for the target, and each is a socket of each worker there: at most 1000",
  ]);
});

test("kubernetes: two exposes at one port of the same pods, many ports, and an object that is too large", () => {
  const codes = (text: string, selector: Settings["selector"] = null): readonly string[] => {
    const made = write(policyOf("one", `edition 1\n${text}\n`), kubernetes, { ...PLAIN, selector });
    return made.ok ? [] : made.error.map(({ code, message }) => `${code} ${message.replace(/^.*: /, "").slice(0, 35)}`);
  };
  const two = "expose a on tcp 80 { backend 127.0.0.1:8080 allow from 10.0.0.0/8 }\nexpose b on tcp 81 { backend 127.0.0.1:8080 allow from any }";
  assert.equal(codes(two), []);
  assert.equal(codes(two, { key: "app", value: "shop" }), ["ING907 it leads to the same port of the sa"]);
  assert.equal(codes("expose a on tcp 1000-1249 { allow from any }"), []);
  assert.equal(codes("expose a on tcp 1000-1250 { allow from any }"), ["ING907 it has 251 ports, and a Service has"]);
  const many = Array.from({ length: 14_000 }, (_, i) => `10.${i >> 7}.${(2 * i) & 255}.1`);
  assert.match(codes(`expose a on tcp 80 { allow from ${many.join(", ")} }`).join(), /^ING907 its NetworkPolicy has 1\d{6} bytes/);
  assert.equal(codes(`expose a on tcp 80 { allow from ${many.slice(0, 10_000).join(", ")} }`), []);
});

test("kubernetes: names that a cluster takes, each once, and services that are no labels", () => {
  const named = (names: readonly string[]): readonly string[] => {
    const text = names.map((name, i) => `expose ${name} service s on tcp ${1000 + i} { allow from any }`).join("\n");
    const made = write(policyOf("one", `edition 1\n${text}\n`), kubernetes, PLAIN);
    assert.ok(made.ok, names.join());
    const found = [...(made.value.files.get("") ?? "").matchAll(/"kind": "Service",\s+"metadata": \{\s+"name": "([^"]*)"/g)].map(([, name = ""]) => name);
    for (const name of found) assert.ok(/^[a-z](?:[a-z0-9-]*[a-z0-9])?$/.test(name) && name.length <= 63, name);
    assert.is(new Set(found).size, names.length, found.join());
    return [...found].sort();
  };
  for (const [name, due] of [
    ["web", "web"],
    ["a__", "a"],
    ["_a", "a"],
    ["a-", "a"],
    ["A-b_C", "a-b-c"],
    ["_", "expose"],
    ["_9-", "expose"],
    [`${"a".repeat(49)}_b`, "a".repeat(49)],
    ["b".repeat(60), "b".repeat(50)],
  ] as const)
    assert.equal(named([name]), [due], name);
  assert.equal(named(["a", "A", "a_", "a-tcp"]), ["a", "a-tcp", "a-tcp-2", "a-tcp-tcp"]);
  const codes = (service: string, selector: Settings["selector"] = null): readonly string[] => {
    const made = write(policyOf("one", `edition 1\nexpose web service ${service} on tcp 80 { allow from any }\n`), kubernetes, { ...PLAIN, selector });
    return made.ok ? [] : made.error.map(({ code }) => code);
  };
  for (const service of ["a_", "_a", "a-"]) {
    assert.equal(codes(service), ["ING907"], service);
    assert.equal(codes(service, { key: "app", value: "a" }), [], service);
  }
  for (const service of ["a", "A_b", "s".repeat(48)]) assert.equal(codes(service), [], service);
});

test("haproxy: a port that a service binds itself at another address", () => {
  const codes = (own: string, web = "tcp 8080 bind private"): readonly string[] => {
    const text = `expose web on ${web} { backend 127.0.0.1:9000 allow from any }\n@why "its own"\nexpose own service own on ${own} as direct { }`;
    const made = write(policyOf("one", `edition 1\n${text}\n`), haproxy, PLAIN);
    return made.ok ? [] : made.error.map(({ code, message }) => `${code} ${message}`);
  };
  const due = ["ING905 `on tcp 8080` can't be written for `haproxy`: it listens at every address, and the service of `own` binds the port itself"];
  assert.equal(codes("tcp 8080 bind 203.0.113.1"), due);
  assert.equal(codes("tcp 8000-8080 bind 203.0.113.1"), due);
  assert.equal(codes("tcp 8081 bind 203.0.113.1"), []);
  assert.equal(codes("tcp 8000-8079 bind 203.0.113.1"), []);
  assert.equal(codes("udp 8080 bind 203.0.113.1"), []);
});

test("haproxy: one of several backends that does not accept has others tried", () => {
  const backend = (count: number): string => {
    const all = Array.from({ length: count }, (_, i) => `127.0.0.1:${9000 + i}`).join(", ");
    const made = write(policyOf("one", `edition 1\nexpose web on tcp 8080 { backend ${all} allow from any }\n`), haproxy, PLAIN);
    return made.ok ? (/^backend web\.0\n([^]*?)\n  server/m.exec(made.value.files.get("haproxy.cfg") ?? "")?.[1] ?? "") : "refused";
  };
  assert.is(backend(1), "");
  for (const [count, retries] of [
    [2, 16],
    [3, 24],
    [8, 64],
  ] as const)
    assert.is(backend(count), `  balance roundrobin\n  retries ${retries}\n  option redispatch 1`);
});

test("via is refused by each target, for its own reason", () => {
  const text = "edition 1\nexpose web on tcp 8080 via 10.0.0.5 { backend 127.0.0.1:18080 allow from any }\n";
  for (const [target, due] of [
    [nft, "it would take the load balancer for the client"],
    [kubernetes, "it would take the load balancer for the client"],
    [haproxy, "it takes PROXY headers that ingressd refuses, and clients would be judged by what these say"],
  ] as const) {
    const made = write(policyOf("one", text), target, PLAIN);
    assert.equal(made.ok ? [] : made.error.map(({ code, message }) => `${code} ${message}`), [
      `ING902 \`via\` can't be written for \`${target.name}\`: ${due}`,
    ]);
  }
});

test("caps and limits are shown as the policy has them", () => {
  const shown = (clauses: string, without: Settings["without"]): readonly string[] => {
    const made = write(policyOf("one", `edition 1\nexpose web on tcp 80 {\n  ${clauses}\n  allow from any\n}\n`), nft, {
      ...PLAIN,
      without,
    });
    return made.ok ? made.value.plan.leftOut.map(({ says }) => says) : made.error.map(({ message }) => message.replace(/ can't.*/, ""));
  };
  for (const [clauses, due] of [
    ["cap 20 per source", ["`cap 20 per source`"]],
    ["cap 10 connections", ["`cap 10 connections`"]],
    ["cap 10 connections,\n    5 per source /24 /48", ["`cap 10 connections, 5 per source /24 /48`"]],
    ["cap 10 connections # all\n  limit 20/s burst 40\n    per source", ["`cap 10 connections`", "`limit 20/s burst 40 per source`"]],
  ] as const) {
    assert.equal(shown(clauses, { caps: false, limits: false }), due);
    assert.equal(shown(clauses, { caps: true, limits: true }), due);
  }
});

test("what is left out is said, each with its expose", () => {
  const made = write(shipped("monitored"), nft, { ...LESS, file: "policies/monitored.ingress" });
  assert.ok(made.ok);
  const { leftOut } = made.value.plan;
  assert.equal([...new Set(leftOut.map(({ what, of }) => `${what} of ${of}`))].sort(), ["backend of web", "cap of web", "dryrun of web", "limit of web"]);
  for (const { says } of leftOut) assert.ok((made.value.files.get("") ?? "").includes(says), says);
});

test("with one of two flags the other clause stays refused", () => {
  for (const [without, code, flag] of [
    [{ caps: true, limits: false }, "ING903", "limits"],
    [{ caps: false, limits: true }, "ING903", "caps"],
  ] as const) {
    const made = write(shipped("mail"), nft, { ...PLAIN, without });
    assert.ok(!made.ok && made.error.length > 0);
    if (!made.ok) for (const { code: found, help } of made.error) assert.ok(found === code && help?.includes(`--without ${flag}`) === true, help ?? "");
  }
});

test("a moment: the next one at which others are admitted, or that there is none", () => {
  const at = (text: string): unknown => {
    const made = write(shipped("fleet"), nft, { ...PLAIN, asOf: Date.parse(text) / 1000 });
    return made.ok ? made.value.plan.asOf?.next : "refused";
  };
  assert.is(at("2026-09-01T00:00:00Z"), Date.UTC(2027, 1, 1) / 1000);
  assert.is(at("2027-02-01T00:00:00Z"), Date.UTC(2027, 1, 15) / 1000);
  assert.is(at("2027-06-30T23:59:59Z"), Date.UTC(2027, 6, 1) / 1000);
  assert.is(at("2027-07-01T00:00:00Z"), null);
});

test("a whole host needs somebody who is admitted to tcp 22, or the word that nobody is", () => {
  const codes = (text: string, settings: Partial<Settings> = {}): readonly string[] => {
    const made = write(policyOf("one", `edition 1\n${text}\n`), nft, { ...PLAIN, wholeHost: true, ...settings });
    return made.ok ? [] : made.error.map(({ code }) => code);
  };
  const one = "allow from 10.0.0.1";
  for (const [text, due] of [
    [`expose web on tcp 80 { ${one} }`, ["ING908"]],
    [`expose ssh on udp 22 { amplify any ${one} }`, ["ING908"]],
    [`expose ssh on tcp 20-21 { ${one} }`, ["ING908"]],
    [`expose ssh on tcp 23-30 { ${one} }`, ["ING908"]],
    ["expose ssh on tcp 22 { }", ["ING908"]],
    [`expose ssh on tcp 22 { ${one} deny from 10.0.0.0/8 }`, ["ING908"]],
    [`deny from 10.0.0.1\nexpose ssh on tcp 22 { ${one} }`, ["ING908"]],
    [`expose ssh on tcp 22 { ${one} }`, []],
    [`expose ssh on tcp 20-30 { ${one} }`, []],
  ] as const) {
    assert.equal(codes(text), due, text);
    assert.equal(codes(text, { noSsh: true }), [], text);
  }
  const until = `expose ssh on tcp 22 { ${one} until 2030-01-01T00:00Z }`;
  assert.equal(codes(until, { asOf: Date.UTC(2030, 0, 1) / 1000 - 1 }), []);
  assert.equal(codes(until, { asOf: Date.UTC(2030, 0, 1) / 1000 }), ["ING908"]);
});

test.run();
