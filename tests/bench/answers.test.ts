// The evaluation that counts wrong answers, compared with decisions that were computed by hand.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Answers } from "./answers.ts";

const test = suite("answers");

const ENTRY = `edition 1
net n0 = file "a" max 4
net n1 = file "b" max 3
hosts h0 = file "h" max 2
hosts h1 = file "i" max 1
deny from n2
net n2 = file "c" max 1
expose web on tcp 443 as passthrough {
  backend 127.0.0.1:8080
  cap 5 connections
  allow from n0
  deny from n1
}
expose named on tcp 444 as passthrough {
  allow from any sni h0
  deny from any sni h1
  allow from n1 sni h0
}
`;
const FILES = new Map([
  ["a", "10.0.0.0/8\n10.1.0.0/16\n192.0.2.7\n2400:1:2:3::/64\n"],
  ["b", "10.1.2.0/24\n192.0.2.7/32\n2400:1:2:3:8000::/65\n"],
  ["c", "10.9.9.9\n"],
  ["h", "www.example.com\n*.apps.example.com\n"],
  ["i", "bad.apps.example.com\n"],
]);

const rows: readonly (readonly [expose: string, source: string, name: string | null, allowed: boolean])[] = [
  ["web", "9.255.255.255", null, false],
  ["web", "10.0.0.0", null, true],
  ["web", "10.255.255.255", null, true],
  ["web", "11.0.0.0", null, false],
  ["web", "10.1.1.255", null, true],
  ["web", "10.1.2.0", null, false],
  ["web", "10.1.2.255", null, false],
  ["web", "10.1.3.0", null, true],
  ["web", "192.0.2.7", null, false],
  ["web", "192.0.2.6", null, false],
  // Denied for every expose.
  ["web", "10.9.9.9", null, false],
  ["named", "10.9.9.9", "www.example.com", false],
  ["named", "10.9.9.8", "www.example.com", true],
  ["web", "2400:1:2:2:ffff:ffff:ffff:ffff", null, false],
  ["web", "2400:1:2:3:0:0:0:0", null, true],
  ["web", "2400:1:2:3:7fff:ffff:ffff:ffff", null, true],
  ["web", "2400:1:2:3:8000:0:0:0", null, false],
  ["web", "2400:1:2:4:0:0:0:0", null, false],
  ["named", "1.2.3.4", "a.apps.example.com", true],
  ["named", "1.2.3.4", "a.b.apps.example.com", false],
  ["named", "1.2.3.4", "apps.example.com", false],
  ["named", "1.2.3.4", "bad.apps.example.com", false],
  ["named", "1.2.3.4", "x.bad.apps.example.com", false],
  ["named", "1.2.3.4", null, false],
  ["named", "1.2.3.4", "example.com", false],
];

for (const [expose, source, name, allowed] of rows) {
  test(`${source} to ${expose}${name === null ? "" : ` as ${name}`}`, () => {
    assert.is(new Answers(ENTRY, FILES).allows({ expose, source, name }), allowed);
  });
}

test("a statement that it doesn't know is an error, not left out", () => {
  assert.throws(() => new Answers("edition 1\nnet n0 = 10.0.0.0/8\n", new Map()), /not of the form/);
  assert.throws(() => new Answers("edition 1\nexpose web on tcp 1 {\n  allow from n0 until 2027-01-01T00:00Z\n}\n", new Map()), /not of the form/);
});

test("an expose that isn't there is an error", () => {
  assert.throws(() => new Answers(ENTRY, FILES).allows({ expose: "other", source: "10.0.0.0", name: null }), /no expose/);
});

test.run();
