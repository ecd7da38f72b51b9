// Phases 0 to 4, rule by rule, as docs/equations.md states them. The random policies of tests/engine
// compare the same with the oracle; here each rule is alone, with its nearest opposite.
import { suite } from "uvu";
import { tables } from "./asked.ts";

const test = suite("phases");

tables(test, [
  {
    title: "bind: ingressd may bind what a listener exposes, where its bind says",
    policy: `expose web on tcp 443, 8443 { allow from any }
expose console on tcp 9443 bind 10.0.0.0/8, 2001:db8::/32 { allow from any }
expose side on tcp 445 bind private { }`,
    rows: [
      ["bind ingressd on 0.0.0.0 443", "allow gateway_bind -"],
      ["bind ingressd on :: 8443", "allow gateway_bind -"],
      ["bind ingressd on 203.0.113.7 443", "allow gateway_bind -"],
      ["bind ingressd on 0.0.0.0 442", "deny policy not_exposed -"],
      ["bind ingressd on 0.0.0.0 444", "deny policy not_exposed -"],
      ["bind ingressd on 10.0.0.0 9443", "allow gateway_bind -"],
      ["bind ingressd on 10.255.255.255 9443", "allow gateway_bind -"],
      ["bind ingressd on 9.255.255.255 9443", "deny policy not_exposed -"],
      ["bind ingressd on 11.0.0.0 9443", "deny policy not_exposed -"],
      ["bind ingressd on 2001:db8:ffff:ffff:ffff:ffff:ffff:ffff 9443", "allow gateway_bind -"],
      ["bind ingressd on 2001:db9:: 9443", "deny policy not_exposed -"],
    ],
  },
  {
    title: "bind: a wildcard address needs `bind any`",
    policy: `expose web on tcp 443 bind any { }
expose all4 on tcp 444 bind any4 { }
expose both on tcp 445 bind any4, any6 { }`,
    rows: [
      ["bind ingressd on 0.0.0.0 443", "allow gateway_bind -"],
      ["bind ingressd on :: 443", "allow gateway_bind -"],
      ["bind ingressd on 0.0.0.0 444", "deny policy not_exposed -"],
      ["bind ingressd on 0.0.0.1 444", "allow gateway_bind -"],
      ["bind ingressd on :: 445", "allow gateway_bind -"],
      ["bind ingressd on 0.0.0.0 445", "allow gateway_bind -"],
    ],
  },
  {
    title: "bind: nobody but ingressd binds an address that is not loopback, exposed or not",
    policy: "expose web service shop on tcp 443 { allow from any }",
    rows: [
      ["bind web on 0.0.0.0 443", "deny policy not_gateway -"],
      ["bind shop on 0.0.0.0 443", "deny policy not_gateway -"],
      ["bind Ingressd on 0.0.0.0 443", "deny policy not_gateway -"],
      ["bind shop on 203.0.113.7 22", "deny policy not_gateway -"],
      ["bind ingressd on 0.0.0.0 443", "allow gateway_bind -"],
    ],
  },
  {
    title: "bind: a number that is no port is nobody's",
    policy: "expose web on tcp 1, 65535 bind any { allow from any }",
    rows: [
      ["bind ingressd on 0.0.0.0 1", "allow gateway_bind -"],
      ["bind ingressd on 0.0.0.0 65535", "allow gateway_bind -"],
      ["bind ingressd on 0.0.0.0 65536", "deny policy bad_request -"],
      ["bind ingressd on 0.0.0.0 0", "deny policy not_exposed -"],
      ["bind web on 0.0.0.0 0", "deny policy not_gateway -"],
      ["bind web on 0.0.0.0 65537", "deny policy bad_request -"],
    ],
  },
  {
    title: "bind: a service with `dial` binds the wildcard at port 0 over udp, and nothing else",
    policy: `@why "looks up names" dial mail on udp
expose web on udp 53 { amplify 1 allow from any }`,
    rows: [
      ["bind mail on 0.0.0.0 0 udp", "allow dial_bind -"],
      ["bind mail on :: 0 udp", "allow dial_bind -"],
      ["bind mail on 0.0.0.0 0", "deny policy not_gateway -"],
      ["bind mail on 203.0.113.7 0 udp", "deny policy not_gateway -"],
      ["bind mail on 0.0.0.0 1 udp", "deny policy not_gateway -"],
      ["bind mail on 0.0.0.0 53 udp", "deny policy not_gateway -"],
      ["bind web on 0.0.0.0 0 udp", "deny policy not_gateway -"],
      ["bind ingressd on 0.0.0.0 0 udp", "deny policy not_exposed -"],
    ],
  },
  {
    title: "bind: a service binds by itself where it is exposed `as direct`, with a token alone",
    policy: `@why "it reads addresses" expose dns on tcp 53 as direct { }
@why "it reads addresses" expose far service dns on tcp 54 bind 10.0.0.0/8 as direct { }
expose web on tcp 443 { allow from any }`,
    rows: [
      ["bind dns on 0.0.0.0 53", "deny policy no_token -"],
      ["bind dns on :: 53", "deny policy no_token -"],
      ["bind dns on 203.0.113.7 53", "deny policy no_token -"],
      ["bind dns on 10.1.2.3 54", "deny policy no_token -"],
      ["bind dns on 0.0.0.0 54", "deny policy not_gateway -"],
      ["bind dns on 11.0.0.0 54", "deny policy not_gateway -"],
      ["bind dns on 0.0.0.0 52", "deny policy not_gateway -"],
      ["bind dns on 0.0.0.0 443", "deny policy not_gateway -"],
      ["bind web on 0.0.0.0 53", "deny policy not_gateway -"],
      ["bind far on 10.1.2.3 54", "deny policy not_gateway -"],
      ["bind ingressd on 0.0.0.0 53", "deny policy not_exposed -"],
      ["bind ingressd on 10.1.2.3 54", "deny policy not_exposed -"],
      ["bind ingressd on 0.0.0.0 443", "allow gateway_bind -"],
      ["bind dns on 127.0.0.1 53", "allow loopback_bind -"],
    ],
  },
  {
    title: "bind: a loopback address is everybody's, exposed or not",
    policy: "deny from any",
    rows: [
      ["bind anything on 127.0.0.1 9999", "allow loopback_bind -"],
      ["bind anything on 127.255.255.255 1", "allow loopback_bind -"],
      ["bind anything on ::1 9999", "allow loopback_bind -"],
      ["bind ingressd on ::1 443", "allow loopback_bind -"],
      ["bind anything on ::ffff:127.0.0.1 9999", "allow loopback_bind -"],
      ["bind anything on 126.255.255.255 9999", "deny policy not_gateway -"],
      ["bind anything on 128.0.0.0 9999", "deny policy not_gateway -"],
      ["bind anything on ::2 9999", "deny policy not_gateway -"],
      ["bind anything on ::127.0.0.1 9999", "deny policy not_gateway -"],
    ],
  },
  {
    title: "listener: the local address selects among exposes of one port",
    policy: `expose one on tcp 443 bind 10.0.0.0/8 { allow named inside from any }
expose two on tcp 443 bind 192.168.0.0/16 { }`,
    rows: [
      ["at 10.1.2.3 443", "one"],
      ["at 192.168.0.1 443", "two"],
      ["at 203.0.113.7 443", "-"],
      ["at 0.0.0.0 443", "-"],
      ["at 10.1.2.3 444", "-"],
      ["from 203.0.113.9 to one", "allow allowed inside"],
      ["from 203.0.113.9 to two", "deny policy no_allow -"],
    ],
  },
  {
    title: "permitted: the union of the allows without the union of the denies",
    policy: `expose web on tcp 443 {
  allow named left from 198.51.100.0/25
  allow named right from 198.51.100.128/25
  deny named hole from 198.51.100.64/26
  deny named far from 203.0.113.0/24
}`,
    rows: [
      ["from 198.51.100.63 to web", "allow allowed left"],
      ["from 198.51.100.64 to web", "deny cidr deny_rule hole"],
      ["from 198.51.100.127 to web", "deny cidr deny_rule hole"],
      ["from 198.51.100.128 to web", "allow allowed right"],
      ["from 198.51.101.0 to web", "deny cidr no_match -"],
      ["from 203.0.113.0 to web", "deny cidr deny_rule far"],
    ],
  },
  {
    title: "permitted: a deny wins at every place, also over a narrower allow",
    policy: `deny named top from 198.51.100.0/24
expose web on tcp 443 { allow named host from 198.51.100.7 allow named all from any }
expose api on tcp 444 { deny named own from 203.0.113.0/24 allow named one from 203.0.113.9 }`,
    rows: [
      ["from 198.51.100.7 to web", "deny cidr deny_rule top"],
      ["from 198.51.101.7 to web", "allow allowed all"],
      ["from 203.0.113.9 to api", "deny cidr deny_rule own"],
      ["from 198.51.100.7 to api", "deny cidr deny_rule top"],
      ["from 203.0.113.9 to web", "allow allowed all"],
    ],
  },
  {
    title: "permitted: a rule matches when all its clauses do",
    policy: `expose web on tcp 443 as passthrough {
  allow named both from 198.51.100.0/24 sni "a.example"
  deny named not from 198.51.100.7 sni "a.example"
}`,
    rows: [
      ["from 198.51.100.6 to web sni a.example", "allow allowed both"],
      ["from 198.51.100.6 to web sni b.example", "deny sni no_name -"],
      ["from 198.51.101.6 to web sni a.example", "deny cidr no_match -"],
      ["from 198.51.100.7 to web sni a.example", "deny sni deny_name not"],
      ["from 198.51.100.7 to web sni b.example", "deny sni no_name -"],
    ],
  },
  {
    title: "top level: a deny without `on` applies to every listener",
    policy:
      "deny named all from 192.0.2.0/24\nexpose web on tcp 443 { allow named x from any }\nexpose api on tcp 444 bind private as passthrough { allow named y from any }",
    rows: [
      ["from 192.0.2.1 to web", "deny cidr deny_rule all"],
      ["from 192.0.2.1 to api", "deny cidr deny_rule all"],
      ["from 192.0.3.1 to web", "allow allowed x"],
      ["from 192.0.3.1 to api", "open"],
    ],
  },
  {
    title: "top level: `on` one of a listener's ports applies to the whole listener, and to no other",
    policy: `deny named port on tcp 443 from 192.0.2.0/24
deny named range on tcp 8444-9000 from 192.0.3.0/24
expose web on tcp 443, 8443 { allow named x from any }
expose api on tcp 8444 { allow named y from any }
expose rest on tcp 9001 { allow named z from any }`,
    rows: [
      ["at 0.0.0.0 443", "web"],
      ["at 0.0.0.0 8443", "web"],
      ["from 192.0.2.1 to web", "deny cidr deny_rule port"],
      ["from 192.0.2.1 to api", "allow allowed y"],
      ["from 192.0.3.1 to web", "allow allowed x"],
      ["from 192.0.3.1 to api", "deny cidr deny_rule range"],
      ["from 192.0.3.1 to rest", "allow allowed z"],
    ],
  },
  {
    title: "top level: `on` alone refuses everybody there",
    policy: "deny named shut on tcp 443\nexpose web on tcp 443 { allow from any }\nexpose api on tcp 444 { allow named y from any }",
    rows: [
      ["from 203.0.113.9 to web", "deny cidr deny_rule shut"],
      ["from ::1 to web", "deny cidr deny_rule shut"],
      ["from 203.0.113.9 to api", "allow allowed y"],
    ],
  },
  {
    title: "accept: without an allow everybody is refused with `policy`, and a true deny is named",
    policy: `deny named top from 192.0.2.0/24
expose empty on tcp 443 { }
expose denies on tcp 444 { deny named own from 198.51.100.0/24 }
expose open on tcp 445 { allow named all from any }`,
    rows: [
      ["from 203.0.113.9 to empty", "deny policy no_allow -"],
      ["from 192.0.2.1 to empty", "deny policy no_allow top"],
      ["from 198.51.100.1 to denies", "deny policy no_allow own"],
      ["from 203.0.113.9 to denies", "deny policy no_allow -"],
      ["from 192.0.2.1 to open", "deny cidr deny_rule top"],
      ["from 203.0.113.9 to open", "allow allowed all"],
    ],
  },
  {
    title: "accept: a loopback source needs an allow like any other",
    policy: "expose web on tcp 443 { allow named office from 198.51.100.0/24 }\nexpose here on tcp 444 { allow named near from loopback }",
    rows: [
      ["from 127.0.0.1 to web", "deny cidr no_match -"],
      ["from ::1 to web", "deny cidr no_match -"],
      ["from 127.0.0.1 to here", "allow allowed near"],
      ["from ::1 to here", "allow allowed near"],
      ["from ::2 to here", "deny cidr no_match -"],
    ],
  },
  {
    title: "accept: a mapped source is IPv4, and no other embedding is",
    policy:
      "expose four on tcp 444 { allow named v4 from 192.0.2.0/24 }\nexpose six on tcp 446 { allow named v6 from ::/0 }\nexpose nat on tcp 447 { allow named v4 from any4 }",
    rows: [
      ["from ::ffff:192.0.2.1 to four", "allow allowed v4"],
      ["from 192.0.2.1 to four", "allow allowed v4"],
      ["from ::192.0.2.1 to four", "deny cidr no_match -"],
      ["from 64:ff9b::192.0.2.1 to four", "deny cidr no_match -"],
      ["from 2002:c000:201::1 to four", "deny cidr no_match -"],
      ["from ::ffff:0:192.0.2.1 to four", "deny cidr no_match -"],
      ["from ::ffff:192.0.2.1 to six", "deny cidr no_match -"],
      ["from ::fffe:ffff:ffff to six", "allow allowed v6"],
      ["from ::1:0:0:0 to six", "allow allowed v6"],
      ["from 64:ff9b::192.0.2.1 to nat", "deny cidr no_match -"],
      ["from ::ffff:255.255.255.255 to nat", "allow allowed v4"],
    ],
  },
  {
    title: "hello: a listener that reads names waits for the hello, also where no rule has `sni`",
    policy:
      "expose web on tcp 443 as passthrough { allow named all from 198.51.100.0/24 deny named no from 198.51.100.7 }\nexpose plain on tcp 444 { allow named x from any }",
    rows: [
      ["from 198.51.100.1 to web", "open"],
      ["from 198.51.100.1 to web sni none", "allow allowed all"],
      ["from 198.51.100.1 to web sni x.example", "allow allowed all"],
      ["from 198.51.100.7 to web", "deny cidr deny_rule no"],
      ["from 203.0.113.9 to web", "deny cidr no_match -"],
      ["from 198.51.100.1 to plain", "allow allowed x"],
      ["from 198.51.100.1 to plain sni UPPER.example", "allow allowed x"],
    ],
  },
  {
    title: "hello: what phase 1 can refuse is refused there, whatever the name will be",
    policy: `deny named scan from 192.0.2.0/24
expose web on tcp 443 as passthrough { allow named site from 198.51.100.0/24 sni "a.example" deny named name sni "b.example" }`,
    rows: [
      ["from 192.0.2.1 to web", "deny cidr deny_rule scan"],
      ["from 203.0.113.9 to web", "deny cidr no_match -"],
      ["from 198.51.100.1 to web", "open"],
      ["from 203.0.113.9 to web sni a.example", "deny cidr no_match -"],
      ["from 203.0.113.9 to web sni b.example", "deny cidr no_match -"],
      ["from 192.0.2.1 to web sni NOT..ONE", "deny cidr deny_rule scan"],
      ["from 198.51.100.1 to web sni NOT..ONE", "deny sni bad_name -"],
    ],
  },
  {
    title: "hello: no pattern matches where no name was sent",
    policy: `expose web on tcp 443 as passthrough { allow named all from any deny named others sni "**" }
expose named on tcp 444 as passthrough { allow named name from any sni "**" }`,
    rows: [
      ["from 203.0.113.9 to web sni none", "allow allowed all"],
      ["from 203.0.113.9 to web sni a", "deny sni deny_name others"],
      ["from 203.0.113.9 to web sni a.b.c", "deny sni deny_name others"],
      ["from 203.0.113.9 to named sni none", "deny sni no_name -"],
      ["from 203.0.113.9 to named sni a", "allow allowed name"],
    ],
  },
  {
    title: "hello: one label, several labels, and the name itself",
    policy: `hosts site = "www.example.com", "*.one.example", "**.deep.example" except "old.one.example", "*.gone.deep.example"
expose web on tcp 443 as passthrough { allow named site from any sni site }`,
    rows: [
      ["from 203.0.113.9 to web sni www.example.com", "allow allowed site"],
      ["from 203.0.113.9 to web sni example.com", "deny sni no_name -"],
      ["from 203.0.113.9 to web sni a.www.example.com", "deny sni no_name -"],
      ["from 203.0.113.9 to web sni xwww.example.com", "deny sni no_name -"],
      ["from 203.0.113.9 to web sni one.example", "deny sni no_name -"],
      ["from 203.0.113.9 to web sni a.one.example", "allow allowed site"],
      ["from 203.0.113.9 to web sni a.b.one.example", "deny sni no_name -"],
      ["from 203.0.113.9 to web sni old.one.example", "deny sni no_name -"],
      ["from 203.0.113.9 to web sni deep.example", "deny sni no_name -"],
      ["from 203.0.113.9 to web sni a.deep.example", "allow allowed site"],
      ["from 203.0.113.9 to web sni a.b.c.deep.example", "allow allowed site"],
      ["from 203.0.113.9 to web sni gone.deep.example", "allow allowed site"],
      ["from 203.0.113.9 to web sni a.gone.deep.example", "deny sni no_name -"],
      ["from 203.0.113.9 to web sni a.b.gone.deep.example", "allow allowed site"],
    ],
  },
  {
    title: "hello: a top-level deny by name is silent where no name is read",
    policy: `deny named gone sni "gone.example"
deny named range from 192.0.2.0/24 sni "**"
expose plain on tcp 80 { allow named x from any }
expose web on tcp 443 as passthrough { allow named y from any }`,
    rows: [
      ["from 203.0.113.9 to web sni gone.example", "deny sni deny_name gone"],
      ["from 203.0.113.9 to web sni a.example", "allow allowed y"],
      ["from 192.0.2.1 to web sni a.example", "deny sni deny_name range"],
      ["from 192.0.2.1 to web sni none", "allow allowed y"],
      ["from 203.0.113.9 to plain", "allow allowed x"],
      ["from 203.0.113.9 to plain sni gone.example", "allow allowed x"],
      ["from 192.0.2.1 to plain", "allow allowed x"],
    ],
  },
  {
    title: "identity: source, name and client decide in their order, each with its reason",
    policy: `deny named gone client uri "spiffe://corp.example/retired/**"
expose admin on tcp 443 as mtls {
  cert "web" ca "corp"
  allow named ops from 198.51.100.0/24 sni "admin.example" client uri "spiffe://corp.example/ops/*"
  deny named host from 198.51.100.66
  deny named laptop client dns "lost.corp.example"
}`,
    rows: [
      ["from 203.0.113.9 to admin", "deny cidr no_match -"],
      ["from 198.51.100.66 to admin", "deny cidr deny_rule host"],
      ["from 198.51.100.7 to admin", "open"],
      ["from 198.51.100.7 to admin sni other.example", "deny sni no_name -"],
      ["from 198.51.100.7 to admin sni none", "deny sni no_name -"],
      ["from 198.51.100.7 to admin sni admin.example", "open"],
      ["from 198.51.100.7 to admin sni admin.example client uri:spiffe://corp.example/ops/ann", "allow allowed ops"],
      ["from 198.51.100.7 to admin sni admin.example client uri:spiffe://corp.example/ops/ann/x", "deny mtls no_identity -"],
      ["from 198.51.100.7 to admin sni admin.example client uri:spiffe://corp.example/ops/", "deny mtls no_identity -"],
      ["from 198.51.100.7 to admin sni admin.example client uri:spiffe://corp.example/retired/a/b", "deny mtls deny_identity gone"],
      // One name of several is enough, for an allow and for a deny.
      ["from 198.51.100.7 to admin sni admin.example client dns:x.example,uri:spiffe://corp.example/ops/ann", "allow allowed ops"],
      ["from 198.51.100.7 to admin sni admin.example client dns:lost.corp.example,uri:spiffe://corp.example/ops/ann", "deny mtls deny_identity laptop"],
      // The earlier phases are evaluated again, and no certificate opens a connection that they refuse.
      ["from 203.0.113.9 to admin sni admin.example client uri:spiffe://corp.example/ops/ann", "deny cidr no_match -"],
      ["from 198.51.100.7 to admin sni other.example client uri:spiffe://corp.example/ops/ann", "deny sni no_name -"],
    ],
  },
  {
    title: "identity: each type has its own names, and `except` takes names, not clients",
    policy: `ids staff = dns "ann.example", uri "urn:staff:7", uri "spiffe://corp.example/staff/*", ip "192.0.2.7" except uri "spiffe://corp.example/staff/temp"
expose web on tcp 443 as mtls { cert "web" ca "corp" allow named staff from any client staff }`,
    rows: [
      ["from 203.0.113.9 to web sni none client dns:ann.example", "allow allowed staff"],
      ["from 203.0.113.9 to web sni none client uri:ann.example", "deny mtls no_identity -"],
      ["from 203.0.113.9 to web sni none client dns:x.ann.example", "deny mtls no_identity -"],
      ["from 203.0.113.9 to web sni none client dns:ann.example.org", "deny mtls no_identity -"],
      ["from 203.0.113.9 to web sni none client uri:urn:staff:7", "allow allowed staff"],
      ["from 203.0.113.9 to web sni none client uri:urn:staff:77", "deny mtls no_identity -"],
      ["from 203.0.113.9 to web sni none client ip:192.0.2.7", "allow allowed staff"],
      ["from 203.0.113.9 to web sni none client dns:192.0.2.7", "deny mtls no_identity -"],
      ["from 203.0.113.9 to web sni none client uri:spiffe://corp.example/staff/temp", "deny mtls no_identity -"],
      ["from 203.0.113.9 to web sni none client uri:spiffe://corp.example/staff/bob", "allow allowed staff"],
      ["from 203.0.113.9 to web sni none client uri:spiffe://corp.example/staff/temp,uri:spiffe://corp.example/staff/bob", "allow allowed staff"],
    ],
  },
  {
    title: "identity: exceptions are sets with exceptions, patterns overlap, and a union contains all identities of its members",
    policy: `ids notOnes = uri "spiffe://c.example/ops/*" except uri "spiffe://c.example/ops/1*"
ids nested = uri "spiffe://c.example/ops/*" except notOnes, uri "spiffe://c.example/ops/12"
ids notFirst = uri "spiffe://c.example/team/**" except uri "spiffe://c.example/team/*/1"
ids notA = uri "spiffe://c.example/team/**" except uri "spiffe://c.example/team/a/*"
ids either = notFirst, notA
ids others = uri "spiffe://c.example/ops/*" except uri "spiffe://c.example/*/1"
ids refused = uri "spiffe://c.example/ops/*", uri "spiffe://c.example/dev/9" except others
ids third = either except refused, nested, uri "spiffe://c.example/team/b/**"
expose a on tcp 1 as mtls { cert "web" ca "corp" allow named a from any client nested }
expose b on tcp 2 as mtls { cert "web" ca "corp" allow named b from any client either }
expose c on tcp 3 as mtls { cert "web" ca "corp" allow named c from any deny named no client refused }
expose d on tcp 4 as mtls { cert "web" ca "corp" allow named d from any client third, refused except others }`,
    rows: [
      ["from 192.0.2.1 to a sni none client uri:spiffe://c.example/ops/11", "allow allowed a"],
      ["from 192.0.2.1 to a sni none client uri:spiffe://c.example/ops/12", "deny mtls no_identity -"],
      ["from 192.0.2.1 to a sni none client uri:spiffe://c.example/ops/22", "deny mtls no_identity -"],
      ["from 192.0.2.1 to a sni none client uri:spiffe://c.example/ops/121", "allow allowed a"],
      ["from 192.0.2.1 to b sni none client uri:spiffe://c.example/team/b/1", "allow allowed b"],
      ["from 192.0.2.1 to b sni none client uri:spiffe://c.example/team/a/2", "allow allowed b"],
      ["from 192.0.2.1 to b sni none client uri:spiffe://c.example/team/a/1", "deny mtls no_identity -"],
      ["from 192.0.2.1 to b sni none client uri:spiffe://c.example/team/a/1/x", "allow allowed b"],
      ["from 192.0.2.1 to c sni none client uri:spiffe://c.example/ops/1", "deny mtls deny_identity no"],
      ["from 192.0.2.1 to c sni none client uri:spiffe://c.example/ops/2", "allow allowed c"],
      ["from 192.0.2.1 to c sni none client uri:spiffe://c.example/dev/9", "deny mtls deny_identity no"],
      ["from 192.0.2.1 to c sni none client uri:spiffe://c.example/dev/1", "allow allowed c"],
      ["from 192.0.2.1 to d sni none client uri:spiffe://c.example/team/b/2", "deny mtls no_identity -"],
      ["from 192.0.2.1 to d sni none client uri:spiffe://c.example/team/a/2", "allow allowed d"],
      ["from 192.0.2.1 to d sni none client uri:spiffe://c.example/ops/1", "allow allowed d"],
      ["from 192.0.2.1 to d sni none client uri:spiffe://c.example/team/a/1", "deny mtls no_identity -"],
    ],
  },
  {
    title: "identity: a rule with `client` has no effect where no certificate is requested",
    policy: `deny named lost client dns "lost.example"
expose plain on tcp 80 { allow named x from any }
expose site on tcp 443 as tls { cert "web" allow named y from any }
expose admin on tcp 444 as mtls { cert "web" ca "corp" allow named z from any }`,
    rows: [
      ["from 203.0.113.9 to plain", "allow allowed x"],
      ["from 203.0.113.9 to site sni none", "allow allowed y"],
      ["from 203.0.113.9 to admin sni none", "open"],
      ["from 203.0.113.9 to admin sni none client dns:lost.example", "deny mtls deny_identity lost"],
      ["from 203.0.113.9 to admin sni none client dns:a.example", "allow allowed z"],
    ],
  },
  {
    title: "per identity: counted when it is admitted, given back when it closes",
    policy: `expose admin on tcp 444 as mtls {
  cert "web" ca "corp"
  allow named z from any
  deny named lost client dns "lost.example"
  cap 9 connections, 1 per identity
  limit 2/m per identity
}`,
    rows: [
      ["clock 0 none", ""],
      ["admit from 192.0.2.1 to admin sni none client dns:a.example", "allow allowed z"],
      ["admit from 192.0.2.2 to admin sni none client dns:a.example", "deny rate cap_identity z"],
      ["admit from 192.0.2.2 to admin sni none client dns:b.example", "allow allowed z"],
      ["close from 192.0.2.1 to admin sni none client dns:a.example", ""],
      ["admit from 192.0.2.1 to admin sni none client dns:a.example", "allow allowed z"],
      ["close from 192.0.2.1 to admin sni none client dns:a.example", ""],
      ["admit from 192.0.2.1 to admin sni none client dns:a.example", "deny rate limit_identity z"],
      // A connection that a rule refuses is not charged.
      ["admit from 192.0.2.1 to admin sni none client dns:lost.example", "deny mtls deny_identity lost"],
      ["clock 29999 none", ""],
      ["admit from 192.0.2.1 to admin sni none client dns:a.example", "deny rate limit_identity z"],
      ["clock 30000 none", ""],
      ["admit from 192.0.2.1 to admin sni none client dns:a.example", "allow allowed z"],
    ],
  },
]);

test.run();
