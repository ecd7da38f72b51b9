// The OCI image as its users get it, unpacked for runc.
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { must, PROJECT } from "./packed.ts";

interface Descriptor {
  readonly digest: string;
  readonly size: number;
}

export interface ImageConfig {
  readonly config: { readonly User: string; readonly Env: readonly string[]; readonly Entrypoint: readonly string[]; readonly Cmd: readonly string[] };
  readonly rootfs: { readonly diff_ids: readonly string[] };
}

/** The archive that `INGRESSD_PACKAGES` has (a folder of `npm run release`), or else one that is made now. */
function archive(): string {
  const made = process.env["INGRESSD_PACKAGES"];
  if (made === undefined) must("npm", ["run", "--silent", "package:image", "--", process.execPath]);
  const from = made ?? join(PROJECT, "dist/image");
  const name = readdirSync(from).find((entry) => entry.includes("-oci-"));
  if (name === undefined) throw new Error(`no image in ${from}`);
  return join(from, name);
}

const json = <T>(file: string): T => JSON.parse(readFileSync(file, "utf8")) as T;

/** Unpacks its one layer into `rootfs`, and checks the digest of each blob. `layout`: an empty folder for the archive. */
export function unpackImage(layout: string, rootfs: string): ImageConfig {
  mkdirSync(layout);
  must("tar", ["-xf", archive(), "-C", layout]);
  const blob = (digest: string): string => {
    const file = join(layout, "blobs", digest.replace(":", "/"));
    const sum = must("sha256sum", [file]);
    if (!sum.startsWith(`${digest.slice("sha256:".length)} `)) throw new Error(`${digest} is not the digest of its blob`);
    return file;
  };
  const { manifests } = json<{ readonly manifests: readonly Descriptor[] }>(join(layout, "index.json"));
  const image = json<{ readonly config: Descriptor; readonly layers: readonly Descriptor[] }>(blob(manifests[0]?.digest ?? ""));
  mkdirSync(rootfs, { recursive: true });
  for (const { digest } of image.layers) must("tar", ["-xzf", blob(digest), "-C", rootfs]);
  return json<ImageConfig>(blob(image.config.digest));
}
