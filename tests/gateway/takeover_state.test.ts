// The state of a takeover, given by the test in the place of a gateway: of another release, tampered with, cut short, too
// large, or of a gateway that falls silent. The next gateway is a real process.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { openLibc } from "../../runtime/shell/libc.ts";
import { fieldsOf } from "../../runtime/shell/rpc_client.ts";
import { hashOf, LIMITS_FORM, STATE_FORMAT } from "../../gateway/takeover/handed_state.ts";
import { skip } from "../skip.ts";
import { suite } from "../suite.ts";
import { backend, eventually, freePort, moduleOf, probe, recordsIn, temporaryFolder } from "./gateway_under_test.ts";
import { launch, place, type LaunchOptions, type Running } from "./ingressd_process.ts";
import { giver, type Given, type Giver } from "./takeover_giver.ts";
import { caller, gatewayToTake, only, step } from "./takeover_under_test.ts";

const test = suite("takeover's state");

interface Taken {
  readonly next: Running;
  readonly it: Giver;
  readonly port: number;
  readonly folder: string;
}

/** A gateway that takes over from the test. */
async function taking(given: Given, clauses = "allow from any", port?: number, options: LaunchOptions = {}): Promise<Taken> {
  const [{ port: behind }, free] = [await backend("hello"), port ?? (await freePort())];
  const folder = temporaryFolder();
  mkdirSync(join(folder, "run"), { mode: 0o700 });
  place(folder, moduleOf(only(free, behind, clauses)));
  const it = await giver(join(folder, "run", "control.sock"), given);
  return { next: launch(folder, "", { ...options, words: ["--takeover"] }), it, port: free, folder };
}

const EMPTY = { format: STATE_FORMAT, limitsForm: LIMITS_FORM, places: [], connections: [], flows: [], limits: "" };
const written = (fields: object): Buffer => Buffer.from(JSON.stringify(fields));
const placeAt = (port: number): object => ({
  local: `127.0.0.1:${port}`,
  host: "127.0.0.1",
  port,
  zone: "",
  listener: "web",
  service: "web",
  backend: "127.0.0.1:9",
});
const connection = (row: number, more: object = {}): object => ({ row, place: 0, source: "127.0.0.1", sourcePort: 1, zone: "", nameFault: null, ...more });

/** In the next gateway's process: a wait for an answer, of 10 s, is over after 300 ms. */
const TEN_SECONDS_PASS = `const { Module } = require("node:module");
const shorter = (ms) => (ms === 10_000 ? 300 : ms);
const { setTimeout } = globalThis;
globalThis.setTimeout = (call, ms, ...rest) => setTimeout(call, shorter(ms), ...rest);
const load = Module._load;
let isHooked = false;
Module._load = function (request, ...rest) {
  const found = load.call(this, request, ...rest);
  if (request !== "koffi" || isHooked) return found;
  isHooked = true;
  const open = found.load;
  found.load = (...path) => {
    const library = open.apply(found, path);
    return {
      func(prototype) {
        const native = library.func(prototype);
        if (!prototype.startsWith("int poll(")) return native;
        return { async: (set, count, ms, done) => native.async(set, count, shorter(ms), done) };
      },
    };
  };
  return found;
};
`;

/** The state of a real gateway whose source 127.0.0.1 has used a limit of two an hour up, and its seed. */
async function usedUp(): Promise<{ readonly fields: Readonly<Record<string, unknown>>; readonly seed: string }> {
  const it = await gatewayToTake({ clauses: "allow from any limit 2/h per source" });
  for (const answer of ["allow", "allow", "deny"]) assert.is(await probe(it.port), answer);
  const rpc = await caller(it.folder);
  const first = await step(rpc, "begin", { format: STATE_FORMAT });
  assert.type(first, "object");
  const { id, seed } = fieldsOf(first) ?? {};
  assert.type(await step(rpc, "freeze", { id }), "object");
  const part = await step(rpc, "state", { id, from: 0 });
  const fields = fieldsOf(JSON.parse(Buffer.from(String(fieldsOf(part)?.["value"]), "base64").toString())) ?? {};
  rpc.close();
  return { fields, seed: String(seed) };
}

if (openLibc() === null) {
  skip("takeover's state", "koffi is not installed");
} else {
  test("what the test gives as a gateway of this release is taken", async () => {
    const { next, it, port } = await taking({ state: written(EMPTY) });
    await next.line("ingressd: ready");
    assert.is(await probe(port), "allow");
    assert.equal(
      it.steps.filter((one) => one !== "wait"),
      ["begin", "sockets", "freeze", "state", "serving", "done"],
    );
  });

  const whole = written(EMPTY);
  const bad: readonly (readonly [what: string, given: Given, because: RegExp])[] = [
    ["with another hash", { state: whole, sha256: "0".repeat(64) }, /its state is damaged/],
    ["without a hash", { state: whole, sha256: null }, /its state is damaged/],
    ["with a byte changed", { state: Buffer.from(whole.toString().replace("places", "Places")), sha256: hashOf(whole) }, /its state is damaged/],
    ["with the right hash and a field missing", { state: written({ ...EMPTY, flows: undefined }) }, /its state is damaged/],
    ["with a hash of what is no JSON", { state: Buffer.from("{") }, /its state is damaged/],
    ["cut short", { state: whole, bytes: whole.length + 1 }, /its state ends too early/],
    ["longer than it says", { state: whole, bytes: whole.length - 1 }, /its state is damaged/],
    ["of more than 1 GiB", { state: whole, bytes: 1024 ** 3 + 1 }, /no state of a known size/],
    ["of no size", { state: whole, bytes: "7" }, /no state of a known size/],
    ["of a size below 0", { state: whole, bytes: -1 }, /no state of a known size/],
    ["with connections of another release that can't be named", { state: written({ ...EMPTY, format: 9, connections: [{}] }) }, /its state is damaged/],
  ];
  for (const [what, given, because] of bad) {
    test(`a state ${what} is refused before the point of no return`, async () => {
      const { next, it } = await taking(given);
      assert.is(await next.exit, 5, next.err());
      assert.match(next.err(), because);
      assert.not(it.steps.includes("serving"));
    });
  }

  for (const silentAt of ["begin", "sockets", "freeze", "state", "serving"]) {
    test(`a gateway that is silent for 10 s at \`${silentAt}\` is not taken over`, async () => {
      const hook = join(temporaryFolder(), "hook.cjs");
      writeFileSync(hook, TEN_SECONDS_PASS);
      const { next, it } = await taking({ state: whole, silentAt }, undefined, undefined, { node: ["--require", hook] });
      assert.is(await next.exit, 5, next.err());
      assert.match(next.err(), /can't be taken over(, and continues)?: (ingressd closed the connection|it sends no sockets in time)/);
      assert.is(it.steps.filter((one) => one !== "wait").at(-1), `silent at ${silentAt}`, "no step follows");
    });
  }

  test("of another release with the same form of limits: they are not refilled", async () => {
    const { fields, seed } = await usedUp();
    const { next, port } = await taking(
      { state: written({ ...fields, format: STATE_FORMAT + 7, more: { new: true } }), seed },
      "allow from any limit 2/h per source",
    );
    await next.line("ingressd: ready");
    assert.is(await probe(port), "deny");
    assert.is(await probe(port, "127.0.0.2"), "allow", "whose debt is known to be none");
  });

  for (const [kind, clause] of [
    ["per source", "limit 2/h per source"],
    ["per listener", "limit 2/h per listener"],
  ] as const) {
    test(`of another release with limits of another form: a limit ${kind} counts as exhausted for everyone, with a sentence and a record`, async () => {
      const { fields, seed } = await usedUp();
      const { next, port, folder } = await taking({ state: written({ ...fields, format: 9, limitsForm: LIMITS_FORM + 1 }), seed }, `allow from any ${clause}`);
      await next.line("ingressd: ready");
      for (const source of ["127.0.0.1", "127.0.0.2", "127.3.4.5"]) assert.is(await probe(port, source), "deny", source);
      const sentence = /is of another release, whose limits can't be read here: every limit counts as exhausted, for 3600 s at most/;
      assert.match(next.err(), sentence);
      const [record, ...more] = recordsIn(join(folder, "audit.jsonl")).filter(({ op }) => op === "load");
      assert.equal([record?.decision, record?.code, more.length], ["deny", "unsupported", 0]);
      assert.match(record?.detail ?? "", sentence);
    });
  }

  test("of another release: its connections count in the caps, and what is not known of them is broken off", async () => {
    const port = await freePort();
    const odd = Array.from({ length: 1_025 }, (_, i) => connection(10 + i, { source: "quic:1" }));
    const state = written({ ...EMPTY, format: 9, places: [placeAt(port)], connections: [connection(3), ...odd] });
    const { next, it } = await taking({ state }, "allow from any cap 1 connections", port);
    await next.line("ingressd: ready");
    assert.is(await probe(port), "deny", "the cap is full");
    await next.says("1025 connections are closed, because another release admitted them");
    await eventually(() => it.cut.length === 2, "both parts of the list");
    assert.equal(
      it.cut.flat(),
      Array.from({ length: 1_025 }, (_, i) => 10 + i),
    );
  });
}

test.run();
