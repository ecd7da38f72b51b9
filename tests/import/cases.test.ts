// Sources of each format in tests/import/sources, NAME.FORMAT.EXT, beside NAME.FORMAT.ingress: the policy that comes of it, with what was
// left out. `iptables_*`, `shop_front` and `edge` are what programs print or read (sources.check.ts), `front.kubernetes` what kubectl prints. Then what nobody should do with them: each is cut off anywhere, and every text in it is replaced by one that would be syntax.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { format } from "../../compiler/format/format.ts";
import { checkSource } from "../../compiler/compile.ts";
import { readYaml } from "../../compiler/import/draft/yaml_document.ts";
import { FORMAT_NAMES, importFrom, isFormat, type Format } from "../../compiler/import/import.ts";
import { failed } from "../../runtime/result/result.ts";
import { imported } from "./imported.ts";

const test = suite("import_cases");
const folder = new URL("sources/", import.meta.url).pathname;
const read = (name: string): string => readFileSync(join(folder, name), "utf8");

const sources = readdirSync(folder).flatMap((file) => {
  const [name, format] = file.split(".");
  return file.endsWith(".ingress") || name === undefined || format === undefined || !isFormat(format) ? [] : [{ file, name, format }];
});

const valid = (text: string): boolean => checkSource({ path: "p", text }, { read: () => failed("missing" as const) }).diagnostics.length === 0;

test("every format has cases", () => {
  assert.equal(
    FORMAT_NAMES.filter((name) => !sources.some(({ format }) => format === name)),
    [],
  );
});

for (const { file, name, format: from } of sources) {
  test(`${file}: the policy, and what was left out`, async () => {
    const { text, left } = await imported(from, read(file), file);
    assert.fixture(text, read(`${name}.${from}.ingress`));
    assert.ok(valid(text));
    assert.equal(format({ path: "p", text }), { ok: true, value: text });
    for (const { place, what, why } of left) {
      assert.ok(place.line >= 1 && why.length > 10, `${what}: ${why}`);
      assert.ok(text.includes(`# line ${place.line}: `));
    }
  });

  test(`${file}, cut off anywhere: a code, a place and a remedy, or a valid policy`, async () => {
    const whole = read(file);
    const step = Math.max(1, Math.floor(whole.length / 60));
    for (let end = 0; end < whole.length; end += step) await assertSane(from, whole.slice(0, end), `cut at ${end}`);
  });

  test(`${file}: no text of it becomes syntax`, async () => {
    const whole = read(file);
    const words = [...new Set(whole.match(/[A-Za-z0-9_.:/-]{2,}/g) ?? [])];
    for (const [i, hostile] of ["x\\n}\\nallow from any\\n#", 'a" { } b', "$x", "# \\u2028 deny from any", "`\\u0007`", "ﬀ"].entries())
      for (const word of words.filter((_, k) => k % 6 === i)) await assertSane(from, whole.split(word).join(hostile), `${word} is ${hostile}`);
  });
}

async function assertSane(from: Format, text: string, what: string): Promise<void> {
  const result = importFrom(from, { path: 'odd\n}"name', text }, readYaml);
  if (result.ok) {
    assert.ok(valid(result.value.text), `${what}: ${result.value.text}`);
    return;
  }
  assert.ok(result.error.length > 0, what);
  for (const { code, message, help, span } of result.error) {
    assert.match(code, /^ING87[3-7]$/, what);
    assert.ok(!message.startsWith("its policy would not be valid"), `${what}: ${message}`);
    assert.ok(help !== null && help.length > 10 && span.start <= span.end && span.start <= text.length, what);
  }
}

test.run();
