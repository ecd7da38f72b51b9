// Caps and limits, rule by rule, as docs/equations.md states them: all are checked, then all are
// charged or none.
import { suite } from "uvu";
import { tables } from "./asked.ts";

const test = suite("rate");
const A = "203.0.113.9";
const B = "203.0.113.10";
const C = "198.51.100.1";
const V6 = "2001:db8::1";

tables(test, [
  {
    title: "a listener's ports, families and sockets share its cap",
    policy: "expose web on tcp 443, 8443 { cap 2 connections allow named all from any }\nexpose api on tcp 444 { cap 1 connections allow named all from any }",
    rows: [
      ["at 0.0.0.0 443", "web"],
      ["at :: 8443", "web"],
      [`admit from ${A} to web`, "allow allowed all"],
      [`admit from ${V6} to web`, "allow allowed all"],
      [`admit from ${B} to web`, "deny rate cap_listener all"],
      [`admit from ${B} to api`, "allow allowed all"],
      [`admit from ${B} to api`, "deny rate cap_listener all"],
    ],
  },
  {
    title: "a cap admits N and refuses N + 1, for the listener and for a source, and a close gives it back",
    policy: "expose web on tcp 443 { cap 3 connections, 2 per source allow named all from any }",
    rows: [
      [`admit from ${A} to web`, "allow allowed all"],
      [`admit from ${A} to web`, "allow allowed all"],
      [`admit from ${A} to web`, "deny rate cap_source all"],
      [`admit from ${B} to web`, "allow allowed all"],
      [`admit from ${C} to web`, "deny rate cap_listener all"],
      [`close from ${A} to web`, ""],
      [`admit from ${C} to web`, "allow allowed all"],
      [`admit from ${A} to web`, "deny rate cap_listener all"],
    ],
  },
  {
    title: "a source is the prefix that the key says, /32 and /64 where none is written",
    policy: `expose web on tcp 443 { cap 100 connections, 1 per source allow named all from any }
expose net on tcp 444 { cap 100 connections, 1 per source /24 /48 allow named all from any }`,
    rows: [
      [`admit from ${A} to web`, "allow allowed all"],
      [`admit from ${B} to web`, "allow allowed all"],
      [`admit from ::ffff:${A} to web`, "deny rate cap_source all"],
      ["admit from 2001:db8::1 to web", "allow allowed all"],
      ["admit from 2001:db8::ffff:0:0:1 to web", "deny rate cap_source all"],
      ["admit from 2001:db8:0:1::1 to web", "allow allowed all"],
      ["admit from 203.0.113.0 to net", "allow allowed all"],
      ["admit from 203.0.113.255 to net", "deny rate cap_source all"],
      ["admit from 203.0.114.0 to net", "allow allowed all"],
      ["admit from 2001:db8:0:ffff::1 to net", "allow allowed all"],
      ["admit from 2001:db8::1 to net", "deny rate cap_source all"],
      ["admit from 2001:db8:1::1 to net", "allow allowed all"],
    ],
  },
  {
    title: "a limit admits its burst at once and then one each interval",
    policy: "expose web on tcp 443 { limit 2/s burst 3 per source allow named all from any }",
    rows: [
      ["clock 1000 none", ""],
      [`admit from ${A} to web`, "allow allowed all"],
      [`admit from ${A} to web`, "allow allowed all"],
      [`admit from ${A} to web`, "allow allowed all"],
      [`admit from ${A} to web`, "deny rate limit_source all"],
      [`admit from ${B} to web`, "allow allowed all"],
      ["clock 1499 none", ""],
      [`admit from ${A} to web`, "deny rate limit_source all"],
      ["clock 1500 none", ""],
      [`admit from ${A} to web`, "allow allowed all"],
      [`admit from ${A} to web`, "deny rate limit_source all"],
      ["clock 1400 none", ""],
      [`admit from ${A} to web`, "deny rate limit_source all"],
    ],
  },
  {
    title: "a limit `from NET` counts those sources alone, and all that count a source apply",
    policy: `net office = 198.51.100.0/24, 2001:db8:7::/48
expose web on tcp 443 {
  limit 1/h per source from any except office
  limit 3/h per source from office
  limit 2/h per source from 198.51.100.1
  allow named all from any
}`,
    rows: [
      [`admit from ${A} to web`, "allow allowed all"],
      [`admit from ${A} to web`, "deny rate limit_source all"],
      ["admit from 198.51.100.9 to web", "allow allowed all"],
      ["admit from 198.51.100.9 to web", "allow allowed all"],
      ["admit from 198.51.100.9 to web", "allow allowed all"],
      ["admit from 198.51.100.9 to web", "deny rate limit_source all"],
      ["admit from 198.51.100.1 to web", "allow allowed all"],
      ["admit from 198.51.100.1 to web", "allow allowed all"],
      ["admit from 198.51.100.1 to web", "deny rate limit_source all"],
      ["admit from 2001:db8:7::1 to web", "allow allowed all"],
      ["admit from 2001:db8:7:0:1::1 to web", "allow allowed all"],
      ["admit from ::ffff:203.0.113.9 to web", "deny rate limit_source all"],
    ],
  },
  {
    title: "a cap `from NET` counts those sources alone, and a close gives back what was counted",
    policy: `net office = 198.51.100.0/24
expose web on tcp 443 {
  cap 100 connections, 1 per source from any except office, 203.0.113.10
  cap 3 per source /24 /64 from office
  cap 2 per source from 198.51.100.0/25
  allow named all from any
}`,
    rows: [
      [`admit from ${A} to web`, "allow allowed all"],
      [`admit from ${A} to web`, "deny rate cap_source all"],
      [`admit from ${B} to web`, "allow allowed all"],
      [`admit from ${B} to web`, "allow allowed all"],
      ["admit from 198.51.100.1 to web", "allow allowed all"],
      ["admit from 198.51.100.1 to web", "allow allowed all"],
      ["admit from 198.51.100.1 to web", "deny rate cap_source all"],
      ["admit from 198.51.100.200 to web", "allow allowed all"],
      ["admit from 198.51.100.200 to web", "deny rate cap_source all"],
      ["close from 198.51.100.1 to web", ""],
      ["admit from 198.51.100.200 to web", "allow allowed all"],
      ["admit from 198.51.100.1 to web", "deny rate cap_source all"],
      ["close from 198.51.100.200 to web", ""],
      ["admit from 198.51.100.1 to web", "allow allowed all"],
      [`close from ${A} to web`, ""],
      [`admit from ${A} to web`, "allow allowed all"],
    ],
  },
  {
    title: "who is refused everywhere by a deny is counted nowhere, and a name that leads nowhere costs those limits alone that count its source",
    policy: `expose www on tcp 443 for "www.example.com" as passthrough { backend 127.0.0.1:1 limit 1/h per source from 203.0.113.0/24 allow named all from any }
expose shop on tcp 443 for "shop.example.com" as passthrough { backend 127.0.0.1:2 limit 1/h per source from 198.51.100.0/24 allow named all from any }
deny named bad from 203.0.113.10`,
    rows: [
      [`admit from ${A} to :443 sni other.example.com`, "deny sni no_expose -"],
      [`admit from ${A} to :443 sni www.example.com`, "www: deny rate limit_source all"],
      [`admit from ${A} to :443 sni shop.example.com`, "shop: allow allowed all"],
      [`admit from ${C} to :443 sni other.example.com`, "deny sni no_expose -"],
      [`admit from ${C} to :443 sni shop.example.com`, "shop: deny rate limit_source all"],
      [`admit from ${C} to :443 sni www.example.com`, "www: allow allowed all"],
    ],
  },
  {
    title: "a window is several of its unit, up to seven days",
    policy: `expose web on tcp 443 { limit 2/30s per source allow named all from any }
expose day on tcp 444 { limit 4/d burst 1 per source allow named all from any }
expose week on tcp 445 { limit 1/7d per source allow named all from any }`,
    rows: [
      ["clock 1000 none", ""],
      [`admit from ${A} to web`, "allow allowed all"],
      [`admit from ${A} to web`, "allow allowed all"],
      [`admit from ${A} to web`, "deny rate limit_source all"],
      [`admit from ${A} to day`, "allow allowed all"],
      [`admit from ${A} to week`, "allow allowed all"],
      ["clock 15999 none", ""],
      [`admit from ${A} to web`, "deny rate limit_source all"],
      ["clock 16000 none", ""],
      [`admit from ${A} to web`, "allow allowed all"],
      ["clock 21600999 none", ""],
      [`admit from ${A} to day`, "deny rate limit_source all"],
      ["clock 21601000 none", ""],
      [`admit from ${A} to day`, "allow allowed all"],
      [`admit from ${A} to week`, "deny rate limit_source all"],
      ["clock 604800999 none", ""],
      [`admit from ${A} to week`, "deny rate limit_source all"],
      ["clock 604801000 none", ""],
      [`admit from ${A} to week`, "allow allowed all"],
      [`admit from ${A} to week`, "deny rate limit_source all"],
    ],
  },
  {
    title: "without a burst a limit's burst is its count",
    policy: "expose web on tcp 443 { limit 2/h per listener allow named all from any }",
    rows: [
      [`admit from ${A} to web`, "allow allowed all"],
      [`admit from ${B} to web`, "allow allowed all"],
      [`admit from ${C} to web`, "deny rate limit_listener all"],
    ],
  },
  {
    title: "a refusal charges nothing: neither the other limits nor a cap",
    policy: "expose web on tcp 443 { cap 3 connections limit 3/h per listener limit 1/h per source allow named all from any }",
    rows: [
      [`admit from ${A} to web`, "allow allowed all"],
      [`admit from ${A} to web`, "deny rate limit_source all"],
      [`admit from ${A} to web`, "deny rate limit_source all"],
      [`admit from ${A} to web`, "deny rate limit_source all"],
      [`admit from ${B} to web`, "allow allowed all"],
      [`admit from ${C} to web`, "allow allowed all"],
      [`admit from ${V6} to web`, "deny rate cap_listener all"],
    ],
  },
  {
    title: "a full cap charges no limit",
    policy: "expose web on tcp 443 { cap 1 connections limit 2/h per source allow named all from any }",
    rows: [
      [`admit from ${A} to web`, "allow allowed all"],
      [`admit from ${A} to web`, "deny rate cap_listener all"],
      [`admit from ${A} to web`, "deny rate cap_listener all"],
      [`close from ${A} to web`, ""],
      [`admit from ${A} to web`, "allow allowed all"],
      [`close from ${A} to web`, ""],
      [`admit from ${A} to web`, "deny rate limit_source all"],
    ],
  },
  {
    title: "tokens are never given back, caps are",
    policy: "expose web on tcp 443 { cap 1 connections limit 2/h per listener allow named all from any }",
    rows: [
      [`admit from ${A} to web`, "allow allowed all"],
      [`close from ${A} to web`, ""],
      [`admit from ${A} to web`, "allow allowed all"],
      [`close from ${A} to web`, ""],
      [`admit from ${A} to web`, "deny rate limit_listener all"],
    ],
  },
  {
    title: "where a cap and a limit are both full the cap is named, the listener's before the source's",
    policy: "expose web on tcp 443 { cap 1 connections, 1 per source limit 1/h per source limit 1/h per listener allow named all from any }",
    rows: [
      [`admit from ${A} to web`, "allow allowed all"],
      [`admit from ${A} to web`, "deny rate cap_listener all"],
      [`admit from ${B} to web`, "deny rate cap_listener all"],
      [`close from ${A} to web`, ""],
      [`admit from ${B} to web`, "deny rate limit_listener all"],
    ],
  },
  {
    title: "every limit applies, and the strictest refuses",
    policy: "expose web on tcp 443 { limit 5/s per source limit 3/m per source /24 /48 limit 100/h per listener allow named all from any }",
    rows: [
      [`admit from ${A} to web`, "allow allowed all"],
      [`admit from ${B} to web`, "allow allowed all"],
      [`admit from ${A} to web`, "allow allowed all"],
      [`admit from ${B} to web`, "deny rate limit_source all"],
      [`admit from ${C} to web`, "allow allowed all"],
    ],
  },
  {
    title: "of several limits that refuse, the one of the shortest period is named, and of one period the listener's",
    policy: `expose web on tcp 443 { limit 1/h per listener limit 1/m per source allow named all from any }
expose api on tcp 444 { limit 1/m per source limit 1/m per listener allow named all from any }`,
    rows: [
      [`admit from ${A} to web`, "allow allowed all"],
      [`admit from ${A} to web`, "deny rate limit_source all"],
      [`admit from ${B} to web`, "deny rate limit_listener all"],
      [`admit from ${A} to api`, "allow allowed all"],
      [`admit from ${A} to api`, "deny rate limit_listener all"],
    ],
  },
  {
    title: "what the rules refuse charges nothing, and is not refused for its rate",
    policy: "expose web on tcp 443 { cap 1 connections limit 1/h per listener deny named no from 203.0.113.9 allow named all from any }",
    rows: [
      [`admit from ${A} to web`, "deny cidr deny_rule no"],
      [`admit from ${A} to web`, "deny cidr deny_rule no"],
      [`admit from ${B} to web`, "allow allowed all"],
      [`admit from ${C} to web`, "deny rate cap_listener all"],
      [`admit from ${A} to web`, "deny cidr deny_rule no"],
    ],
  },
  {
    title: "what waits for its name is counted before the name comes, and its refusal gives the cap back",
    policy: `expose web on tcp 443 as passthrough { cap 1 connections limit 2/h per source allow named site from any sni "a.example" }`,
    rows: [
      [`admit from ${A} to web`, "open"],
      [`admit from ${B} to web`, "deny rate cap_listener -"],
      [`from ${A} to web sni b.example`, "deny sni no_name -"],
      [`close from ${A} to web`, ""],
      [`admit from ${A} to web`, "open"],
      [`from ${A} to web sni a.example`, "allow allowed site"],
      [`close from ${A} to web`, ""],
      [`admit from ${A} to web`, "deny rate limit_source -"],
      [`admit from ${B} to web`, "open"],
    ],
  },
  {
    title: "dryrun: a cap or limit refuses nobody, and says whom it would have refused; a shadow is about rules alone",
    policy: `expose web on tcp 443 {
  cap 4 connections
  limit 3/h per source
  dryrun cap 2 connections, 1 per source
  dryrun limit 1/h per source from 203.0.113.0/28
  allow named all from any
  deny named no from 192.0.2.0/24
}`,
    rows: [
      [`admit from ${A} to web`, "allow allowed all"],
      [`admit from ${A} to web`, "allow allowed all would cap_source"],
      [`admit from ${C} to web`, "allow allowed all would cap_listener"],
      ["admit from 192.0.2.9 to web", "deny cidr deny_rule no"],
      [`admit from ${A} to web`, "allow allowed all would cap_listener"],
      [`admit from ${B} to web`, "deny rate cap_listener all"],
      [`close from ${A} to web`, ""],
      [`close from ${A} to web`, ""],
      [`close from ${A} to web`, ""],
      [`admit from ${A} to web`, "deny rate limit_source all"],
      [`admit from ${B} to web`, "allow allowed all"],
      [`close from ${B} to web`, ""],
      [`admit from ${B} to web`, "allow allowed all would limit_source"],
      [`close from ${B} to web`, ""],
      [`close from ${C} to web`, ""],
      [`admit from ${C} to web`, "allow allowed all"],
      [`shadow from ${A} to web`, "none"],
    ],
  },
  {
    title: "dryrun: what waits for its name says it before the name comes",
    policy: `expose web on tcp 443 as passthrough { dryrun limit 1/h per listener allow named site from any sni "a.example" }`,
    rows: [
      [`admit from ${A} to web`, "open"],
      [`admit from ${B} to web`, "open would limit_listener"],
      [`from ${B} to web sni a.example`, "allow allowed site"],
    ],
  },
  {
    title: "the shadow has no caps and no limits",
    policy: "expose web on tcp 443 { cap 1 connections allow named all from any dryrun deny named no from 192.0.2.0/24 }",
    rows: [
      [`admit from ${A} to web`, "allow allowed all"],
      [`admit from ${A} to web`, "deny rate cap_listener all"],
      [`shadow from ${A} to web`, "allow allowed all"],
    ],
  },
]);

test.run();
