// --profile on the command line: the same policy for the host and for an image, what is printed
// of each, and words that are no profile.
import { existsSync, readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { envelope, folder, ingresscHere, type Folder } from "./programs.ts";

const profile = suite<{ dir: Folder }>("--profile");

const FITS = `edition 1
expose web on tcp 8443 as passthrough {
  cap 64 connections, 4 per source
  limit 5/s burst 10 per source
  allow named site from any sni "www.example.com"
  deny named abuse from 192.0.2.0/24
}
test "both" {
  from 198.51.100.1 to web sni "www.example.com" => allow by site
  repeat 12 in 0s closing from 198.51.100.1 to web sni "www.example.com" => allow 10, deny rate 2
  from 192.0.2.1 to web => deny cidr by abuse
}
`;
const UNIX = 'edition 1\nexpose web on tcp 443 { backend unix "/run/web.sock" allow from any }\n';

profile.before.each((context) => {
  context.dir = folder();
  context.dir.write("fits.ingress", FITS);
  context.dir.write("unix.ingress", UNIX);
});
profile.after.each(({ dir }) => dir.remove());

const data = (run: { out: string; code: number | null; err: string }): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(envelope(run)["data"] ?? {}));

profile("build: both modules have one meaning, and the image's fits in its page", async ({ dir }) => {
  const os = await ingresscHere(["build", "--profile", "os", "fits.ingress", "-o", "os.wasm"], dir.path);
  assert.is(os.code, 0, os.err);
  for (const line of [
    /^ +profile +os$/m,
    /^ +memory +\d\d,\d{3} of 65,536 bytes$/m,
    /^ +code +\d+,\d{3} of 16,384 bytes$/m,
    /^ +limits +1,024 sources apart, then a sketch of 2 x 2,048; exact for [\d,]+ sources a day that use up every limit$/m,
    /^ +caps +256 places for sources$/m,
    /^ +tests +3 lines of 1 test passed$/m,
  ])
    assert.match(os.out, line);
  const host = await ingresscHere(["build", "fits.ingress", "-o", "host.wasm"], dir.path);
  assert.is(host.code, 0, host.err);
  assert.not.match(host.out, /profile|caps/);
  assert.match(host.out, /^ +limits +65,536 sources apart, then a sketch of 2 x 65,536; exact for [\d,]+ sources a day that use up every limit$/m);

  const inspect = async (module: string): Promise<ReturnType<typeof data>> => data(await ingresscHere(["inspect", "--json", module], dir.path));
  const said = [await inspect("os.wasm"), await inspect("host.wasm")];
  assert.equal(
    said.map((d) => d["profile"]),
    ["os", "host"],
  );
  assert.is(said[0]?.["treeSha256"], said[1]?.["treeSha256"]);
  assert.is(said[0]?.["memoryBytes"], 65_536);
  assert.ok(Number(said[1]?.["memoryBytes"]) > 65_536);
  assert.match((await ingresscHere(["inspect", "os.wasm"], dir.path)).out, /^ +profile +os$[^]*^ +memory +1 page \(65,536 bytes\)$/m);
  assert.not.equal(readFileSync(dir.at("os.wasm")), readFileSync(dir.at("host.wasm")));
});

profile("build --json names the module's profile and its size", async ({ dir }) => {
  const { profile: word, memory } = data(await ingresscHere(["build", "--profile=os", "fits.ingress", "--json"], dir.path));
  assert.is(word, "os");
  const sizes = Object.fromEntries(Object.entries(memory ?? {}));
  assert.equal([sizes["bytes"], sizes["limitEntries"], sizes["sketchCells"], sizes["capEntries"], sizes["scratchBytes"]], [65_536, 1_024, 2_048, 256, 1_024]);
  assert.ok(Number(sizes["usedBytes"]) <= 65_536 && Number(sizes["codeBytes"]) <= 16_384);
});

profile("check, test and explain compile for the profile on the command line", async ({ dir }) => {
  for (const words of [["check"], ["check", "--fix"], ["test"], ["build"], ["explain"]]) {
    const request = words[0] === "explain" ? ["from 198.51.100.1 to web"] : [];
    const host = await ingresscHere([...words, "unix.ingress", ...request], dir.path);
    assert.is(host.code, 0, host.err);
    const os = await ingresscHere([...words, "--profile", "os", "unix.ingress", ...request], dir.path);
    assert.is(os.code, 3, words.join(" "));
    assert.match(os.err, /error\[ING805\]: `backend unix` is not available in the profile `os`/);
    assert.is((await ingresscHere([...words, "--profile", "os", "fits.ingress", ...request], dir.path)).code, 0);
  }
  assert.is(data(await ingresscHere(["check", "--profile", "os", "--json", "fits.ingress"], dir.path))["profile"], "os");
  assert.is(data(await ingresscHere(["check", "--json", "fits.ingress"], dir.path))["profile"], "host");
});

profile("a refusal writes nothing and keeps the existing module", async ({ dir }) => {
  assert.is((await ingresscHere(["build", "--profile", "os", "unix.ingress", "-o", "none.wasm"], dir.path)).code, 3);
  assert.not.ok(existsSync(dir.at("none.wasm")));
});

profile("a module has its profile already", async ({ dir }) => {
  await ingresscHere(["build", "--profile", "os", "fits.ingress", "-o", "os.wasm"], dir.path);
  const explain = (...flags: string[]): ReturnType<typeof ingresscHere> => ingresscHere(["explain", ...flags, "os.wasm", "from 192.0.2.1 to web"], dir.path);
  const plain = await explain();
  assert.match(plain.out, /deny \(reason=cidr\)/);
  assert.is((await explain("--profile", "os")).out, plain.out);
  const other = await explain("--profile", "host");
  assert.equal(
    [other.code, other.err],
    [2, "ingressc: `os.wasm` is a module of the profile `os`\nhelp: omit `--profile`, or name the policy that the module was built from\n"],
  );
});

profile("words that are no profile", async ({ dir }) => {
  for (const [word, says] of [
    ["OS", /there is no profile `OS`/],
    ["hots", /did you mean `host`\? the profiles are `host` and `os`/],
    ["__proto__", /there is no profile `__proto__`/],
  ] as const) {
    const { code, err } = await ingresscHere(["check", "--profile", word, "fits.ingress"], dir.path);
    assert.is(code, 2);
    assert.match(err, says);
  }
  const none = await ingresscHere(["build", "fits.ingress", "--profile"], dir.path);
  assert.equal([none.code, /`--profile` needs a value/.test(none.err)], [2, true]);
  for (const command of ["fmt", "export", "inspect"]) {
    assert.match((await ingresscHere([command, "--profile", "os", "fits.ingress"], dir.path)).err, /has no flag `--profile`/);
  }
});

profile.run();
