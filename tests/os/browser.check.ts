// The vectors in headless Chromium: `ingressd/host`, bundled as in the package, gives V8's answers of Node in a page too.
import { build } from "esbuild";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { hostForBrowsers } from "../../scripts/package/libraries.ts";
import { fnv1a64 } from "../../runtime/abi/fnv.ts";
import { chromiumIsHere, openPage, type Page } from "../gateway/browser.ts";
import { SEED } from "../oracle/ask.ts";
import { skip } from "../skip.ts";
import { suite } from "../suite.ts";
import type { Input, Output } from "./browser_page.ts";
import { makeVectors, SUBJECTS, VECTOR_SEED } from "./vectors.ts";

const check = suite("browser");
const vectors = makeVectors(VECTOR_SEED);
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

async function bundled(): Promise<string> {
  const entry = fileURLToPath(new URL("browser_page.ts", import.meta.url));
  const { outputFiles } = await build({ ...hostForBrowsers, entryPoints: [entry], format: "iife", write: false });
  return outputFiles[0]?.text ?? "";
}

async function answersIn(page: Page, file: Uint8Array): Promise<Output> {
  const subjects = Object.fromEntries(SUBJECTS.map((name) => [fnv1a64(name).toString(16), name]));
  const input: Input = { file: base64(file), modules: vectors.modules.map(base64), seed: [...SEED], subjects };
  const said = await page.evaluate(`JSON.stringify(answerVectors(${JSON.stringify(input)}))`);
  if (typeof said !== "string") throw new Error(`the page did not answer: ${page.troubles.join("; ")}`);
  return JSON.parse(said) as Output;
}

if (!chromiumIsHere()) skip("the vectors in a browser", "chromium (Debian: chromium)");
else
  check("Chromium answers as V8 in Node does, and sees a vector with another answer", async () => {
    const page = await openPage("about:blank", "");
    assert.is(await page.evaluate(`${await bundled()}\n[typeof process, typeof require].join()`), "undefined,undefined");
    const { answers, disagreements, shown, poisoned, damaged } = await answersIn(page, vectors.bytes);
    console.log(`Chromium: ${answers} answers, ${disagreements} disagreements`);
    assert.equal(shown, []);
    assert.equal([answers, disagreements, poisoned], [vectors.answers, 0, false]);
    assert.is(damaged.length, vectors.parts);
    assert.not.ok(damaged.includes("loaded"), damaged.join());

    const changed = Uint8Array.from(vectors.bytes);
    const view = new DataView(changed.buffer);
    // The verdict of the record after the clock of the first part.
    const at = view.getUint32(8, true) + 32 + 64 + 44;
    view.setUint32(at, view.getUint32(at, true) ^ 1, true);
    const other = await answersIn(page, changed);
    assert.equal([other.answers, other.disagreements], [vectors.answers, 1]);
    assert.match(other.shown[0] ?? "", /^part 0, record 1: /);
    assert.equal(page.troubles, []);
  });

check.run();
