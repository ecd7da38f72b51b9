// Several names on one port, rule by rule, as docs/equations.md states them.
import { suite } from "uvu";
import { tables } from "./asked.ts";

const test = suite("names");
const A = "203.0.113.9";
const B = "198.51.100.1";
/** An expose of this name, with its ports, and `for` behind them. */
const pass = ([name, on]: readonly [string, string], clauses: string): string => `expose ${name} on tcp ${on} as passthrough { ${clauses} }\n`;
const ALL = "allow named all from any";

tables(test, [
  {
    title: "leads: the name itself, then the longest suffix, one star before two, whatever the order of the exposes",
    policy:
      pass(["a", '443 for "**.example.com"'], ALL) +
      pass(["b", '443 for "*.example.com"'], ALL) +
      pass(["c", '443 for "www.example.com"'], ALL) +
      pass(["d", '443 for "*.www.example.com"'], ALL) +
      pass(["e", '443 for "**"'], ALL),
    rows: [
      [`from ${A} to :443 sni www.example.com`, "c: allow allowed all"],
      [`from ${A} to :443 sni ww.example.com`, "b: allow allowed all"],
      [`from ${A} to :443 sni a.www.example.com`, "d: allow allowed all"],
      [`from ${A} to :443 sni b.a.www.example.com`, "a: allow allowed all"],
      [`from ${A} to :443 sni a.ww.example.com`, "a: allow allowed all"],
      [`from ${A} to :443 sni example.com`, "e: allow allowed all"],
      [`from ${A} to :443 sni com`, "e: allow allowed all"],
      [`from ${A} to :443 sni none`, "deny sni no_expose -"],
    ],
  },
  {
    title: "leads: a name that `except` takes out of a pattern is tried with the next one",
    policy:
      'hosts shops = "*.example.com" except "old.example.com"\n' +
      pass(["a", '443 for "**.example.com" except "**.closed.example.com"'], ALL) +
      pass(["b", "443 for shops"], ALL) +
      pass(["c", '443 for "x.closed.example.com", "*.example" except "y.example"'], ALL) +
      pass(["rest", "443"], ALL),
    rows: [
      [`from ${A} to :443 sni new.example.com`, "b: allow allowed all"],
      [`from ${A} to :443 sni old.example.com`, "a: allow allowed all"],
      [`from ${A} to :443 sni closed.example.com`, "b: allow allowed all"],
      [`from ${A} to :443 sni z.closed.example.com`, "rest: allow allowed all"],
      [`from ${A} to :443 sni x.closed.example.com`, "c: allow allowed all"],
      [`from ${A} to :443 sni y.example`, "rest: allow allowed all"],
      [`from ${A} to :443 sni z.example`, "c: allow allowed all"],
    ],
  },
  {
    title: "leads: the expose without `for` gets every other name and clients that send none; without one they are refused",
    policy: pass(["www", '443, 8443 for "www.example.com"'], ALL) + pass(["rest", "443"], ALL) + pass(["mail", '8443 for "mail.example.com"'], ALL),
    rows: [
      [`from ${A} to :443 sni www.example.com`, "www: allow allowed all"],
      [`from ${A} to :443 sni mail.example.com`, "rest: allow allowed all"],
      [`from ${A} to :443 sni none`, "rest: allow allowed all"],
      [`from ${A} to :8443 sni www.example.com`, "www: allow allowed all"],
      [`from ${A} to :8443 sni mail.example.com`, "mail: allow allowed all"],
      [`from ${A} to :8443 sni rest.example.com`, "deny sni no_expose -"],
      [`from ${A} to :8443 sni none`, "deny sni no_expose -"],
      [`from ${A} to :8443 sni Www.example.com`, "deny sni bad_name -"],
    ],
  },
  {
    title: "group: exposes that meet on a port are one group there, and have their other ports alone",
    policy:
      pass(["www", '443, 8443 for "www.example.com"'], ALL) +
      pass(["rest", "443, 9443"], ALL) +
      pass(["sole", '7443 for "sole.example.com"'], ALL) +
      pass(["ten", '443 bind 127.0.0.0/8 for "www.example.com"'], ALL).replaceAll("443 bind", "6443 bind"),
    rows: [
      ["at 0.0.0.0 443", "rest+www"],
      ["at :: 443", "rest+www"],
      ["at 0.0.0.0 8443", "www"],
      ["at 0.0.0.0 9443", "rest"],
      ["at 0.0.0.0 7443", "sole"],
      ["at 127.0.0.1 6443", "ten"],
      ["at 0.0.0.0 6443", "-"],
      [`from ${A} to :8443 sni rest.example.com`, "deny sni no_expose -"],
      [`from ${A} to :7443 sni sole.example.com`, "sole: allow allowed all"],
      [`from ${A} to :7443 sni none`, "deny sni no_expose -"],
      ["bind ingressd on 0.0.0.0 443", "allow gateway_bind -"],
      ["bind ingressd on 127.0.0.1 6443", "allow loopback_bind -"],
      ["bind www on 0.0.0.0 443", "deny policy not_gateway -"],
    ],
  },
  {
    title: "group: a source that every expose refuses is refused at once, and one that some expose admits is not",
    policy:
      pass(["www", '443 for "www.example.com"'], "allow named office from 198.51.100.0/24 deny named one from 198.51.100.1, 192.0.2.0/24") +
      pass(["shop", '443 for "shop.example.com"'], "allow named shoppers from 203.0.113.0/24 deny named two from 198.51.100.1, 192.0.2.7") +
      pass(["none", '8443 for "a.example.com"'], "") +
      pass(["nope", '8443 for "b.example.com"'], "") +
      pass(["half", '9443 for "a.example.com"'], "") +
      pass(["gone", '9443 for "b.example.com"'], "allow from any until 2027-01-01T00:00Z"),
    rows: [
      ["clock 0 2027-01-01T00:00Z", ""],
      [`from ${A} to :443`, "open"],
      [`from ${A} to :443 sni shop.example.com`, "shop: allow allowed shoppers"],
      [`from ${A} to :443 sni www.example.com`, "www: deny cidr no_match -"],
      ["from 192.0.2.9 to :443", "deny cidr deny_rule one"],
      // Each of them denies it; the first in the order of names is named.
      [`from ${B} to :443`, "deny cidr deny_rule two"],
      [`from ${B} to :443 sni www.example.com`, "deny cidr deny_rule two"],
      ["from 10.0.0.1 to :443", "deny cidr no_match -"],
      [`from ${A} to :8443`, "deny policy no_allow -"],
      [`from ${A} to :9443`, "deny policy expired -"],
    ],
  },
  {
    title: "group: a top-level deny on a shared port applies to all its exposes, and is named first",
    policy:
      pass(["www", '443 for "www.example.com"'], `${ALL} deny named own from 203.0.113.0/24`) +
      pass(["rest", "443, 8443"], ALL) +
      'deny named top on tcp 8443 from 203.0.113.0/24\ndeny named both on tcp 443 from 198.51.100.0/24 sni "www.example.com"',
    rows: [
      [`from ${A} to :443`, "deny cidr deny_rule top"],
      [`from ${B} to :443`, "open"],
      [`from ${B} to :443 sni www.example.com`, "www: deny sni deny_name both"],
      [`from ${B} to :443 sni example.com`, "rest: allow allowed all"],
    ],
  },
  {
    title: "group: nothing is charged before the name, and then the caps and limits of the expose that has it",
    policy:
      pass(["www", '443 for "www.example.com"'], `cap 1 connections ${ALL}`) +
      pass(["shop", '443 for "shop.example.com"'], `limit 2/h per source allow named shoppers from 203.0.113.0/24`),
    rows: [
      [`admit from ${A} to :443 sni www.example.com`, "www: allow allowed all"],
      [`admit from ${A} to :443 sni www.example.com`, "www: deny rate cap_listener all"],
      [`admit from ${A} to :443 sni shop.example.com`, "shop: allow allowed shoppers"],
      // Refused by the rules of the expose, and so not charged there.
      [`admit from ${B} to :443 sni shop.example.com`, "shop: deny cidr no_match -"],
      [`admit from ${A} to :443 sni shop.example.com`, "shop: allow allowed shoppers"],
      [`admit from ${A} to :443 sni shop.example.com`, "shop: deny rate limit_source shoppers"],
      [`close from ${A} to www`, ""],
      [`admit from ${B} to :443 sni www.example.com`, "www: allow allowed all"],
    ],
  },
  {
    title: "group: a name that no expose has costs a token of each limit per source, down to none",
    policy:
      pass(["www", '443 for "www.example.com"'], `limit 3/h per source limit 1/h burst 9 per listener ${ALL}`) +
      pass(["shop", '443 for "shop.example.com"'], `limit 2/h per source ${ALL}`),
    rows: [
      [`admit from ${A} to :443 sni no.example.com`, "deny sni no_expose -"],
      [`admit from ${A} to :443 sni none`, "deny sni no_expose -"],
      [`admit from ${A} to :443 sni bad..name`, "deny sni bad_name -"],
      [`admit from ${A} to :443 sni shop.example.com`, "shop: deny rate limit_source all"],
      [`admit from ${A} to :443 sni www.example.com`, "www: allow allowed all"],
      [`admit from ${A} to :443 sni www.example.com`, "www: deny rate limit_source all"],
      [`admit from ${A} to :443 sni no.example.com`, "deny sni no_expose -"],
      // Never below none: after the time of one token there is one.
      ["clock 1200000 none", ""],
      [`admit from ${A} to :443 sni www.example.com`, "www: allow allowed all"],
      [`admit from ${B} to :443 sni shop.example.com`, "shop: allow allowed all"],
    ],
  },
  {
    title: "group: its shadow is the most permissive one of its exposes, and of phase 1 alone",
    policy:
      pass(["www", '443 for "www.example.com"'], "allow from 198.51.100.0/24 dryrun allow named tried from 203.0.113.0/24") +
      pass(["rest", "443"], "allow from 198.51.100.0/24") +
      pass(["dry", '8443 for "a.example"'], "allow from any dryrun deny named trial from 203.0.113.0/24") +
      pass(["wet", '8443 for "b.example"'], "allow from any") +
      pass(["one", '9443 for "a.example"'], "allow from any dryrun deny named trial from 203.0.113.0/24"),
    rows: [
      [`from ${A} to :443`, "deny cidr no_match -"],
      [`shadow from ${A} to :443`, "undetermined"],
      ["shadow from 192.0.2.1 to :443", "deny cidr no_match -"],
      [`shadow from ${A} to :8443`, "undetermined"],
      [`shadow from ${A} to :9443`, "deny cidr deny_rule trial"],
      [`shadow from ${B} to :9443`, "undetermined"],
    ],
  },
]);

test.run();
