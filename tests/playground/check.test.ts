// Errors of a policy that needs other files: the page has one, and says what to do.
import * as assert from "uvu/assert";
import { check } from "../../docs/playground/source/jobs/check.ts";
import { suite } from "../suite.ts";

const test = suite("check");

const helpsOf = async (text: string): Promise<readonly (readonly [code: string, help: string])[]> =>
  (await check({ text, wallSeconds: 0 })).problems.map(({ code, help }) => [code, help ?? ""]);

for (const [name, text, code] of [
  ["an import", 'edition 1\nimport "nets.ingress" as nets\n', "ING505"],
  ["an import above the folder", 'edition 1\nimport "../nets.ingress" as nets\n', "ING505"],
  ["an import of the page itself", 'edition 1\nimport "index.html" as nets\n', "ING505"],
  ["a list file", 'edition 1\nnet bad = file "lists/bad.txt" max 50\n', "ING501"],
  ["a list file at an absolute path", 'edition 1\nnet bad = file "/etc/passwd" max 50\n', "ING501"],
] as const)
  test(`${name} is missing, and the remedy is one of the page's`, async () => {
    const helps = await helpsOf(text);
    assert.equal(
      helps.map(([found]) => found),
      [code],
    );
    assert.match(helps[0]?.[1] ?? "", /^the playground has one file: write its statements here.*`ingressc check` on your machine/);
  });

test("other errors keep their own help", async () => {
  const [first] = await helpsOf("edition 1\nexpose web on tcp 443 {\n  backend 127.0.0.1:1\n  allow office\n}\n");
  assert.equal(first, ["ING106", "write `allow from office`"]);
});

test.run();
