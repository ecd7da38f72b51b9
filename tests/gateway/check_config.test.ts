// `ingressd check-config`: every problem at once, in text and as JSON, with key, value, reason and
// place; nothing is made or opened.
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { program } from "../ready.ts";
import { checkConfig } from "../../gateway/cli/check_config.ts";
import { readConfig } from "../../gateway/config/read.ts";
import { newSigner } from "../host/signed.ts";
import { authority, leaf } from "../tls/certificates.ts";
import { temporaryFolder } from "./gateway_under_test.ts";

const test = suite("check-config");
const INGRESSD = program("gateway/ingressd.mjs");
const folder = temporaryFolder();
const path = join(folder, "c.toml");

function run(
  text: string,
  argv: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): { readonly code: number | null; readonly out: string; readonly err: string } {
  writeFileSync(path, text, { mode: 0o644 });
  const done = spawnSync(process.execPath, [...INGRESSD, "check-config", "--config", path, ...argv], { encoding: "utf8", env: { ...process.env, ...env } });
  return { code: done.status, out: done.stdout, err: done.stderr };
}

test("a sound one: what is given, and by whom", () => {
  const { code, out, err } = run('[timers]\nidle_ms = 1\n[control]\nsocket = "/c"', ["--set", "caps.ports=5", "--policy", path], {
    INGRESSD__TIMERS__IDLE_MS: "2",
  });
  assert.equal([code, err], [0, ""]);
  assert.equal(out.split("\n"), [
    "the configuration is sound: 4 keys are given, the rest are defaults",
    "  caps.ports = 5  (--set caps.ports=5)",
    `  control.socket = "/c"  (${path})`,
    `  policy.file = "${path}"  (--policy)`,
    "  timers.idle_ms = 2  (INGRESSD__TIMERS__IDLE_MS)",
    "",
  ]);
  assert.equal(readdirSync(folder), ["c.toml"], "nothing is made");
});

test("what this release does not have is refused with a code of its own", () => {
  for (const key of ["proxy_protocol", "socket_activation"]) {
    assert.equal([run(`${key} = true`).code, run(`${key} = true\nprots = 5`).code], [6, 3], key);
    const answer: unknown = JSON.parse(run(`${key} = true`, ["--json"]).out);
    assert.equal(
      answer,
      {
        ok: false,
        class: "unsupported",
        code: "unsupported",
        message: `${path}:1: \`${key}\` is not supported in this release: remove it`,
        data: {
          problems: [
            { code: "unsupported", key, value: null, reason: "is not supported in this release: remove it", place: { layer: "file", file: path, line: 1 } },
          ],
        },
      },
      key,
    );
  }
});

test("a wrong one: all of it, in text and as JSON", () => {
  const wrong = "[timers]\nidle_ms = -1\n[caps]\nprots = 5";
  const text = run(wrong, [], { INGRESSD__CAPS__PORTS: "0" });
  assert.equal([text.code, text.out], [3, ""]);
  assert.equal(
    text.err
      .trimEnd()
      .split("\n")
      .map((line) => line.slice(0, 60 + path.length)),
    [
      `ingressd: ${path}:2: \`timers.idle_ms\` = -1 must be a whole number from 0`.slice(0, 60 + path.length),
      `ingressd: ${path}:4: unknown key \`prots\` in \`caps\`: the keys here are ports`.slice(0, 60 + path.length),
      "ingressd: INGRESSD__CAPS__PORTS: `caps.ports` = 0 must be a whole number from 1 to 65535; it is: listening sockets (one per address and port)".slice(
        0,
        60 + path.length,
      ),
    ],
  );
  const json = run(wrong, ["--json"], { INGRESSD__CAPS__PORTS: "0" });
  assert.equal([json.code, json.err], [3, ""]);
  const envelope: unknown = JSON.parse(json.out);
  assert.equal(envelope, {
    ok: false,
    class: "reject",
    code: "config",
    message: "3 things are wrong",
    data: {
      problems: [
        {
          code: "config",
          key: "timers.idle_ms",
          value: "-1",
          reason: "must be a whole number from 0 to 604800000; it is: a connection without a byte in either direction is closed; 0: never",
          place: { layer: "file", file: path, line: 2 },
        },
        {
          code: "config",
          key: "",
          value: null,
          reason:
            "unknown key `prots` in `caps`: the keys here are ports, connections, waiting, waiting_per_source, backend_connecting, intents, intents_per_service, control_connections",
          place: { layer: "file", file: path, line: 4 },
        },
        {
          code: "config",
          key: "caps.ports",
          value: "0",
          reason: "must be a whole number from 1 to 65535; it is: listening sockets (one per address and port)",
          place: { layer: "environment", variable: "INGRESSD__CAPS__PORTS" },
        },
      ],
    },
  });
});

test("the configuration to begin with is sound, and so is all that is commented out in it", () => {
  const text = readFileSync(new URL("../../docs/deploy/ingressd.toml", import.meta.url), "utf8");
  const whole = text.replace(/^# (?=\[|\w+ = )/gm, "");
  for (const [shown, keys] of [
    [text, 3],
    [whole, 10],
  ] as const) {
    const decoded = readConfig({ file: { name: "ingressd.toml", text: shown }, env: {}, sets: [], flags: [] });
    assert.ok(decoded.ok, JSON.stringify(decoded));
    if (decoded.ok) assert.is(decoded.value.places.size, keys);
  }
});

test("the files that it names", () => {
  const [key, other, token] = [join(folder, "a.pub"), join(folder, "b.pub"), join(folder, "token")];
  writeFileSync(key, newSigner().pem, { mode: 0o644 });
  writeFileSync(other, "not a key", { mode: 0o644 });
  writeFileSync(token, "0123456789abcdef\n", { mode: 0o600 });
  const problemOf = (text: string): string => {
    const { exitCode, stdout, stderr } = checkConfig(readConfig({ file: { name: "c.toml", text }, env: {}, sets: [], flags: [] }), false);
    return exitCode === 0 ? (stdout.split(":")[0] ?? "") : stderr;
  };
  const state = `state_dir = "${folder}/state"\n`;
  const sound = "the configuration is sound";
  assert.is(problemOf(`${state}[policy]\ntrusted_keys = ["${key}"]`), sound);
  assert.match(problemOf(`${state}[policy]\ntrusted_keys = ["${other}"]`), /^c\.toml: `policy\.trusted_keys` can't be used: trusted key `.*b\.pub` /);
  assert.match(problemOf(`${state}[policy]\ntrusted_keys = ["${folder}/none.pub"]`), /can't be read/);
  assert.match(problemOf(`[policy]\ntrusted_keys = ["${key}"]`), /`policy\.trusted_keys` needs a directory .* state_dir$/);
  const metrics = `[metrics]\nlisten = "127.0.0.1:9600"\ntoken_file = "${token}"`;
  assert.is(problemOf(metrics), sound);
  chmodSync(token, 0o644);
  assert.match(problemOf(metrics), /^c\.toml: `metrics\.token_file` can't be used: .*others can read it/);
  chmodSync(token, 0o600);
  writeFileSync(token, "0123456789abcde\n");
  assert.match(problemOf(metrics), /`metrics\.token_file` can't be used: .*at least 16 printable characters/);
});

test("every file that a start opens is looked at, and nothing is made or changed", () => {
  const place = temporaryFolder();
  const at = (name: string, text: string, mode = 0o600): string => {
    writeFileSync(join(place, name), text, { mode });
    return join(place, name);
  };
  const [corp, old, web] = [authority("corp"), authority("old", { from: -9, until: -1 }), leaf(authority("site"), {})];
  at("corp.pem", corp.pem);
  at("both.pem", corp.pem + old.pem);
  at("web.pem", web.pem);
  at("web.key", web.key);
  at("guard", "0".repeat(64));
  at("short", "0".repeat(63));
  at("audit.jsonl", "a record\n");
  mkdirSync(join(place, "state"), { mode: 0o700 });
  mkdirSync(join(place, "loose"));
  chmodSync(join(place, "loose"), 0o777);
  mkdirSync(join(place, "marked"), { mode: 0o700 });
  at("marked/revision.mark", "nonsense");
  symlinkSync("audit.jsonl", join(place, "link"));
  spawnSync("mkfifo", [join(place, "pipe")]);
  const look = (text: string): string => {
    const { exitCode, stdout, stderr } = checkConfig(
      readConfig({ file: { name: "c.toml", text: text.replaceAll("AT", place) }, env: {}, sets: [], flags: [] }),
      false,
      { env: {}, now: new Date() },
    );
    return exitCode === 0 ? stderr || (stdout.split(":")[0] ?? "") : stderr;
  };
  const rows: readonly (readonly [text: string, due: RegExp])[] = [
    ['[cas.corp]\nfile = "AT/corp.pem"\n[certs.web]\ncert = "AT/web.pem"\nkey = "AT/web.key"', /^the configuration is sound$/],
    ['[cas.corp]\nfile = "AT/both.pem"', /^WARNING: c\.toml: `cas\.corp\.file` the certificate `CN=old` of .* is left out: it has expired/],
    ['[cas.corp]\nfile = "AT/none.pem"', /^c\.toml: `cas\.corp\.file` can't be used: authority `.*none\.pem` can't be read \(ENOENT/],
    ['[certs.web]\ncert = "AT/none.pem"\nkey = "AT/web.key"', /^c\.toml: `certs\.web\.cert` can't be used: certificate `.*none\.pem` can't be read/],
    ['[certs.web]\ncert = "AT/web.pem"\nkey = "AT/none.key"', /`certs\.web\.cert` can't be used: key `.*none\.key` can't be read/],
    ['[certs.web]\ncert = "AT/corp.pem"\nkey = "AT/web.key"', /is not the key of the first certificate/],
    ['[policy]\nfile = "AT/web.pem"', /sound/],
    ['[policy]\nfile = "AT/none.wasm"', /^c\.toml: `policy\.file` can't be used: policy `.*none\.wasm` can't be read/],
    ['[guard]\nkey_file = "AT/guard"', /sound/],
    ['[guard]\nkey_file = "AT/short"', /`guard\.key_file` can't be used: .*64 hexadecimal digits/],
    ['[audit]\nfile = "AT/audit.jsonl"', /sound/],
    ['[audit]\nfile = "AT/new.jsonl"', /sound/],
    ['[audit]\nfile = "AT/pipe"', /sound/],
    ['[audit]\nfile = "AT/none/new.jsonl"', /`audit\.file` can't be used: it can't be made in `.*none` \(ENOENT/],
    ['[audit]\nfile = "AT/web.key/new.jsonl"', /`audit\.file` can't be used: it can't be .*web\.key/],
    ['[audit]\nfile = "AT/link"', /`audit\.file` can't be used: it is a link/],
    ['state_dir = "AT/state"', /sound/],
    ['state_dir = "AT/new/deeper"', /sound/],
    ['state_dir = "AT/loose"', /`state_dir` can't be used: the state directory .*can be written by others/],
    ['state_dir = "AT/web.key/state"', /`state_dir` can't be used/],
    ['state_dir = "AT/marked"', /`state_dir` can't be used: revision mark .* is damaged/],
  ];
  const before = readdirSync(place, { recursive: true }).sort();
  for (const [text, due] of rows) assert.match(look(text), due, text);
  assert.equal(readdirSync(place, { recursive: true }).sort(), before, "nothing is made");
  assert.is(readFileSync(join(place, "audit.jsonl"), "utf8"), "a record\n");
  const warned: unknown = JSON.parse(
    checkConfig(readConfig({ file: { name: "c.toml", text: `[cas.corp]\nfile = "${place}/both.pem"` }, env: {}, sets: [], flags: [] }), true).stdout,
  );
  assert.match(JSON.stringify(warned), /"warnings":\[\{"key":"cas\.corp\.file","reason":"the certificate `CN=old`/);
});

test.run();
