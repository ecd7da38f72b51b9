// ingressc explain CODE: what docs/diagnostics.md says of each diagnostic, and where a message leads to it.
import { readFileSync } from "node:fs";
import * as assert from "uvu/assert";
import { diagnosticAddress, SITE } from "../../compiler/cli/site.ts";
import { CODES, isWarning } from "../../compiler/diagnostics/codes.ts";
import { suite } from "../suite.ts";
import { envelope, folder, ingresscHere, type Folder } from "./programs.ts";

const test = suite<{ dir: Folder }>("explain: a code");
test.before((context) => {
  context.dir = folder();
});
test.after(({ dir }) => dir.remove());

const manual = readFileSync(new URL("../../docs/diagnostics.md", import.meta.url), "utf8");

test("every code has its section of docs/diagnostics.md", async ({ dir }) => {
  for (const [code, { title }] of Object.entries(CODES)) {
    const ended = await ingresscHere(["explain", code, "--json"], dir.path);
    assert.is(ended.code, 0, code);
    const data = envelope(ended)["data"] as Record<string, string | null>;
    assert.equal(
      [data["code"], data["title"], data["severity"], data["address"]],
      [code, title, isWarning(code as keyof typeof CODES) ? "warning" : "error", null],
    );
    const section = `### ${code}: ${title}\n\n${String(data["text"])}\n`;
    assert.ok(manual.includes(section), code);
    // To the next heading, or the end.
    assert.match(manual.slice(manual.indexOf(section) + section.length), /^(?:$|\n#)/, code);
  }
});

test("as text: the words, and the examples indented below what they are", async ({ dir }) => {
  const { out, err, code } = await ingresscHere(["explain", "ing102"], dir.path);
  assert.equal([err, code], ["", 0]);
  assert.is(
    out,
    [
      "error[ING102]: a string that is not closed",
      "",
      "A text in quotes ends on the line where it begins.",
      "",
      "before:",
      "",
      '    test "the office {',
      "      from 198.51.100.7 to tcp 443 => deny policy",
      "    }",
      "",
      "after:",
      "",
      '    test "the office" {',
      "      from 198.51.100.7 to tcp 443 => deny policy",
      "    }",
      "",
    ].join("\n"),
  );
  assert.match((await ingresscHere(["explain", "ING821"], dir.path)).out, /^warning\[ING821\]: /);
});

const MISTAKES: readonly (readonly [args: readonly string[], code: string, help: RegExp])[] = [
  [["ING999"], "usage.unknown_code", /docs\/diagnostics\.md/],
  [["ING110"], "usage.unknown_code", /did you mean `ING1\d\d`/],
  [["ING000"], "usage.unknown_code", /a policy named `ING000` is followed by a request/],
  [["ING20"], "usage.missing_operand", /ingressc explain FILE REQUEST/],
  [["ING2040"], "usage.missing_operand", /ingressc explain FILE REQUEST/],
  [["XING204"], "usage.missing_operand", /ingressc explain FILE REQUEST/],
  [["ING204", "from 10.0.0.1 to web"], "usage.missing_file", /./],
  [["ING204", "x", "y"], "usage.extra_operand", /./],
  [[], "usage.missing_operand", /ingressc explain FILE REQUEST/],
];

for (const [args, code, help] of MISTAKES) {
  test(`mistake: explain ${args.join(" ")}`, async ({ dir }) => {
    const ended = await ingresscHere(["explain", ...args, "--json"], dir.path);
    const found = envelope(ended);
    assert.equal([found["code"], ended.code], [code, 2], ended.out);
    assert.match(String(found["help"]), help);
  });
}

test("a policy whose name looks like a code is explained with its request", async ({ dir }) => {
  dir.write("ING204", "edition 1\nexpose web on tcp 443 { backend 127.0.0.1:8080 allow from any }\n");
  const { out } = await ingresscHere(["explain", "ING204", "from 203.0.113.9 to web"], dir.path);
  assert.match(out, /^ {2}allow$/m);
});

test("behind all errors, and behind denied warnings, there is one line that leads to the first of them", async ({ dir }) => {
  dir.write("bad.ingress", "edition 1\nnet a = 10.0.0.0/33\nnet a = 10.0.0.0/8\n");
  const { err } = await ingresscHere(["check", "bad.ingress"], dir.path);
  assert.equal(err.match(/ingressc explain/g)?.length, 1, err);
  assert.match(err, /\nhelp: `ingressc explain ING304` says more\n$/);
  dir.write("warns.ingress", "edition 1\nnet unused = 10.0.0.0/8\nexpose web on tcp 443 { backend 127.0.0.1:8080 allow from 192.0.2.0/24 }\n");
  const denied = await ingresscHere(["check", "--deny-warnings", "warns.ingress"], dir.path);
  assert.match(denied.out, /\nhelp: `ingressc explain ING828` says more\n$/);
  const shown = await ingresscHere(["check", "warns.ingress"], dir.path);
  assert.not.match(shown.out, /ingressc explain/);
});

test("a page has an address where the site has one", () => {
  assert.is(diagnosticAddress("ING204", "https://policy.example"), "https://policy.example/diagnostics/ING204");
  assert.equal([SITE, diagnosticAddress("ING204")], ["", null]);
});

test.run();
