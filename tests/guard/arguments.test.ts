// The command line of ingress-guard: what each one means, and the sentence for each mistake.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parseCommand as readCommand, type Command } from "../../runtime/guard/arguments.ts";

const test = suite("guard arguments");

/** Where nothing is wrong. */
function parseCommand(words: readonly string[]): Command {
  const command = readCommand(words);
  if (!command.ok) throw new Error(command.error.message);
  return command.value;
}

const right = ["--policy", "p.wasm", "--service", "web"];

test("everything in its place", () => {
  assert.equal(parseCommand([...right, "--audit", "a", "--", "nginx", "-g", "--policy", "--"]), {
    kind: "run",
    policy: "p.wasm",
    signatures: null,
    service: "web",
    audit: "a",
    isolate: false,
    sockets: null,
    tokens: null,
    program: "nginx",
    args: ["-g", "--policy", "--"],
  });
  assert.equal(parseCommand([...right, "--isolate", "--sockets", "s", "--", "x", "--isolate"]), {
    kind: "run",
    policy: "p.wasm",
    signatures: null,
    service: "web",
    audit: null,
    isolate: true,
    sockets: "s",
    tokens: null,
    program: "x",
    args: ["--isolate"],
  });
  assert.equal(parseCommand(["status"]), { kind: "status", json: false });
  assert.equal(parseCommand(["status", "--json"]), { kind: "status", json: true });
  assert.equal(parseCommand([...right, "--ingressd", "s", "--key", "/dev/fd/3", "--token-ms", "1000", "--", "x"]), {
    kind: "run",
    policy: "p.wasm",
    signatures: null,
    service: "web",
    audit: null,
    isolate: false,
    sockets: null,
    tokens: { socket: "s", key: "/dev/fd/3", ttlMs: 1000 },
    program: "x",
    args: [],
  });
  const signatures = [...Array.from({ length: 64 }, (_, i) => ["--trusted-key", `${i}.pub`]).flat(), "--state-dir", "s"];
  const signed = parseCommand([...right, ...signatures, "--", "x"]);
  assert.ok("signatures" in signed && signed.signatures?.trustedKeys.length === 64 && signed.signatures.stateDirectory === "s");
  assert.equal(parseCommand(["--help"]), { kind: "help", command: null });
  assert.equal(parseCommand(["--version", "--", "x"]), { kind: "version" });
});

const rows: readonly (readonly [name: string, argv: readonly string[], sentence: RegExp])[] = [
  ["nothing", [], /`--policy P\.wasm` is missing/],
  ["no service", ["--policy", "p", "--", "x"], /`--service NAME` is missing/],
  ["no program", right, /`-- PROGRAM` is missing/],
  ["an empty program", [...right, "--", ""], /`-- PROGRAM` is missing/],
  ["a program without its separator", [...right, "nginx"], /unknown command `nginx`; .*after `--`/],
  ["an unknown option", [...right, "--isolated", "--", "x"], /unknown flag `--isolated`; did you mean `--isolate`/],
  ["an option twice", [...right, "--service", "b", "--", "x"], /`--service` is given twice/],
  ["an option without its value", ["--policy", "--service", "web", "--", "x"], /`--policy` needs a value/],
  ["a switch with a value", [...right, "--help=yes", "--", "x"], /`--help` takes no value/],
  ["a service's name of 49 bytes", ["--policy", "p", "--service", "s".repeat(49), "--", "x"], /more than 48 bytes/],
  ["a folder for ways in without a namespace", [...right, "--sockets", "s", "--", "x"], /`--sockets` goes with `--isolate`/],
  ["a switch with a value, isolate", [...right, "--isolate=yes", "--", "x"], /`--isolate` takes no value/],
  ["a name that is a path", ["--policy", "p", "--service", "../x", "--isolate", "--", "x"], /`--isolate` needs `--sockets FOLDER`/],
  ["a name with a slash", ["--policy", "p", "--service", "a/b", "--isolate", "--", "x"], /`--isolate` needs `--sockets FOLDER`/],
  ["status with a word too many", ["status", "--watch"], /`ingress-guard status` has no flag `--watch`/],
  ["status twice in JSON", ["status", "--json", "--json"], /`--json` is given twice/],
  ["a trusted key without a state directory", [...right, "--trusted-key", "k", "--", "x"], /`--trusted-key` needs `--state-dir FOLDER`/],
  ["a state directory without a trusted key", [...right, "--state-dir", "s", "--", "x"], /`--state-dir` goes with `--trusted-key`/],
  ["65 trusted keys", [...right, ...Array.from({ length: 65 }, () => ["--trusted-key", "k"]).flat(), "--state-dir", "s", "--", "x"], /more than 64 times/],
  ["a gateway without a key", [...right, "--ingressd", "s", "--", "x"], /go together/],
  ["a key without a gateway", [...right, "--key", "k", "--", "x"], /go together/],
  ["a time without a gateway", [...right, "--token-ms", "1000", "--", "x"], /goes with `--ingressd`/],
  ...["999", "86400001", "1e3", "1000.5", "-1000", "x"].map(
    (ms) => [`a time of ${ms}`, [...right, "--ingressd", "s", "--key", "k", `--token-ms=${ms}`, "--", "x"], /whole number from 1000 to 86400000/] as const,
  ),
  ["a gateway and a namespace", [...right, "--isolate", "--ingressd", "s", "--key", "k", "--", "x"], /does not go with `--isolate`/],
  ["the gateway's name", ["--policy", "p", "--service", "ingressd", "--", "x"], /the gateway's own name/],
];
for (const [name, argv, sentence] of rows) {
  test(name, () => {
    const result = readCommand(argv);
    assert.ok(!result.ok);
    assert.match(`${result.error.message}; ${result.error.help}`, sentence);
    assert.match(result.error.code, /^usage\.[a-z_]+$/);
  });
}
test("a service's name of 48 bytes", () => assert.ok(readCommand(["--policy", "p", "--service", "s".repeat(48), "--", "x"]).ok));

test.run();
