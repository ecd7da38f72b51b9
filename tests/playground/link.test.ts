// The policy in a link: what is written is read again, each bound at N and N + 1, and everything else is refused with a message.
import { deflateRawSync } from "node:zlib";
import * as assert from "uvu/assert";
import fc from "fast-check";
import { MOST_BYTES, MOST_FRAGMENT, NAME, readFragment, writeFragment } from "../../docs/playground/source/link.ts";
import { suite } from "../suite.ts";

const test = suite("link");

/** The fragment of some JSON, or of any bytes. */
function fragmentOf(value: unknown, level = 9): string {
  const bytes = value instanceof Uint8Array ? value : Buffer.from(JSON.stringify(value));
  return NAME + deflateRawSync(bytes, { level }).toString("base64url");
}

async function troubleOf(fragment: string): Promise<string> {
  return (await readFragment(fragment))?.trouble ?? "opened";
}

test("what is written is read again", async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: "binary" }), fc.option(fc.string()), fc.option(fc.string()), async (policy, older, request) => {
      const shared = { policy, older, request };
      const { fragment } = await writeFragment(shared);
      assert.match(fragment ?? "", /^policy1=[A-Za-z0-9_-]+$/);
      assert.equal(await readFragment(fragment ?? ""), { shared, trouble: null });
    }),
    { numRuns: 200 },
  );
});

test("an empty fragment is no link", async () => {
  assert.is(await readFragment(""), null);
});

/** A policy whose link has exactly this many characters: its text is not compressed. */
function ofLength(characters: number): string {
  const wrapping = JSON.stringify({ policy: "" }).length + 5;
  const bytes = Math.floor(((characters - NAME.length) * 3) / 4);
  const fragment = fragmentOf({ policy: "x".repeat(bytes - wrapping) }, 0);
  assert.is(fragment.length, characters);
  return fragment;
}

test("a fragment has at most 32 KiB", async () => {
  assert.is(MOST_FRAGMENT, 32_768);
  assert.is(await troubleOf(ofLength(32_768)), "opened");
  assert.match(await troubleOf(ofLength(32_770)), /^the link is too long/);
  // A fragment of base64url has no such length; it is too long all the same.
  assert.match(await troubleOf(`${ofLength(32_768)}A`), /^the link is too long/);
});

test("a text has at most 256 KiB, and no more of it is made", async () => {
  assert.is(MOST_BYTES, 262_144);
  const wrapping = JSON.stringify({ policy: "" }).length;
  const policy = "x".repeat(262_144 - wrapping);
  assert.is(await troubleOf(fragmentOf({ policy })), "opened");
  assert.match(await troubleOf(fragmentOf({ policy: `${policy}x` })), /^the policy in the link is too long/);
  assert.is((await writeFragment({ policy, older: null, request: null })).trouble, null);
  assert.match((await writeFragment({ policy: `${policy}x`, older: null, request: null })).trouble ?? "", /^the policy is too long for a link: it has more/);
});

test("a bomb ends at the bound", async () => {
  const bomb = fragmentOf(Buffer.alloc(20 * 1024 * 1024, 32));
  assert.ok(bomb.length < MOST_FRAGMENT, `${bomb.length}`);
  const before = process.memoryUsage().arrayBuffers;
  assert.match(await troubleOf(bomb), /^the policy in the link is too long/);
  assert.ok(process.memoryUsage().arrayBuffers - before < 8 * 1024 * 1024, "the bomb was decompressed");
});

test("a policy that does not compress to 32 KiB gets no link", async () => {
  let seed = 1;
  const noise = Array.from({ length: 60_000 }, () => String.fromCharCode(33 + ((seed = (seed * 48_271) % 0x7fffffff) % 90))).join("");
  assert.match((await writeFragment({ policy: noise, older: null, request: null })).trouble ?? "", /needs more than 32 KiB/);
});

const good = fragmentOf({ policy: "edition 1\n" });
const refused: readonly (readonly [name: string, fragment: string, message: RegExp])[] = [
  ["another name", good.replace("policy1=", "policy2="), /^the link has no policy/],
  ["no name", good.slice(NAME.length), /^the link has no policy/],
  ["the name alone", NAME, /^the link is damaged/],
  ["markup", "<img src=x onerror=alert(1)>", /^the link has no policy/],
  ["markup behind the name", `${NAME}<img src=x onerror=alert(1)>`, /^the link is damaged/],
  ["the end is missing", good.slice(0, -3), /^the link is damaged/],
  ["padding", `${good}=`, /^the link is damaged/],
  ["base64 that is not base64url", good.replace(/.$/, "+"), /^the link is damaged/],
  ["bits behind the last byte", `${NAME}AB`, /^the link is damaged/],
  ["bytes that are no deflate", `${NAME}${Buffer.from("not compressed").toString("base64url")}`, /^the link is damaged/],
  ["zlib in place of raw deflate", `${NAME}${Buffer.from([0x78, 0x9c, 0x03, 0, 0, 0, 0, 1]).toString("base64url")}`, /^the link is damaged/],
  ["no UTF-8", fragmentOf(Buffer.from([0x22, 0xff, 0x22])), /^the link is damaged/],
  ["no JSON", fragmentOf(Buffer.from("edition 1")), /^the link is damaged/],
  ["null", fragmentOf(null), /^the link is damaged/],
  ["a list", fragmentOf(["edition 1"]), /^the link is damaged/],
  ["a text", fragmentOf("edition 1"), /^the link is damaged/],
  ["no policy", fragmentOf({}), /^the link is damaged/],
  ["a policy that is no text", fragmentOf({ policy: { toString: "x" } }), /^the link is damaged/],
  ["an older policy that is no text", fragmentOf({ policy: "", older: 1 }), /^the link is damaged/],
  ["a request that is no text", fragmentOf({ policy: "", request: [] }), /^the link is damaged/],
  ["another field", fragmentOf({ policy: "", script: "x" }), /^the link is of another version/],
  ["__proto__", fragmentOf(Buffer.from('{"policy":"","__proto__":{"older":"x"}}')), /^the link is of another version/],
  ["__proto__ alone", fragmentOf(Buffer.from('{"__proto__":{"policy":"x"}}')), /^the link is of another version/],
  ["constructor", fragmentOf(Buffer.from('{"policy":"","constructor":{"prototype":{}}}')), /^the link is of another version/],
];

for (const [name, fragment, message] of refused) {
  test(`refused: ${name}`, async () => {
    assert.match(await troubleOf(fragment), message);
    assert.is(({} as Readonly<Record<string, unknown>>)["older"], undefined);
  });
}

test.run();
