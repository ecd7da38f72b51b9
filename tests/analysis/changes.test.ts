// Ten changes of policies/organisation, each a file of changes/: the lines that change, what it opens and closes as it was written by hand
// from the policy's text, and the report for a merge request, which a reviewer reads who has not seen the policy.
import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { envelope, ingresscHere } from "../cli/programs.ts";
import { ownFolder, suite } from "../suite.ts";

const test = suite("analysis: changes of an organisation");
const ORGANISATION = fileURLToPath(new URL("../../policies/organisation/", import.meta.url));
const CHANGES = fileURLToPath(new URL("changes/", import.meta.url));

interface Change {
  readonly title: string;
  readonly isSubtle: boolean;
  readonly edits: readonly (readonly [file: string, from: string, to: string])[];
  /** `listener: who`, sorted. */
  readonly opens: readonly string[];
  readonly closes: readonly string[];
  readonly report: string;
}

function readChange(file: string): Change {
  const text = readFileSync(join(CHANGES, file), "utf8");
  const part = (title: string): string => new RegExp(`^## ${title}\\n([^]*?)(?=^## |(?![^]))`, "m").exec(text)?.[1] ?? "";
  const items = (title: string): readonly string[] => [...part(title).matchAll(/^- (.*)$/gm)].map(([, item = ""]) => item);
  const edits = [...part("Change").matchAll(/^`(.*)`\n\n```diff\n([^]*?)^```$/gm)].map(([, name = "", lines = ""]) => {
    const of = (sign: string): string => [...lines.matchAll(new RegExp(`^\\${sign}(.*\\n)`, "gm"))].map(([, line = ""]) => line).join("");
    return [name, of("-"), of("+")] as const;
  });
  return {
    title: /^# (.*)$/m.exec(text)?.[1] ?? "",
    isSubtle: /^Subtle\.$/m.test(text),
    edits,
    opens: items("What it opens, by hand"),
    closes: items("What it closes, by hand"),
    report: /^```markdown\n([^]*?)^```$/m.exec(part("Report"))?.[1] ?? "",
  };
}

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

const changes = readdirSync(CHANGES).map(readChange);

test("they are ten, of which at least five are subtle", () => {
  assert.is(changes.length, 10);
  assert.ok(changes.filter(({ isSubtle }) => isSubtle).length >= 5);
  assert.is(new Set(changes.map(({ title }) => title)).size, 10);
});

for (const { title, edits, opens, closes, report } of changes) {
  test(title, async () => {
    const folder = ownFolder();
    for (const side of ["a", "b"]) cpSync(ORGANISATION, join(folder, side), { recursive: true });
    assert.ok(edits.length > 0);
    for (const [file, from, to] of edits) {
      const path = join(folder, "b", file);
      const text = readFileSync(path, "utf8");
      assert.is(text.split(from).length, 2, `${file} has ${from} once`);
      writeFileSync(path, text.replace(from, to));
    }
    const ended = await ingresscHere(["diff", "a/edge.ingress", "b/edge.ingress", "--json"], folder);
    assert.is(ended.code, opens.length > 0 ? 1 : 0, ended.out);
    const data = envelope(ended)["data"] as { changes: readonly Shown[] };
    const of = (effect: Shown["effect"]): readonly string[] =>
      data.changes
        .filter((c) => c.effect === effect)
        .map(shown)
        .sort();
    assert.equal([of("opens"), of("closes"), of(null)], [opens, closes, []]);
    const markdown = await ingresscHere(["diff", "a/edge.ingress", "b/edge.ingress", "--format", "markdown"], folder);
    assert.is(markdown.out.replace(/ +$/gm, ""), report);
  });
}

test.run();
