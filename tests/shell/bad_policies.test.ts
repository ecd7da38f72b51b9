// The same bad files through ingressd and ingress-guard: both start nothing, with the same exit code and the same
// sentence, and both keep the policy in force when a bad file takes the place of a good one.
import { spawn, type ChildProcess } from "node:child_process";
import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, truncateSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { MAX_MODULE_BYTES } from "../../runtime/host/verify.ts";
import { missing, NOBODY, place, remove } from "../guard/guarded.ts";
import { newSigner, signed } from "../host/signed.ts";
import { eventually, freePort, moduleOf, temporaryFolder } from "../gateway/gateway_under_test.ts";
import { startsAs } from "../gateway/ingressd_process.ts";
import { otherAbi, rehashed } from "../gateway/odd_modules.ts";
import { program } from "../ready.ts";
import { skip } from "../skip.ts";
import { atEnd, suite } from "../suite.ts";

const test = suite("bad policies in both programs");
const EXIT_REJECTED = 3;

/** A folder with a policy, a key that signs it and a state directory for each program. */
interface Setting {
  readonly folder: string;
  readonly policy: string;
  /** By rename. */
  put(bytes: Uint8Array): void;
}

const [OURS, OTHER] = [newSigner(), newSigner()];

function setting(): Setting {
  const folder = temporaryFolder();
  chmodSync(folder, 0o755);
  const policy = join(folder, "policy.wasm");
  writeFileSync(join(folder, "ours.pub"), OURS.pem, { mode: 0o644 });
  return {
    folder,
    policy,
    put(bytes) {
      writeFileSync(`${policy}.new`, bytes, { mode: 0o644 });
      renameSync(`${policy}.new`, policy);
    },
  };
}

interface Started {
  readonly child: ChildProcess;
  readonly text: () => string;
  readonly code: Promise<number | null>;
}

interface Options {
  readonly trusting?: boolean;
  readonly uid?: number;
}

function begin(words: readonly string[], uid: number | undefined, runtime: string): Started {
  const child = spawn(process.execPath, words, {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, XDG_RUNTIME_DIR: runtime },
    ...(uid !== undefined && { uid, gid: uid }),
  });
  atEnd(() => {
    child.kill("SIGKILL");
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (part: string) => {
      text += part;
    });
  return { child, text: () => text, code: new Promise((resolve) => child.once("close", resolve)) };
}

function startGateway({ folder, policy }: Setting, { trusting = false, uid }: Options): Started {
  const own = join(folder, "ingressd");
  mkdirSync(own, { recursive: true, mode: 0o777 });
  chmodSync(own, 0o777);
  const config = join(folder, "config.toml");
  // As large as the guard takes, so that the sentence is the same.
  writeFileSync(
    config,
    [
      ...(trusting ? [`state_dir = "${join(own, "state")}"`] : []),
      "[policy]",
      `max_bytes = ${MAX_MODULE_BYTES}`,
      ...(trusting ? [`trusted_keys = ["${join(folder, "ours.pub")}"]`] : []),
      "[caps]",
      "connections = 64",
      "[audit]",
      `file = "${join(own, "audit.jsonl")}"`,
      "",
    ].join("\n"),
    { mode: 0o644 },
  );
  return begin([...program("gateway/ingressd.mjs"), "--policy", policy, "--config", config, "--control", join(own, "run", "control.sock")], uid, own);
}

function startGuard({ folder, policy }: Setting, { trusting = false, uid }: Options): Started {
  const runtime = join(folder, "guard");
  mkdirSync(runtime, { recursive: true, mode: 0o700 });
  const words = trusting ? ["--trusted-key", join(folder, "ours.pub"), "--state-dir", join(runtime, "state")] : [];
  return begin(
    [
      ...program("runtime/guard/ingress-guard.mjs"),
      "--policy",
      policy,
      "--service",
      "web",
      ...words,
      "--",
      process.execPath,
      "-e",
      "console.log('up'); process.stdin.resume().on('end', () => process.exit(0))",
    ],
    uid,
    runtime,
  );
}

/** Without what only one of the programs says: its name, that nothing was started, and how its keys are named. */
const common = (text: string): string =>
  text
    .trim()
    .replace(/^ingress(d|-guard): /, "")
    .replace(/: nothing was started$/, "")
    .replaceAll("policy.trusted_keys", "KEYS")
    .replaceAll("--trusted-key", "KEYS");

const GOOD = moduleOf("edition 1\nexpose web on tcp 8443 { backend 127.0.0.1:9 allow from any }");

interface Row extends Options {
  readonly name: string;
  make(at: Setting): void;
  /** The message of both programs. */
  readonly says: RegExp;
}

const bytesRow = (name: string, bytes: Uint8Array, says: RegExp, options: Options = {}): Row => ({ name, make: (at) => at.put(bytes), says, ...options });
const build = "build it again with ingressc$";

const ROWS: readonly Row[] = [
  { name: "missing", make: () => undefined, says: /^policy `.*policy\.wasm` can't be read \(ENOENT.*\): check the path of the policy/ },
  bytesRow("empty", new Uint8Array(0), new RegExp(`is refused \\(module_malformed\\): .*; ${build}`)),
  {
    name: "too large",
    says: new RegExp(`has more than ${MAX_MODULE_BYTES} bytes`),
    make(at) {
      at.put(GOOD);
      truncateSync(at.policy, MAX_MODULE_BYTES + 1);
    },
  },
  bytesRow("torn", GOOD.subarray(0, GOOD.length >> 1), new RegExp(`is refused \\(module_malformed\\): .*; ${build}`)),
  bytesRow("another ABI", rehashed(GOOD, otherAbi), new RegExp(`is refused \\(module_version\\): .*; ${build}`)),
  bytesRow("unsigned", GOOD, /is refused \(signature_missing\): .*; sign it with ingressc sign$/, { trusting: true }),
  bytesRow(
    "signed with another key",
    signed(GOOD, OTHER),
    /is refused \(signature_key\): .*; sign it with a key of KEYS, or add this key's public file there$/,
    { trusting: true },
  ),
  { name: "a directory", make: (at) => mkdirSync(at.policy), says: /is not a regular file: name the file itself$/ },
  { name: "a link that leads nowhere", make: (at) => symlinkSync("nothing", at.policy), says: /can't be read \(ENOENT.*\): check the path of the policy/ },
  { name: "a link to itself", make: (at) => symlinkSync("policy.wasm", at.policy), says: /more than 40 links follow each other/ },
  {
    name: "a link to a file that others can write",
    says: /is refused: others can write it \(mode 0666\): run chmod go-w .*other\.wasm$/,
    make({ folder, policy }) {
      writeFileSync(join(folder, "other.wasm"), GOOD);
      chmodSync(join(folder, "other.wasm"), 0o666);
      symlinkSync("other.wasm", policy);
    },
  },
  {
    name: "unreadable",
    uid: NOBODY,
    says: /can't be read \(EACCES.*\): it belongs to uid 0 and gid 0, and has mode 0600: run chmod 0644 /,
    make(at) {
      at.put(GOOD);
      chmodSync(at.policy, 0o600);
    },
  },
];

/** Why the guard can't run here, or null. */
function noGuard(): string | null {
  const at = place();
  const why = missing(at);
  remove(at);
  return why;
}
const lacks = noGuard();

for (const row of ROWS) {
  const why =
    lacks ?? (row.uid === undefined || (process.getuid?.() === 0 && startsAs(row.uid)) ? null : "not root here, or the project is closed to other users");
  if (why !== null) {
    skip(`bad policies ${row.name}`, why);
    continue;
  }
  test(`at the start: ${row.name}`, async () => {
    const at = setting();
    row.make(at);
    const both = [startGateway(at, row), startGuard(at, row)];
    if (row.uid !== undefined) chmodSync(join(at.folder, "guard"), 0o777);
    assert.equal(await Promise.all(both.map(({ code }) => code)), [EXIT_REJECTED, EXIT_REJECTED], both.map(({ text }) => text()).join());
    const [gateway = "", guard = ""] = both.map(({ text }) => common(text()));
    assert.is(guard, gateway);
    assert.match(gateway, row.says);
  });
}

/** The last message of each program about a refused file, after `count` refusals. */
async function refusals({ gateway, guard }: { readonly gateway: Started; readonly guard: Started }, count: number): Promise<readonly string[]> {
  const said = (text: string, form: RegExp): string[] => [...text.matchAll(form)].map(([, sentence = ""]) => common(sentence));
  const all = (): readonly string[][] => [
    said(gateway.text(), /^ingressd: reload refused, generation \d+ stays in force: (.*)$/gm),
    said(guard.text(), /^ingress-guard: (.*): the previous policy stays in force$/gm),
  ];
  await eventually(() => all().every((list) => list.length >= count), `${count} refusals: ${gateway.text()}${guard.text()}`);
  return all().map((list) => list.at(-1) ?? "");
}

const sign = (module: Uint8Array, revision: number): Uint8Array => signed(module, OURS, { revision: BigInt(revision) });

if (lacks === null)
  test("while they run: a bad file that is renamed into place changes nothing, and a good one is put in force by a link too", async () => {
    const at = setting();
    const exposing = async (): Promise<Uint8Array> => moduleOf(`edition 1\nexpose web on tcp ${await freePort()} { backend 127.0.0.1:9 allow from any }`);
    const [good, next] = [await exposing(), await exposing()];
    at.put(sign(good, 5));
    const both = { gateway: startGateway(at, { trusting: true }), guard: startGuard(at, { trusting: true }) };
    await eventually(() => both.gateway.text().includes("ingressd: ready") && both.guard.text().includes("up\n"), "both run");
    const rows: readonly (readonly [name: string, make: () => void, says: RegExp])[] = [
      ["torn", () => at.put(good.subarray(0, 100)), /\(module_malformed\)/],
      ["unsigned", () => at.put(next), /\(signature_missing\)/],
      ["another key", () => at.put(signed(next, OTHER, { revision: 9n })), /\(signature_key\)/],
      ["a lower revision", () => at.put(sign(next, 4)), /\(revision_old\): it has revision 4, and revision 5 was in force here/],
      ["the revision of another module", () => at.put(sign(next, 5)), /\(revision_reused\)/],
      ["missing", () => unlinkSync(at.policy), /can't be read \(ENOENT/],
      ["a directory", () => mkdirSync(at.policy), /is not a regular file/],
    ];
    for (const [i, [name, make, says]] of rows.entries()) {
      make();
      const [gateway = "", guard = ""] = await refusals(both, i + 1);
      assert.is(guard, gateway, name);
      assert.match(gateway, says, name);
    }
    rmSync(at.policy, { recursive: true });
    writeFileSync(join(at.folder, "release.wasm"), sign(next, 6), { mode: 0o644 });
    symlinkSync("release.wasm", `${at.policy}.new`);
    renameSync(`${at.policy}.new`, at.policy);
    await eventually(
      () => both.gateway.text().includes("policy generation 2 ") && both.guard.text().includes("the policy was read again and is in force"),
      "both have it in force",
    );
    for (const { child } of [both.gateway, both.guard]) child.kill("SIGTERM");
    await Promise.all([both.gateway.code, both.guard.code]);
  });

test.run();
