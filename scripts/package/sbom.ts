// The software bill of materials, CycloneDX 1.6: the packages whose code is in the bundles, and koffi with its binaries for
// the machines that packages are made for.
import { bundledPackages, lockedPackage, manifest, sourceSeconds, type Locked } from "./project.ts";

/** Not in a bundle; `ingressd` and `ingress-guard` use them where they are installed. */
const OPTIONAL = ["koffi", "@koromix/koffi-linux-arm64", "@koromix/koffi-linux-x64"];

const refOf = (name: string, version: string): string => `pkg:npm/${name.replace(/^@/, "%40")}@${version}`;

function component(name: string, { version, license, integrity }: Locked, scope: "required" | "optional"): unknown {
  if (license === undefined || integrity?.startsWith("sha512-") !== true) throw new Error(`package-lock.json has no licence or no SHA-512 of ${name}`);
  const purl = refOf(name, version);
  return {
    type: "library",
    "bom-ref": purl,
    name,
    version,
    scope,
    purl,
    licenses: [{ license: { id: license } }],
    hashes: [{ alg: "SHA-512", content: Buffer.from(integrity.slice("sha512-".length), "base64").toString("hex") }],
  };
}

/** The document, with a newline at its end; the same bytes for the same lock file and time. */
export function sbomText(): string {
  const purl = refOf(manifest.name, manifest.version);
  const packages = bundledPackages();
  const optional = OPTIONAL.map((name) => [name, lockedPackage(name)] as const);
  const refs = new Map([...packages, ...optional].map(([name, { version }]) => [name, refOf(name, version)]));
  const [koffi = "", ...binaries] = optional.map(([name, { version }]) => refOf(name, version));
  return `${JSON.stringify(
    {
      bomFormat: "CycloneDX",
      specVersion: "1.6",
      version: 1,
      metadata: {
        timestamp: new Date(sourceSeconds() * 1_000).toISOString(),
        component: {
          type: "application",
          "bom-ref": purl,
          name: manifest.name,
          version: manifest.version,
          purl,
          licenses: [{ license: { id: manifest.license } }],
        },
      },
      components: [
        ...packages.map(([name, locked]) => component(name, locked, "required")),
        ...optional.map(([name, locked]) => component(name, locked, "optional")),
      ],
      dependencies: [
        { ref: purl, dependsOn: [...Object.keys(manifest.dependencies).flatMap((name) => refs.get(name) ?? []), koffi] },
        ...packages.map(([name, { dependencies = {} }]) => ({
          ref: refs.get(name),
          dependsOn: Object.keys(dependencies).flatMap((other) => refs.get(other) ?? []),
        })),
        { ref: koffi, dependsOn: binaries },
      ],
    },
    null,
    2,
  )}\n`;
}
