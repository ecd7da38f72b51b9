// Ten changes of policies/organisation. The openings and closings of each were written by hand, from the policy's text.
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { envelope, ingresscHere } from "../cli/programs.ts";
import { ownFolder, suite } from "../suite.ts";

const test = suite("analysis: changes of an organisation");
const ORGANISATION = fileURLToPath(new URL("../../policies/organisation/", import.meta.url));

interface Change {
  readonly name: string;
  readonly edits: readonly (readonly [file: string, from: string, to: string])[];
  /** `listener: who`, sorted. */
  readonly opens: readonly string[];
  readonly closes: readonly string[];
}

const CHANGES: readonly Change[] = [
  {
    name: "the office is twice as large",
    edits: [["nets.ingress", "198.51.100.0/24", "198.51.100.0/23"]],
    opens: ["reports: `198.51.101.0/24`", "stock: `198.51.101.0/24`"],
    closes: [],
  },
  {
    name: "names of the shop may have more labels",
    edits: [["shop.ingress", '"*.shop.example.com"', '"**.shop.example.com"']],
    opens: ["shop: the whole internet but `203.0.113.128/25`, with a name in `**.shop.example.com` but `*.shop.example.com`"],
    closes: [],
  },
  {
    name: "half of the guests are no longer guests",
    edits: [["nets.ingress", "198.51.100.224/27", "198.51.100.224/28"]],
    opens: ["reports: `198.51.100.240/28`", "stock: `198.51.100.240/28`"],
    closes: [],
  },
  {
    name: "half of the abusers are no longer refused, who never came further than the shop",
    edits: [["edge.ingress", "203.0.113.128/25", "203.0.113.128/26"]],
    opens: ["shop: `203.0.113.192/26`, with a name in `*.shop.example.com`, `shop.example.com`"],
    closes: [],
  },
  {
    name: "the database listens at every address",
    edits: [["data.ingress", " bind private", ""]],
    opens: ["database: `monitoring` and `10.30.0.0/28`"],
    closes: [],
  },
  {
    name: "the template no longer refuses guests, whom the top level refuses on these ports",
    edits: [["templates.ingress", "    deny from nets.guests\n", ""]],
    opens: [],
    closes: [],
  },
  {
    name: "neither does the top level",
    edits: [
      ["templates.ingress", "    deny from nets.guests\n", ""],
      ["edge.ingress", "7100-7299 from", "7100-7199 from"],
    ],
    opens: ["reports: `guests`"],
    closes: [],
  },
  {
    name: "more replicas, without a gap's sixteen",
    edits: [["data.ingress", "from 10.30.0.0/28", "from 10.30.0.0/24 except 10.30.0.16/28"]],
    opens: ["database: `10.30.0.32/27`, `10.30.0.64/26` and `10.30.0.128/25`"],
    closes: [],
  },
  {
    name: "no cap per source, of each listener of the template",
    edits: [["templates.ingress", "cap 200 connections, 20 per source", "cap 200 connections"]],
    opens: ["reports: cap", "stock: cap"],
    closes: [],
  },
  {
    name: "another team's port, and the stock for the monitoring alone",
    edits: [
      [
        "shop.ingress",
        "use platform.internal(stock, 7100, 127.0.0.1:7101, nets.office)",
        "use platform.internal(stock, 7100, 127.0.0.1:7101, nets.monitoring)\nuse platform.internal(debug, 7300, 127.0.0.1:7301, any)",
      ],
    ],
    opens: ["debug: the whole internet but `guests` and `203.0.113.128/25`", "stock: `monitoring`"],
    closes: ["stock: `198.51.100.0/25`, `198.51.100.128/26`, `198.51.100.192/27` and `2001:db8:1::/48`"],
  },
];

interface Shown {
  readonly effect: "opens" | "closes" | null;
  readonly listener: string;
  readonly rows?: readonly { readonly from: readonly string[]; readonly sni: string | null }[];
  readonly fact?: { readonly what: string };
}

function listText(parts: readonly string[]): string {
  return parts.length < 2 ? parts.join("") : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1) ?? ""}`;
}

function shown({ listener, rows = [], fact }: Shown): string {
  const who = rows.map(({ from, sni }) => [listText(from), ...(sni === null ? [] : [sni.replace(" and ", ", ")])].join(", "));
  return `${listener}: ${fact === undefined ? who.join("; ") : fact.what}`;
}

for (const { name, edits, opens, closes } of CHANGES) {
  test(name, async () => {
    const folder = ownFolder();
    for (const side of ["a", "b"]) cpSync(ORGANISATION, join(folder, side), { recursive: true });
    for (const [file, from, to] of edits) {
      const path = join(folder, "b", file);
      const text = readFileSync(path, "utf8");
      assert.ok(text.includes(from), `${file} has no ${from}`);
      writeFileSync(path, text.replace(from, to));
    }
    const ended = await ingresscHere(["diff", "a/edge.ingress", "b/edge.ingress", "--json"], folder);
    assert.is(ended.code, opens.length > 0 ? 1 : 0, ended.out);
    const { changes } = envelope(ended)["data"] as { changes: readonly Shown[] };
    const of = (effect: Shown["effect"]): readonly string[] =>
      changes
        .filter((c) => c.effect === effect)
        .map(shown)
        .sort();
    assert.equal([of("opens"), of("closes"), of(null)], [opens, closes, []]);
  });
}

test.run();
