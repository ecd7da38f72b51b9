// Modules that earlier releases built, in releases/: those of the two previous releases still load and decide
// as they did then, an older one's is refused in words that help. Every answer here was written from
// the policy's text.
import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openEngine } from "../../runtime/host/ask.ts";
import type { Answer } from "../../runtime/host/decision.ts";
import { KNOWN_ENGINES } from "../../runtime/host/engines.ts";
import { loadPolicy } from "../../runtime/host/load.ts";
import type { PolicyEngine } from "../../runtime/host/module.ts";
import { ENGINE_ABI_VERSION } from "../../runtime/host/pin.ts";
import { address, loaded } from "./compiled.ts";
import { withOtherCode } from "./other_code.ts";

const test = suite("releases");
const folder = new URL("releases/", import.meta.url);
const moduleOf = (release: string): Uint8Array => readFileSync(new URL(`${release}.wasm`, folder));

/** The version of the oldest tables that this release reads. */
const OLDEST = ENGINE_ABI_VERSION - 2;
const UNKNOWN_ENGINE = /not an engine of this release or of the two before it: build the policy with this release's ingressc/;

/** A release, the version of its tables, and what its policy says. */
interface Release {
  readonly release: string;
  readonly tables: number;
  readonly evaluate: (engine: PolicyEngine) => void;
}

const said = (engine: PolicyEngine, answer: Answer | undefined): string => {
  if (answer === undefined) return "nothing";
  if (!answer.allowed && answer.later) return "open";
  return `${answer.code} ${engine.info.rules[answer.rule]?.names.join() ?? "-"}`;
};

const idOf = (engine: PolicyEngine, name: string): number => engine.info.listeners.find((l) => l.name === name)?.id ?? -1;

function accepts(engine: PolicyEngine, rows: readonly (readonly [listener: string, source: string, due: string])[]): void {
  for (const [listener, source, due] of rows) assert.is(said(engine, engine.accept(idOf(engine, listener), address(source))), due, `${source} to ${listener}`);
}

function binds(engine: PolicyEngine): void {
  const rows: readonly (readonly [subject: string, local: string, port: number, due: string])[] = [
    ["ingressd", "0.0.0.0", 443, "gateway_bind"],
    ["ingressd", "::", 8443, "gateway_bind"],
    ["ingressd", "0.0.0.0", 444, "not_exposed"],
    ["ingressd", "10.0.0.1", 9443, "gateway_bind"],
    ["ingressd", "10.255.255.255", 9443, "gateway_bind"],
    ["ingressd", "11.0.0.0", 9443, "not_exposed"],
    ["ingressd", "0.0.0.0", 9443, "not_exposed"],
    ["web", "0.0.0.0", 443, "not_gateway"],
    ["anything", "127.0.0.1", 9999, "loopback_bind"],
  ];
  for (const [subject, local, port, due] of rows)
    assert.is(engine.bind({ subject, proto: "tcp", address: address(local), port }).code, due, `${subject} on ${local}:${port}`);
}

function admitted(engine: PolicyEngine, listener: string, source: string): string {
  return said(engine, engine.admit([{ listener: idOf(engine, listener), source: address(source) }])[0]);
}

const RELEASES: readonly Release[] = [
  {
    release: "0.1.0",
    tables: 1,
    evaluate(engine) {
      engine.setClock({ monoMs: 1_000, wallSeconds: null });
      accepts(engine, [
        ["web", "203.0.113.9", "allowed all"],
        ["web", "2001:db8::1", "allowed all"],
        ["web", "192.0.2.15", "deny_rule scan"],
        ["web", "192.0.2.16", "allowed all"],
        ["web", "198.51.100.127", "allowed all"],
        ["web", "198.51.100.128", "deny_rule guests"],
        ["console", "198.51.100.6", "allowed staff"],
        ["console", "198.51.100.7", "no_match -"],
        ["console", "198.51.100.8", "allowed staff"],
        ["console", "2001:db8:1:ffff::1", "allowed staff"],
        ["console", "2001:db8:2::1", "no_match -"],
        ["console", "192.0.2.0", "deny_rule scan"],
      ]);
      binds(engine);
      // At most two of one source and three in all; three a minute of one /24.
      assert.equal(
        ["203.0.113.9", "203.0.113.9", "203.0.113.9", "203.0.113.10", "198.51.100.1"].map((source) => admitted(engine, "web", source)),
        ["allowed all", "allowed all", "cap_source all", "allowed all", "cap_listener all"],
      );
      engine.release(idOf(engine, "web"), address("203.0.113.9"));
      assert.is(admitted(engine, "web", "203.0.113.10"), "limit_source all");
      engine.setClock({ monoMs: 20_999, wallSeconds: null });
      assert.is(admitted(engine, "web", "203.0.113.10"), "limit_source all");
      engine.setClock({ monoMs: 21_000, wallSeconds: null });
      assert.is(admitted(engine, "web", "203.0.113.10"), "allowed all");
      // It has no names: a name that comes all the same changes nothing.
      assert.is(said(engine, engine.hello(idOf(engine, "console"), address("198.51.100.6"), "www.example.com")), "allowed staff");
      assert.is(engine.shadow(idOf(engine, "console"), address("198.51.100.6"), null), null);
    },
  },
  {
    release: "0.2.0",
    tables: 2,
    evaluate(engine) {
      const end = Date.UTC(2027, 2, 1) / 1000;
      engine.setClock({ monoMs: 1_000, wallSeconds: end - 1 });
      accepts(engine, [
        ["web", "203.0.113.9", "open"],
        ["web", "192.0.2.15", "deny_rule scan"],
        ["console", "198.51.100.6", "allowed staff"],
        ["console", "198.51.100.7", "no_match -"],
        ["console", "192.0.2.0", "deny_rule scan"],
      ]);
      binds(engine);
      const web = idOf(engine, "web");
      const hellos = (rows: readonly (readonly [source: string, name: string | null, due: string])[]): void => {
        for (const [source, name, due] of rows) assert.is(said(engine, engine.hello(web, address(source), name)), due, `${source} for ${name}`);
      };
      hellos([
        ["203.0.113.9", "www.example.com", "allowed all"],
        ["203.0.113.9", "a.apps.example.com", "allowed all"],
        ["203.0.113.9", "a.b.apps.example.com", "no_name -"],
        ["203.0.113.9", "apps.example.com", "no_name -"],
        ["203.0.113.9", "old.apps.example.com", "no_name -"],
        ["203.0.113.9", "gone.apps.example.com", "deny_name gone"],
        ["203.0.113.9", null, "no_name -"],
        ["203.0.113.9", "WWW.example.com", "bad_name -"],
        ["198.51.100.6", "other.example", "allowed vendor"],
        ["198.51.100.6", null, "allowed vendor"],
        ["198.51.100.7", "other.example", "no_name -"],
        ["192.0.2.15", "www.example.com", "deny_rule scan"],
      ]);
      assert.equal(engine.shadow(web, address("203.0.113.9"), "www.example.com")?.verdict, "deny");
      assert.equal(engine.shadow(web, address("198.51.100.6"), "www.example.com")?.verdict, "allow");
      assert.is(engine.shadow(idOf(engine, "console"), address("198.51.100.6"), null), null);
      engine.setClock({ monoMs: 1_000, wallSeconds: end });
      hellos([
        ["198.51.100.6", "other.example", "no_name -"],
        ["198.51.100.6", "www.example.com", "allowed all"],
      ]);
      assert.equal(
        ["203.0.113.9", "203.0.113.9", "203.0.113.9", "198.51.100.1", "198.51.100.2"].map((source) => admitted(engine, "web", source)),
        ["open", "open", "cap_source -", "open", "cap_listener -"],
      );
      assert.equal(
        ["198.51.100.1", "198.51.100.2", "198.51.100.3"].map((source) => admitted(engine, "console", source)),
        ["allowed staff", "allowed staff", "limit_source staff"],
      );
      assert.equal(engine.info.listeners[web]?.annotations, { owner: "web", ticket: "OPS-1", why: null });
    },
  },
];

test("the host knows the engines of its own release and of the two before it, and no other", () => {
  assert.equal(
    KNOWN_ENGINES.map((e) => e.abiVersion),
    [ENGINE_ABI_VERSION, ENGINE_ABI_VERSION - 1, ENGINE_ABI_VERSION - 2],
  );
});

for (const { release, tables, evaluate } of RELEASES) {
  const due = tables >= OLDEST;
  test(`a module of ${release} ${due ? "loads and decides as it did" : "is too old, and the refusal says what to do"}`, () => {
    const bytes = moduleOf(release);
    if (due) {
      const policy = loaded(bytes);
      assert.is(policy.info.abiVersion, tables);
      const engine = openEngine(policy, new Uint8Array(16));
      evaluate(engine);
      assert.not.ok(engine.poisoned);
    } else {
      const refusal = loadPolicy(bytes);
      assert.ok(!refusal.ok, "it loads");
      assert.is(refusal.error.code, "module_code");
      assert.match(refusal.error.message, UNKNOWN_ENGINE);
    }
  });
}

test("a module of a previous release that was changed is refused", () => {
  for (const { release } of RELEASES.filter(({ tables }) => tables >= OLDEST)) {
    const bytes = Uint8Array.from(moduleOf(release));
    for (const at of [9, Math.floor(bytes.length / 2), bytes.length - 1]) {
      const copy = Uint8Array.from(bytes);
      copy[at] = (copy[at] ?? 0) ^ 1;
      const refusal = loadPolicy(copy);
      assert.ok(!refusal.ok, `byte ${at}`);
    }
  }
});

test("an engine that no release has, or that only an older one had, is refused, and the refusal says what to do", () => {
  for (const { release } of RELEASES) {
    const refusal = loadPolicy(withOtherCode(moduleOf(release)));
    assert.ok(!refusal.ok, "it loads");
    assert.is(refusal.error.code, "module_code");
    assert.match(refusal.error.message, UNKNOWN_ENGINE);
  }
});

test.run();
