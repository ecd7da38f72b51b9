// docs/diagnostics.md and the table of codes, compared both ways; and every example
// of it compiled: *before* gives exactly its code, *after* is accepted.
import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CODES, isDiagnosticCode, isWarning } from "../../compiler/diagnostics/codes.ts";
import type { Emitter } from "../../compiler/emitters/emitter.ts";
import { EMITTERS } from "../../compiler/emitters/register.ts";
import { nexusExposures } from "../../compiler/emitters/nexus_expose.ts";
import { nexusProfile } from "../../compiler/emitters/nexus_profile.ts";
import { write } from "../../compiler/emitters/written.ts";
import { written } from "../fleet/policies.ts";
import { linted } from "../analysis/linted.ts";
import { codes, filesOf } from "./front.ts";
import { CODES_WITHOUT_CASE, NEXUS_CODES, TARGET_CODES } from "./codes_without_case.ts";

const docs = suite("diagnostics");
const text = readFileSync(new URL("../../docs/diagnostics.md", import.meta.url), "utf8");
const sections = text
  .split(/^### /m)
  .slice(1)
  .map((s) => {
    const [heading = "", ...body] = s.split("\n");
    const [code = "", ...title] = heading.split(": ");
    return { code, title: title.join(": "), body: body.join("\n") };
  });

docs("every code has its heading, in the order of the table, and no heading is without a code", () => {
  assert.equal(
    sections.map((s) => `${s.code}: ${s.title}`),
    Object.entries(CODES).map(([code, row]) => `${code}: ${row.title}`),
  );
});

/** Too large, or too rare, to be printed. */
const WITHOUT_EXAMPLE = new Set<string>([
  ...CODES_WITHOUT_CASE.filter((code) => ![...TARGET_CODES, ...NEXUS_CODES].includes(code)),
  "ING836",
  "ING907",
  "ING908",
  "ING927",
  "ING928",
]);

const FILES = {
  "scanners.txt": "192.0.2.1\n2001:db8::/32\n",
  "broken.txt": "192.0.2.1\nexample.com\n",
  "empty.txt": "# nobody yet\n",
  "nets.ingress": "edition 1\nnet office = 198.51.100.0/24\n",
  "circle.ingress": 'edition 1\nimport "circle.ingress" as again\n',
  "prose.txt": "word\n".repeat(20),
};

/** The codes that an example gives beside its own, because no example can avoid them. */
const BESIDE: Readonly<Record<string, readonly string[]>> = { ING504: Array.from({ length: 10 }, () => "ING502") };

for (const { code, body } of sections) {
  const example = (kind: string): string | null => new RegExp(`\`\`\`ingress ${kind}\\n([^]*?)\`\`\``).exec(body)?.[1] ?? null;
  const whole = (t: string): string => (/^edition\b/m.test(t) ? t : `edition 1\n${t}`);
  if (WITHOUT_EXAMPLE.has(code)) {
    docs(`${code} has no example, and says why or how much`, () => {
      assert.is(example("before"), null);
      assert.ok(body.trim().length > 40);
    });
    continue;
  }
  docs(`${code}: before and after`, async () => {
    const [before, after] = [example("before"), example("after")];
    if (before === null || after === null) throw new Error("an example is missing");
    if (isDiagnosticCode(code) && isWarning(code)) {
      // The examples have no tests but where they are about them.
      const ignore = new Set(code === "ING833" ? [] : ["ING833"]);
      const warnings = async (t: string): Promise<string[]> =>
        (await linted(whole(t), filesOf(FILES), { ignore, profile: code === "ING852" ? "os" : "host" })).warnings.map((d) => d.code);
      assert.equal(await warnings(before), [code]);
      assert.equal(await warnings(after), []);
      return;
    }
    if (NEXUS_CODES.some((known) => known === code)) {
      const refused = (t: string): readonly string[] => {
        const policy = written("example", whole(t));
        const settings = { file: "", wholeHost: false, selector: null, codeUrl: null, without: { caps: false, limits: false }, asOf: null, nodes: 100_000 };
        const made =
          code < "ING929" || code === "ING933" ?
            nexusProfile(policy.policy, { subject: "ingressd", epoch: 0, withoutProtocols: false })
          : nexusExposures(policy, settings);
        return made.ok ? [] : made.error.map((d) => d.code);
      };
      assert.equal(refused(before), [code]);
      assert.equal(refused(after), []);
      return;
    }
    if (code.startsWith("ING9")) {
      const settings = {
        file: "",
        wholeHost: false,
        noSsh: false,
        selector: null,
        codeUrl: null,
        without: { caps: false, limits: false },
        asOf: null,
        nodes: 100_000,
      };
      const refused = (t: string, target: Emitter): string => {
        const made = write(written("example", whole(t)), target, settings);
        return made.ok ? "" : made.error.map((d) => d.code).join();
      };
      const target = Object.values<Emitter>(EMITTERS).find((one) => refused(before, one) === code);
      assert.ok(target !== undefined, "no target refuses the example for this code alone");
      assert.is(refused(after, target), "");
      return;
    }
    // A clause of a later release, or of another profile, is parsed; only the examples of ING7 and ING8 are about those.
    const [waits, os] = [code.startsWith("ING7"), code.startsWith("ING8")];
    const codesOf = (t: string): string[] => codes(whole(t), FILES, os ? "os" : "host").filter((c) => waits || !c.startsWith("ING7"));
    const found = codesOf(before);
    if (waits || os) assert.ok(found.includes(code) && found.every((c) => c.startsWith(code.slice(0, 4))), found.join());
    else
      assert.equal(
        found,
        [code, ...(BESIDE[code] ?? [])].sort((a, b) =>
          a === code ? -1
          : b === code ? 1
          : 0,
        ),
      );
    assert.equal(codesOf(after), []);
  });
}

docs("codes are written as three digits in their hundreds", () => {
  for (const code of Object.keys(CODES)) assert.match(code, /^ING[1-9]\d\d$/);
});

docs.run();
