// `for` with names that come from list files, and with sets in sets.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openEngine } from "../../runtime/host/ask.ts";
import { parseAddress } from "../../runtime/net/address.ts";
import { compileText, load, SEED } from "../oracle/ask.ts";
import { brief, filesOf, front } from "./front.ts";

const test = suite("lists of names in `for`");

const FILES = {
  names: "www.example.com\n; a comment\nEXAMPLE.com.\n*.static.example.com\n",
  shops: "*.shop.example.com\nshop.example.com\n**.eu.example.com\n",
  closed: "old.shop.example.com\n",
};

/** `ING429 4 the text`, and behind it the places that it relates to. */
function said(text: string, files: Readonly<Record<string, string>> = FILES): readonly string[] {
  return front(text, filesOf(files)).diagnostics.map((d) => {
    const related = d.related.map(({ span }) => brief({ ...d, span }, "policy.ingress").replace(d.code, "and"));
    return [brief(d, "policy.ingress"), ...related].join(" ");
  });
}

test("a name leads by the entries of a file, also through a set with exceptions", () => {
  const module = compileText(
    `edition 1
hosts shops = file "shops" max 3
hosts served = shops except file "closed" max 1
hosts others = "**.example.com" except shops
expose pages on tcp 443 for file "names" max 3 as passthrough { backend 127.0.0.1:8441 allow from any }
expose shop on tcp 443 for served as passthrough { backend 127.0.0.1:8442 allow from any }
expose eu on tcp 443 for "*.de.eu.example.com", others as passthrough { backend 127.0.0.1:8443 allow from any }
`,
    new Map(Object.entries(FILES)),
  );
  const engine = openEngine(load(module), SEED);
  const source = parseAddress("203.0.113.9");
  const local = parseAddress("0.0.0.0");
  if (source === null || local === null) throw new Error("no address");
  const place = engine.listenerAt("tcp", 443, local);
  for (const [name, listener] of [
    ["www.example.com", "pages"],
    ["example.com", "pages"],
    ["a.static.example.com", "pages"],
    ["static.example.com", "eu"],
    ["b.a.static.example.com", "eu"],
    ["shop.example.com", "shop"],
    ["a.shop.example.com", "shop"],
    ["a.eu.example.com", "shop"],
    ["a.b.eu.example.com", "shop"],
    ["a.de.eu.example.com", "eu"],
    // `closed` takes it out of `served`, and `shops` has it still.
    ["old.shop.example.com", "no_expose"],
    ["b.a.shop.example.com", "eu"],
    ["a.comment", "no_expose"],
    ["example.org", "no_expose"],
  ] as const) {
    const lead = engine.lead(place, source, name);
    assert.is(lead.listener === null ? lead.denial.code : engine.info.listeners[lead.listener]?.name, listener, name);
  }
});

test("a file of `for` has the bounds of every list: N entries and N + 1, and `min`", () => {
  const text = (words: string): string => `edition 1\nexpose a on tcp 443 for file "names" ${words} as passthrough { allow from any }\n`;
  assert.equal(said(text("max 3")), []);
  assert.equal(said(text("max 3 min 3")), []);
  assert.equal(said(text("max 2")), ["ING503 2 2"]);
  assert.equal(
    said(text("max 9 min 4")).map((one) => one.split(" ")[0]),
    ["ING507"],
  );
  assert.equal(
    said(text("max 3"), {}).map((one) => one.split(" ")[0]),
    ["ING501"],
  );
});

test("a pattern that two exposes have is shown where the policy names the list, on both sides", () => {
  const shared = (first: string, second: string, sets = ""): string => `edition 1
${sets}
expose a on tcp 443 for ${first} as passthrough { allow from any }
expose b on tcp 443 for ${second} as passthrough { allow from any }
`;
  const file = 'file "names" max 3';
  assert.equal(said(shared(file, '"x.example", "Example.COM"')), ['ING429 4 "Example.COM" and 3 file "names" max 3']);
  assert.equal(said(shared('"www.example.com"', file)), ['ING429 4 file "names" max 3 and 3 "www.example.com"']);
  assert.equal(said(shared("listed", 'more, "*.static.example.com"', `hosts listed = ${file}\nhosts more = "y.example"`)), [
    'ING429 5 "*.static.example.com" and 4 listed',
  ]);
  // Each pattern of the list that both have is an error of its own, and what `except` takes out of one does not make it another.
  assert.equal(said(shared(file, `${file} except "a.static.example.com"`)), Array(3).fill(`ING429 4 ${file} and 3 ${file}`));
  assert.equal(said(shared(file, `"**.example.com" except ${file}`)), []);
});

/** Sets in sets, each twice as many to look at as the one before, with one exception more around them. */
function doubling(levels: number): string {
  const sets = Array.from(
    { length: levels },
    (_, i) => `hosts b${i} = s${i} except "x.example"\nhosts c${i} = s${i} except "y.example"\nhosts s${i + 1} = b${i}, c${i}\n`,
  );
  return `edition 1\nhosts s0 = "a.example.com"\n${sets.join("")}expose a on tcp 443 for s${levels} as passthrough { allow from any }\n`;
}

test("sets in sets that are too many to look at are refused at the place of `for`, and one level less is not", () => {
  assert.equal(said(doubling(15)), []);
  assert.equal(said(doubling(16)), ["ING610 51 s16"]);
  assert.equal(said(doubling(100)), ["ING610 303 s100"]);
});

test.run();
