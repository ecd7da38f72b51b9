// udp, rule by rule, as docs/equations.md states it: a flow is decided and charged as a connection is, and an expose on
// tcp and udp is two listeners of one name.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { engineOf } from "../host/compiled.ts";
import { tables } from "./asked.ts";

const test = suite("udp");
const A = "203.0.113.9";
const B = "203.0.113.10";

tables(test, [
  {
    title: "a flow is decided as a connection is, by its source alone",
    policy: `expose dns on udp 53 { amplify 30 allow named all from any deny named bad from 203.0.113.0/28 }
expose none on udp 54 { amplify 30 }
expose old on udp 55 { amplify 30 allow from any until 2027-01-01T00:00Z }
deny sni "a.example"`,
    rows: [
      ["from 198.51.100.1 to dns/udp", "allow allowed all"],
      [`from ${A} to dns/udp`, "deny cidr deny_rule bad"],
      ["from 203.0.113.16 to dns/udp", "allow allowed all"],
      [`from ${A} to none/udp`, "deny policy no_allow -"],
      [`from ${A} to old/udp`, "deny policy expired -"],
      ["from 198.51.100.1 to dns/udp sni a.example", "allow allowed all"],
    ],
  },
  {
    title: "a port is exposed over its protocol alone",
    policy:
      "expose dns on udp 53 { amplify 30 allow from any }\nexpose web on tcp 443 { allow from any }\nexpose both on udp, tcp 54 { amplify 30 allow from any }",
    rows: [
      ["at 0.0.0.0 53", "-"],
      ["at 0.0.0.0 53 udp", "dns"],
      ["at :: 443", "web"],
      ["at :: 443 udp", "-"],
      ["at 0.0.0.0 54", "both"],
      ["at 0.0.0.0 54 udp", "both"],
      ["bind ingressd on 0.0.0.0 53", "deny policy not_exposed -"],
      ["bind ingressd on 0.0.0.0 53 udp", "allow gateway_bind -"],
      ["bind ingressd on 0.0.0.0 443 udp", "deny policy not_exposed -"],
      ["bind dns on 0.0.0.0 53 udp", "deny policy not_gateway -"],
      ["bind ingressd on 0.0.0.0 0 udp", "deny policy not_exposed -"],
      ["bind ingressd on 0.0.0.0 54 udp", "allow gateway_bind -"],
      ["bind ingressd on 0.0.0.0 54", "allow gateway_bind -"],
    ],
  },
  {
    title: "caps and limits of an expose on tcp and udp count each protocol by itself",
    policy: `expose dns on tcp, udp 53 {
  amplify 30
  cap 3 connections, 2 per source
  limit 4/h per listener
  allow named all from any
}`,
    rows: [
      [`admit from ${A} to dns`, "allow allowed all"],
      [`admit from ${A} to dns`, "allow allowed all"],
      [`admit from ${A} to dns`, "deny rate cap_source all"],
      [`admit from ${A} to dns/udp`, "allow allowed all"],
      [`admit from ${A} to dns/udp`, "allow allowed all"],
      [`admit from ${A} to dns/udp`, "deny rate cap_source all"],
      [`admit from ${B} to dns`, "allow allowed all"],
      [`admit from ${B} to dns`, "deny rate cap_listener all"],
      [`admit from ${B} to dns/udp`, "allow allowed all"],
      [`admit from ${B} to dns/udp`, "deny rate cap_listener all"],
      [`close from ${A} to dns/udp`, ""],
      [`admit from ${B} to dns/udp`, "allow allowed all"],
      [`close from ${B} to dns/udp`, ""],
      // Tokens are never given back, of tcp one is left.
      [`admit from ${A} to dns/udp`, "deny rate limit_listener all"],
      [`close from ${B} to dns`, ""],
      [`admit from ${B} to dns`, "allow allowed all"],
      [`close from ${B} to dns`, ""],
      [`admit from ${B} to dns`, "deny rate limit_listener all"],
    ],
  },
  {
    title: "a top-level deny `on` applies to the listeners of its protocols",
    policy: `expose dns on tcp, udp 53, 5353 { amplify 30 allow named all from any }
deny named t on tcp 53 from 203.0.113.9
deny named u on udp 5353 from 203.0.113.10
deny named b on tcp, udp 53 from 203.0.113.11
deny named n on udp 54 from any
deny named w from 203.0.113.12`,
    rows: [
      ["from 203.0.113.9 to dns", "deny cidr deny_rule t"],
      ["from 203.0.113.9 to dns/udp", "allow allowed all"],
      ["from 203.0.113.10 to dns", "allow allowed all"],
      ["from 203.0.113.10 to dns/udp", "deny cidr deny_rule u"],
      ["from 203.0.113.11 to dns", "deny cidr deny_rule b"],
      ["from 203.0.113.11 to dns/udp", "deny cidr deny_rule b"],
      ["from 203.0.113.12 to dns", "deny cidr deny_rule w"],
      ["from 203.0.113.12 to dns/udp", "deny cidr deny_rule w"],
      ["from 203.0.113.13 to dns/udp", "allow allowed all"],
    ],
  },
  {
    title: "a shadow verdict is of its listener",
    policy: "expose dns on tcp, udp 53 { amplify any allow named all from any }\ndryrun deny named u on udp 53 from any",
    rows: [
      [`shadow from ${A} to dns`, "none"],
      [`shadow from ${A} to dns/udp`, "deny cidr deny_rule u"],
      [`from ${A} to dns/udp`, "allow allowed all"],
    ],
  },
]);

test("the host sees `amplify` of each listener that forwards datagrams, and of no other", () => {
  const { info } = engineOf(`edition 1
expose a on tcp, udp 1 { amplify 1 }
expose b on udp 2 { amplify 1000 }
expose c on udp 3 { amplify any }
expose d on tcp 4 { }
@why "it answers by itself"
expose e on tcp, udp 5 as direct { }
`);
  assert.equal(
    info.listeners.map((l) => [l.name, l.proto, l.mode, "amplify" in l ? l.amplify : "absent"]),
    [
      ["a", "tcp", "tcp", "absent"],
      ["a", "udp", "tcp", 1],
      ["b", "udp", "tcp", 1000],
      ["c", "udp", "tcp", "any"],
      ["d", "tcp", "tcp", "absent"],
      ["e", "tcp", "direct", "absent"],
      ["e", "udp", "direct", "absent"],
    ],
  );
});

test("a rule of an expose on tcp and udp is one rule per listener, with a meaning of its own", () => {
  const { info } = engineOf("edition 1\nexpose dns on tcp, udp 53 { amplify 30 allow from any }\ndeny on tcp, udp 53 from 192.0.2.1\n");
  assert.equal(
    info.rules.map((r) => [r.action, r.listener, r.proto]),
    [
      ["deny", null, null],
      ["deny", null, null],
      ["allow", "dns", "tcp"],
      ["allow", "dns", "udp"],
    ],
  );
  assert.is(new Set(info.rules.map(({ meaning }) => meaning)).size, 4);
  assert.equal(
    info.rules.map(({ origins }) => origins.map(({ line }) => line)),
    [[3], [3], [2], [2]],
  );
});

test("debts of a limit stay with their protocol over a reload", () => {
  const policy = (more: string): string =>
    `edition 1\nexpose dns on ${more} 53 { ${more.includes("udp") ? "amplify 30" : ""} limit 1/h per listener allow from any }\n`;
  const source = [0, 0, 0xffff, 0xcb007109] as const;
  const both = engineOf(policy("tcp, udp"));
  assert.is(both.admit([{ listener: 1, source }])[0]?.allowed, true);
  for (const [on, allowed] of [
    ["udp", false],
    ["tcp", true],
  ] as const) {
    const next = engineOf(policy(on));
    next.takeState(both);
    assert.is(next.admit([{ listener: 0, source }])[0]?.allowed, allowed, on);
  }
});

test.run();
