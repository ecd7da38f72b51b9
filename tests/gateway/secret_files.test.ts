// Keys as Kubernetes, Docker and Debian provide them: who may own them and read them. Each remedy is run, as root,
// and the file is taken after it.
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, chownSync, lchownSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { skip } from "../skip.ts";
import { temporaryFolder } from "./gateway_under_test.ts";

const test = suite("secret files");
const READER = `
import { readTrustedFile } from ${JSON.stringify(new URL("../../runtime/host/trusted_file.ts", import.meta.url).href)};
const [path, access, uid, gid, groups] = process.argv.slice(2);
process.setgroups(JSON.parse(groups)); process.setegid(Number(gid)); process.seteuid(Number(uid));
const answer = readTrustedFile(path, 1024, "key", access);
process.stdout.write(!answer.ok ? answer.error : new TextDecoder().decode(answer.value));
`;
/** The gateway's user and group, another group of its, and another user. */
const [SELF, OWN_GROUP, EXTRA_GROUP, OTHER] = [61_001, 61_002, 61_003, 61_004];

if (process.geteuid?.() === 0) {
  const top = temporaryFolder();
  chmodSync(top, 0o755);
  const reader = join(top, "reader.ts");
  writeFileSync(reader, READER);
  /** As a process of that user reads it: what it says. */
  const read = (path: string, access: string, uid: number): string => {
    const groups = uid === 0 ? [0] : [OWN_GROUP, EXTRA_GROUP];
    const done = spawnSync(
      process.execPath,
      ["--import", import.meta.resolve("tsx"), reader, path, access, String(uid), String(uid === 0 ? 0 : OWN_GROUP), JSON.stringify(groups)],
      { encoding: "utf8" },
    );
    assert.is(done.status, 0, done.stderr);
    return done.stdout;
  };
  const OK = "secret";
  interface Row {
    readonly what: string;
    readonly uid: number;
    readonly gid: number;
    readonly mode: number;
    readonly access?: string;
    readonly by?: number;
    readonly due: string | RegExp;
  }
  const rows: readonly Row[] = [
    { what: "its own", uid: SELF, gid: OWN_GROUP, mode: 0o600, due: OK },
    { what: "its own, read by its group", uid: SELF, gid: OWN_GROUP, mode: 0o640, due: OK },
    {
      what: "its own, read by another group",
      uid: SELF,
      gid: OTHER,
      mode: 0o640,
      due: /the group 61004, which this process is not in, can read it \(mode 0640\): run chmod 0600/,
    },
    { what: "its own, read by all", uid: SELF, gid: OWN_GROUP, mode: 0o644, due: /others can read it \(mode 0644\): run chmod 0600 / },
    { what: "its own, closed to itself", uid: SELF, gid: OWN_GROUP, mode: 0o000, due: /can't be read .*EACCES.*run chmod 0600 / },
    { what: "Kubernetes: root's, read by the group of the volume", uid: 0, gid: EXTRA_GROUP, mode: 0o440, due: OK },
    { what: "Debian: root's, read by ssl-cert", uid: 0, gid: EXTRA_GROUP, mode: 0o640, due: OK },
    { what: "root's, read by its own group", uid: 0, gid: OWN_GROUP, mode: 0o640, due: OK },
    { what: "root's alone", uid: 0, gid: 0, mode: 0o600, due: /EACCES.*it belongs to uid 0 and gid 0, and has mode 0600: run chgrp 61002 .* && chmod 0640 / },
    { what: "root's, read by another group", uid: 0, gid: OTHER, mode: 0o640, due: /EACCES.*run chgrp 61002 / },
    { what: "Docker: root's, read by all", uid: 0, gid: 0, mode: 0o444, due: /others can read it \(mode 0444\): run chgrp 61002 .* && chmod 0640 / },
    { what: "root's, written by a group of the gateway", uid: 0, gid: EXTRA_GROUP, mode: 0o660, due: /others can write it \(mode 0660\): run chgrp 61002 / },
    { what: "another user's, open", uid: OTHER, gid: OTHER, mode: 0o644, due: /belongs to uid 61004, who could change it: run chown 61001 .* && chmod 0600 / },
    { what: "another user's, closed", uid: OTHER, gid: OTHER, mode: 0o600, due: /EACCES.*run chown 61001 .* && chmod 0600 / },
    { what: "a gateway of root: root's", by: 0, uid: 0, gid: 0, mode: 0o640, due: OK },
    { what: "a gateway of root: read by another group", by: 0, uid: 0, gid: OTHER, mode: 0o640, due: /the group 61004, .*run chmod 0600 / },
    { what: "a gateway of root: another user's", by: 0, uid: OTHER, gid: OTHER, mode: 0o600, due: /belongs to uid 61004, .*run chown 0 / },
    { what: "a certificate: root's, read by all", access: "public", uid: 0, gid: 0, mode: 0o644, due: OK },
    { what: "a certificate: root's alone", access: "public", uid: 0, gid: 0, mode: 0o600, due: /EACCES.*run chmod 0644 / },
    { what: "a certificate: written by all", access: "public", uid: 0, gid: 0, mode: 0o666, due: /others can write it \(mode 0666\): run chmod go-w / },
    { what: "a certificate: another user's, written by all", access: "public", uid: OTHER, gid: OTHER, mode: 0o666, due: /run chown 61001 .* && chmod go-w / },
  ];
  for (const [i, { what, uid, gid, mode, access = "private", by = SELF, due }] of rows.entries()) {
    test(what, () => {
      const folder = join(top, String(i));
      mkdirSync(folder, { mode: 0o755 });
      const path = join(folder, "key");
      writeFileSync(path, OK);
      chownSync(path, uid, gid);
      chmodSync(path, mode);
      const said = read(path, access, by);
      if (typeof due === "string") return assert.is(said, due);
      assert.match(said, due);
      execFileSync("sh", ["-c", /: run (.*)$/.exec(said)?.[1] ?? "false"]);
      assert.is(read(path, access, by), OK, `after ${said}`);
    });
  }

  /** As Kubernetes mounts a secret: `key -> ..data/key`, `..data -> ..1`, in a directory of root's that all may write to, with the sticky bit. */
  const volume = (name: string, mode: number): string => {
    const folder = join(top, name);
    mkdirSync(join(folder, "..1"), { recursive: true });
    writeFileSync(join(folder, "..1", "key"), OK);
    chownSync(join(folder, "..1", "key"), 0, EXTRA_GROUP);
    chmodSync(join(folder, "..1", "key"), 0o440);
    symlinkSync("..1", join(folder, "..data"));
    symlinkSync("..data/key", join(folder, "key"));
    chmodSync(join(folder, "..1"), 0o755);
    chmodSync(folder, mode);
    return folder;
  };
  test("links in a sticky directory of root's are taken", () => {
    assert.is(read(join(volume("mounted", 0o1777), "key"), "private", SELF), OK);
    assert.is(read(join(volume("with a group", 0o3777), "key"), "private", SELF), OK);
  });
  test("links in one that is not sticky, or of another user, are not", () => {
    const loose = volume("loose", 0o777);
    assert.match(read(join(loose, "key"), "private", SELF), /others can write the directory of a link on its way, .*run chmod go-w/);
    const others = volume("others", 0o1777);
    chownSync(others, OTHER, OTHER);
    assert.match(
      read(join(others, "key"), "private", SELF),
      /the directory of a link on its way, .* belongs to uid 61004, who could change it: run chown 61001 .* && chmod go-w/,
    );
  });
  test("another user's link in a sticky directory is not; after the remedy it is", () => {
    const folder = volume("turned", 0o1777);
    lchownSync(join(folder, "..data"), OTHER, OTHER);
    const said = read(join(folder, "key"), "private", SELF);
    assert.match(said, /the link `.*\/\.\.data` belongs to uid 61004, who could replace it: run chown -h 61001 /);
    execFileSync("sh", ["-c", /: run (.*)$/.exec(said)?.[1] ?? "false"]);
    assert.is(read(join(folder, "key"), "private", SELF), OK);
  });
  test("a file itself in a sticky directory is refused, and the help warns before it says to close /tmp", () => {
    const folder = join(top, "sticky");
    mkdirSync(folder);
    writeFileSync(join(folder, "key"), OK, { mode: 0o600 });
    chmodSync(folder, 0o1777);
    assert.match(
      read(join(folder, "key"), "private", 0),
      /others can write its directory .* \(mode 1777\): put it into a directory that nobody else may write, or, if no other program uses this one, run chmod go-w /,
    );
  });
} else {
  skip("secret files", "not root: no file can be given to another user");
}

test.run();
