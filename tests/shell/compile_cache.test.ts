// Where V8's compile cache may be: only where nobody but this user and root can write.
import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, statSync, symlinkSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { compileCacheFolder } from "../../runtime/shell/compile_cache.mjs";
import { skip } from "../skip.ts";
import { ownFolder, suite } from "../suite.ts";

const PROJECT = fileURLToPath(new URL("../../", import.meta.url));
const uid = process.geteuid?.() ?? -1;
const OTHER = 65_534;

const isSafe = (path: string): boolean => {
  const { uid: owner, mode } = statSync(path);
  return (owner === uid || owner === 0) && (mode & 0o022) === 0 && (path === "/" || isSafe(join(path, "..")));
};

/** Nothing below the temporary folder is ever used, so the tests have a folder where only this user and root can write. */
const BASE = [join(PROJECT, "node_modules"), homedir(), "/var/lib"].find(
  (path) => existsSync(path) && !path.startsWith("/tmp/") && isSafe(path) && statSync(path).uid === uid,
);

interface Context {
  /** Below a folder that only this user and root can write. */
  root: string;
}

const test = suite<Context>("compile cache", { root: "" });
test.before.each((context) => {
  context.root = ownFolder(".ingressd-cache-test-", BASE ?? "");
});

function folder(root: string, name: string, mode = 0o755): string {
  const path = join(root, name);
  mkdirSync(path, { recursive: true });
  chmodSync(path, mode);
  return path;
}

const find = (packageFolder: string, more: Partial<Parameters<typeof compileCacheFolder>[0]> = {}): string | null =>
  compileCacheFolder({ packageFolder, cacheHome: "", temporary: "", uid, ...more });

if (uid < 0) skip("compile cache", "no users on this system");
else if (BASE === undefined) skip("compile cache", "no folder where only this user can write");
else {
  test("the build's own folder is taken, with mode 0700", ({ root }) => {
    const own = folder(root, "dist");
    assert.is(find(own), join(own, "cache"));
    assert.is(statSync(join(own, "cache")).mode & 0o777, 0o700);
    assert.is(find(own), join(own, "cache"), "the second time too");
  });

  test("a folder that group or others can write is not taken, nor one below it", ({ root }) => {
    for (const mode of [0o775, 0o757, 0o777, 0o1777]) {
      const open = folder(root, `open${mode.toString(8)}`, mode);
      assert.is(find(open), null, mode.toString(8));
      assert.is(find(folder(open, "dist")), null, `below ${mode.toString(8)}`);
      assert.is(find(join(root, "none"), { cacheHome: open }), null, `XDG_CACHE_HOME ${mode.toString(8)}`);
    }
  });

  test("a cache folder that is there with another mode, or is a link or a file, is not taken", ({ root }) => {
    for (const mode of [0o755, 0o750, 0o770, 0o701]) {
      const own = folder(root, `dist${mode.toString(8)}`);
      folder(own, "cache", mode);
      assert.is(find(own), null, mode.toString(8));
    }
    const linked = folder(root, "linked");
    symlinkSync(folder(root, "target", 0o700), join(linked, "cache"));
    assert.is(find(linked), null);
    const real = folder(root, "real");
    symlinkSync(real, join(root, "link"));
    assert.is(find(join(root, "link")), null, "the way to it has a link");
  });

  test("XDG_CACHE_HOME is the second choice, and only as an absolute path", ({ root }) => {
    const home = folder(root, "home");
    const open = folder(root, "open", 0o777);
    assert.is(find(open, { cacheHome: home }), join(home, "ingressd"));
    assert.is(statSync(join(home, "ingressd")).mode & 0o777, 0o700);
    assert.is(find(open, { cacheHome: "home" }), null);
    assert.is(find(open, { cacheHome: join(root, "none") }), null, "it is not made");
    assert.not(existsSync(join(root, "none")));
    chmodSync(join(home, "ingressd"), 0o755);
    assert.is(find(open, { cacheHome: home }), null);
  });

  test("nothing below the temporary folder is taken", ({ root }) => {
    const own = folder(root, "dist");
    assert.is(find(own, { temporary: root }), null);
    assert.is(find(folder(root, "open", 0o777), { temporary: own, cacheHome: own }), null);
    assert.is(find(own, { temporary: `${own}-other` }), join(own, "cache"), "a name that begins alike is another folder");
    for (const temporary of ["/tmp", "/var/tmp"]) {
      const shared = ownFolder("ingressd-cache-", temporary);
      assert.is(find(shared, { cacheHome: shared }), null);
    }
  });

  if (uid !== 0) skip("compile cache of another user", "not root");
  else {
    test("root takes no folder of another user, and no user takes root's or another's", ({ root }) => {
      const theirs = folder(root, "theirs");
      chownSync(theirs, OTHER, OTHER);
      assert.is(find(theirs), null);
      assert.is(find(join(root, "none"), { cacheHome: theirs }), null);
      assert.is(find(folder(theirs, "dist")), null, "a folder of root's in it");
      assert.equal(readdirSync(theirs), ["dist"], "nothing was made there");
      const own = folder(root, "dist");
      folder(own, "cache", 0o700);
      assert.is(find(own, { uid: OTHER }), null, "root's cache is not this user's");
      const mine = folder(root, "mine");
      chownSync(mine, OTHER, OTHER);
      folder(mine, "cache", 0o700);
      chownSync(join(mine, "cache"), OTHER, OTHER);
      assert.is(find(mine, { uid: OTHER }), join(mine, "cache"), "below root's folders a user may have a folder");
      chownSync(join(mine, "cache"), OTHER - 1, OTHER - 1);
      assert.is(find(mine, { uid: OTHER }), null);
    });
  }

  test("an executable does not have NODE_COMPILE_CACHE", ({ root }) => {
    const given = folder(root, "given", 0o700);
    const { status } = spawnSync("sh", [join(PROJECT, "compiler/cli/ingressc.mjs"), "check", join(PROJECT, "policies/demo.ingress")], {
      env: { ...process.env, NODE_COMPILE_CACHE: given },
    });
    assert.is(status, 0);
    assert.equal(readdirSync(given), []);
  });
}

test.run();
