// Drift of Envoy: one change at a time of a config_dump, beside the output that the policy has. envoy.check.ts reads those of a running Envoy.
import * as assert from "uvu/assert";
import { suite } from "uvu";
import { envoy } from "../../compiler/emitters/envoy.ts";
import { at, list } from "../../compiler/emitters/json.ts";
import { write } from "../../compiler/emitters/written.ts";
import { drifted, filesFor, SETTINGS } from "./acceptance.ts";
import { written, type Compiled } from "./policies.ts";

const test = suite("fleet: drift of envoy");

interface Found {
  readonly opened: number;
  readonly closed: number;
  readonly strange: number;
}

const SAME: Found = { opened: 0, closed: 0, strange: 0 };
const STRANGE: Found = { ...SAME, strange: 1 };

function dumpOf(compiled: Compiled): string {
  const output: unknown = JSON.parse(filesFor(compiled, { target: envoy, setup: [], program: null, silent: false }).get("") ?? "");
  const type = (name: string): object => ({ "@type": `type.googleapis.com/envoy.admin.v3.${name}` });
  const resources = (key: string): readonly unknown[] => list(at(output, "static_resources", key));
  return JSON.stringify({
    configs: [
      { ...type("BootstrapConfigDump"), bootstrap: { node: at(output, "node") } },
      { ...type("ClustersConfigDump"), static_clusters: resources("clusters").map((cluster) => ({ cluster })) },
      { ...type("ListenersConfigDump"), static_listeners: resources("listeners").map((listener) => ({ listener })) },
    ],
  });
}

type Change = readonly [what: string, from: string | RegExp, to: string, due: Found];

function changed(compiled: Compiled, changes: readonly Change[]): void {
  const shown = dumpOf(compiled);
  assert.equal(drifted(compiled, envoy, shown), SAME);
  const line = (what: string, { opened, closed, strange }: Found): string => `${what}: ${opened} opened, ${closed} closed, ${strange} strange`;
  const found = changes.map(([what, from, to]) => {
    const other = shown.replace(from, () => to);
    return other === shown ? `${what}: no change` : line(what, drifted(compiled, envoy, other));
  });
  assert.equal(
    found,
    changes.map(([what, , , due]) => line(what, due)),
  );
}

const MATCHED = written(
  "matched",
  `edition 1
net office = 198.51.100.0/24
net home = 2001:db8:1::/48
expose plain on tcp 8080 bind private { backend 127.0.0.1:18080 allow from office, home }
expose web on tcp 8443 as tls {
  backend 127.0.0.1:18443
  cert "web"
  allow from office sni "www.example.com"
  allow from home sni "a.example.com"
}
expose console on tcp 9443 as mtls {
  backend 127.0.0.1:19443
  cert "web"
  ca "corp"
  allow from any client dns "a.example"
}
`,
);

const OFFICE = '{"address_prefix":"198.51.100.0","prefix_len":24}';
const OTHER = '{"address_prefix":"203.0.113.0","prefix_len":24}';

test("chains with matches of their own", () => {
  changed(MATCHED, [
    ["one source more", OFFICE, `${OFFICE},${OTHER}`, { opened: 1, closed: 0, strange: 0 }],
    ["another source", OFFICE, OTHER, { opened: 1, closed: 1, strange: 0 }],
    ["a wider prefix", OFFICE, OFFICE.replace("24", "23"), { opened: 1, closed: 0, strange: 0 }],
    ["a narrower prefix", OFFICE, OFFICE.replace("24", "25"), { opened: 0, closed: 1, strange: 0 }],
    ["no sources, which are all", /"source_prefix_ranges":\[[^\]]*\]/, '"no":1', { opened: 1, closed: 0, strange: 1 }],
    ["a prefix that is none", OFFICE, OFFICE.replace("24", "240"), { opened: 0, closed: 1, strange: 1 }],
    ["another local address", '"address_prefix":"10.0.0.0"', '"address_prefix":"11.0.0.0"', { opened: 1, closed: 1, strange: 0 }],
    ["every local address", /"prefix_ranges":\[[^\]]*\],/, "", { opened: 1, closed: 0, strange: 0 }],
    ["another name", '"www.example.com","www.example.com."', '"www.example.net","www.example.net."', { opened: 1, closed: 1, strange: 0 }],
    ["one name more", '["www.example.com"', '["b.example.com","b.example.com.","www.example.com"', { opened: 1, closed: 0, strange: 0 }],
    ["a name without its dot", ',"www.example.com."', "", STRANGE],
    [
      "a wildcard, which has any depth there",
      '["www.example.com"',
      '["*.example.com","*.example.com.","www.example.com"',
      { opened: 1, closed: 0, strange: 1 },
    ],
    ["plain text where TLS is", '"transport_protocol":"tls",', "", STRANGE],
    ["another identity", "a\\\\.example", "b\\\\.example", { opened: 1, closed: 1, strange: 0 }],
    ["an expression of another form", "a\\\\.example", "a.example", { opened: 0, closed: 1, strange: 1 }],
    ["no identities", /"match_typed_subject_alt_names":\[[^\]]*\]/, '"no":1', { opened: 1, closed: 0, strange: 1 }],
    ["an identity of another type", '"san_type":"DNS"', '"san_type":"URI"', { opened: 0, closed: 1, strange: 1 }],
    ["no certificate required", '"require_client_certificate":true', '"require_client_certificate":false', STRANGE],
    ["no inspector of hellos", /"listener_filters":\[\{[^\]]*\}\],/, "", STRANGE],
    ["another authority", "tls/corp.ca.crt", "tls/other.ca.crt", STRANGE],
    ["another certificate", "tls/web.crt", "tls/other.crt", STRANGE],
    ["another backend", '"port_value":18080', '"port_value":18081', STRANGE],
    ["another cluster", '"cluster":"plain.1"', '"cluster":"web.2"', STRANGE],
    ["a cluster less", '"static_clusters":[{', '"static_clusters":[],"no":[{', { opened: 0, closed: 0, strange: 3 }],
    ["a cluster more", '"static_clusters":[', '"static_clusters":[{"cluster":{"name":"other"}},', STRANGE],
    ["a filter more", '"filters":[', '"filters":[{"name":"envoy.filters.network.rbac"},', STRANGE],
    ["another match", '"source_prefix_ranges"', '"source_ports":[1],"source_prefix_ranges"', STRANGE],
    ["a chain for all others", '"filter_chains":[', '"default_filter_chain":{"name":"x"},"filter_chains":[', STRANGE],
    ["a chain more", '"filter_chains":[', '"filter_chains":[{"name":"x","filters":[{"name":"y"}]},', { opened: 2, closed: 0, strange: 2 }],
    ["another name of a chain", '"name":"plain.0","filter_chain_match"', '"name":"x","filter_chain_match"', STRANGE],
    [
      "IPv4 and IPv6 on one socket",
      '"address":"::","port_value":8080',
      '"address":"::","port_value":8080,"ipv4_compat":true',
      { opened: 0, closed: 1, strange: 1 },
    ],
    ["another port", '"address":"0.0.0.0","port_value":8080', '"address":"0.0.0.0","port_value":8081', { opened: 1, closed: 1, strange: 0 }],
    ["one address alone", '"address":"0.0.0.0","port_value":8080', '"address":"10.0.0.1","port_value":8080', { opened: 0, closed: 1, strange: 0 }],
    [
      "a socket that is none",
      '"address":{"socket_address":{"address":"0.0.0.0","port_value":8080}}',
      '"address":{"pipe":{"path":"x"}}',
      { opened: 0, closed: 1, strange: 1 },
    ],
    ["udp", '"address":"0.0.0.0","port_value":8080', '"protocol":"UDP","address":"0.0.0.0","port_value":8080', { opened: 0, closed: 1, strange: 1 }],
    ["another name of a listener", '"name":"tcp_8080"', '"name":"x"', { opened: 0, closed: 0, strange: 2 }],
    [
      "a listener of another source that is warming",
      '"static_listeners":[',
      '"dynamic_listeners":[{"name":"x","warming_state":{}}],"static_listeners":[',
      STRANGE,
    ],
    [
      "a listener that is in use from another source",
      '"static_listeners":[{"listener":',
      '"dynamic_listeners":[{"name":"x","active_state":{"listener":{"name":"x"}}}],"static_listeners":[{"listener":',
      { ...SAME, strange: 2 },
    ],
  ]);
});

const LISTED = written(
  "listed",
  `edition 1
net office = 198.51.100.0/24
net home = 203.0.113.0/24
expose web on tcp 8443 as passthrough {
  backend 127.0.0.1:18443
  allow from office sni "**.example.com"
  allow from home sni "*.a.example.com"
  allow from any sni "www.example.com"
  deny sni "b.a.example.com"
}
`,
);

test("a list of predicates", () => {
  const rules = list(at(JSON.parse(dumpOf(LISTED)), "configs")).flatMap((config) => list(at(config, "static_listeners")));
  const all = list(at(rules[0], "listener", "filter_chain_matcher", "matcher_list", "matchers")).map((one) => JSON.stringify(one));
  assert.ok(all.length >= 7, all.join("\n"));
  const [notTls = "", odd = "", first = "", second = ""] = all;
  const last = all.at(-1) ?? "";
  const joined = all.join();
  const lists = (what: string, to: readonly string[], due: Found): Change => [what, joined, to.join(), due];
  const source = '{"address_prefix":"203.0.113.0","prefix_len":24}]';
  changed(LISTED, [
    ["one source more", source, source.replace("]", `,${OTHER.replace("203.0.113", "192.0.2")}]`), { opened: 1, closed: 0, strange: 0 }],
    ["another name", '"exact":"www.example.com"', '"exact":"www.example.net"', { opened: 1, closed: 1, strange: 0 }],
    ["another pattern", "[^.]+\\\\.a\\\\.example", "[^.]+\\\\.c\\\\.example", { opened: 1, closed: 1, strange: 0 }],
    ["an expression of another form", "[^.]+\\\\.a", ".+\\\\.a", { opened: 0, closed: 1, strange: 1 }],
    ["a predicate of another kind", "ServerNameInput", "ApplicationProtocolInput", { ...SAME, strange: 2 }],
    lists("without the rule about plain text", all.slice(1), STRANGE),
    lists("without the rule about odd names", [notTls, ...all.slice(2)], STRANGE),
    lists("the rule about odd names behind others", [notTls, first, odd, second, ...all.slice(3)], STRANGE),
    lists("a rule less, which admits", all.slice(0, 3).concat(all.slice(4)), { opened: 0, closed: 1, strange: 0 }),
    lists("a rule less, which refuses", all.slice(0, 2).concat(all.slice(3)), { opened: 1, closed: 0, strange: 0 }),
    lists("a rule less, which refuses whom no other admits", all.slice(0, 4).concat(all.slice(5)), SAME),
    lists("a rule less, the last", all.slice(0, -1), { opened: 0, closed: 0, strange: 0 }),
    lists("the widest first", [notTls, odd, last, ...all.slice(2, -1)], { opened: 0, closed: 1, strange: 0 }),
    lists("a rule for everything", [...all, '{"predicate":{"and_matcher":{"predicate":[]}},"on_match":{"action":{"typed_config":{"value":"web.0"}}}}'], {
      opened: 1,
      closed: 0,
      strange: 0,
    }),
    lists("a rule to a chain that is none", [...all.slice(0, 3), (all[3] ?? "").replace('"web.0"', '"x"'), ...all.slice(4)], {
      opened: 0,
      closed: 1,
      strange: 1,
    }),
    lists("a refusal that others follow", [...all.slice(0, 2), first.replace('"on_match":{', '"on_match":{"keep_matching":true,'), ...all.slice(3)], {
      opened: 1,
      closed: 0,
      strange: 1,
    }),
    ["what no rule decides", '"matcher_list":{', '"on_no_match":{"action":{}},"matcher_list":{', STRANGE],
    ["filters where a chain refuses", '{"name":"refused"}', '{"name":"refused","filters":[{"name":"x"}]}', { opened: 1, closed: 0, strange: 3 }],
  ]);
});

test("what is no config_dump is no answer", () => {
  const made = write(MATCHED, envoy, SETTINGS);
  if (!made.ok) throw new Error("it is refused");
  const { files, plan } = made.value;
  for (const text of [
    "",
    "{}",
    "[]",
    '{"configs":[]}',
    '{"configs":[{"@type":"type.googleapis.com/envoy.admin.v3.ListenersConfigDump"}]}',
    files.get("") ?? "",
  ])
    assert.not.ok(envoy.read(text, files, plan).ok, text.slice(0, 80));
});

test.run();
