// The Debian package, installed, started, upgraded and purged by the real dpkg, over a copy-on-write view of this machine.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { editor, worksWhole } from "../lsp/client.ts";
import { suite } from "../suite.ts";
import { must, newFolder, PROJECT, run } from "./packed.ts";

const folder = newFolder();
const test = suite("Debian package");

function packageFile(): string {
  const made = process.env["INGRESSD_PACKAGES"];
  if (made === undefined) must("npm", ["run", "--silent", "package:deb"]);
  const from = made ?? join(PROJECT, "dist/deb");
  const name = readdirSync(from).find((entry) => entry.endsWith(".deb"));
  if (name === undefined) throw new Error(`no Debian package in ${from}`);
  return join(from, name);
}

/** The same package with a later version. */
function later(file: string): string {
  const tree = join(folder, "tree");
  must("dpkg-deb", ["--raw-extract", file, tree]);
  const control = join(tree, "DEBIAN/control");
  writeFileSync(
    control,
    readFileSync(control, "utf8").replace(/^Version: .*$/m, (line) => `${line}+later`),
  );
  must("dpkg-deb", ["--root-owner-group", "-Znone", "--build", tree, join(folder, "next.deb")]);
  return join(folder, "next.deb");
}

test.after(() => {
  rmSync(folder, { recursive: true, force: true });
});

test("it is installed, started, upgraded and purged", () => {
  const file = packageFile();
  const { version } = JSON.parse(readFileSync(join(PROJECT, "package.json"), "utf8")) as { readonly version: string };
  const scratch = join(folder, "scratch");
  mkdirSync(scratch);
  const inside = fileURLToPath(new URL("deb_inside.sh", import.meta.url));
  const { code, out, err } = run("unshare", [
    "--mount",
    "--net",
    "--pid",
    "--fork",
    "--kill-child",
    "sh",
    inside,
    scratch,
    process.execPath,
    file,
    later(file),
  ]);
  assert.is(code, 0, out + err);
  for (const line of [
    /^uid=\d+\(ingressd\)/m,
    /^started$/m,
    /^kept$/m,
    new RegExp(`^${version.replaceAll(".", "\\.")}\\+later$`, "m"),
    /^started again$/m,
    /^rotates$/m,
    /^purged$/m,
    /^ingressd: it needs Node 20 \(from 20\.19\), 22 \(from 22\.3\), 24, 26 or later, found v18\.19\.0$/m,
    /^ingressd: it needs Node 20 \(from 20\.19\), 22 \(from 22\.3\), 24, 26 or later, found no node$/m,
  ]) {
    assert.match(out, line);
  }
  assert.equal(out.match(new RegExp(`^(?:ingressc |ingressd |ingress-guard )?${version.replaceAll(".", "\\.")}$`, "gm"))?.length, 3);
});

test("an editor's server checks, judges and runs tests in its thread", async () => {
  const tree = join(folder, "files");
  must("dpkg-deb", ["--extract", packageFile(), tree]);
  await worksWhole(await editor({ command: ["sh", join(tree, "usr/lib/ingressd/ingressc.mjs")] }));
});

test.run();
