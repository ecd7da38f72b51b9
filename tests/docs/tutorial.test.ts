// docs/tutorial.md: each command of the reader's folder prints what the page shows below it, the editor shows what the page says, and
// the gate is the one of the manual. Its picture, and the terminal of README, are made here (UPDATE=1 writes them). How it is in a
// browser, and in a clone, is in tests/playground/tutorial.check.ts.
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import type { CodeAction, Hover } from "vscode-languageserver-protocol";
import { folder, INGRESSC } from "../cli/programs.ts";
import { editor, has } from "../lsp/client.ts";
import { suite } from "../suite.ts";
import { terminalPicture } from "./terminal_picture.ts";
import { DOCS, edited, runShellSteps, tutorialSteps } from "./tutorial_steps.ts";

const test = suite("tutorial");
const all = tutorialSteps();
const pasted = all.find(({ kind }) => kind === "paste")?.text ?? "";

/** The commands in the terminal of README: all tests pass, and the difference says what they don't. */
const TEST = "ingressc test edge.ingress";
const DIFF = "ingressc diff --git HEAD edge.ingress";

test("every block runs, and prints what the page shows below it", () => {
  const dir = folder();
  const bin = dir.at("bin");
  mkdirSync(bin);
  const quoted = [process.execPath, ...INGRESSC].map((word) => `'${word}'`).join(" ");
  writeFileSync(join(bin, "ingressc"), `#!/bin/sh\nexec ${quoted} "$@"\n`);
  chmodSync(join(bin, "ingressc"), 0o755);
  const steps = runShellSteps(dir, bin);
  assert.ok(steps.length > 7 && steps.filter(({ shown }) => shown !== null).length > 6);
  assert.is(readFileSync(dir.at("work/edge.ingress"), "utf8"), edited(pasted, "-net vpn = 10.8.0.0/16\n+net vpn = 10.8.0.0/16, 10.9.0.0/16\n"));
  const shownBelow = (command: string): readonly [string, string] => {
    const step = steps.find(({ text }) => text.split("\n").includes(command));
    assert.ok(step, command);
    return [command, (step?.shown ?? "").replace(/^exit code \d\n/m, "")];
  };
  for (const [name, picture] of [
    ["tutorial_change.svg", readFileSync(dir.at("work/change.svg"), "utf8")],
    ["terminal.svg", terminalPicture("What a change of a policy opens", [TEST, DIFF].map(shownBelow))],
  ] as const) {
    if (process.env["UPDATE"] === "1") writeFileSync(join(DOCS, "pictures", name), picture);
    assert.is(picture, readFileSync(join(DOCS, "pictures", name), "utf8"), name);
  }
});

test("in an editor the mistake of the page is the same error, with the quick fix and the hover that the page names", async () => {
  const broken = edited(pasted, all.find(({ kind }) => kind === "edit")?.text ?? "");
  const of = await editor();
  of.dir.write("edge.ingress", broken);
  await of.open("edge.ingress", broken);
  const [found] = (await of.diagnostics("edge.ingress", has("ING106"))).filter(({ code }) => code === "ING106");
  assert.is(found?.range.start.line, 12);
  const textDocument = { uri: of.uri("edge.ingress") };
  const actions = await of.connection.sendRequest<readonly CodeAction[]>("textDocument/codeAction", {
    textDocument,
    range: found?.range,
    context: { diagnostics: [found] },
  });
  assert.ok(actions.some(({ title }) => title === "insert `from`"));
  const since = of.count();
  await of.change("edge.ingress", pasted);
  await of.diagnostics("edge.ingress", (left) => left.length === 0, since);
  const hover = await of.connection.sendRequest<Hover>("textDocument/hover", { textDocument, position: { line: 10, character: 8 } });
  assert.match(JSON.stringify(hover.contents), /vpn and office/);
  assert.is(await of.stop(), 0);
});

test("the gate is the one of the manual, which runs on GitHub's runner", () => {
  const written = /<<'END'\n([^]*?)^END$/m.exec(all.find(({ text }) => text.includes(".github/workflows/ingressd.yml"))?.text ?? "")?.[1];
  const [manual] = [...readFileSync(join(DOCS, "how_to/merge_requests.md"), "utf8").matchAll(/^```yaml\n# \.github\/workflows\/ingressd\.yml\n([^]*?)^```$/gm)];
  assert.is(written, manual?.[1]);
  assert.match(written ?? "", /policy: edge\.ingress[^]*accept: accepted\.toml/);
});

test("an edit of the page is made only where its lines are", () => {
  assert.is(edited("a\nb\n", "-b\n+c\n"), "a\nc\n");
  assert.is(edited("a $&\nb\n", "-b\n+$&\n"), "a $&\n$&\n");
  for (const diff of ["-c\n+d\n", "+d\n", "-a\n+c\n"]) assert.throws(() => edited("a\nb\na\n", diff), /occur once/);
});

test.run();
