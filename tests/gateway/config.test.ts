// A wrong configuration or command line is one sentence with key, value, reason and remedy.
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { ok } from "../../runtime/result/result.ts";
import { parseCommand } from "../../gateway/cli/arguments.ts";
import { monotonicWall } from "../../runtime/host/wall_clock.ts";
import { EXIT_REJECTED, EXIT_UNSUPPORTED } from "../../gateway/exit.ts";
import { defaultConfig, parseConfig } from "../../gateway/config/read.ts";
import { canonicalBackend } from "../../gateway/forward/backend.ts";

const test = suite("config");

test("defaults are complete", () => {
  const config = defaultConfig();
  assert.is(config.on_reload, "recheck");
  assert.is(config.audit.on_error, "closed");
  assert.is(config.caps.connections, 10_000);
  assert.is(config.timers.idle_ms, 300_000);
  assert.equal(config.services, {});
});

test("refusals", () => {
  const table: readonly (readonly [string, RegExp])[] = [
    ["timers = 3", /^c\.toml:1: `timers` = 3 must be a table with the keys hello_ms, /],
    ["timers = 1979-05-27", /^c\.toml:1: `timers` = "1979-05-27" must be a table/],
    ["services = 3", /^c\.toml:1: `services` = 3 must have one table for each name, such as \[services\.NAME\]/],
    ["[services]\nweb = 3", /^c\.toml:2: `services\.web` = 3 must be a table with the keys uid, socket, mode, gid/],
    ['[timers]\nidle_ms = "5s"', /^c\.toml:2: `timers\.idle_ms` = "5s" must be a whole number from 0 to 604800000; it is: a connection without a byte/],
    ["[timers]\nidle_ms = -1", /^c\.toml:2: `timers\.idle_ms` = -1 must be a whole number from 0 /],
    ["[timers]\nidle_ms = 604_800_001", /^c\.toml:2: `timers\.idle_ms` = 604800001 must be/],
    ["[timers]\nidle_ms = 0.5", /^c\.toml:2: `timers\.idle_ms` = 0\.5 must be/],
    ["[timers]\nidle = 5", /^c\.toml:2: unknown key `idle` in `timers`: the keys here are hello_ms, backend_connect_ms, keepalive_ms, idle_ms/],
    ['[timers]\n"idl\u0435_ms" = 5', /^c\.toml:2: unknown key `idl\u0435_ms` \(with U\+0435 for `e`\) in `timers`/],
    ['[timers]\n"idle_ms\u200b" = 5', /^c\.toml:2: unknown key `idle_ms\\u\{200b\}` in `timers`/],
    ["[timers]\nidl\u0435_ms = 5", /^c\.toml:2:\d+: .*; the line contains U\+0435 \(a Cyrillic letter\)$/],
    ["[timers]\nidle_ms\u00a0= 5", /^c\.toml:2:\d+: .*; the line contains U\+00A0 \(no-break space\)$/],
    ['[timers]\nidle_ms = "5\u00a0"', /^c\.toml:2: `timers\.idle_ms` = "5\\u\{a0\}" must be/],
    ["tiemrs = 1", /^c\.toml:1: unknown key `tiemrs`: the keys here are on_reload/],
    ['on_reload = "drop"', /^c\.toml:1: `on_reload` = "drop" must be "recheck" or "keep"/],
    ["[audit]\non_error = true", /^c\.toml:2: `audit\.on_error` = true must be "closed" or "count"/],
    ['[audit]\nfile = ""', /^c\.toml:2: `audit\.file` = "" must be a text of 1 to 4096 characters/],
    ["[caps]\nconnections = 0", /^c\.toml:2: `caps\.connections` = 0 must be a whole number from 1 to 1000000/],
    ['[control]\nsocket = "run/x.sock"', /^c\.toml:2: `control\.socket` = "run\/x\.sock" must be an absolute path/],
    [`[control]\nsocket = "/${"x".repeat(107)}"`, /^c\.toml:2: `control\.socket` = "\/x+\.\.\. must be an absolute path \(at most 107 characters\)/],
    ['[policy]\nfile = "p.wasm"', /^c\.toml:2: `policy\.file` = "p\.wasm" must be an absolute path/],
    ["[source]\npoll_ms = 999", /^c\.toml:2: `source\.poll_ms` = 999 must be a whole number from 1000 to 86400000/],
    ["[source]\npoll_ms = 86_400_001", /^c\.toml:2: `source\.poll_ms` = 86400001 must be a whole number from 1000 to 86400000/],
    ['[source]\nca = "ca.pem"', /^c\.toml:2: `source\.ca` = "ca\.pem" must be an absolute path/],
    ["[source]\ntoken_file = 3", /^c\.toml:2: `source\.token_file` = 3 must be an absolute path/],
    ['[policy]\nsource = "p.wasm"', /^c\.toml:2: `policy\.source` = "p\.wasm" must be a location that begins with https:\/\/ or oci:\/\//],
    ['[policy]\nwatch = "yes"', /^c\.toml:2: `policy\.watch` = "yes" must be true or false/],
    ['allowed_backends = "127.0.0.1:80"', /^c\.toml:1: `allowed_backends` = "127\.0\.0\.1:80" must be a list of 0 to 1024 different values/],
    ['allowed_backends = ["127.0.0.1:80", "127.0.0.1:80"]', /^c\.toml:1: `allowed_backends` = .* must be a list of 0 to 1024 different values/],
    ['allowed_backends = ["10.0.0.1:80"]', /^c\.toml:1: `allowed_backends` = \["10\.0\.0\.1:80"\] has `10\.0\.0\.1:80`: a backend must be a loopback address/],
    ['backends.networks = "10.0.3.0/24"', /^c\.toml:1: `backends\.networks` = "10\.0\.3\.0\/24" must be a list of 0 to 256 different values/],
    ['backends.networks = ["10.0.3.0/24", "10.0.3.0/24"]', /^c\.toml:1: `backends\.networks` = .* must be a list of 0 to 256 different values/],
    ['backends.networks = ["10.0.3.7"]', /^c\.toml:1: `backends\.networks` = .* has `10\.0\.3\.7`: write an address and a length, .*: 10\.0\.3\.0\/24/],
    ['backends.networks = ["10.0.3.7/24"]', /has `10\.0\.3\.7\/24`: write an address and a length/],
    ['backends.networks = ["10.0.3.0/33"]', /has `10\.0\.3\.0\/33`: write an address and a length/],
    ['backends.networks = ["db.internal/24"]', /has `db\.internal\/24`: write an address and a length/],
    ['backends.networks = ["10.0.3.0/24", "127.0.0.0/8"]', /has `127\.0\.0\.0\/8`, in which there is no other host/],
    ['backends.networks = ["169.254.0.0/16"]', /has `169\.254\.0\.0\/16`, in which there is no other host/],
    ['backends.networks = ["fe80::/10"]', /has `fe80::\/10`, in which there is no other host/],
    ['backends.networks = ["::1/128"]', /has `::1\/128`, in which there is no other host/],
    ['backends.networks = ["224.0.0.0/4"]', /has `224\.0\.0\.0\/4`, in which there is no other host/],
    ['backends.network = ["10.0.3.0/24"]', /^c\.toml:1: unknown key `network` in `backends`: the keys here are networks/],
    ['allowed_backends = ["localhost:80"]', /literal address/],
    ["[services.web]\nuid = 5\n[services.api]\nuid = 5", /^c\.toml:4: `services\.api\.uid` = 5 is also the uid of `services\.web`, .*its own user/],
    [
      '[services.web]\nsocket = "/a"\n[services.api]\nsocket = "/a"',
      /^c\.toml:4: `services\.api\.socket` = "\/a" is also the path of `services\.web\.socket`: give each its own/,
    ],
    ['[control]\nsocket = "/a"\n[services.api]\nsocket = "/a"', /^c\.toml:4: `services\.api\.socket` = "\/a" is also the path of `control\.socket`/],
    ["[services.ingressd]\nuid = 5", /^c\.toml:1: `services\.ingressd` is the gateway's own name/],
    ["[services.web]", /^c\.toml:1: `services\.web` needs `uid` or `socket`; it is: one service: its user id/],
    ['[services.web]\nuid = 5\nmode = "rw"', /^c\.toml:3: `services\.web\.mode` = "rw" must be an octal mode such as "0660"/],
    ['[services.web]\nuid = 5\nmode = "00660"', /must be an octal mode/],
    ['[services.web]\nuid = 5\nmode = "0660"', /^c\.toml:3: `services\.web\.mode` = "0660" has no effect without `services\.web\.socket`: give/],
    ["[services.web]\nuid = 5\ngid = 7", /^c\.toml:3: `services\.web\.gid` = 7 has no effect without `services\.web\.socket`/],
    ['[intents]\nmode = "0600"', /^c\.toml:2: `intents\.mode` = "0600" has no effect without `intents\.socket`/],
    ['[metrics]\nlisten = "127.0.0.1:9600"', /^c\.toml:2: `metrics\.listen` = .* has no effect without `metrics\.token_file`/],
    ['[services."web site"]\nuid = 5', /^c\.toml:1: `services` can't have the name "web site"; it is: a name that a policy can have: a letter/],
    ["[services.9web]\nuid = 5", /can't have the name "9web"/],
    ["[services.-web]\nuid = 5", /can't have the name "-web"/],
    ['[services.""]\nuid = 5', /can't have the name ""/],
    ['[services."web\\n"]\nuid = 5', /can't have the name "web\\n"/],
    ['[services."wéb"]\nuid = 5', /can't have the name "wéb"/],
    [`[services.${"x".repeat(49)}]\nuid = 5`, /^c\.toml:1: `services` can't have the name "x{49}"/],
    ["[services.__proto__]\nuid = -1", /^c\.toml:2: `services\.__proto__\.uid` = -1 must be a whole number/],
    ["[timers]\n__proto__ = 5", /^c\.toml:2: unknown key `__proto__` in `timers`/],
    ["proxy_protocol = true", /^c\.toml:1: `proxy_protocol` is not supported in this release: remove it$/],
    ['[policy]\ncrl = "/x"', /^c\.toml:2: unknown key `crl` in `policy`: the keys here are /],
    ["[control]\nsocket_activation = true", /^c\.toml:2: `control\.socket_activation` is not supported in this release/],
    ["constructor = 5", /^c\.toml:1: unknown key `constructor`/],
    ["a = ", /^c\.toml:1:5: /],
    ["[caps]\nports = 1\nports = 2", /^c\.toml:3:\d+: /],
  ];
  for (const [text, expected] of table) {
    const config = parseConfig(text, "c.toml");
    assert.ok(!config.ok, text);
    if (config.ok) continue;
    const { message, exitCode } = config.error;
    assert.match(message, expected, text);
    assert.is(message.split("\n").length, 1, `${text}: one line`);
    assert.is(exitCode, /not supported in this release/.test(message) ? EXIT_UNSUPPORTED : EXIT_REJECTED, text);
  }
  const both = parseConfig("proxy_protocol = true\nprots = 5", "c.toml");
  assert.ok(!both.ok && both.error.exitCode === EXIT_REJECTED, "a mistake beside it is the user's");
});

test("names of services that a policy can have", () => {
  for (const name of ["web", "_", "W-9_", "x".repeat(48), "constructor", "__proto__"]) {
    const config = parseConfig(`[services.${name}]\nsocket = "/a"\nmode = "0660"\ngid = 7`, "c.toml");
    assert.ok(config.ok, name);
    if (config.ok)
      assert.equal(
        Object.entries(config.value.services).map(([key, { gid }]) => [key, gid]),
        [[name, 7]],
      );
  }
});

test("backends are literal and local", () => {
  const good = [
    ["127.0.0.1:80", "127.0.0.1:80"],
    ["[::1]:80", "[::1]:80"],
    ["[::ffff:127.0.0.1]:80", "127.0.0.1:80"],
    ["127.255.255.255:65535", "127.255.255.255:65535"],
    ["unix:/run//x.sock", "unix:/run/x.sock"],
  ] as const;
  for (const [text, key] of good) {
    const backend = canonicalBackend(text);
    assert.is(typeof backend === "string" ? backend : backend.key, key);
  }
  const bad = [
    "",
    "80",
    ":80",
    "127.0.0.1",
    "127.0.0.1:0",
    "127.0.0.1:65536",
    "127.1:80",
    "0177.0.0.1:80",
    "128.0.0.1:80",
    "0.0.0.0:80",
    "[::]:80",
    "[::2]:80",
    "[::1%lo]:80",
    "::1:80",
    "127.0.0.1:80x",
    "127.0.0.1:+80",
    "unix:x",
    "unix:",
    "unix:/a/../b",
    "unix:/a\0b",
    `unix:/${"a".repeat(107)}`,
    "http://127.0.0.1:80",
    "[::127.0.0.1]:80",
  ];
  for (const text of bad) assert.type(canonicalBackend(text), "string", text);
});

test("the command line", () => {
  const refused: readonly (readonly [readonly string[], RegExp])[] = [
    [["--polcy", "x"], /unknown flag `--polcy`/],
    [["--policy"], /`--policy` needs a value/],
    [["--policy", "--config"], /`--policy` needs a value/],
    [["--policy", "a", "--policy", "b"], /given twice/],
    [["serve", "--policy", "a"], /unknown command `serve`/],
    [["status", "extra"], /`extra` is one operand too many/],
    [["status", "--policy", "a"], /`ingressd status` has no flag `--policy`; it is a flag of ingressd without a command, `ingressd check-config`;/],
    [["--policy", "a", "--json"], /unknown flag `--json`; `ingressd --help` lists its flags/],
    [["--policy", "a", "--service", "web"], /unknown flag `--service`; it is a flag of `ingressd expose`;/],
    [["expose", "--config", "a"], /`ingressd expose` has no flag `--config`/],
    [["reload", "--watch"], /`ingressd reload` has no flag `--watch`; it is a flag of `ingressd status`;/],
    [["--set"], /`--set` needs a value/],
    [["constructor"], /unknown command `constructor`/],
    [["status", "--json=yes"], /takes no value/],
    [["-x"], /unknown flag `-x`/],
  ];
  for (const [argv, expected] of refused) {
    const command = parseCommand(argv);
    assert.ok(!command.ok, argv.join(" "));
    assert.match(`${command.error.message}; ${command.error.help}`, expected);
  }
  const none = { config: null, sets: [], policy: null, control: null };
  const serve = { kind: "serve", ...none, takesOver: false, ignoresForeign: false } as const;
  assert.equal(parseCommand([]), ok(serve));
  assert.equal(parseCommand(["--policy", "p.wasm", "--set", "a=1", "--set", "b=x=y"]), ok({ ...serve, policy: "p.wasm", sets: ["a=1", "b=x=y"] }));
  assert.equal(parseCommand(["--takeover", "--ignore-foreign-fds"]), ok({ ...serve, takesOver: true, ignoresForeign: true }));
  assert.equal(parseCommand(["status", "--json", "--control", "/x"]), ok({ kind: "status", json: true, watch: false, ...none, control: "/x" }));
  assert.equal(parseCommand(["check-config", "--config", "c"]), ok({ kind: "check-config", json: false, ...none, config: "c" }));
  assert.equal(parseCommand(["reload"]), ok({ kind: "reload", json: false, ...none }));
  assert.equal(parseCommand(["--help"]), ok({ kind: "help", command: null }));
});

test("a wall clock that is set back does not run back within one run", () => {
  let real = 1_000_000;
  const wall = monotonicWall(() => real);
  assert.is(wall(), 1_000_000);
  real = 1_000_000 - 5 * 86_400_000;
  assert.is(wall(), 1_000_000);
  real = 1_000_001;
  assert.is(wall(), 1_000_001);
});

test.run();
