// The meaning of the parts of an nftables ruleset.
import { runRows, type Fault, type Row } from "./rows.ts";

const nft = (rules: string, policy = "drop", more = ""): string => {
  const objects = [`{"chain":{"family":"inet","table":"t","name":"input","type":"filter","hook":"input","prio":0,"policy":"${policy}"}}`, more, rules].filter(
    (part) => part !== "",
  );
  return `{"nftables":[${objects.join(",")}]}`;
};
const rule = (expr: string, chain = "input"): string => `{"rule":{"family":"inet","table":"t","chain":"${chain}","handle":7,"expr":[${expr}]}}`;
const chain = (name: string): string => `{"chain":{"family":"inet","table":"t","name":"${name}"}}`;
const match = (left: string, right: string, op = "=="): string => `{"match":{"op":"${op}","left":${left},"right":${right}}}`;
const PORT = match('{"payload":{"protocol":"tcp","field":"dport"}}', "22");
const SOURCE = match('{"payload":{"protocol":"ip","field":"saddr"}}', '{"prefix":{"addr":"10.0.0.0","len":8}}');
const ICMP_TYPE = '{"payload":{"protocol":"icmp","field":"type"}}';
const SADDR = '{"payload":{"protocol":"ip","field":"saddr"}}';
const DPORT = '{"payload":{"protocol":"tcp","field":"dport"}}';
const ODD = match('{"meta":{"key":"mark"}}', "7");

const ROWS: readonly Row[] = [
  {
    title: "nft: nothing is admitted where no rule accepts",
    format: "nft",
    text: nft(rule(`${PORT},{"drop":null}`)),
    refuses: ["from 10.1.1.1 to tcp 22", "from 10.1.1.1 to tcp 80"],
  },
  {
    title: "nft: a chain that accepts what no rule refuses",
    format: "nft",
    text: nft(rule(`${PORT},{"drop":null}`), "accept"),
    admits: ["from 10.1.1.1 to tcp 80", "from 2001:db8::9 to udp 53"],
    refuses: ["from 10.1.1.1 to tcp 22"],
  },
  {
    title: "nft: an accept by a mark admits nobody",
    format: "nft",
    text: nft(rule(`${PORT},${ODD},{"accept":null}`)),
    refuses: ["from 10.1.1.1 to tcp 22"],
    left: [/`meta mark`.* it admits nobody/],
  },
  {
    title: "nft: a drop by a mark refuses all that it may",
    format: "nft",
    text: nft(`${rule(`${PORT},${ODD},{"drop":null}`)},${rule(`${PORT},{"accept":null}`)}`),
    refuses: ["from 10.1.1.1 to tcp 22"],
    left: [/whatever it may drop is refused/],
  },
  {
    title: "nft: a jump that may not be taken admits what both ways do",
    format: "nft",
    text: nft(
      `${rule(`${SOURCE},{"accept":null}`, "side")},${rule(`${ODD},{"jump":{"target":"side"}}`)},${rule(`${PORT},{"accept":null}`)}`,
      "drop",
      chain("side"),
    ),
    admits: ["from 10.1.1.1 to tcp 22", "from 192.0.2.1 to tcp 22"],
    refuses: ["from 10.1.1.1 to tcp 80"],
    left: [/`meta mark`/],
  },
  {
    title: "nft: a goto does not come back",
    format: "nft",
    text: nft(
      `${rule(`${SOURCE},{"return":null}`, "side")},${rule(`${PORT},{"goto":{"target":"side"}}`)},${rule(`${PORT},{"accept":null}`)}`,
      "drop",
      chain("side"),
    ),
    refuses: ["from 10.1.1.1 to tcp 22", "from 192.0.2.1 to tcp 22"],
  },
  {
    title: "nft: chains that jump in a circle end",
    format: "nft",
    text: nft(`${rule(`{"jump":{"target":"side"}}`, "side")},${rule(`{"jump":{"target":"side"}}`)},${rule(`${PORT},{"accept":null}`)}`, "drop", chain("side")),
    refuses: ["from 10.1.1.1 to tcp 22"],
  },
  {
    title: "nft: a jump to a chain that is not there",
    format: "nft",
    text: nft(`${rule(`{"jump":{"target":"none"}}`)},${rule(`${PORT},{"accept":null}`)}`),
    refuses: ["from 10.1.1.1 to tcp 22"],
  },
  {
    title: "nft: a statement that nobody knows refuses",
    format: "nft",
    text: nft(`${rule(`${PORT},{"frobnicate":null}`)},${rule(`${PORT},{"accept":null}`)}`),
    refuses: ["from 10.1.1.1 to tcp 22"],
    left: [/a policy has no `frobnicate`/],
  },
  {
    title: "nft: an accept after a limit",
    format: "nft",
    text: nft(rule(`${PORT},{"limit":{"rate":5}},{"accept":null}`)),
    refuses: ["from 10.1.1.1 to tcp 22"],
    left: [/`limit`/],
  },
  {
    title: "nft: a set that is not there",
    format: "nft",
    text: nft(rule(`${match('{"payload":{"protocol":"ip","field":"saddr"}}', '"@gone"')},{"accept":null}`)),
    refuses: ["from 10.1.1.1 to tcp 22"],
    left: [/`ip saddr`/],
  },
  {
    title: "nft: not a port, for both families",
    format: "nft",
    text: nft(rule(`${match('{"payload":{"protocol":"tcp","field":"dport"}}', "22", "!=")},{"accept":null}`)),
    admits: ["from 10.1.1.1 to tcp 23", "from 2001:db8::9 to tcp 65535"],
    refuses: ["from 10.1.1.1 to tcp 22", "from 10.1.1.1 to udp 23"],
  },
  {
    title: "nft: not a source, only of its family",
    format: "nft",
    text: nft(rule(`${PORT},${SOURCE.replace("==", "!=")},{"accept":null}`)),
    admits: ["from 11.0.0.1 to tcp 22"],
    refuses: ["from 10.0.0.1 to tcp 22", "from 2001:db8::9 to tcp 22"],
  },
  ...[
    { what: "icmp type != redirect", text: match(ICMP_TYPE, '"redirect"', "!="), left: [/it is about icmp/] },
    { what: "sctp dport != 5", text: match('{"payload":{"protocol":"sctp","field":"dport"}}', "5", "!="), left: [/it is about sctp/] },
    { what: "icmp type . ip saddr != …", text: match(`{"concat":[${ICMP_TYPE},${SADDR}]}`, '{"concat":["redirect","10.0.0.1"]}', "!="), left: [/about icmp/] },
    { what: "udp sport != 53", text: match('{"payload":{"protocol":"udp","field":"sport"}}', "53", "!="), left: [/`udp sport`.* it admits nobody/] },
    { what: "vlan id 5", text: match('{"payload":{"protocol":"vlan","field":"id"}}', "5"), left: [/`vlan id`.* it admits nobody/] },
    {
      what: "vxlan ip saddr != 10.0.0.1",
      text: match('{"payload":{"tunnel":"vxlan","protocol":"ip","field":"saddr"}}', '"10.0.0.1"', "!="),
      left: [/`ip saddr`.* it admits nobody/],
    },
  ].map(({ what, text, left }): Row => ({
    title: `nft: ${what} accepts no connection that a policy knows`,
    format: "nft",
    text: nft(rule(`${text},{"accept":null}`)),
    refuses: ["from 11.0.0.1 to tcp 22", "from 11.0.0.1 to udp 22", "from 2001:db8::9 to tcp 22", "from 2001:db8::9 to udp 22"],
    left,
  })),
  {
    title: "nft: not a source with a port, only of its family and its protocol",
    format: "nft",
    text: nft(rule(`${match(`{"concat":[${SADDR},${DPORT}]}`, '{"set":[{"concat":["10.0.0.1",22]}]}', "!=")},{"accept":null}`)),
    admits: ["from 10.0.0.1 to tcp 23", "from 10.0.0.2 to tcp 22"],
    refuses: ["from 10.0.0.1 to tcp 22", "from 10.0.0.2 to udp 22", "from 2001:db8::9 to tcp 22", "from 2001:db8::9 to udp 22"],
  },
  {
    title: "nft: a drop of what is not a port of udp drops nothing of tcp",
    format: "nft",
    text: nft(`${rule(`${match('{"payload":{"protocol":"udp","field":"sport"}}', "53", "!=")},{"drop":null}`)},${rule(`${PORT},{"accept":null}`)}`),
    admits: ["from 10.1.1.1 to tcp 22"],
    refuses: ["from 10.1.1.1 to udp 22"],
    left: [/`udp sport`.* whatever it may drop is refused/],
  },
  {
    title: "nft: a drop by the number of a VLAN refuses all that it may",
    format: "nft",
    text: nft(`${rule(`${match('{"payload":{"protocol":"vlan","field":"id"}}', "5")},{"drop":null}`)},${rule(`${PORT},{"accept":null}`)}`),
    refuses: ["from 10.1.1.1 to tcp 22"],
    left: [/`vlan id`.* whatever it may drop is refused/],
  },
  {
    title: "nft: every hook must accept",
    format: "nft",
    text: nft(
      `${rule(`${PORT},{"accept":null}`)},${rule(`${SOURCE},{"drop":null}`, "early")}`,
      "drop",
      '{"chain":{"family":"inet","table":"t","name":"early","type":"filter","hook":"prerouting","prio":-300,"policy":"accept"}}',
    ),
    admits: ["from 11.0.0.1 to tcp 22"],
    refuses: ["from 10.0.0.1 to tcp 22"],
  },
];

const FAULTS: readonly Fault[] = [
  ["nft", "", /^ING873 this is not JSON/],
  ["nft", '{"nftables": [', /^ING873 this is not JSON/],
  ["nft", "{}", /^ING873 .*no list `nftables`/],
  ["nft", '{"nftables":[{}]}', /^ING874 this is no object of one key/],
  ["nft", '{"nftables":[{"table":{"family":"inet","name":"t"}}]}', /^ING875 no chain with the hook `input`/],
  ["nft", '{"nftables":[{"rule":{"family":"inet","table":"t","chain":"c"}}]}', /^ING874 a rule has no `expr`/],
  ["nft", '{"nftables":[{"rule":{"family":"inet","table":"t","chain":"c","expr":7}}]}', /^ING874 `expr` of a rule is not a list/],
  ["nft", nft(rule(`${PORT},{"accept":null}`, "gone")), /^ING874 this rule is in a chain that is not there/],
  ["nft", '{"nftables":[{"chain":{}, "chain":{}}]}', /^ING873 this key appears twice/],
  ["nft", `${"[".repeat(201)}${"]".repeat(201)}`, /^ING873 .*no list/],
  ["nft", `${"[".repeat(202)}${"]".repeat(202)}`, /^ING877 more than 200 brackets/],
];

runRows("import_nft", ROWS, FAULTS);
