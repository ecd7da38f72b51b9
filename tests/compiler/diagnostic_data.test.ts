// The data of diagnostics: of every golden case, the words follow from the code and the data alone,
// also after the data went through JSON, as `ingressc check --json` writes it.
import { readFileSync, readdirSync } from "node:fs";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Diagnostic } from "../../compiler/diagnostics/diagnostic.ts";
import { isTyped, wordsFrom } from "../../compiler/diagnostics/words.ts";
import { filesOf, front } from "./front.ts";

const data = suite("diagnostic_data");
const root = fileURLToPath(new URL("../cases/", import.meta.url));
const texts = Object.fromEntries(
  readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((d) => d.isFile() && /\.(ingress|txt)$/.test(d.name))
    .map((d) => {
      const path = `${relative(root, d.parentPath)}/${d.name}`;
      return [path, readFileSync(`${root}${path}`, "utf8")];
    }),
);

function diagnosticsOf(path: string, text: string): readonly Diagnostic[] {
  return front(text, filesOf(texts), path, path.startsWith("profile_os/") ? "os" : "host").diagnostics;
}

data("the words of every case follow from its code and its data", () => {
  const seen = new Set<string>();
  for (const [path, text] of Object.entries(texts)) {
    if (!/^[a-z_]+\/[^/]+\.ingress$/.test(path)) continue;
    for (const d of diagnosticsOf(path, text)) {
      if (!isTyped(d.code)) {
        assert.is(d.data, null, `${path}: ${d.code}`);
        continue;
      }
      seen.add(d.code);
      const copy: unknown = JSON.parse(JSON.stringify(d.data));
      assert.equal(copy, d.data, `${path}: the data of ${d.code} is not JSON`);
      const { message, help = null, label = "" } = wordsFrom(d.code, copy);
      // Where a word is missing at the end of a line, its place says so.
      assert.equal([message, help, label], [d.message, d.help, d.label === "missing here" ? label : d.label], `${path}: ${d.code}`);
    }
  }
  assert.ok(seen.size >= 70, `only ${seen.size} codes with data`);
});

data("a program reads what is wrong without reading sentences", () => {
  const [twice] = diagnosticsOf("p.ingress", 'edition 1\nexpose a on tcp 443 as tls {\n  cert "x"\n  cert "y"\n  backend 127.0.0.1:80\n  allow from any\n}\n');
  assert.equal([twice?.code, twice?.data], ["ING405", { clause: "cert", in: "expose" }]);
  const [mode] = diagnosticsOf("p.ingress", "edition 1\nexpose a on tcp 443 as tsl { backend 127.0.0.1:80 allow from any }\n");
  assert.equal([mode?.code, mode?.data], ["ING411", { mode: "tsl", fault: "unknown", guess: "tls" }]);
});

data.run();
