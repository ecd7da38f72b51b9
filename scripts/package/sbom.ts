// The software bill of materials, CycloneDX 1.6: the packages whose code is in the bundles, and koffi.
import { bundledPackages, lockedPackage, manifest, sourceSeconds, type Locked } from "./project.ts";

function component(name: string, { version, license, integrity }: Locked, scope: "required" | "optional"): unknown {
  if (license === undefined || integrity?.startsWith("sha512-") !== true) throw new Error(`package-lock.json has no licence or no SHA-512 of ${name}`);
  const purl = `pkg:npm/${name.replace(/^@/, "%40")}@${version}`;
  return {
    type: "library", "bom-ref": purl, name, version, scope, purl, licenses: [{ license: { id: license } }],
    hashes: [{ alg: "SHA-512", content: Buffer.from(integrity.slice("sha512-".length), "base64").toString("hex") }],
  };
}

/** The document, with a newline at its end; the same bytes for the same lock file and time. */
export function sbomText(): string {
  const purl = `pkg:npm/${manifest.name}@${manifest.version}`;
  const packages = bundledPackages();
  const refs = new Map(packages.map(([name, { version }]) => [name, `pkg:npm/${name.replace(/^@/, "%40")}@${version}`]));
  const koffi = lockedPackage("koffi");
  return `${JSON.stringify({
    bomFormat: "CycloneDX", specVersion: "1.6", version: 1,
    metadata: {
      timestamp: new Date(sourceSeconds() * 1_000).toISOString(),
      component: { type: "application", "bom-ref": purl, name: manifest.name, version: manifest.version, purl, licenses: [{ license: { id: manifest.license } }] },
    },
    components: [...packages.map(([name, locked]) => component(name, locked, "required")), component("koffi", koffi, "optional")],
    dependencies: [
      { ref: purl, dependsOn: [...Object.keys(manifest.dependencies).flatMap((name) => refs.get(name) ?? []), `pkg:npm/koffi@${koffi.version}`] },
      ...packages.map(([name, { dependencies = {} }]) => ({ ref: refs.get(name), dependsOn: Object.keys(dependencies).flatMap((other) => refs.get(other) ?? []) })),
    ],
  }, null, 2)}\n`;
}
