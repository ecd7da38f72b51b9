// check --fix corrects slips: one policy, and every keyword and sign of it mistyped in each of some ways. Where the
// result is a policy it is the one that was meant, word for word: no allow is wider, no deny narrower, no test another.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { fixAll } from "../../compiler/cli/fixes.ts";
import { filesOf, front } from "../compiler/front.ts";

const slips = suite("slips");

const POLICY = `edition 1
net office = 198.51.100.0/24, 2001:db8:1::/48 except 198.51.100.7
ports admin = 9443, 9500-9509
hosts pub = "www.example.com", "*.example.com" except "b.example.com"
ids ops = uri "spiffe://corp.example/ops/*", dns "jump.corp.example" except uri "spiffe://corp.example/ops/x"
deny named scan from 203.0.113.0/24
deny on tcp admin from any6
expose web on tcp 443, 8443 bind office {
  backend 127.0.0.1:8080
  cap 4000 connections, 500 per source
  limit 200/s burst 400 per source /24 /48
  limit 5000/m per listener
  allow from any except 192.0.2.1
  deny named guests from 198.51.100.128/25
}
expose con service oc on tcp admin bind private as passthrough {
  allow named staff from office except 198.51.100.8 sni pub until 2030-01-01T00:00Z
  deny from any6 sni "x.example.com"
}
expose ops on tcp 700 as mtls {
  cert "c"
  ca "a"
  cap 100 connections, 5 per identity
  allow from any client ops
  deny from office client dns "jump.corp.example"
}
invariant "x" {
  never from any6 to ops
}
test "t" at 2027-01-01T00:00Z {
  from 203.0.113.9 to web => deny cidr by scan
  from 192.0.2.1 to tcp 443 local 198.51.100.1 => allow
  repeat 3 in 1s closing from 192.0.2.2 to web => allow 3
  bind web on tcp 0.0.0.0:443 => deny policy
}
`;

/** Words and signs, without white space. */
const words = (text: string): string => (text.match(/"[^"\n]*"|[^\s"{},]+|[{},]/g) ?? []).join(" ");
/** Keywords and signs; nothing says which name, number or text was meant. */
const MISTYPED =
  /\b(?:net|ports|hosts|ids|deny|named|from|on|tcp|expose|bind|backend|cap|connections|per|source|limit|burst|listener|allow|except|service|as|passthrough|sni|until|mtls|cert|ca|identity|client|invariant|never|to|test|at|by|local|repeat|in|closing|cidr|uri|dns)\b|=>|[=,{}]/g;

const WAYS: readonly (readonly [string, (word: string) => readonly string[]])[] = [
  ["left out", () => [""]],
  ["written twice", (w) => [`${w} ${w}`]],
  ["in capitals", (w) => [w.toUpperCase()]],
  ["in quotes", (w) => [`"${w}"`]],
  ["without a letter", (w) => [w.slice(1), w.slice(0, -1)].filter((s) => s !== "")],
  ["with two letters in each other's place", (w) => [`${w.slice(1, 2)}${w.slice(0, 1)}${w.slice(2)}`, `${w.slice(0, -2)}${w.slice(-1)}${w.slice(-2, -1)}`]],
  ["with another letter", (w) => [`x${w.slice(1)}`, `${w.slice(0, -1)}x`]],
  ["with one word too many before it", (w) => ["not", "and", "but", "or", "all", "!", ";", "*"].map((more) => `${more} ${w}`)],
  ["as another word", () => ["not", "and", "but", "deny", "except", ";", "*", "->"]],
];

/** Slips that say something else of which nothing but that can be meant: a rule of its own, or nothing where a word need not be. */
const MEANT: ReadonlySet<string> = new Set([
  "2 except: deny: ING106 =>from ",
  "7 from: deny: ING106 =>from ",
  "13 except: deny: ING106 =>from ",
  "33 closing: and: ING106 and =>",
  "33 closing: ;: ING101 ;=>",
  "34 tcp: ;: ING101 ;=>",
]);

for (const [way, mistyped] of WAYS) {
  slips(`a word ${way}`, () => {
    const wrong: string[] = [];
    let edited = 0;
    for (const match of POLICY.matchAll(MISTYPED)) {
      const [word] = match;
      for (const slip of mistyped(word)) {
        const text = `${POLICY.slice(0, match.index)}${slip}${POLICY.slice(match.index + word.length)}`;
        const { edits, texts } = fixAll({ path: "p.ingress", text }, filesOf({}));
        const after = texts.get("p.ingress")?.after;
        if (after === undefined) continue;
        edited++;
        assert.equal(fixAll({ path: "p.ingress", text: after }, filesOf({})).edits, [], `${slip}: a second run edits again`);
        if (front(after, filesOf({}), "p.ingress").diagnostics.some((d) => !d.code.startsWith("ING7")) || words(after) === words(POLICY)) continue;
        const line = POLICY.slice(0, match.index).split("\n").length;
        const shown = `${line} ${word}: ${slip}: ${edits.map((e) => `${e.code} ${e.before}=>${e.after}`).join("; ")}`;
        if (!MEANT.has(shown)) wrong.push(shown);
      }
    }
    assert.equal(wrong, []);
    assert.ok(edited > 0, "no slip was edited");
  });
}

slips("words of other languages may be names", () => {
  for (const name of ["but", "and", "without", "if", "not"]) {
    const text = `edition 1\nnet ${name} = any4\ndeny named ${name} from ${name}\nexpose e service ${name} on tcp 1 { allow named ${name} from any except ${name} }\n`;
    assert.equal(
      front(text, filesOf({}), "p.ingress")
        .diagnostics.filter((d) => !d.code.startsWith("ING7"))
        .map((d) => d.message),
      [],
      name,
    );
  }
});

slips.run();
