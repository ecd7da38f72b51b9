// The Debian package: `npm run package:deb` writes dist/deb/ingressd_VERSION_ARCH.deb with dpkg-deb.
//
//   /usr/lib/ingressd/        the programs as single files, and koffi in node_modules
//   /usr/bin/                 links to them
//   /usr/lib/systemd/system/  the unit; sysusers.d, tmpfiles.d and logrotate.d beside it
//   /etc/ingressd/            a configuration to begin with, which an upgrade keeps
import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { licencesText } from "./licences.ts";
import { DIST, manifest, ROOT, run, sourceSeconds } from "./project.ts";
import { PROGRAMS, writeSingleFiles } from "./single_file.ts";

const HOME = "usr/lib/ingressd";
const DEPLOY = join(ROOT, "docs/deploy");
/** Debian's names of the machines that koffi has binaries for. */
const MACHINES: Readonly<Partial<Record<NodeJS.Architecture, string>>> = { x64: "amd64", arm64: "arm64" };

/** Writes the package into `folder`, and returns its path. */
export async function writeDeb(folder = join(DIST, "deb")): Promise<string> {
  const machine = MACHINES[process.arch];
  if (machine === undefined) throw new Error(`there is no Debian package for ${process.arch}`);
  const tree = join(folder, "tree");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(tree, { recursive: true });
  await writeSingleFiles(join(tree, HOME));
  for (const name of ["koffi", `@koromix/koffi-linux-${process.arch}`]) copyPackage(name, join(tree, HOME, "node_modules", name));
  mkdirSync(join(tree, "usr/bin"), { recursive: true });
  for (const name of PROGRAMS) symlinkSync(`../lib/ingressd/${name}.mjs`, join(tree, "usr/bin", name));
  const unit = readFileSync(join(DEPLOY, "ingressd.service"), "utf8")
    .replace(/^#(?: {3}cp| It expects|.*\/etc\/ingressd with policy).*\n/gm, "")
    .replace("/bin/sh /opt/ingressd/gateway/ingressd.mjs", "/usr/bin/ingressd")
    .replace("file:///opt/ingressd/docs/operations.md", "file:///usr/share/doc/ingressd/README.md");
  put(tree, "usr/lib/systemd/system/ingressd.service", unit);
  put(tree, "usr/lib/sysusers.d/ingressd.conf", readFileSync(join(DEPLOY, "ingressd.sysusers"), "utf8"));
  put(tree, "usr/lib/tmpfiles.d/ingressd.conf", readFileSync(join(DEPLOY, "ingressd.tmpfiles"), "utf8"));
  put(tree, "etc/logrotate.d/ingressd", readFileSync(join(DEPLOY, "ingressd.logrotate"), "utf8"));
  put(tree, "etc/ingressd/ingressd.toml", readFileSync(join(DEPLOY, "ingressd.toml"), "utf8"));
  completions(tree);
  manPages(tree);
  put(tree, "usr/share/doc/ingressd/copyright", `${readFileSync(join(ROOT, "LICENSE"), "utf8")}\n${licencesText()}`);
  put(tree, "usr/share/doc/ingressd/README.md", readFileSync(join(ROOT, "README.md")));
  put(tree, "usr/share/doc/ingressd/changelog.gz", gzipSync(readFileSync(join(ROOT, "CHANGELOG.md")), { level: 9 }));
  control(tree, machine);
  const file = join(folder, `ingressd_${manifest.version}_${machine}.deb`);
  run("dpkg-deb", ["--root-owner-group", "-Zxz", "--build", tree, file], { env: { ...process.env, SOURCE_DATE_EPOCH: String(sourceSeconds()) } });
  rmSync(tree, { recursive: true });
  return file;
}

/** A package of npm as it was installed, without what only its own build needs. */
function copyPackage(name: string, to: string): void {
  cpSync(join(ROOT, "node_modules", name), to, {
    recursive: true,
    dereference: true,
    filter: (path) => !/\/(?:vendor|doc|musl_[^/]*|lib)$|\.(?:cc|hh|h|S|asm)$/.test(path.slice(ROOT.length)),
  });
}

function put(tree: string, path: string, contents: string | Uint8Array): void {
  mkdirSync(dirname(join(tree, path)), { recursive: true });
  writeFileSync(join(tree, path), contents);
  chmodSync(join(tree, path), 0o644);
}

function completions(tree: string): void {
  const folder = join(DEPLOY, "completion");
  for (const name of readdirSync(folder)) {
    if (name.endsWith(".bash")) put(tree, `usr/share/bash-completion/completions/${name.slice(0, -5)}`, readFileSync(join(folder, name)));
    else if (name.startsWith("_")) put(tree, `usr/share/zsh/vendor-completions/${name}`, readFileSync(join(folder, name)));
    else if (name.endsWith(".fish")) put(tree, `usr/share/fish/vendor_completions.d/${name}`, readFileSync(join(folder, name)));
  }
}

/** The pages that `npm run docs` writes, by their section. */
function manPages(tree: string): void {
  const folder = join(DEPLOY, "man");
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const section = /\.(\d)$/.exec(name)?.[1];
    if (section !== undefined) put(tree, `usr/share/man/man${section}/${name}.gz`, gzipSync(readFileSync(join(folder, name)), { level: 9 }));
  }
}

function control(tree: string, machine: string): void {
  const scripts = ["postinst", "prerm", "postrm"];
  const kib = Math.ceil(Number(run("du", ["-sb", tree]).split("\t")[0]) / 1024);
  put(
    tree,
    "DEBIAN/control",
    `Package: ingressd
Version: ${manifest.version}
Architecture: ${machine}
Maintainer: the ingressd project <ingressd@localhost>
Installed-Size: ${kib}
Depends: libc6
Recommends: nodejs (>= 20.19)
Suggests: logrotate
Section: net
Priority: optional
Description: policy as code for inbound network exposure
 Nothing is reachable unless a policy says so. The programs need Node 20 (from
 20.19), 22 (from 22.3), 24, 26 or later, which Debian 12 does not have: without
 it, each program says so.
`,
  );
  put(tree, "DEBIAN/conffiles", "/etc/ingressd/ingressd.toml\n/etc/logrotate.d/ingressd\n");
  for (const name of scripts) {
    mkdirSync(join(tree, "DEBIAN"), { recursive: true });
    copyFileSync(join(DEPLOY, "deb", `${name}.sh`), join(tree, "DEBIAN", name));
    chmodSync(join(tree, "DEBIAN", name), 0o755);
  }
}

if (process.argv[1]?.endsWith("deb.ts") === true) console.log((await writeDeb()).slice(ROOT.length));
