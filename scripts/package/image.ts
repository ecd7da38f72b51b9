// The OCI image: `npm run package:image -- NODE` writes dist/image/ingressd-VERSION-oci.tar, an OCI image layout of one layer.
//
//   /usr/lib/ingressd/  the programs as single files, and koffi
//   /usr/bin/node       the file NODE, a Linux binary of Node
//   /lib, /lib64, /etc  this Debian's C library, libstdc++, libgcc and certificates
//
// There is no shell in it. The process runs as the user 65532, and writes only in volumes: /run/ingressd and /var/lib/ingressd.
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { sha256Of, writeTar } from "./archive.ts";
import { DIST, manifest, ROOT, run, sourceSeconds } from "./project.ts";
import { writeSingleFiles } from "./single_file.ts";

const USER = 65532;
const CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt";
const KOFFI = ["koffi", `@koromix/koffi-linux-${process.arch}`];
const MACHINES: Readonly<Partial<Record<NodeJS.Architecture, string>>> = { x64: "amd64", arm64: "arm64" };

/** Writes the image into `folder`, and returns the path of the archive. `node`: a binary of Node for Linux. */
export async function writeImage(node: string, folder = join(DIST, "image")): Promise<string> {
  const machine = MACHINES[process.arch];
  if (process.platform !== "linux" || machine === undefined) throw new Error("an image is made on Linux for x64 or arm64");
  rmSync(folder, { recursive: true, force: true });
  const root = join(folder, "root");
  await writeRoot(node, root);
  const layout = join(folder, "layout");
  mkdirSync(join(layout, "blobs/sha256"), { recursive: true });
  const tar = join(folder, "layer.tar");
  writeTar(root, tar, ["run/ingressd", "var/lib/ingressd"], USER);
  const created = new Date(sourceSeconds() * 1_000).toISOString();
  const layer = blob(layout, gzipSync(readFileSync(tar), { level: 6 }), "application/vnd.oci.image.layer.v1.tar+gzip");
  const config = json(layout, "application/vnd.oci.image.config.v1+json", {
    created,
    architecture: machine,
    os: "linux",
    config: {
      User: `${USER}:${USER}`,
      WorkingDir: "/",
      StopSignal: "SIGTERM",
      Env: ["PATH=/usr/bin", "NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt"],
      Entrypoint: ["/usr/bin/node", "/usr/lib/ingressd/ingressd.mjs"],
      Cmd: ["--policy", "/etc/ingressd/policy.wasm", "--control", "/run/ingressd/control.sock"],
      Volumes: { "/run/ingressd": {}, "/var/lib/ingressd": {} },
      Labels: {
        "org.opencontainers.image.title": "ingressd",
        "org.opencontainers.image.version": manifest.version,
        "org.opencontainers.image.licenses": manifest.license,
      },
    },
    rootfs: { type: "layers", diff_ids: [`sha256:${sha256Of(tar)}`] },
    history: [{ created, created_by: "scripts/package/image.ts" }],
  });
  const image = json(layout, "application/vnd.oci.image.manifest.v1+json", {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config,
    layers: [layer],
  });
  writeFileSync(join(layout, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  writeFileSync(
    join(layout, "index.json"),
    JSON.stringify({ schemaVersion: 2, manifests: [{ ...image, annotations: { "org.opencontainers.image.ref.name": manifest.version } }] }),
  );
  const archive = join(folder, `ingressd-${manifest.version}-oci-${machine}.tar`);
  writeTar(layout, archive);
  for (const path of [root, layout, tar]) rmSync(path, { recursive: true });
  return archive;
}

async function writeRoot(node: string, root: string): Promise<void> {
  await writeSingleFiles(join(root, "usr/lib/ingressd"));
  for (const name of KOFFI) {
    cpSync(join(ROOT, "node_modules", name), join(root, "usr/lib/ingressd/node_modules", name), {
      recursive: true,
      dereference: true,
      filter: (path) => !/\/(?:vendor|doc|musl_[^/]*|lib)$|\.(?:cc|hh|h|S|asm)$/.test(path.slice(ROOT.length)),
    });
  }
  put(root, "usr/bin/node", node);
  for (const library of librariesOf(node)) put(root, library.slice(1), realpathSync(library));
  if (!existsSync(CERTIFICATES)) throw new Error(`${CERTIFICATES} is missing: apt-get install ca-certificates`);
  put(root, CERTIFICATES.slice(1), CERTIFICATES);
  for (const name of ["etc/ingressd", "run/ingressd", "var/lib/ingressd", "tmp", "proc", "sys", "dev"]) mkdirSync(join(root, name), { recursive: true });
  writeFileSync(join(root, "etc/passwd"), `ingressd:x:${USER}:${USER}:ingressd:/var/lib/ingressd:/usr/sbin/nologin\n`);
  writeFileSync(join(root, "etc/group"), `ingressd:x:${USER}:\n`);
  writeFileSync(join(root, "etc/nsswitch.conf"), "hosts: files dns\n");
}

function put(root: string, path: string, from: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  copyFileSync(from, join(root, path));
}

/** The libraries that the loader gives Node, with the loader itself, and what Node loads for names of hosts. */
function librariesOf(node: string): readonly string[] {
  const found = [...run("ldd", [node]).matchAll(/(?:=> )?(\/[^ ]+) \(/g)].flatMap(([, path]) => (path === undefined ? [] : [path]));
  if (found.length < 5) throw new Error(`ldd names too few libraries of ${node}`);
  const libc = found.find((path) => path.endsWith("/libc.so.6"));
  const more = ["libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2"].map((name) => join(dirname(libc ?? "/lib"), name)).filter((path) => existsSync(path));
  return [...new Set([...found, ...more])];
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

function blob(layout: string, bytes: Uint8Array | string, mediaType: string): Descriptor {
  const next = join(layout, "blobs/sha256/next");
  writeFileSync(next, bytes);
  const digest = sha256Of(next);
  renameSync(next, join(layout, "blobs/sha256", digest));
  return { mediaType, digest: `sha256:${digest}`, size: statSync(join(layout, "blobs/sha256", digest)).size };
}

function json(layout: string, mediaType: string, value: unknown): Descriptor {
  return blob(layout, JSON.stringify(value), mediaType);
}

if (process.argv[1]?.endsWith("image.ts") === true) console.log((await writeImage(process.argv[2] ?? process.execPath)).slice(ROOT.length));
