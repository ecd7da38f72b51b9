// One name has one form; what has none is refused with its own word.
import fc from "fast-check";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { LABEL_BYTES, NAME_BYTES, NAME_FAULTS, canonicalServerName, type NameFault, passedName, saidName } from "../../gateway/tls/server_name.ts";

const test = suite("server name");
const label = (length: number): string => "a".repeat(length);
/** A name of just that length, of labels that are no longer than they may be. */
const long = (length: number): string => `${`${label(62)}.`.repeat(Math.floor((length - 1) / 63))}${label(((length - 1) % 63) + 1)}`;

test("names with a canonical form", () => {
  const table: readonly (readonly [text: string, name: string])[] = [
    ["www.example.com", "www.example.com"],
    ["WWW.Example.COM", "www.example.com"],
    ["www.example.com.", "www.example.com"],
    ["localhost", "localhost"],
    ["_sip.example.com", "_sip.example.com"],
    ["a--b.-x-.example", "a--b.-x-.example"],
    ["xn--bcher-kva.example", "xn--bcher-kva.example"],
    ["1.example", "1.example"],
    ["10.0.0.1.example", "10.0.0.1.example"],
    ["0x7f.example", "0x7f.example"],
    ["x.1a", "x.1a"],
    ["x.a1", "x.a1"],
    ["0xg", "0xg"],
    ["0y1", "0y1"],
    [label(LABEL_BYTES), label(LABEL_BYTES)],
    [long(NAME_BYTES), long(NAME_BYTES)],
    [`${long(NAME_BYTES)}.`, long(NAME_BYTES)],
  ];
  for (const [text, name] of table) assert.equal(canonicalServerName(text), { name }, text);
});

const refused: readonly (readonly [text: string, fault: NameFault])[] = [
  ["", "name_empty"],
  [".", "name_empty_label"],
  ["..", "name_empty_label"],
  ["a..b", "name_empty_label"],
  ["a..", "name_empty_label"],
  [".example.com", "name_empty_label"],
  [long(NAME_BYTES + 1), "name_too_long"],
  [`${long(NAME_BYTES + 1)}.`, "name_too_long"],
  ["*".repeat(1000), "name_too_long"],
  ["www.example.com\0.evil.example", "name_nul"],
  ["\0", "name_nul"],
  ["*", "name_wildcard"],
  ["*.example.com", "name_wildcard"],
  ["w*.example.com", "name_wildcard"],
  [label(LABEL_BYTES + 1), "name_label_too_long"],
  [`x.${label(LABEL_BYTES + 1)}.y`, "name_label_too_long"],
  ["b\xfccher.example", "name_byte"],
  ["\u212aelvin.example", "name_byte"],
  ["a\u0130.example", "name_byte"],
  ["www example.com", "name_byte"],
  ["www.example.com:443", "name_byte"],
  ["a/b", "name_byte"],
  ["a@b", "name_byte"],
  ["a%2eb", "name_byte"],
  ["a\r\nb", "name_byte"],
  ["www.example.com\n", "name_byte"],
  ["[a]", "name_byte"],
  ["a\u3002b", "name_byte"],
  ["\x7f", "name_byte"],
  ["a,b", "name_byte"],
  ["127.0.0.1", "name_ip_literal"],
  ["127.0.0.1.", "name_ip_literal"],
  ["127.1", "name_ip_literal"],
  ["2130706433", "name_ip_literal"],
  ["0x7f000001", "name_ip_literal"],
  ["0X7F.1", "name_ip_literal"],
  ["a.0x", "name_ip_literal"],
  ["www.example.1", "name_ip_literal"],
  ["::1", "name_ip_literal"],
  ["[::1]", "name_ip_literal"],
  ["2001:db8::1", "name_ip_literal"],
  ["::ffff:192.0.2.1", "name_ip_literal"],
  ["fe80::1%eth0", "name_byte"],
];

test("names without one", () => {
  for (const [text, fault] of refused) assert.equal(canonicalServerName(text), { fault }, JSON.stringify(text));
});

test("a trailing dot is a fault where the hello is passed on unchanged, and no other name is one for that", () => {
  const table: readonly (readonly [said: string | null, name: string | null, fault: string | null])[] = [
    ["a.test", "a.test", null],
    ["a.test.", null, "name_dot"],
    ["A.Test.", null, "name_dot"],
    ["a.", null, "name_dot"],
    ["A.test", "a.test", null],
    [".", null, "name_empty_label"],
    ["a..", null, "name_empty_label"],
    ["127.0.0.1.", null, "name_ip_literal"],
    [null, null, null],
  ];
  for (const [said, serverName, nameFault] of table) assert.equal(passedName(saidName(said)), { said, serverName, nameFault }, `${said}`);
  assert.equal(saidName("a.test."), { said: "a.test.", serverName: "a.test", nameFault: null });
});

test("the table of refusals has every word", () => {
  assert.equal(
    NAME_FAULTS.filter((word) => word !== "name_dot" && !refused.some(([, fault]) => fault === word)),
    [],
  );
});

test("each single byte is valid in a name or refused", () => {
  const kept = Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).filter((c) => "name" in canonicalServerName(`a${c}b`));
  assert.is(kept.join(""), "-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz");
});

test("a canonical name is its own canonical form", () => {
  const texts = fc.oneof(fc.string(), fc.stringMatching(/^[A-Za-z0-9._*-]{0,80}$/), fc.domain());
  fc.assert(
    fc.property(texts, (text) => {
      const answer = canonicalServerName(text);
      if ("fault" in answer) return;
      assert.equal(canonicalServerName(answer.name), answer);
      assert.equal(canonicalServerName(`${answer.name}.`.toUpperCase()), answer);
      assert.is(answer.name, text.toLowerCase().replace(/\.$/, ""));
    }),
    { numRuns: 500 },
  );
});

test.run();
