// The lines of README's part "Install", each run as it is written: in a copy of the project, with an empty prefix for npm and,
// for dpkg, a copy-on-write view of this machine.
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { must, newFolder, PROJECT } from "./packed.ts";

const LEFT_OUT = new Set([".git", "dist", "node_modules"]);
const folder = newFolder();
const clone = join(folder, "clone");
const prefix = join(folder, "prefix");
const test = suite("README install");

const { version } = JSON.parse(readFileSync(join(PROJECT, "package.json"), "utf8")) as { readonly version: string };
const part = /^## Install\n([^]*?)^## /m.exec(readFileSync(join(PROJECT, "README.md"), "utf8"))?.[1] ?? "";
const lines = (/^```sh\n([^]*?)^```$/m.exec(part)?.[1] ?? "")
  .trimEnd()
  .split("\n")
  .map((line) => line.replace(/ +#.*$/, ""));

function line(word: string): string {
  const [found, ...others] = lines.filter((text) => text.includes(word));
  if (found === undefined || others.length > 0) throw new Error(`README has not one line with ${word}`);
  return found;
}

const inClone = (command: string, env: NodeJS.ProcessEnv = {}): string =>
  must("sh", ["-c", command], { cwd: clone, env: { npm_config_prefix: prefix, ...env } });

test.before(() => {
  cpSync(PROJECT, clone, { recursive: true, filter: (path) => !LEFT_OUT.has(path.slice(PROJECT.length).split("/")[0] ?? "") });
  symlinkSync(join(PROJECT, "node_modules"), join(clone, "node_modules"));
  mkdirSync(prefix);
});
test.after(() => {
  rmSync(folder, { recursive: true, force: true });
});

test("there are four lines, of this version", () => {
  assert.is(lines.length, 4);
  for (const [, named] of part.matchAll(/ingressd[-_](\d+\.\d+\.\d+)/g)) assert.is(named, version);
});

test("the tarball is installed", () => {
  inClone(line("npm i -g"));
  for (const name of ["ingressc", "ingressd", "ingress-guard"]) {
    const said = must(join(prefix, "bin", name), ["--version"], { cwd: folder, env: { PATH: `${dirname(process.execPath)}:/usr/bin:/bin` } });
    assert.match(said, version);
  }
});

test("the Debian package is installed", () => {
  const view = join(folder, "view");
  mkdirSync(view);
  const [make = "", install = ""] = line("dpkg -i").split(" && ");
  inClone(make);
  // Node as Debian's package would have it.
  const script = `set -e; mount -t tmpfs tmpfs "$1"; mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount -t proc proc "$1/root/proc"; mount --rbind /dev "$1/root/dev"; mount -t tmpfs tmpfs "$1/root/run"
cp -r "$2/dist/deb" "$1/root/run/deb"; mkdir -p "$1/root/run/clone/dist"; mv "$1/root/run/deb" "$1/root/run/clone/dist/deb"; cp "$4" "$1/root/usr/bin/node"
exec chroot "$1/root" /bin/sh -c "cd /run/clone && PATH=/usr/sbin:/usr/bin:/sbin:/bin && $3 && /usr/bin/ingressd --version"`;
  const said = must("unshare", ["--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-c", script, "sh", view, clone, install, process.execPath]);
  assert.match(said, version);
});

test("the image is made where README says, with this Node", () => {
  inClone(line("package:image"));
  const file = join(clone, /`?(dist\/image\/\S+\.tar)/.exec(part)?.[1] ?? "no path");
  assert.ok(existsSync(file) && statSync(file).size > 10_000_000);
});

test("a single file runs", () => {
  assert.match(inClone(line("package:single")), version);
});

test.run();
