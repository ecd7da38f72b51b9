// `ingressc build --target envoy-wasm` in Envoy: real clients in a network namespace, at every edge and at random; and modules that are
// changed, cut or trap.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { envoyWasm } from "../../compiler/emitters/envoy_wasm.ts";
import { write } from "../../compiler/emitters/written.ts";
import { installEnvoy } from "../bench/gateway/envoy_wheel.mjs";
import { bytes, extension, helloWith, hostName, padding, record, records, serverName, u16, u8, vector16 } from "../gateway/hello_bytes.ts";
import { chance } from "../oracle/random.ts";
import { skip } from "../skip.ts";
import { stallsAfter, suite } from "../suite.ts";
import { accept, answersTo, drifted, filesFor, RANDOM, RANDOM_POLICIES, SETTINGS, SHIPPED, type Engine } from "./acceptance.ts";
import { trapping } from "./envoy_plugin.ts";
import { printed, shipped, written } from "./policies.ts";
import { namedPolicy } from "./random_policies.ts";
import { toThoseThatAccept } from "./several_backends.ts";

const test = suite("fleet: envoy-wasm in Envoy");
const BINARY = fileURLToPath(new URL("../bench/python_modules/envoy/_bin/envoy", import.meta.url));
const ADMIN = fileURLToPath(new URL("envoy_admin.py", import.meta.url));
const PROGRAM = [BINARY, "--config-path", "envoy.json", "--disable-hot-restart", "--log-level", "error"];
const ENGINE: Engine = {
  target: envoyWasm,
  setup: [],
  program: [...PROGRAM, "--concurrency", "1"],
  ready: "admin.sock",
  before: [["python3", ADMIN, "admin.sock", "listening"]],
  silent: false,
};
type Found = ReturnType<typeof drifted>;
const POLICIES = ["fleet", "queue", "public_api", "mail", "monitored"];

const missing = installEnvoy({ download: true });
const tried = spawnSync("unshare", ["--net", "sh", "-ec", `${BINARY} --version; python3 -c 1`], { encoding: "utf8" });
if (missing !== undefined || tried.status !== 0) skip("Envoy in a network namespace", missing ?? tried.error?.message ?? tried.stderr.trim());
else {
  for (const [i, name] of POLICIES.entries())
    test(`${name}: Envoy admits whom the module admits`, () => {
      stallsAfter(120_000);
      // Each worker has a module of its own.
      const engine = { ...ENGINE, program: [...PROGRAM, "--concurrency", String(1 + (i % 2))] };
      const { visits, admitted, impossible } = accept(shipped(name), engine, SHIPPED, chance(32));
      console.log(`  ${name}: ${visits} clients, ${admitted} admitted, ${impossible} that the kernel does not have`);
      assert.ok(visits > 1_500 && admitted > 50);
    });

  test(`${RANDOM_POLICIES} random policies`, () => {
    stallsAfter(300_000);
    const sum = { visits: 0, admitted: 0, impossible: 0 };
    for (let seed = 0, left = RANDOM_POLICIES; left > 0; seed++) {
      const c = chance(8_000 + seed);
      const made = printed(namedPolicy(c), `random${seed}`);
      const tried = write(made, envoyWasm, SETTINGS);
      // Exposes with TLS and without it on one port.
      if (!tried.ok && tried.error.every(({ code, message }) => code === "ING907" && message.includes("has the same port"))) continue;
      left--;
      const one = accept(made, ENGINE, RANDOM, c);
      sum.visits += one.visits;
      sum.admitted += one.admitted;
      sum.impossible += one.impossible;
    }
    console.log(`  random policies: ${sum.visits} clients, ${sum.admitted} admitted, ${sum.impossible} that the kernel does not have`);
    assert.ok(sum.visits > 100 * RANDOM_POLICIES && sum.admitted > 500 && sum.visits - sum.admitted > 500);
  });

  const named = written("named", 'edition 1\nexpose web on tcp 8443 as passthrough {\n  backend 127.0.0.1:18443\n  allow from any sni "www.example.com"\n}\n');
  const www = serverName("www.example.com");

  test("hellos in pieces, of several records, without a name, with another one, and bytes that are none", () => {
    stallsAfter(120_000);
    const right = helloWith(www, padding(40));
    const hidden = helloWith(serverName("admin.example.com"), extension(21, bytes(Buffer.alloc(9), www, Buffer.alloc(9))));
    const named2 = (...entries: readonly Buffer[]): Buffer => record(helloWith(extension(0, vector16(bytes(...entries)))));
    const cuts = (content: Buffer): readonly (readonly Buffer[])[] => Array.from({ length: 20 }, (_, i) => [records(content, 1 + i * 5)]);
    const admitted: readonly (readonly Buffer[])[] = [
      [record(right)],
      [record(helloWith(padding(40), www))],
      [record(helloWith(serverName("WWW.example.COM")))],
      ...[1, 3, 5, 8, 20, 60].map((at) => [record(right).subarray(0, at), record(right).subarray(at)]),
      ...cuts(right),
    ];
    const refused: readonly (readonly Buffer[])[] = [
      [record(hidden)],
      ...cuts(hidden),
      [record(helloWith())],
      ...["", "www.example.com\n", "www.example.com\0", "www.example.com.", "admin.example.com", "example.com", "x.www.example.com"].map((name) => [
        record(helloWith(serverName(name))),
      ]),
      [named2(bytes(u8(1), vector16(bytes("x"))), hostName("www.example.com"))],
      [named2(hostName("admin.example.com"), hostName("www.example.com"))],
      [named2()],
      [Buffer.from("GET / HTTP/1.1\r\nHost: www.example.com\r\n\r\n")],
      [bytes(u8(22), u16(0x0301), vector16(Buffer.from("www.example.com")))],
    ];
    const answers = answersTo(named, { ...ENGINE, atATime: 1000 }, 8443, [...admitted, ...refused]);
    assert.equal(
      answers.flatMap((answer, i) => (answer === (i < admitted.length ? 18_443 : 0) ? [] : [`${i - admitted.length}: ${answer}`])),
      [],
    );
  });

  const plain = written("plain", "edition 1\nexpose web on tcp 8080 {\n  backend 127.0.0.1:18080\n  allow from 203.0.113.9\n}\n");

  interface Config {
    readonly static_resources: {
      readonly listeners: readonly {
        readonly filter_chains: readonly {
          readonly filters: readonly {
            readonly typed_config: {
              readonly config: {
                readonly vm_config: { readonly code: { local: { inline_bytes: string } } };
                readonly capability_restriction_config: { readonly allowed_capabilities: Record<string, object> };
              };
            };
          }[];
        }[];
      }[];
    };
  }
  type Plugin = Config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]["config"];

  /** The answers to a client who is admitted, with another plugin; null: Envoy does not start. */
  function answersWith(change: (plugin: Plugin) => void): readonly (number | null)[] | null {
    const config = JSON.parse(filesFor(plain, ENGINE).get("envoy.json") ?? "") as Config;
    const plugin = config.static_resources.listeners[0]?.filter_chains[0]?.filters[0]?.typed_config.config;
    if (plugin === undefined) throw new Error("the configuration has no plugin");
    change(plugin);
    const payload = Buffer.from("hello");
    try {
      return answersTo(plain, { ...ENGINE, files: new Map([["envoy.json", JSON.stringify(config)]]) }, 8080, [[payload], [payload], [payload]]);
    } catch (error) {
      assert.match(String(error), "the engine ended before it listened");
      return null;
    }
  }

  const codeOf = (change: (module: Buffer) => Uint8Array): ((plugin: Plugin) => void) => {
    return ({ vm_config: { code } }) => {
      code.local.inline_bytes = Buffer.from(change(Buffer.from(code.local.inline_bytes, "base64"))).toString("base64");
    };
  };

  test("a module with another byte in its tables, a cut one and one that traps admit nobody", () => {
    stallsAfter(120_000);
    assert.equal(answersWith(codeOf((module) => module)), [18_080, 18_080, 18_080]);
    const wrong: readonly (readonly [string, (module: Buffer) => Uint8Array])[] = [
      ...[0, 40, 200, 400].map((place): readonly [string, (module: Buffer) => Uint8Array] => [
        `byte ${place} of the tables`,
        (module) => {
          const at = module.indexOf("INGR") + place;
          module[at] = (module[at] ?? 0) ^ 1;
          return module;
        },
      ]),
      ...[1, 2, 100, 5_000].map((less): readonly [string, (module: Buffer) => Uint8Array] => [`${less} bytes less`, (module) => module.subarray(0, -less)]),
      ["no bytes", () => Buffer.alloc(0)],
      ...["proxy_on_new_connection", "proxy_on_vm_start", "proxy_on_configure", "proxy_on_context_create", "proxy_on_memory_allocate"].map(
        (name): readonly [string, (module: Buffer) => Uint8Array] => [`a trap in ${name}`, (module) => trapping(module, name)],
      ),
    ];
    for (const [what, change] of wrong) {
      const answers = answersWith(codeOf(change));
      assert.ok(answers === null || answers.every((answer) => answer === 0), `${what}: ${answers?.join()}`);
    }
  });

  test("a plugin that may call or be called less than it needs admits nobody", () => {
    stallsAfter(120_000);
    for (const name of ["proxy_get_property", "proxy_call_foreign_function", "proxy_on_new_connection", "proxy_on_vm_start"]) {
      const answers = answersWith(({ capability_restriction_config: { allowed_capabilities: all } }) => {
        assert.ok(name in all);
        Reflect.deleteProperty(all, name);
      });
      assert.ok(answers === null || answers.every((answer) => answer === 0), `${name}: ${answers?.join()}`);
    }
  });

  test("a module from a server: with the right SHA-256 it decides, with another one Envoy does not take it", () => {
    stallsAfter(120_000);
    const settings = { ...SETTINGS, codeUrl: { text: "http://127.0.0.1:8900/policy.envoy.wasm", host: "127.0.0.1", port: 8900 } };
    const made = write(plain, envoyWasm, settings);
    assert.ok(made.ok);
    const module = made.value.binaries.get("policy.envoy.wasm") ?? new Uint8Array(0);
    const config = made.value.files.get("envoy.json") ?? "";
    const answers = (served: Uint8Array): readonly (number | null)[] =>
      answersTo(
        plain,
        {
          ...ENGINE,
          settings,
          setup: [["sh", "-c", "base64 -d module.txt > policy.envoy.wasm"]],
          program: ["sh", "-c", `python3 -m http.server 8900 --bind 127.0.0.1 & exec ${PROGRAM.join(" ")} --concurrency 1`],
          files: new Map([
            ["module.txt", Buffer.from(served).toString("base64")],
            ["envoy.json", served === module ? config : config.replace('"num_retries": 5', '"num_retries": 1')],
          ]),
        },
        8080,
        [[Buffer.from("hello")], [Buffer.from("hello")]],
      );
    assert.equal(answers(module), [18_080, 18_080]);
    // A section that every engine skips.
    assert.equal(answers(Buffer.concat([module, Buffer.from([0, 2, 1, 120])])), [0, 0]);
  });

  test("several backends: each gets clients, and one that does not accept refuses nobody", () => {
    stallsAfter(120_000);
    toThoseThatAccept(ENGINE);
  });

  test("what runs is read back", () => {
    stallsAfter(120_000);
    const engine: Engine = { ...ENGINE, after: [["python3", ADMIN, "admin.sock", "get", "/config_dump", "dump.json"]] };
    const both = written(
      "both",
      `${plain.entry.text}expose www on tcp 8443 as passthrough {\n  backend 127.0.0.1:18443\n  proxy v1\n  allow from any sni "www.example.com"\n}\n`,
    );
    const { folder } = accept(both, engine, { random: 200, drawn: 100 }, chance(33));
    const dump = readFileSync(join(folder, "dump.json"), "utf8");
    const read = (text: string, compiled = both): Found => drifted(compiled, envoyWasm, text);
    assert.equal(read(dump), { opened: 0, closed: 0, strange: 0 });
    // Another policy, another cluster, another module, one listener less.
    assert.equal(read(dump, plain), { opened: 0, closed: 1, strange: 3 });
    for (const [from, to, due] of [
      ['"port_value": 18080', '"port_value": 18081', { opened: 0, closed: 0, strange: 1 }],
      ['"port_value": 8080', '"port_value": 8081', { opened: 0, closed: 1, strange: 1 }],
      ['"cluster": "refused"', '"cluster": "expose.0"', { opened: 0, closed: 2, strange: 2 }],
      ['"inline_bytes": "AGFzbQEAAAAB', '"inline_bytes": "AGFzbQEAAAAC', { opened: 0, closed: 2, strange: 2 }],
      ['"proxy_close_stream": {}', '"proxy_log": {}', { opened: 0, closed: 2, strange: 2 }],
      ['"static_clusters": [', '"static_clusters": [{ "cluster": { "name": "refused" } },', { opened: 0, closed: 0, strange: 1 }],
      ['"static_clusters": [', '"dynamic_warming_clusters": [{ "cluster": { "name": "x" } }], "static_clusters": [', { opened: 0, closed: 0, strange: 1 }],
      ['"name": "ingressd_tcp",', '"name": "ingressd_tcp", "bind_to_port": false,', { opened: 0, closed: 1, strange: 1 }],
    ] as const) {
      assert.ok(dump.includes(from), from);
      assert.equal(read(dump.replaceAll(from, to)), due, to);
    }
  });
}
test.run();
