// Listeners that Envoy has no room for, each with its expose; and how a listener is written, by matches of its chains, or by a list of predicates.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { envoy, MOST_PORTS, tooManyPrefixes } from "../../compiler/emitters/envoy.ts";
import { at, list } from "../../compiler/emitters/json.ts";
import { write } from "../../compiler/emitters/written.ts";
import { SETTINGS } from "./acceptance.ts";
import { written } from "./policies.ts";

const test = suite("fleet: what envoy has no room for");

/** Codes with the ends of their messages; or the listeners. */
function made(text: string): { readonly refused: readonly string[]; readonly listeners: readonly unknown[] } {
  const result = write(written("one", `edition 1\n${text}\n`), envoy, SETTINGS);
  if (!result.ok) return { refused: result.error.map(({ code, message }) => `${code} ${message}`), listeners: [] };
  const output: unknown = JSON.parse(result.value.files.get("") ?? "");
  return { refused: [], listeners: list(at(output, "static_resources", "listeners")) };
}

const HASH = "0a".repeat(32);
const mtls = (rules: string): string => `expose web on tcp 443 as mtls { backend 127.0.0.1:8080 cert "web" ca "corp" ${rules} }`;
const plain = (ports: string, name = "web"): string => `expose ${name} on tcp ${ports} { backend 127.0.0.1:8080 allow from 10.0.0.0/8 }`;

const REFUSED: readonly (readonly [what: string, policy: string, due: string | null])[] = [
  [`${MOST_PORTS} ports`, plain(`1-${MOST_PORTS}`), null],
  [`${MOST_PORTS + 1} ports`, plain(`1-${MOST_PORTS + 1}`), "ING907 `web` can't be written for `envoy`: with it there are 1001 ports"],
  ["as many in two exposes", `${plain("1-500", "a")}\n${plain("501-1000", "b")}`, null],
  ["one more in two exposes", `${plain("1-500", "a")}\n${plain("501-1001", "b")}`, "ING907 `b` can't be written for `envoy`: with it there are 1001 ports"],
  [
    "the same ports by names of two exposes",
    ["a", "b"].map((name) => `expose ${name} on tcp 1-600 for "${name}.example" as passthrough { backend 127.0.0.1:8443 allow from any }`).join("\n"),
    null,
  ],
  ["hashes of certificates", mtls(`allow from any client sha256 "${HASH}", sha256 "${"0b".repeat(32)}"`), null],
  [
    "a hash beside a name",
    mtls(`allow from any client sha256 "${HASH}", dns "a.example"`),
    "ING907 `web` can't be written for `envoy`: it would require the hash",
  ],
  ["a hash and a name for other sources", mtls(`allow from 10.0.0.0/8 client sha256 "${HASH}" allow from 192.0.2.0/24 client dns "a.example"`), null],
  ["a hash and a name for some sources", mtls(`allow from 10.0.0.0/8 client sha256 "${HASH}" allow from 10.1.0.0/16 client dns "a.example"`), "ING907 `web`"],
  ["an address", mtls('allow from any client ip "2001:db8::7"'), null],
  [
    "an address that programs write in two ways",
    mtls('allow from any client ip "::7"'),
    "ING907 `web` can't be written for `envoy`: it has no matcher for `ip:::7`",
  ],
  [
    "TLS beside plain tcp at another address",
    `expose a on tcp 443 bind 10.0.0.0/8 { backend 127.0.0.1:8080 allow from any }\nexpose b on tcp 443 bind 192.168.0.0/16 as passthrough { backend 127.0.0.1:8443 allow from any }`,
    "ING907 `a` can't be written for `envoy`: the target would wait for the first bytes of a client at its port, which `b` has at another address",
  ],
  [
    "a port that a service binds itself",
    `${plain("8080")}\n@why "its own"\nexpose own service own on tcp 8080 bind 203.0.113.1 as direct { }`.replace(
      "on tcp 8080 {",
      "on tcp 8080 bind private {",
    ),
    "ING905 `on tcp 8080` can't be written for `envoy`: it listens at every address",
  ],
];

for (const [what, policy, due] of REFUSED)
  test(`${what}: ${due === null ? "written" : "refused"}`, () => {
    const { refused } = made(policy);
    if (due === null) assert.equal(refused, []);
    else assert.ok(refused.length === 1 && refused[0]?.startsWith(due), refused.join("\n"));
  });

const through = (rules: string): string => `expose web on tcp 443 as passthrough { backend 127.0.0.1:8443 ${rules} }`;

for (const [what, policy, isListed] of [
  ["every name", through("allow from any"), false],
  ["whole names", through('allow from any sni "a.example", "b.example"'), false],
  ["whole names, one for fewer sources", through('allow from any sni "a.example" allow from 10.0.0.0/8 sni "b.example"'), false],
  ["a whole name for nobody beside others", through('allow from any sni "a.example", "b.example" deny from any sni "b.example"'), false],
  ["one label more", through('allow from any sni "*.example"'), true],
  ["every depth, which has names that are none", through('allow from any sni "**.example"'), true],
  ["clients without a name beside a name", through('allow from any deny from 10.0.0.0/8 sni "a.example"'), true],
  ["no name but one", through('allow from any deny from any sni "a.example"'), true],
] as const)
  test(`${what}: ${isListed ? "a list of predicates" : "matches of chains"}`, () => {
    const [listener] = made(policy).listeners;
    assert.is(at(listener, "filter_chain_matcher") !== undefined, isListed);
    const chains = list(at(listener, "filter_chains"));
    // No chain takes plain bytes.
    if (!isListed) assert.ok(chains.every((chain) => at(chain, "filter_chain_match", "transport_protocol") === "tls"));
    else {
      const [first] = list(at(listener, "filter_chain_matcher", "matcher_list", "matchers"));
      assert.is(at(first, "predicate", "not_matcher", "single_predicate", "value_match", "exact"), "tls");
      assert.is(at(first, "on_match", "action", "typed_config", "value"), "refused");
      assert.equal(
        chains.filter((chain) => at(chain, "name") === "refused"),
        [{ name: "refused" }],
      );
    }
  });

test("prefixes of one port, in all sets of it: 4 and one more", () => {
  const places = (more: string): Parameters<typeof tooManyPrefixes>[0] => {
    const name = (of: string, from: string): string =>
      `expose ${of} on tcp 443 for "${of}.example" as passthrough { backend 127.0.0.1:8443 allow from ${from} }`;
    const result = write(
      written(
        "one",
        `edition 1\n${name("a", "10.0.0.0/8, 2001:db8::/32")}\n${name("b", `192.0.2.1, 192.0.2.3${more}`)}\nexpose c on tcp 80 { backend 127.0.0.1:8080 allow from 10.0.0.0/8 }\n`,
      ),
      envoy,
      SETTINGS,
    );
    if (!result.ok) throw new Error("it is refused");
    return result.value.plan;
  };
  assert.equal(tooManyPrefixes(places(""), 4), []);
  assert.equal(
    tooManyPrefixes(places(", 192.0.2.5"), 4).map(({ what }) => what),
    ["its clients are 5 prefixes, and the target takes 4 of a port"],
  );
});

test("nobody is admitted: no listener", () => {
  assert.equal(made("expose web on tcp 80 { backend 127.0.0.1:8080 }").listeners, []);
  const [listener] = made("expose web on tcp 80 { backend 127.0.0.1:8080 allow from 10.0.0.0/8 }").listeners;
  // Clients of the other family have no socket.
  assert.equal(at(listener, "additional_addresses"), undefined);
});

test.run();
