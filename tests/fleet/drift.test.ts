// Drift: one change at a time of what a program shows, beside the output that the policy has.
import * as assert from "uvu/assert";
import { suite } from "uvu";
import { kubernetes } from "../../compiler/emitters/kubernetes.ts";
import { haproxy } from "../../compiler/emitters/haproxy.ts";
import { drifted, filesFor } from "./acceptance.ts";
import { written, type Compiled } from "./policies.ts";

const test = suite("fleet: drift");

interface Found {
  readonly opened: number;
  readonly closed: number;
  readonly strange: number;
}
type Change = readonly [what: string, from: string, to: string, due: Found];

const SAME: Found = { opened: 0, closed: 0, strange: 0 };
const STRANGE: Found = { ...SAME, strange: 1 };

function changed(compiled: Compiled, shown: string, changes: readonly Change[], read: (text: string) => Found): void {
  assert.equal(read(shown), SAME);
  for (const [what, from, to, due] of changes) {
    assert.ok(shown.includes(from), `${what}: ${from} is not in\n${shown}`);
    assert.equal(read(shown.replace(from, () => to)), due, `${compiled.name}: ${what}`);
  }
}

const NAMED = written(
  "named",
  `edition 1
net office = 198.51.100.0/24
net home = 2001:db8:1::/48
expose web on tcp 8443 as passthrough {
  backend 127.0.0.1:18443
  allow from office sni "www.example.com", "**.a.example.com"
  allow from home sni "**.example.com"
  deny sni "**.b.a.example.com"
}
`,
);

test("haproxy: keys, values, their order, and lines that are none", () => {
  const files = filesFor(NAMED, { target: haproxy, setup: [], program: null, silent: false });
  const maps = [...files].filter(([path]) => path.startsWith("maps/"));
  const shown = maps.map(([path, text]) => `show map ${path}\n${text.replace(/^(?=.)/gm, "0x5 ")}\n`).join("");
  const read = (text: string): Found => drifted(NAMED, haproxy, text);
  const sources = "show map maps/tcp_8443_v4.sources.map\n";
  const [, narrow = ""] = /(0x5 \^\[\^\.\]\+\\\.a\\\.example\\\.com\$ \S+\n)/.exec(shown) ?? [];
  const [, wide = ""] = /(0x5 \\\.\[\^\.\]\+\\\.example\\\.com\$ \S+\n)/.exec(shown) ?? [];
  const [, v6 = ""] = /show map (maps\/tcp_8443_v6\.patterns0\.map)/.exec(shown) ?? [];
  assert.ok(narrow !== "" && wide !== "" && v6 !== "", shown);
  changed(
    NAMED,
    shown,
    [
      ["a source more", sources, `${sources}0x6 203.0.113.9 s0.\n`, { opened: 1, closed: 0, strange: 0 }],
      ["a prefix inside one that is admitted", sources, `${sources}0x6 198.51.100.128/25 none\n`, { opened: 0, closed: 1, strange: 0 }],
      ["a prefix inside it that is admitted too", sources, `${sources}0x6 198.51.100.128/25 s0.\n`, SAME],
      ["a prefix around it that is not", sources, `${sources}0x6 198.51.0.0/16 none\n`, SAME],
      ["a prefix around it that is", sources, `${sources}0x6 198.51.0.0/16 s0.\n`, { opened: 1, closed: 0, strange: 0 }],
      ["a mark in another word", sources, `${sources}0x6 203.0.113.9 xs0.y\n`, { opened: 1, closed: 0, strange: 0 }],
      ["a key of the other family", sources, `${sources}0x6 2002:a00:1::/48 s0.\n`, STRANGE],
      ["a range", sources, `${sources}0x6 203.0.113.1-203.0.113.9 s0.\n`, STRANGE],
      ["a key twice", sources, `${sources}0x6 198.51.100.0/24 none\n`, { opened: 0, closed: 0, strange: 1 }],
      ["a prefix twice, in other words", sources, `${sources}0x6 203.0.113.9 none\n0x7 203.0.113.9/32 s0.\n`, { opened: 1, closed: 0, strange: 1 }],
      ["a value of two words", sources, `${sources}0x6 203.0.113.9 s0. s1.\n`, STRANGE],
      ["an answer that is none", sources, `${sources}Unknown map identifier.\n`, STRANGE],
      ["a line before all", "show map ", "HAProxy\nshow map ", STRANGE],
      ["a map that the output does not have", "show map ", "show map maps/other.map\n0x6 a b\n\nshow map ", STRANGE],
      ["a map twice", sources, `${sources}0x5 198.51.100.0/24 s0.\n${sources}`, STRANGE],
      ["a name in capitals, which no hello has here", "0x5 www.example.com n0.", "0x5 www.example.com n0.\n0x6 WWW.example.net n0.", SAME],
      ["a pattern among exact names, which is none there", "0x5 www.example.com n0.", "0x5 www.example.com n0.\n0x6 *.example.net n0.", SAME],
      ["an expression of another form", wide, `${wide}0x6 ^.*$ n0.\n`, STRANGE],
    ],
    read,
  );
  const v6At = shown.indexOf(`show map ${v6}\n`);
  const lines = shown.slice(v6At).split("\n\n")[0]?.split("\n") ?? [];
  const patterns = lines.slice(1);
  assert.ok(patterns.length >= 4, lines.join("\n"));
  const moved = (order: readonly string[]): Found => read(shown.replace(lines.join("\n"), () => [lines[0], ...order].join("\n")));
  assert.is(moved([...patterns].reverse()).strange, 1);
  assert.is(moved(patterns.filter((line) => !line.includes("^[^.]+\\.example"))).strange, 1);
});

const CLUSTER = written(
  "cluster",
  `edition 1
net office = 198.51.100.0/24
expose web service shop on tcp 443, 8080 { backend 127.0.0.1:8443 allow from office }
expose dns service resolver on udp 53 { backend 127.0.0.1:5300 amplify any allow from office }
`,
);

test("kubernetes: other pods, other ports, other kinds of Services, another namespace", () => {
  const manifest = filesFor(CLUSTER, { target: kubernetes, setup: [], program: null, silent: false }).get("") ?? "";
  const items = manifest
    .split("---\n")
    .slice(1)
    .map((text) => JSON.parse(text) as { readonly kind: string; readonly metadata: object });
  const shown = JSON.stringify({ kind: "List", items: items.map((item) => ({ ...item, metadata: { namespace: "prod", ...item.metadata } })) });
  const ports = '"ports":[{"protocol":"TCP","port":8443}]';
  const rule = '"ingress":[{"from":[{"ipBlock":{"cidr":"198.51.100.0/24"}}],' + ports;
  const service = '"spec":{"type":"LoadBalancer",';
  const read = (text: string): Found => drifted(CLUSTER, kubernetes, text);
  changed(
    CLUSTER,
    shown,
    [
      ["a policy of another namespace", '"namespace":"prod"', '"namespace":"test"', { opened: 1, closed: 0, strange: 1 }],
      ["a policy without a namespace", '"namespace":"prod"', '"no":"namespace"', { opened: 1, closed: 0, strange: 1 }],
      ["a policy for other pods", '"matchLabels":{"app.kubernetes.io/name":"shop"}', '"matchLabels":{"app":"other"}', { opened: 2, closed: 0, strange: 1 }],
      ["a policy for all pods", '"matchLabels":{"app.kubernetes.io/name":"shop"}', '"matchLabels":{}', { opened: 2, closed: 0, strange: 1 }],
      ["a port with a name", ports, '"ports":[{"protocol":"TCP","port":8443},{"protocol":"TCP","port":"admin"}]', STRANGE],
      ["a port that no Service has", ports, '"ports":[{"protocol":"TCP","port":8443},{"protocol":"TCP","port":9000}]', STRANGE],
      ["a range beyond one that a Service has", ports, '"ports":[{"protocol":"TCP","port":8443,"endPort":8444}]', STRANGE],
      ["a range of every port", ports, '"ports":[{"protocol":"TCP","port":1,"endPort":65535}]', STRANGE],
      ["a port of another protocol", ports, '"ports":[{"protocol":"TCP","port":8443},{"protocol":"UDP","port":8443}]', STRANGE],
      ["every port of a protocol", ports, '"ports":[{"protocol":"TCP"}]', STRANGE],
      ["a rule for every port", ports, '"no":1', STRANGE],
      ["an empty list of ports, which is every port", ports, '"ports":[]', STRANGE],
      ["a rule beside it", rule, rule.replace('"ingress":[', '"ingress":[{"from":[{"ipBlock":{"cidr":"203.0.113.0/24"}}],"ports":[{"port":22}]},'), STRANGE],
      ["a node port", service, '"spec":{"type":"NodePort",', STRANGE],
      ["no type", service, '"spec":{', STRANGE],
      ["ranges of its own", service, `${service}"loadBalancerSourceRanges":["203.0.113.0/24"],`, STRANGE],
      ["addresses of its own", service, `${service}"externalIPs":["203.0.113.1"],`, STRANGE],
      ["a Service without pods", '"selector":{"app.kubernetes.io/name":"shop"}', '"no":1', { opened: 2, closed: 0, strange: 2 }],
      ["an object of another kind", '"items":[', '"items":[{"kind":"Ingress","metadata":{"name":"a"}},', STRANGE],
    ],
    read,
  );
});

test.run();
