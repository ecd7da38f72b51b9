// The clock, the rule that is named, and dryrun, as docs/equations.md states them.
import { suite } from "uvu";
import { tables } from "./asked.ts";

const test = suite("times and order");

tables(test, [
  {
    title: "until: an allow is true before its moment, to the second, and the moment is UTC",
    policy: "expose web on tcp 443 { allow named guest from 203.0.113.0/24 until 2027-03-01T00:00Z allow named staff from 198.51.100.0/24 }",
    rows: [
      ["clock 0 2027-02-28T23:59:59Z", ""],
      ["from 203.0.113.9 to web", "allow allowed guest"],
      ["clock 0 2027-03-01T00:00:00Z", ""],
      ["from 203.0.113.9 to web", "deny cidr no_match -"],
      ["from 198.51.100.1 to web", "allow allowed staff"],
    ],
  },
  {
    title: "until: where every allow of the listener is out of time the reason is `policy` for every client",
    policy: `deny named scan from 192.0.2.0/24
expose web on tcp 443 { allow named one from 203.0.113.0/24 until 2027-03-01T00:00Z allow named two from 198.51.100.0/24 until 2027-04-01T00:00Z }`,
    rows: [
      ["clock 0 2027-02-28T23:59:59Z", ""],
      ["from 203.0.113.9 to web", "allow allowed one"],
      ["from 8.8.8.8 to web", "deny cidr no_match -"],
      ["clock 0 2027-03-31T23:59:59Z", ""],
      ["from 203.0.113.9 to web", "deny cidr no_match -"],
      ["from 198.51.100.1 to web", "allow allowed two"],
      ["clock 0 2027-04-01T00:00:00Z", ""],
      ["from 203.0.113.9 to web", "deny policy expired -"],
      ["from 198.51.100.1 to web", "deny policy expired -"],
      ["from 8.8.8.8 to web", "deny policy expired -"],
      ["from 192.0.2.1 to web", "deny policy expired scan"],
    ],
  },
  {
    title: "after: an allow is true from its moment on, to the second, and until its end",
    policy: `expose web on tcp 443 {
  allow named soon from 203.0.113.0/24 after 2027-03-01T00:00Z
  allow named week from 192.0.2.0/24 after 2027-03-01T00:00Z until 2027-03-08T00:00Z
  allow named staff from 198.51.100.0/24
}`,
    rows: [
      ["clock 0 none", ""],
      ["from 203.0.113.9 to web", "deny cidr no_match -"],
      ["from 192.0.2.9 to web", "deny cidr no_match -"],
      ["from 198.51.100.1 to web", "allow allowed staff"],
      ["clock 0 2027-02-28T23:59:59Z", ""],
      ["from 203.0.113.9 to web", "deny cidr no_match -"],
      ["from 192.0.2.9 to web", "deny cidr no_match -"],
      ["clock 0 2027-03-01T00:00:00Z", ""],
      ["from 203.0.113.9 to web", "allow allowed soon"],
      ["from 192.0.2.9 to web", "allow allowed week"],
      ["clock 0 2027-03-07T23:59:59Z", ""],
      ["from 192.0.2.9 to web", "allow allowed week"],
      ["clock 0 2027-03-08T00:00:00Z", ""],
      ["from 192.0.2.9 to web", "deny cidr no_match -"],
      ["from 203.0.113.9 to web", "allow allowed soon"],
      ["clock 0 none", ""],
      ["from 203.0.113.9 to web", "deny cidr no_match -"],
      ["from 198.51.100.1 to web", "allow allowed staff"],
    ],
  },
  {
    title: "after: where no allow of the listener is in force yet, or any more, the reason is `policy` for every client",
    policy: `deny named scan from 192.0.2.0/24
expose web on tcp 443 {
  allow named one from 203.0.113.0/24 after 2027-03-01T00:00Z until 2027-03-02T00:00Z
  allow named two from 198.51.100.0/24 after 2027-04-01T00:00Z
  dryrun allow from any
}`,
    rows: [
      ["clock 0 2027-02-28T23:59:59Z", ""],
      ["from 203.0.113.9 to web", "deny policy expired -"],
      ["from 192.0.2.1 to web", "deny policy expired scan"],
      ["clock 0 2027-03-01T00:00:00Z", ""],
      ["from 203.0.113.9 to web", "allow allowed one"],
      ["from 198.51.100.1 to web", "deny cidr no_match -"],
      ["clock 0 2027-03-02T00:00:00Z", ""],
      ["from 203.0.113.9 to web", "deny policy expired -"],
      ["from 198.51.100.1 to web", "deny policy expired -"],
      ["clock 0 2027-04-01T00:00:00Z", ""],
      ["from 198.51.100.1 to web", "allow allowed two"],
      ["from 192.0.2.1 to web", "deny cidr deny_rule scan"],
      ["clock 0 none", ""],
      ["from 198.51.100.1 to web", "deny policy expired -"],
    ],
  },
  {
    title: "after: where one allow ends as another begins, neither second is both or neither",
    policy: `expose web on tcp 443 {
  allow named old from 203.0.113.0/24 until 2027-03-01T00:00Z
  allow named new from 203.0.113.0/24 after 2027-03-01T00:00Z
}`,
    rows: [
      ["clock 0 none", ""],
      ["from 203.0.113.9 to web", "deny policy expired -"],
      ["clock 0 2027-02-28T23:59:59Z", ""],
      ["from 203.0.113.9 to web", "allow allowed old"],
      ["from 198.51.100.1 to web", "deny cidr no_match -"],
      ["clock 0 2027-03-01T00:00:00Z", ""],
      ["from 203.0.113.9 to web", "allow allowed new"],
      ["from 198.51.100.1 to web", "deny cidr no_match -"],
    ],
  },
  {
    title: "after: it is evaluated again with the name, so that a rule that begins between the phases admits nobody too early",
    policy: `expose web on tcp 443 as passthrough { allow named guest from any sni "a.example" after 2027-03-01T00:00Z allow named staff from any sni "b.example" }`,
    rows: [
      ["clock 0 2027-02-28T23:59:59Z", ""],
      ["from 203.0.113.9 to web", "open"],
      ["from 203.0.113.9 to web sni a.example", "deny sni no_name -"],
      ["clock 0 2027-03-01T00:00:00Z", ""],
      ["from 203.0.113.9 to web sni a.example", "allow allowed guest"],
    ],
  },
  {
    title: "clock: one that is not known never widens access, and neither does one that ran backwards",
    policy: "expose web on tcp 443 { allow named guest from 203.0.113.0/24 until 2027-03-01T00:00Z }",
    rows: [
      ["clock 0 none", ""],
      ["from 203.0.113.9 to web", "deny policy expired -"],
      ["clock 0 2027-02-28T23:59:59Z", ""],
      ["from 203.0.113.9 to web", "allow allowed guest"],
      ["clock 0 none", ""],
      ["from 203.0.113.9 to web", "deny policy expired -"],
      ["clock 0 2027-03-01T00:00:00Z", ""],
      ["from 203.0.113.9 to web", "deny policy expired -"],
      ["clock 0 2027-02-28T23:59:59Z", ""],
      ["from 203.0.113.9 to web", "deny policy expired -"],
      ["clock 0 2000-01-01T00:00:00Z", ""],
      ["from 203.0.113.9 to web", "deny policy expired -"],
    ],
  },
  {
    title: "clock: a deny needs none",
    policy: "expose web on tcp 443 { deny named no from 203.0.113.0/24 allow named all from any }",
    rows: [
      ["clock 0 none", ""],
      ["from 203.0.113.9 to web", "deny cidr deny_rule no"],
      ["from 203.0.114.9 to web", "allow allowed all"],
    ],
  },
  {
    title: "until: it is evaluated again with the name, so that a rule that ends between the phases admits nobody",
    policy: `expose web on tcp 443 as passthrough { allow named guest from 203.0.113.0/24 sni "a.example" until 2027-03-01T00:00Z allow named staff from 198.51.100.0/24 }
expose alone on tcp 444 as passthrough { allow named last from any until 2027-03-01T00:00Z }`,
    rows: [
      ["clock 0 2027-02-28T23:59:59Z", ""],
      ["from 203.0.113.9 to web", "open"],
      ["from 203.0.113.9 to web sni a.example", "allow allowed guest"],
      ["from 203.0.113.9 to alone", "open"],
      ["clock 0 2027-03-01T00:00:00Z", ""],
      ["from 203.0.113.9 to web sni a.example", "deny cidr no_match -"],
      ["from 203.0.113.9 to alone sni a.example", "deny policy expired -"],
    ],
  },
  {
    title: "order: of several denies that match the top-level one is named, then the narrowest",
    policy: `deny named wide from 192.0.0.0/16
expose web on tcp 443 { deny named narrow from 192.0.2.1 deny named other from 198.51.100.0/24 deny named less from 198.51.100.0/25 allow named all from any }`,
    rows: [
      ["from 192.0.2.1 to web", "deny cidr deny_rule wide"],
      ["from 198.51.100.1 to web", "deny cidr deny_rule less"],
      ["from 198.51.100.129 to web", "deny cidr deny_rule other"],
    ],
  },
  {
    title: "order: of several allows that match the one with the fewest addresses is named, then the lower address",
    policy: `expose web on tcp 443 {
  allow named all from any
  allow named pair from 203.0.113.8/31, 198.51.100.0/31
  allow named four from 203.0.113.8/30
  allow named same from 203.0.113.8/31, 198.51.100.2/31
  allow named six from 2001:db8::/127
}`,
    rows: [
      ["from 203.0.113.9 to web", "allow allowed pair"],
      ["from 203.0.113.10 to web", "allow allowed four"],
      ["from 198.51.100.3 to web", "allow allowed same"],
      ["from 8.8.8.8 to web", "allow allowed all"],
      ["from 2001:db8::1 to web", "allow allowed six"],
    ],
  },
  {
    title: "order: of one set of sources, a deny without `on` is named before one with, and lower ports first",
    policy: `deny named high on tcp 443-444 from 192.0.2.0/24
deny named low on tcp 80, 443 from 192.0.2.0/24
deny named both on tcp 80, 443-444 from 198.51.100.0/24
deny named all from 198.51.100.0/24
expose web on tcp 443, 444 { allow from any }`,
    rows: [
      ["from 192.0.2.1 to web", "deny cidr deny_rule low"],
      ["from 198.51.100.1 to web", "deny cidr deny_rule all"],
    ],
  },
  {
    title: "order: of one set of sources, a rule with names is named before one without, and the earlier end first",
    policy: `expose web on tcp 443 as passthrough {
  allow named plain from any
  allow named b from any sni "b.example", "c.example"
  allow named a from any sni "a.example", "c.example"
  allow named early from any sni "b.example" until 2027-01-01T00:00Z
  allow named late from any sni "b.example" until 2028-01-01T00:00Z
}`,
    rows: [
      ["clock 0 2026-01-01T00:00:00Z", ""],
      ["from 203.0.113.9 to web sni c.example", "allow allowed a"],
      ["from 203.0.113.9 to web sni x.example", "allow allowed plain"],
      ["from 203.0.113.9 to web sni none", "allow allowed plain"],
      ["from 203.0.113.9 to web sni b.example", "allow allowed early"],
      ["clock 0 2027-01-01T00:00:00Z", ""],
      ["from 203.0.113.9 to web sni b.example", "allow allowed late"],
      ["clock 0 2028-01-01T00:00:00Z", ""],
      ["from 203.0.113.9 to web sni b.example", "allow allowed b"],
    ],
  },
  {
    title: "order: of two rules with one end, the earlier beginning is named, none last",
    policy: `expose web on tcp 443 {
  allow named plain from any
  allow named b from any after 2027-01-02T00:00Z
  allow named a from any after 2027-01-01T00:00Z
  allow named ends from any after 2027-01-01T00:00Z until 2028-01-01T00:00Z
}`,
    rows: [
      ["clock 0 2026-12-31T23:59:59Z", ""],
      ["from 203.0.113.9 to web", "allow allowed plain"],
      ["clock 0 2027-01-01T00:00:00Z", ""],
      ["from 203.0.113.9 to web", "allow allowed ends"],
      ["clock 0 2028-01-01T00:00:00Z", ""],
      ["from 203.0.113.9 to web", "allow allowed a"],
    ],
  },
  {
    title: "order: rules that say the same are one, with every name that they have",
    policy: `expose web on tcp 443 {
  allow named second from 198.51.100.0/24, 203.0.113.0/24
  allow named first from 203.0.113.0/24, 198.51.100.0/25, 198.51.100.128/25
  allow from 198.51.100.0/24, 203.0.113.0/24
}`,
    rows: [["from 198.51.100.1 to web", "allow allowed first,second"]],
  },
  {
    title: "dryrun: it refuses nothing, admits nothing, and gives no listener an allow",
    policy: `dryrun deny named top from 192.0.2.0/24
expose web on tcp 443 { allow named all from any dryrun deny named tor from 203.0.113.0/24 }
expose api on tcp 444 { dryrun allow named trial from any }
expose old on tcp 445 { allow named all from any }`,
    rows: [
      ["from 203.0.113.9 to web", "allow allowed all"],
      ["shadow from 203.0.113.9 to web", "deny cidr deny_rule tor"],
      ["shadow from 203.0.114.9 to web", "allow allowed all"],
      ["from 203.0.113.9 to api", "deny policy no_allow -"],
      ["shadow from 203.0.113.9 to api", "allow allowed trial"],
      ["from 192.0.2.1 to old", "allow allowed all"],
      ["shadow from 192.0.2.1 to old", "deny cidr deny_rule top"],
      ["shadow from 192.0.2.1 to api", "deny cidr deny_rule top"],
    ],
  },
  {
    title: "dryrun: a listener to which no dryrun rule applies has no shadow",
    policy:
      "dryrun deny named tor on tcp 443 from 192.0.2.0/24\nexpose web on tcp 443 { allow named all from any }\nexpose api on tcp 444 { allow named all from any }",
    rows: [
      ["shadow from 192.0.2.1 to web", "deny cidr deny_rule tor"],
      ["shadow from 192.0.2.1 to api", "none"],
    ],
  },
  {
    title: "dryrun: the shadow is undetermined where the name never came, unless the source decides",
    policy: `expose web on tcp 443 as passthrough { allow named all from any dryrun deny named name sni "a.example" dryrun deny named net from 192.0.2.0/24 }`,
    rows: [
      ["shadow from 203.0.113.9 to web", "undetermined"],
      ["shadow from 203.0.113.9 to web sni a.example", "deny sni deny_name name"],
      ["shadow from 203.0.113.9 to web sni b.example", "allow allowed all"],
      ["shadow from 203.0.113.9 to web sni none", "allow allowed all"],
      ["shadow from 192.0.2.1 to web", "deny cidr deny_rule net"],
      ["from 192.0.2.1 to web", "open"],
    ],
  },
  {
    title: "dryrun: of several rules that match, one that is enforced is named first",
    policy:
      "expose web on tcp 443 { allow named all from any dryrun allow named host from 203.0.113.9 dryrun deny named narrow from 192.0.2.1 deny named wide from 192.0.2.0/24 }",
    rows: [
      ["shadow from 203.0.113.9 to web", "allow allowed all"],
      ["shadow from 192.0.2.1 to web", "deny cidr deny_rule wide"],
    ],
  },
]);

test.run();
