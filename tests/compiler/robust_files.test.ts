// Every truncation of the project's own policies, bytes at random, and names that objects have by
// birth: always an answer, and a policy only where there is no error.
import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { build } from "../../compiler/ast/build.ts";
import { parse } from "../../compiler/syntax/parse.ts";
import { atLength } from "../at_length.ts";
import { codes, front } from "./front.ts";

const robust = suite("robust files");

function judge(text: string): void {
  const { policy, diagnostics } = front(text);
  assert.is(
    policy === null,
    diagnostics.some((d) => !d.code.startsWith("ING7")),
  );
  for (const {
    span: { file, start, end },
    code,
  } of diagnostics) {
    assert.ok(0 <= start && start <= end && end <= file.text.length, `${code} has the place ${start}..${end}`);
  }
}

for (const folder of ["../../policies/", "../cases/good/"]) {
  const path = fileURLToPath(new URL(folder, import.meta.url));
  for (const name of readdirSync(path, { recursive: true, encoding: "utf8" }).filter((n) => n.endsWith(".ingress"))) {
    robust(`truncations of ${folder}${name}`, () => {
      const text = readFileSync(`${path}${name}`, "utf8");
      // Each is read; names and sets are judged too at every end of a line and some 300 other places.
      const step = Math.max(1, Math.ceil(text.length / 300));
      for (let i = 0; i <= text.length; i += atLength(1, 11)) {
        const part = text.slice(0, i);
        if (i % step === 0 || text[i] === "\n") judge(part);
        else build(parse({ path: "p.ingress", text: part }));
      }
    });
  }
}

robust("bytes at random, decoded as a browser would", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const text = new TextDecoder().decode(bytes);
      judge(text);
      judge(`edition 1\n${text}`);
      judge(`edition 1\nexpose web on tcp 443 { allow from ${text} }`);
    }),
    { numRuns: atLength(1_000, 100) },
  );
});

const BORN = ["__proto__", "constructor", "toString", "hasOwnProperty", "valueOf", "prototype", "then"];

for (const name of BORN) {
  robust(`${name} is a name like any other, and unknown until it is declared`, () => {
    assert.equal(codes(`edition 1\nnet ${name} = 10.0.0.0/8\nexpose ${name} on tcp 443 { allow named ${name} from ${name} }\n`), []);
    assert.equal(codes(`edition 1\ntemplate ${name}($a) { expose $a on tcp 1 { allow from any } }\nuse ${name}(web)\n`), []);
    assert.equal(codes(`edition 1\nimport "n.ingress" as ${name}\ndeny from ${name}.a\n`, { "n.ingress": "edition 1\nnet a = 10.0.0.0/8\n" }), []);
    assert.equal(codes(`edition 1\ndeny from ${name}\n`), ["ING201"]);
    assert.equal(codes(`edition 1\nuse ${name}()\n`), ["ING201"]);
    assert.equal(codes(`edition 1\ndeny from ${name}.a\n`), ["ING201"]);
  });
}

robust.run();
