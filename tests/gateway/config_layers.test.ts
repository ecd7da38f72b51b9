// Layers of the configuration: each goes before the one below it, and a mistake in any of them is
// said with the place that it came from. Decoder and published schema give one answer.
import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { readConfig, type Config, type Sources } from "../../gateway/config/read.ts";
import { decode } from "../../gateway/config/decode.ts";
import { addDocument, newLayers } from "../../gateway/config/layers.ts";
import { lineOf } from "../../gateway/config/place.ts";
import { placeText, problemText } from "../../gateway/config/problem.ts";

const test = suite("config layers");

const NONE: Sources = { file: null, env: {}, sets: [], flags: [] };

function config(sources: Partial<Sources>): Config {
  const decoded = readConfig({ ...NONE, ...sources });
  if (!decoded.ok) throw new Error(decoded.error.map(problemText).join("\n"));
  return decoded.value.config;
}

function problems(sources: Partial<Sources>): readonly string[] {
  const decoded = readConfig({ ...NONE, ...sources });
  return decoded.ok ? [] : decoded.error.map(problemText);
}

const file = (text: string): Sources["file"] => ({ name: "c.toml", text });

test("defaults < file < environment < flags", () => {
  const idle = (sources: Partial<Sources>): number => config(sources).timers.idle_ms;
  const low = file("[timers]\nidle_ms = 1\ndrain_ms = 11");
  const env = { INGRESSD__TIMERS__IDLE_MS: "2" };
  assert.is(idle({}), 300_000);
  assert.is(idle({ file: low }), 1);
  assert.is(idle({ file: low, env }), 2);
  assert.is(idle({ file: low, env, sets: ["timers.idle_ms=3"] }), 3);
  assert.is(idle({ file: low, env, sets: ["timers.idle_ms=3", "timers.idle_ms=4"] }), 4, "the last flag");
  assert.is(idle({ env }), 2);
  assert.is(config({ file: low, env, sets: ["timers.idle_ms=3"] }).timers.drain_ms, 11, "a key that the upper layers don't set");
  const own = [{ flag: "--control", path: ["control", "socket"], value: "/flag" }];
  assert.is(config({ file: file('[control]\nsocket = "/file"'), sets: ["control.socket=/set"], flags: own }).control.socket, "/flag");
});

test("every kind of value in the text layers", () => {
  const env = {
    INGRESSD__ON_RELOAD: "keep",
    INGRESSD__STATE_DIR: "/s",
    INGRESSD__POLICY__WATCH: "false",
    INGRESSD__CAPS__PORTS: "007",
    INGRESSD__ALLOWED_BACKENDS: '["127.0.0.1:80", "unix:/x"]',
    INGRESSD__SERVICES__web__UID: "1001",
    INGRESSD__SERVICES__a__b__SOCKET: "/b.sock",
    INGRESSD_SOCKET: "not looked at",
    INGRESSD: "nor this",
    PATH: "/bin",
  };
  const read = config({ env, sets: ["services.web-2.uid=1002"] });
  assert.equal([read.on_reload, read.state_dir, read.policy.watch, read.caps.ports], ["keep", "/s", false, 7]);
  assert.equal(read.allowed_backends, ["127.0.0.1:80", "unix:/x"]);
  assert.equal(read.services, { web: { uid: 1001 }, a__b: { socket: "/b.sock" }, "web-2": { uid: 1002 } });
  assert.equal(config({ file: file('[services.web]\nuid = 5\nsocket = "/w"'), env: { INGRESSD__SERVICES__web__UID: "6" } }).services, {
    web: { uid: 6, socket: "/w" },
  });
});

test("a mistake says its layer", () => {
  const rows: readonly (readonly [Partial<Sources>, RegExp])[] = [
    [{ env: { INGRESSD__TIMERS__IDLE_MS: "5s" } }, /^INGRESSD__TIMERS__IDLE_MS: `timers\.idle_ms` = "5s" must be a whole number/],
    [{ env: { INGRESSD__TIMERS__IDLE_MS: "" } }, /^INGRESSD__TIMERS__IDLE_MS: `timers\.idle_ms` = "" must be/],
    [{ env: { INGRESSD__TIMERS__IDLE_MS: "1e3" } }, /must be a whole number/],
    [{ env: { INGRESSD__TIMERS__IDLE_MS: "0x10" } }, /must be a whole number/],
    [{ env: { INGRESSD__TIMERS__IDLE: "5" } }, /^INGRESSD__TIMERS__IDLE: unknown key `idle` in `timers`/],
    [{ env: { INGRESSD__timers__idle_ms: "5" } }, /^INGRESSD__timers__idle_ms: unknown key/],
    [{ env: { INGRESSD__TIMERS: "5" } }, /^INGRESSD__TIMERS: `timers` is a table: name one of its keys, such as timers\.hello_ms/],
    [{ env: { INGRESSD__SERVICES__web: "5" } }, /^INGRESSD__SERVICES__web: `services\.web` is a table: name one of its keys, such as services\.NAME\.uid/],
    [{ env: { INGRESSD__SERVICES__web__PORT: "5" } }, /^INGRESSD__SERVICES__web__PORT: unknown key `port` in `services\.web`/],
    [{ env: { INGRESSD__SERVICES__9__UID: "5" } }, /^INGRESSD__SERVICES__9__UID: `services` can't have the name "9"/],
    [{ env: { INGRESSD__: "5" } }, /^INGRESSD__: unknown key ``/],
    [{ env: { INGRESSD____PROTO__: "5" } }, /^INGRESSD____PROTO__: unknown key/],
    [{ env: { INGRESSD__POLICY__WATCH: "1" } }, /`policy\.watch` = "1" must be true or false/],
    [{ env: { INGRESSD__ALLOWED_BACKENDS: "127.0.0.1:80" } }, /^INGRESSD__ALLOWED_BACKENDS: `allowed_backends` = "127\.0\.0\.1:80" must be a list/],
    [{ sets: ["timers.idle_ms"] }, /^--set timers\.idle_ms: must be KEY=VALUE/],
    [{ sets: ["=5"] }, /^--set =5: must be KEY=VALUE/],
    [{ sets: ["idle_ms=5"] }, /^--set idle_ms=5: unknown key `idle_ms`: the keys here are on_reload/],
    [{ sets: ["timers.idle_ms.x=5"] }, /^--set timers\.idle_ms\.x=5: unknown key `idle_ms\.x` in `timers`/],
    [{ sets: ["constructor.name=5"] }, /unknown key `constructor\.name`/],
    [{ sets: ["services.web.mode=0660"] }, /^--set services\.web\.mode=0660: `services\.web\.mode` = "0660" has no effect without/],
    [{ flags: [{ flag: "--policy", path: ["policy", "file"], value: "p.wasm" }] }, /^--policy: `policy\.file` = "p\.wasm" must be an absolute path/],
    [{ file: file("[timers]\nidle_ms = -1"), env: { INGRESSD__TIMERS__IDLE_MS: "5" } }, /^c\.toml:2: `timers\.idle_ms` = -1 must be/],
    [
      { file: file("[services.web]\nuid = 5"), sets: ["services.api.uid=5"] },
      /^--set services\.api\.uid=5: `services\.api\.uid` = 5 is also the uid of `services\.web`/,
    ],
  ];
  for (const [sources, expected] of rows) {
    const all = problems(sources);
    assert.match(all[0] ?? "no problem", expected);
    assert.ok(all.every((sentence) => !sentence.includes("\n")));
  }
});

test("all mistakes at once, each at its line", () => {
  const text = [
    "# a comment",
    'on_reload = "drop"',
    "allowed_backends = [",
    '  "127.0.0.1:80",',
    "  7,",
    "]",
    "",
    "[timers]",
    "idle_ms = -1",
    "drain = 5 # unknown",
    "[services.web]",
    '[services."a b"]',
    "uid = 1",
    "[caps]",
    "ports = 0",
  ].join("\n");
  assert.equal(
    problems({ file: file(text), env: { INGRESSD__CAPS__INTENTS: "x" } }).map((sentence) => sentence.slice(0, sentence.indexOf(": "))),
    ["c.toml:2", "c.toml:3", "c.toml:9", "c.toml:10", "c.toml:12", "c.toml:15", "INGRESSD__CAPS__INTENTS", "c.toml:11"],
  );
});

test("lines of keys in all that TOML has", () => {
  const text = [
    "a = 1",
    "b = [",
    "  1, # x",
    "  2]",
    "\"c\" = '''",
    "[d]",
    "e = 5'''",
    "f.g = { h = 1, i.j = 2 }",
    "",
    "# [k]",
    "[k]",
    'l = """',
    'm = 1"""',
    "[[n]]",
    "o = 1",
    "[p.q.r]",
    "s = 1",
    '["é"]',
    "t = 1",
  ].join("\n");
  const rows: readonly (readonly [path: string, line: number | null])[] = [
    ["a", 1],
    ["b", 2],
    ["c", 5],
    ["d", null],
    ["f", 8],
    ["f.g", 8],
    ["f.g.h", 8],
    ["f.g.i.j", 8],
    ["k", 11],
    ["k.l", 12],
    ["k.m", null],
    ["n", 14],
    ["p", 16],
    ["p.q", 16],
    ["p.q.r.s", 17],
    ["é.t", 19],
    ["__proto__", null],
  ];
  for (const [path, line] of rows) assert.is(lineOf(text, path.split(".")), line, path);
  for (const [path, line] of rows) assert.is(lineOf(text.replaceAll("\n", "\r\n"), path.split(".")), line, `${path}, CRLF`);
  assert.is(lineOf(`x = [\n${"1,\n".repeat(5_000)}]\ny = 1`, ["x"]), null, "it gives up instead of reading for minutes");
});

test("what check-config shows of places", () => {
  const decoded = readConfig({ file: file('on_reload = "keep"'), env: { INGRESSD__CAPS__PORTS: "5" }, sets: ["caps.intents=1"], flags: [] });
  assert.ok(decoded.ok);
  if (decoded.ok) {
    assert.equal(
      [...decoded.value.places].map(([key, place]) => `${key}: ${placeText(place)}`),
      ["on_reload: c.toml", "caps.ports: INGRESSD__CAPS__PORTS", "caps.intents: --set caps.intents=1"],
    );
  }
});

const schema: unknown = JSON.parse(readFileSync(new URL("../../schemas/config/ingressd.schema.json", import.meta.url), "utf8"));
const validate = new Ajv2020({ strict: true, strictRequired: false }).compile(typeof schema === "object" && schema !== null ? schema : {});

function decoderTakes(document: unknown): boolean {
  const layers = newLayers();
  addDocument(layers, document, (path) => ({ layer: "file", file: "x", path, line: null }));
  return decode(layers).ok;
}

const ACCEPTED: readonly unknown[] = [
  {},
  { on_reload: "keep", state_dir: "/", allowed_backends: [] },
  { allowed_backends: ["127.0.0.1:1", "[::1]:2", "unix:/x"] },
  { allowed_backends: Array.from({ length: 1024 }, (_, i) => `127.0.0.1:${i + 1}`) },
  { control: {}, intents: {}, audit: {}, metrics: {}, caps: {}, timers: {}, policy: {}, services: {} },
  { control: { socket: `/${"x".repeat(106)}` } },
  { control: { socket: `/${"é".repeat(106)}` } },
  { intents: { socket: "/i", mode: "666" } },
  { metrics: { listen: "127.0.0.1:9600", token_file: "/t" } },
  { audit: { file: "x", on_error: "count" } },
  { caps: { ports: 1, connections: 1_000_000, intents: 0, intents_per_service: 65_535, control_connections: 4096, backend_connecting: 65_535 } },
  { timers: { hello_ms: 100, idle_ms: 0, lifetime_ms: 2_592_000_000, drain_ms: 0, backend_connect_ms: 1 } },
  { policy: { file: "/p", max_bytes: 1024, watch: false, trusted_keys: Array.from({ length: 64 }, (_, i) => `/${i}`) } },
  { services: { web: { uid: 0 }, _: { socket: "/s", mode: "0660", gid: 4_294_967_294 } } },
  JSON.parse('{"services":{"__proto__":{"uid":5}}}'),
  { services: { constructor: { uid: 4_294_967_294 } } },
];

const REFUSED: readonly unknown[] = [
  null,
  [],
  7,
  "x",
  { more: 1 },
  JSON.parse('{"__proto__":1}'),
  { toString: 1 },
  { on_reload: "drop" },
  { on_reload: null },
  { on_reload: ["keep"] },
  { state_dir: "x" },
  { state_dir: "" },
  { state_dir: `/${"x".repeat(4096)}` },
  { state_dir: 5 },
  { allowed_backends: "x" },
  { allowed_backends: [""] },
  { allowed_backends: ["x".repeat(257)] },
  { allowed_backends: [5] },
  { allowed_backends: ["unix:/a", "unix:/a"] },
  { allowed_backends: Array.from({ length: 1025 }, (_, i) => `127.0.0.1:${i + 1}`) },
  { allowed_backends: {} },
  { control: null },
  { control: [] },
  { control: { socket: "x" } },
  { control: { socket: `/${"x".repeat(107)}` } },
  { control: { socket: "/a", mode: "0600" } },
  { intents: { mode: "0666" } },
  { intents: { socket: "/i", mode: "0888" } },
  { intents: { socket: "/i", mode: "00666" } },
  { intents: { socket: "/i", mode: "666\n" } },
  { metrics: { listen: "127.0.0.1:1" } },
  { metrics: { token_file: "/t" } },
  { metrics: { listen: "", token_file: "/t" } },
  { metrics: { listen: "x".repeat(65), token_file: "/t" } },
  { audit: { file: "" } },
  { audit: { file: "x".repeat(4097) } },
  { audit: { on_error: "open" } },
  { caps: { ports: 0 } },
  { caps: { ports: 65_536 } },
  { caps: { ports: 1.5 } },
  { caps: { ports: "1" } },
  { caps: { ports: true } },
  { caps: { port: 1 } },
  { caps: { connections: 1_000_001 } },
  { timers: { hello_ms: 99 } },
  { timers: { hello_ms: 10_001 } },
  { timers: { idle_ms: -1 } },
  { timers: { backend_connect_ms: 0 } },
  { timers: { lifetime_ms: 2_592_000_001 } },
  { policy: { max_bytes: 1023 } },
  { policy: { watch: 1 } },
  { policy: { trusted_keys: [] } },
  { policy: { trusted_keys: ["x"] } },
  { policy: { trusted_keys: ["/a", "/a"] } },
  { policy: { trusted_keys: Array.from({ length: 65 }, (_, i) => `/${i}`) } },
  { policy: { file: "x" } },
  { services: [] },
  { services: { web: 5 } },
  { services: { web: {} } },
  { services: { web: { uid: -1 } } },
  { services: { web: { uid: 4_294_967_295 } } },
  { services: { web: { uid: 5, mode: "0660" } } },
  { services: { web: { uid: 5, gid: 5 } } },
  { services: { "a b": { uid: 5 } } },
  { services: { "": { uid: 5 } } },
  { services: { ["x".repeat(49)]: { uid: 5 } } },
  { services: { web: { uid: 5, more: 1 } } },
  JSON.parse('{"services":{"__proto__":{"uid":-1}}}'),
];

test("the decoder and the published schema give one answer", () => {
  for (const document of ACCEPTED) assert.equal([validate(document), decoderTakes(document)], [true, true], JSON.stringify(document).slice(0, 200));
  for (const document of REFUSED) assert.equal([validate(document), decoderTakes(document)], [false, false], JSON.stringify(document).slice(0, 200));
});

test("what only the decoder says no to", () => {
  for (const document of [
    { allowed_backends: ["10.0.0.1:80"] },
    { services: { a: { uid: 5 }, b: { uid: 5 } } },
    { services: { ingressd: { uid: 5 } } },
    { control: { socket: "/a" }, intents: { socket: "/a" } },
  ]) {
    assert.equal([validate(document), decoderTakes(document)], [true, false], JSON.stringify(document));
  }
});

test.run();
