// Sources that other programs print or read: what nft lists of the rules of iptables, as iptables writes them and translated, what
// `nginx -T` prints of a configuration in several files, and that HAProxy takes the configurations. cases.test.ts has the policies
// that come of them.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { skip } from "../skip.ts";
import { ownFolder, suite } from "../suite.ts";

const test = suite("import_sources");
const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const source = (name: string): string => readFileSync(here(`sources/${name}`), "utf8");

/** The output of a script in a folder and a network namespace of its own, where it may listen on any port. */
function printed(folder: string, script: string, ...words: readonly string[]): string {
  const ran = spawnSync("unshare", ["-n", "sh", "-ec", `ip link set lo up; ${script}`, "sh", ...words], { cwd: folder, encoding: "utf8" });
  if (ran.status !== 0) throw new Error(`${script} ended with ${String(ran.status)}: ${ran.error?.message ?? ran.stderr}`);
  return ran.stdout;
}

function when(name: string, script: string, body: () => void): void {
  const ran = spawnSync("unshare", ["-n", "sh", "-ec", script], { encoding: "utf8" });
  if (ran.status === 0) test(name, body);
  else skip(name, `${script}: ${ran.error?.message ?? ran.stderr.trim()}`);
}

/** Without what the program counts. */
const rulesOf = (json: string): unknown =>
  JSON.parse(json, (key, value: unknown) => (key === "metainfo" || key === "handle" || key === "packets" || key === "bytes" ? undefined : value));

const RULES = [here("programs/host.iptables"), here("programs/host.ip6tables")];

when("nft lists what iptables wrote", "iptables-nft --version; nft --version", () => {
  const listed = printed(ownFolder("nft-import-"), 'iptables-nft-restore <"$1"; ip6tables-nft-restore <"$2"; nft -j list ruleset', ...RULES);
  assert.equal(rulesOf(listed), rulesOf(source("iptables_untranslated.nft.json")));
});

/** The commands of docs/importing.md, behind those that load the rules. */
function translation(): string {
  const text = readFileSync(here("../../docs/importing.md"), "utf8");
  const [, commands = ""] = /^```sh\n(iptables-save [^]*?)^```$/m.exec(text) ?? [];
  return commands;
}

when("nft lists what iptables translates, as docs/importing.md says", "iptables-restore-translate --version; nft --version", () => {
  const folder = ownFolder("nft-import-");
  assert.match(translation(), /^iptables-save .*\nip6tables-save .*\nunshare -n .* > rules\.json\n$/);
  printed(folder, `iptables-nft-restore <"$1"; ip6tables-nft-restore <"$2"; ${translation()}`, ...RULES);
  assert.equal(rulesOf(readFileSync(join(folder, "rules.json"), "utf8")), rulesOf(source("iptables_host.nft.json")));
});

const STREAM = "/usr/lib/nginx/modules/ngx_stream_module.so";

when("nginx -T prints the files of a configuration", "nginx -V", () => {
  const folder = ownFolder("nginx-import-");
  cpSync(here("programs/nginx"), folder, { recursive: true });
  const module = existsSync(STREAM) ? `load_module ${STREAM};` : "";
  const text = printed(folder, 'nginx -T -p "$1" -c nginx.conf -g "$2"', folder, module);
  assert.fixture(text.replaceAll(`${folder}/`, "/etc/nginx/"), source("shop_front.nginx.conf"));
});

const CERTIFICATE =
  "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=site -keyout key.pem -out cert.pem; cat cert.pem key.pem >site.pem";

for (const name of ["front.haproxy.cfg", "edge.haproxy.cfg"])
  when(`HAProxy takes ${name}`, "haproxy -v", () => {
    assert.match(printed(ownFolder("haproxy-import-"), `${CERTIFICATE}; haproxy -c -f "$1"`, here(`sources/${name}`)), "Configuration file is valid");
  });

test.run();
