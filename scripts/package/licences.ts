// Writes the licences of the packages whose code is in the bundles as one text, because these licences require it.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { bundledPackages, ROOT } from "./project.ts";

const LICENCE_FILE = /^licen[cs]e(?:[-.].*)?$/i;

/** Throws where a package has no licence file and none that is known for it. */
export function licencesText(): string {
  const parts = bundledPackages().map(([name, { version, license }]) => `${name} ${version} (${license ?? "unknown"})\n\n${licenceOf(name)}`);
  return `ingressd contains code of these packages.\n\n${parts.join(`\n\n${"-".repeat(80)}\n\n`)}\n`;
}

function licenceOf(name: string): string {
  const folder = join(ROOT, "node_modules", name);
  const file = readdirSync(folder).find((entry) => LICENCE_FILE.test(entry));
  if (file !== undefined) return readFileSync(join(folder, file), "utf8").trim();
  const { license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { readonly license?: string };
  // The same text as the licence of ingressd itself.
  if (license === "Apache-2.0") return "Licensed under the Apache License, Version 2.0: the file LICENSE of this package has its text.";
  throw new Error(`${name} has no licence file`);
}
