// Expressions of names and identities for Envoy, beside the gateway's own readers: each fits exactly what these read so.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { covers, patternShape, plainShape } from "../../compiler/analysis/id_shapes.ts";
import { hostsOfWords, NameClasses } from "../../compiler/analysis/names.ts";
import { clientFields, wordsOfFields } from "../../compiler/emitters/envoy_identities.ts";
import { namePredicates, namesOf, ODD_NAME } from "../../compiler/emitters/envoy_names.ts";
import { at, list, text } from "../../compiler/emitters/json.ts";
import { canonicalServerName } from "../../gateway/tls/server_name.ts";
import { dnsName, emailName, uriName } from "../../runtime/net/name_forms.ts";
import { chance } from "../oracle/random.ts";

const test = suite("fleet: names and identities for envoy");

/** RE2 fits a whole text; letters in `(?i:…)` in any case, which older JavaScript can't say. */
function fits(expression: string, name: string): boolean {
  const plain = expression.replace(/\(\?i:((?:[^()\\]|\\.)*)\)/g, (_, inner: string) =>
    inner.replace(/[a-z]/g, (letter) => `[${letter}${letter.toUpperCase()}]`),
  );
  return new RegExp(`^(?:${plain})$(?![^])`).test(name);
}

function isTrue(predicate: unknown, name: string): boolean {
  const [all, any, not] = [at(predicate, "and_matcher", "predicate"), at(predicate, "or_matcher", "predicate"), at(predicate, "not_matcher")];
  if (all !== undefined) return list(all).every((one) => isTrue(one, name));
  if (any !== undefined) return list(any).some((one) => isTrue(one, name));
  if (not !== undefined) return !isTrue(not, name);
  const match = at(predicate, "single_predicate", "value_match");
  const expression = text(at(match, "safe_regex", "regex"));
  // Any bytes, as RE2 writes them.
  if (expression === "(?s)\\C+") return name !== "";
  return expression === "" ? text(at(match, "exact")) === name : fits(expression, name);
}

const LABELS = ["a", "www", "example", "com", "x9", "a-b", "_x", "1", "0x7f", "", "a b", "\xff", "a\n", "x".repeat(63), "x".repeat(64), "*"];

test("a name has the odd form exactly where the gateway reads none", () => {
  const c = chance(1);
  const odd = (name: string): boolean => isTrue(ODD_NAME, name);
  for (let i = 0; i < 20_000; i++) {
    const name = Array.from({ length: 1 + c.below(5) }, () => c.pick(LABELS)).join(".") + (c.oneIn(6) ? "." : "");
    if (name !== "") assert.is(odd(name), "fault" in canonicalServerName(name), JSON.stringify(name));
  }
  for (const [length, due] of [
    [253, false],
    [254, true],
  ] as const) {
    const name = `${"a.".repeat(127)}`.slice(0, length - 1) + "b";
    assert.is(name.length, length);
    assert.is(odd(name), due);
    assert.is(odd(`${name}.`), due);
  }
});

test("a pattern fits the names of its class, with a dot at the end or without", () => {
  const c = chance(2);
  const patterns = ["www.example.com", "*.example.com", "**.example.com", "*", "**", "*.com", "**.com"].map((pattern) => {
    const words = pattern.startsWith("**") ? [pattern, `!${pattern.slice(1)}`] : [pattern];
    const classes = new NameClasses([hostsOfWords(words)]);
    const own = classes.rangesOf(hostsOfWords(words));
    for (const dot of [false, true]) assert.equal(namesOf(namePredicates(pattern, dot)), { sets: [words], dot });
    const has = (name: string): boolean => own.some(({ first, last }) => first <= classes.classOf(name) && classes.classOf(name) <= last);
    return { pattern, has };
  });
  for (let i = 0; i < 3_000; i++) {
    const name = Array.from({ length: 1 + c.below(5) }, () => c.pick(["www", "example", "com", "a-b", "_", "9a"])).join(".");
    for (const { pattern, has } of patterns)
      for (const dot of [false, true]) {
        const predicates = namePredicates(pattern, dot);
        const found = [name, `${name}.`].map((one) => predicates.some((predicate) => isTrue(predicate, one)));
        assert.equal(found, [has(name), has(name) && dot], `${pattern} ${name}`);
      }
  }
});

test("predicates of another form are not read as names", () => {
  const [exact, wild] = [namePredicates("www.example.com", true), namePredicates("*.example.com", true)];
  const changed = (from: string, to: string): unknown => JSON.parse(JSON.stringify(wild[0]).replace(from, () => to));
  assert.is(namesOf([exact[0], exact[0], exact[1]]), null);
  for (const [from, to] of [
    ["[^.]+", "[^.]*"],
    ["[^.]+", ".+"],
    ["example", "ex.mple"],
    ["safe_regex", "contains"],
    ["ServerNameInput", "ApplicationProtocolInput"],
    ["google_re2", "other"],
  ] as const)
    assert.is(namesOf([changed(from, to)]), null, `${from} ${to}`);
});

const PIECES = [
  "a",
  "ops",
  "ops-",
  "x",
  "A",
  "%2F",
  "%20",
  "%41",
  "%2f",
  ".",
  "..",
  "",
  "?",
  "#",
  "?q=1",
  "#f",
  ":",
  "*",
  "~",
  "a.b",
  "%7F",
  "%C3",
  "\\",
  " ",
  "(",
  "é",
];
const PATTERNS = [
  "uri:spiffe://corp.example/ops/*",
  "uri:spiffe://corp.example/ops-*",
  "uri:spiffe://corp.example/ops/**",
  "uri:spiffe://corp.example/*/x",
  "uri:spiffe://corp.example/ops/a",
  "uri:spiffe://corp.example/.*",
  "uri:spiffe://corp.example",
  "uri:spiffe://corp.example/**",
  "uri:https://corp.example/a?q=1",
  "uri:urn:ops:*",
  "uri:urn:ops:a/*",
];

test("an expression of a URI fits every way to write the names of its pattern, and no other", () => {
  const c = chance(3);
  const counted = { admitted: 0, refused: 0 };
  for (const word of PATTERNS) {
    const fields = clientFields([word]);
    assert.ok(typeof fields !== "string", word);
    const expression = text(at(list(at(fields, "match_typed_subject_alt_names"))[0], "matcher", "safe_regex", "regex"));
    for (let i = 0; i < 4_000; i++) {
      const begin = c.pick([
        "spiffe://corp.example",
        "SPIFFE://Corp.Example/ops",
        "spiffe://corp.example/ops",
        "urn:ops:a",
        "spiffe://corp.example.evil",
        "spiffe://corp-example",
        "https://corp.example",
        "urn:ops",
        "URN:ops",
        "urn:OPS",
      ]);
      const name = `${begin}${Array.from({ length: c.below(4) }, () => `${c.pick(["/", "/", "/", ":", ""])}${c.pick(PIECES)}${c.oneIn(4) ? c.pick(PIECES) : ""}`).join("")}`;
      const canonical = uriName(name);
      const due = canonical !== null && covers(patternShape(word), plainShape(`uri:${canonical}`));
      assert.is(fits(expression, name), due, `${word}: ${JSON.stringify(name)}`);
      counted[due ? "admitted" : "refused"]++;
    }
  }
  assert.ok(counted.admitted > 500 && counted.refused > 5_000, JSON.stringify(counted));
});

test("names of the other kinds fit in every case, and addresses as they are", () => {
  const expressionOf = (word: string): string => {
    const fields = clientFields([word]);
    return text(at(list(at(fields, "match_typed_subject_alt_names"))[0], "matcher", "safe_regex", "regex"));
  };
  for (const name of ["jump.corp.example", "JUMP.corp.Example", "*.corp.example", "jump-corp.example", "jump.corp.example.", "xjump.corp.example"])
    assert.is(fits(expressionOf("dns:jump.corp.example"), name), dnsName(name) === "jump.corp.example", name);
  for (const name of ["a+b@corp.example", "a+b@CORP.example", "A+b@corp.example", "aab@corp.example", "a+b@corp-example", "a+b@corp.example@x"])
    assert.is(fits(expressionOf("email:a+b@corp.example"), name), emailName(name) === "a+b@corp.example", name);
  assert.equal(clientFields(["ip:192.0.2.7"]), { match_typed_subject_alt_names: [{ san_type: "IP_ADDRESS", matcher: { exact: "192.0.2.7" } }] });
  const hash = "0a".repeat(32);
  assert.equal(clientFields([`sha256:${hash}`]), { verify_certificate_hash: [hash] });
  for (const words of [["ip:::7"], [`sha256:${hash}`, "dns:a.example"]]) assert.type(clientFields(words), "string");
});

test("fields are read back as their words, and no others", () => {
  const words = [...PATTERNS, "dns:jump.corp.example", "email:a+b@corp.example", "ip:192.0.2.7", "ip:2001:db8::7"];
  for (const word of words) {
    const fields = clientFields([word]);
    assert.ok(typeof fields !== "string");
    assert.equal(wordsOfFields(fields, words), [word]);
    // Without candidates those without patterns are read alone.
    assert.equal(wordsOfFields(fields, []), word.includes("*") ? null : [word], word);
    const other = JSON.parse(JSON.stringify(fields).replace(/(corp|ops|192|2001)/, "(?:$1|x)")) as object;
    assert.is(wordsOfFields({ ...other }, words), null, word);
  }
  assert.is(wordsOfFields({ match_typed_subject_alt_names: [] }, words), null);
  assert.is(wordsOfFields({ verify_certificate_hash: ["AA:BB"] }, words), null);
});

test.run();
