// A small policy that is judged without the analysis has nothing that the analysis would find.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { modelOf } from "../../compiler/analysis/model.ts";
import { withoutEffect } from "../../compiler/analysis/redundant.ts";
import { compile } from "../../compiler/compile.ts";
import { allDecideAlone } from "../../compiler/lint/plain_rules.ts";
import { writtenRules } from "../../compiler/lint/rule_texts.ts";
import { orderRules } from "../../compiler/lower/order.ts";
import { atLength } from "../at_length.ts";
import { ENTRY, readerOf, run } from "../oracle/ask.ts";
import { chance, type Chance } from "../oracle/random.ts";
import { anyPolicy } from "./random_policies.ts";

const test = suite("analysis: small policies without it");

/** Its answer, and how many rules the analysis finds. */
function both(text: string, files: ReadonlyMap<string, string> = new Map()): { readonly alone: boolean; readonly found: number } {
  const { policy, module, diagnostics } = compile({ path: ENTRY, text }, readerOf(files));
  if (policy === null || module === null) throw new Error(`${diagnostics[0]?.message ?? ""}\n${text}`);
  const model = modelOf(module);
  if (!model.ok) throw new Error(model.error);
  const texts = writtenRules(policy.exposes, orderRules(policy));
  return { alone: allDecideAlone(policy.exposes, texts), found: withoutEffect(model.value, texts).found.size };
}

function smallPolicy(c: Chance): string {
  const from = (): string => (c.oneIn(6) ? "any" : Array.from({ length: 1 + c.below(2) }, () => `10.0.0.${c.below(4) * 64}/${26 + c.below(2)}`).join(", "));
  const rules = (most: number): string =>
    Array.from({ length: 1 + c.below(most) }, () => `${c.oneIn(30) ? "dryrun " : ""}${c.oneIn(3) ? "deny" : "allow"} from ${from()}`).join(" ");
  const exposes = Array.from(
    { length: 1 + c.below(3) },
    (_, i) => `expose e${i} on ${c.oneIn(6) ? "tcp, udp" : "tcp"} ${80 + i} { amplify 3 backend 127.0.0.1:9 ${rules(3)} }`,
  );
  const tops = Array.from({ length: c.below(2) }, () => `deny ${c.oneIn(2) ? `on tcp ${79 + c.below(4)} ` : ""}from ${from()}`);
  return `edition 1 ${[...tops, ...exposes].join("\n")}\n`.replace(/on tcp (\d+) \{ amplify 3 /g, "on tcp $1 { ");
}

test("where it says that every rule has an effect, the analysis finds none without", () => {
  const seen = { alone: 0, none: 0, some: 0 };
  for (let seed = 0; seed < atLength(2_000, 200); seed++) {
    const text = smallPolicy(chance(3_400_000 + seed));
    const { alone, found } = both(text);
    if (alone) assert.is(found, 0, `seed ${seed}:\n${text}`);
    if (alone) seen.alone++;
    else if (found === 0) seen.none++;
    else seen.some++;
  }
  assert.ok(seen.alone > 20 && seen.some > 20, JSON.stringify(seen));
  // The analysis finds something in most of the others.
  assert.ok(seen.none < seen.some, JSON.stringify(seen));
});

test("the same for policies with every clause", () => {
  for (let seed = 0; seed < atLength(200, 25); seed++) {
    const { printed } = run(anyPolicy(chance(3_500_000 + seed)));
    const { alone, found } = both(printed.text, printed.files);
    if (alone) assert.is(found, 0, `seed ${seed}:\n${printed.text}`);
  }
});

const web = (rules: string, head = "tcp 80"): string => `edition 1 expose web on ${head} { backend 127.0.0.1:9 ${rules} }\n`;
const TLS = "tcp 443 as tls";

const ROWS: readonly (readonly [name: string, text: string, alone: boolean])[] = [
  ["one rule", web("allow from any"), true],
  ["no rule", "edition 1 expose web on tcp 80 { backend 127.0.0.1:9 }\n", true],
  ["a deny of a part", web("allow from any deny from 10.0.0.0/8"), true],
  ["two allows that overlap", web("allow from 10.0.0.0/8, 192.0.2.0/24 allow from 10.0.0.0/8, 198.51.100.0/24"), true],
  ["a deny of nothing that is allowed", web("allow from 10.0.0.0/8 deny from 192.0.2.0/24"), false],
  ["an allow in another one", web("allow from 10.0.0.0/8 allow from 10.1.0.0/16"), false],
  ["an allow in a deny", web("allow from any allow from 10.1.0.0/16 deny from 10.0.0.0/8"), false],
  ["a deny twice", web("allow from any deny from 10.0.0.0/8 deny from 10.0.0.0/8"), false],
  ["a deny of no port", `edition 1 deny on tcp 81 from any ${web("allow from any").replace("edition 1 ", "")}`, false],
  ["a deny of the port", `edition 1 deny on tcp 80 from 10.0.0.0/8 ${web("allow from any").replace("edition 1 ", "")}`, true],
  ["a name", web('cert "w" allow from any sni "a.example"', TLS), false],
  ["names of the expose", web('cert "w" allow from any', 'tcp 443 for "a.example" as tls'), false],
  ["an end", web("allow from any until 2030-01-01T00:00Z"), false],
  ["a dryrun", web("allow from any dryrun deny from 10.0.0.0/8"), false],
  ["a certificate", web('cert "w" ca "c" allow from any client dns "a"', "tcp 443 as mtls"), false],
  ["as direct", 'edition 1 deny from 10.0.0.0/8 @why "own" expose own on tcp 80 as direct {}\n', false],
];

for (const [name, text, alone] of ROWS) {
  test(name, () => {
    const said = both(text);
    assert.is(said.alone, alone);
    if (alone) assert.is(said.found, 0);
  });
}

test("at most 64 rules of listeners, and 20,000 ranges of addresses", () => {
  const many = (n: number): string => web(Array.from({ length: n }, (_, i) => `allow from 10.0.${i}.0/32`).join(" "));
  assert.is(both(many(64)).alone, true);
  assert.is(both(many(65)).alone, false);
  const ranges = (n: number): string => web(`allow from ${Array.from({ length: n }, (_, i) => `10.${i >> 14}.${(i >> 6) & 255}.${(i & 63) * 4}`).join(", ")}`);
  assert.is(both(ranges(20_000)).alone, true);
  assert.is(both(ranges(20_001)).alone, false);
});

test.run();
