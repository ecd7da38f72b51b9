// The exposure matrix of the page: its columns have no source in common, and a change has the lines of `ingressc diff`.
import * as assert from "uvu/assert";
import { matrix } from "../../docs/playground/source/jobs/matrix.ts";
import type { MatrixShown } from "../../docs/playground/source/messages.ts";
import { folder, ingresscHere } from "../cli/programs.ts";
import { suite } from "../suite.ts";

const test = suite("matrix of the page");

const OLD = `edition 1
net vpn = 10.8.0.0/16
expose ssh on tcp 2222 {
  backend 127.0.0.1:22
  limit 5/m per source
  allow named staff from vpn
  deny named lost from 10.8.7.0/24
}
expose web on tcp 443 as passthrough {
  backend 127.0.0.1:8443
  allow named public from any sni "www.example.com"
}
`;
/** The net is wider, the deny is gone, and there is a new listener. */
const NEW = `${OLD.replace("10.8.0.0/16", "10.0.0.0/8").replace(/ {2}deny named lost.*\n/, "")}expose debug on tcp 9000 {
  backend 127.0.0.1:9001
  allow from 192.0.2.0/24
}
`;

function shown(text: string, older: string | null = null): MatrixShown {
  const found = matrix({ text, older });
  if ("trouble" in found) throw new Error(found.trouble);
  return found;
}

/** Each row as its listener and its cells: `ssh no yes*`. */
function cellsOf({ rows }: MatrixShown): readonly string[] {
  return rows.map(({ listener, cells }) =>
    [listener, ...cells.map(({ word, limited, opens, closes }) => `${opens ? "+" : ""}${closes ? "-" : ""}${word}${limited ? "*" : ""}`)].join(" "),
  );
}

test("one policy: a row for each listener, a column for each range that it treats alike", () => {
  const found = shown(OLD);
  assert.equal([found.isDifference, found.changes, found.moreRows, found.columns.length], [false, null, 0, 2]);
  assert.match(found.columns[0]?.text ?? "", /^all other addresses|^the whole internet but/);
  assert.match(found.columns[1]?.text ?? "", /^10\.8\.128\.0\/17/);
  assert.equal(cellsOf(found), ["web if if", "ssh no yes*"]);
  assert.match(found.rows[0]?.cells[0]?.says ?? "", /admitted with a name in `?www\.example\.com`?; for example: from .* sni "www\.example\.com"$/);
});

test("a change: cells that open and close are marked, and each line is that of ingressc diff", async () => {
  const dir = folder();
  dir.write("old.ingress", OLD);
  dir.write("new.ingress", NEW);
  for (const [older, text, files, cells] of [
    [OLD, NEW, ["old.ingress", "new.ingress"], /^ssh (?:no|yes\*) .*\+yes\*/m],
    [NEW, OLD, ["new.ingress", "old.ingress"], /^ssh (?:no|yes\*) .*-no/m],
  ] as const) {
    const found = shown(text, older);
    const { out } = await ingresscHere(["diff", "--format", "json", ...files], dir.path);
    const { changes } = JSON.parse(out) as { readonly changes: readonly { readonly effect: string; readonly listener: string; readonly text: string }[] };
    assert.ok(changes.length >= 2, out);
    // The same sentences, but for the path of the file that declares a net.
    const plain = (line: { readonly effect: string | null; readonly listener: string; readonly text: string }): readonly unknown[] => [
      line.effect,
      line.listener,
      line.text.replaceAll(/(?:old|new|policy)\.ingress/g, "FILE"),
    ];
    assert.equal(found.changes?.map(plain), changes.map(plain));
    assert.match(cellsOf(found).join("\n"), cells);
    assert.equal(found.isDifference, true);
  }
  dir.remove();
});

test("equal policies have no change, and a cell of none is marked", () => {
  const found = shown(OLD, OLD.replace("edition 1\n", "edition 1\n# another text\n"));
  assert.equal(found.changes, []);
  assert.is(
    found.rows.every(({ cells }) => cells.every(({ opens, closes }) => !opens && !closes)),
    true,
  );
});

test("nothing is exposed", () => {
  assert.equal(shown("edition 1\n").rows, []);
});

test("a policy with an error has no matrix, and says whose error it is", () => {
  assert.equal(matrix({ text: "edition 2\n", older: null }), { trouble: "the policy has an error" });
  const broken = matrix({ text: OLD, older: "edition 1\nexpose\n" });
  assert.match("trouble" in broken ? broken.trouble : "", /^the older policy has an error: /);
});

test.run();
