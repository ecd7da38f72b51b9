// "Errors, not guesses": an ambiguous policy is refused with its code, and the nearest text with one
// meaning is accepted. A clause that a later release will enforce (ING7xx) is parsed all the same.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { codes } from "../compiler/front.ts";

const test = suite("errors, not guesses");

interface Pair {
  readonly bad: string;
  readonly due: readonly string[];
  readonly good: string;
}

const said = (body: string): readonly string[] => codes(`edition 1\n${body}`, { "none.txt": "# nobody\n" }).filter((code) => !code.startsWith("ING7"));

function pairs(title: string, rows: readonly Pair[]): void {
  test(title, () => {
    for (const { bad, due, good } of rows) {
      assert.equal(said(bad), due, bad);
      assert.equal(said(good), [], good);
    }
  });
}

const two = (first: string, second: string): string => `expose one on ${first} { }\nexpose two on ${second} { }`;

pairs("two exposes of one protocol, port and local address", [
  { bad: two("tcp 443", "tcp 443"), due: ["ING204"], good: two("tcp 443", "tcp 444") },
  { bad: two("tcp 440-443", "tcp 443-450"), due: ["ING204"], good: two("tcp 440-443", "tcp 444-450") },
  { bad: two("tcp 443 bind 10.0.0.0/8", "tcp 443 bind 10.255.255.255"), due: ["ING204"], good: two("tcp 443 bind 10.0.0.0/8", "tcp 443 bind 11.0.0.0") },
  // A wildcard socket and a narrower one shut each other out.
  { bad: two("tcp 443", "tcp 443 bind 10.0.0.0/8"), due: ["ING204"], good: two("tcp 443 bind any4", "tcp 443 bind any6") },
  {
    bad: two("tcp 443 bind any6, 192.0.2.1", "tcp 443 bind any4"),
    due: ["ING204"],
    good: two("tcp 443 bind any6, 192.0.2.1", "tcp 443 bind any4 except 192.0.2.1"),
  },
  { bad: two("udp 53 as direct", "udp 53").replace("expose one", '@why "x" expose one'), due: ["ING204"], good: two("tcp 53", "udp 53") },
]);

pairs("`sni` where no name is read", [
  {
    bad: 'expose web on tcp 443 { allow from any sni "a.example" }',
    due: ["ING417"],
    good: 'expose web on tcp 443 as passthrough { allow from any sni "a.example" }',
  },
  {
    bad: 'expose web on tcp 443 { dryrun deny sni "a.example" }',
    due: ["ING417"],
    good: 'expose web on tcp 443 as passthrough { dryrun deny sni "a.example" }',
  },
  { bad: 'expose dns on udp 53 { deny sni "a.example" }', due: ["ING417"], good: "expose dns on udp 53 { deny from any }" },
  // At top level it is silent there, unless `on` names such a listener.
  {
    bad: 'expose web on tcp 443 { }\ndeny on tcp 443 sni "a.example"',
    due: ["ING417"],
    good: 'expose web on tcp 443 { }\ndeny sni "a.example"',
  },
  {
    bad: 'expose web on tcp 443 { }\nexpose api on tcp 444 as passthrough { }\ndeny on tcp 443-444 sni "a.example"',
    due: ["ING417"],
    good: 'expose web on tcp 443 { }\nexpose api on tcp 444 as passthrough { }\ndeny on tcp 444-445 sni "a.example"',
  },
]);

const mtls = 'expose web on tcp 443 as mtls { cert "c" ca "a"';

pairs("`client` where no certificate is requested", [
  {
    bad: 'expose web on tcp 443 as passthrough { allow from any client dns "a.example" }',
    due: ["ING418"],
    good: `${mtls} allow from any client dns "a.example" }`,
  },
  { bad: 'expose web on tcp 443 as tls { cert "c" deny client dns "a.example" }', due: ["ING418"], good: `${mtls} deny client dns "a.example" }` },
  { bad: 'expose web on tcp 443 { deny client dns "a.example" }', due: ["ING418"], good: "expose web on tcp 443 { deny from any }" },
  { bad: 'expose web on tcp 443 { }\ndeny on tcp 443 client dns "a.example"', due: ["ING418"], good: 'expose web on tcp 443 { }\ndeny client dns "a.example"' },
]);

pairs("two services that the engine could not distinguish", [
  // No two names with one FNV-1a-64 are known; tests/compiler/services.test.ts gives the check a weak hash.
  { bad: "expose web service ingressd on tcp 443 { }", due: ["ING203"], good: "expose web service ingress on tcp 443 { }" },
  {
    bad: "expose web on tcp 443 { }\nexpose web on tcp 444 { }",
    due: ["ING202"],
    good: "expose web service s on tcp 443 { }\nexpose two service s on tcp 444 { }",
  },
]);

pairs("a set that is empty after `except`", [
  { bad: "net n = 10.0.0.0/8 except 10.0.0.0/7", due: ["ING207"], good: "net n = 10.0.0.0/7 except 10.0.0.0/8" },
  { bad: "net n = any4 except 0.0.0.0/0", due: ["ING207"], good: "net n = any except 0.0.0.0/0" },
  { bad: 'net n = file "none.txt" max 1 except 10.0.0.1', due: ["ING207"], good: 'net n = file "none.txt" max 1' },
  { bad: "ports p = 1-3 except 1, 2, 3", due: ["ING207"], good: "ports p = 1-3 except 1, 3" },
  { bad: 'hosts h = "a.example" except "*.example"', due: ["ING207"], good: 'hosts h = "*.example" except "a.example"' },
  { bad: 'hosts h = "*.example" except "**"', due: ["ING207"], good: 'hosts h = "**.example" except "*.example"' },
  { bad: 'ids i = dns "a.example" except dns "a.example"', due: ["ING207"], good: 'ids i = dns "a.example", dns "b.example" except dns "a.example"' },
  {
    bad: "expose web on tcp 443 { allow from 10.0.0.1 except private }",
    due: ["ING207"],
    good: "expose web on tcp 443 { allow from private except 10.0.0.1 }",
  },
  {
    bad: "expose web on tcp 443 bind loopback except 127.0.0.0/8, ::1 { }",
    due: ["ING207"],
    good: "expose web on tcp 443 bind loopback except 127.0.0.0/8 { }",
  },
]);

test.run();
