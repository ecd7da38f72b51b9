// README's table for those who come from nginx or HAProxy: the right side of each row is
// put into a policy unchanged, and decides as the left side says. The decisions are written by
// hand from the manuals of both.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { backendText } from "../../compiler/cli/backends_text.ts";
import { compileAndTest } from "../../compiler/cli/tested.ts";
import { INGRESSD } from "../../gateway/cli/command_table.ts";
import { folder, ingresscHere, PROJECT } from "./programs.ts";

const table = suite("README's table");
const readme = readFileSync(join(PROJECT, "README.md"), "utf8");
const section = readme.slice(readme.indexOf("### Coming from nginx or HAProxy"));
const rows = section
  .slice(0, section.indexOf("\n\n", section.indexOf("| ---")))
  .split("\n")
  .filter((line) => /^\| .*`/.test(line))
  .map((line) => line.split(" | ").map((cell) => [...cell.matchAll(/`([^`]+)`/g)].map((m) => m[1] ?? "")));

interface Row {
  /** A part of the left side, so that a row can't be taken for another. */
  readonly there: string;
  readonly policy: (...here: readonly string[]) => string;
  /** Lines of a test. */
  readonly lines: string;
  /** Where the first listener leads to. */
  readonly backend?: string;
}

const web = (clauses: string, head = "expose web on tcp 443"): string => `${head} { ${clauses} }`;

const ROWS: readonly Row[] = [
  {
    there: "listen 8443;",
    policy: (expose = "") => expose.replace("…", "allow from any"),
    lines: "from 192.0.2.1 to tcp 8443 => allow from 192.0.2.1 to tcp 8444 => deny policy bind ingressd on 0.0.0.0:8443 => allow",
  },
  {
    there: "listen 10.1.2.3:8443",
    policy: (expose = "") => expose.replace("…", "allow from any"),
    lines:
      "bind ingressd on 10.1.2.3:8443 => allow bind ingressd on 10.1.2.4:8443 => deny policy bind ingressd on 0.0.0.0:8443 => deny policy from 192.0.2.1 to tcp 8443 local 10.1.2.4 => deny policy",
  },
  {
    there: "proxy_pass 127.0.0.1:8080",
    policy: (backend = "") => web(`${backend} allow from any`),
    lines: "from 192.0.2.1 to web => allow",
    backend: "127.0.0.1:8080",
  },
  {
    there: "proxy_pass 10.0.3.7:8443",
    policy: (backend = "") => web(`${backend} allow from any`),
    lines: "from 192.0.2.1 to web => allow",
    backend: "remote 10.0.3.7:8443",
  },
  {
    there: "upstream b {",
    policy: (backend = "") => web(`${backend} allow from any`),
    lines: "from 192.0.2.1 to web => allow",
    backend: "127.0.0.1:8080, 127.0.0.1:8081",
  },
  {
    there: "proxy_protocol on;",
    policy: (v1 = "", v2 = "") =>
      `${web(`${v1} allow from private`, "expose a on tcp 443")} expose web on tcp 444 { backend 127.0.0.1:8081 ${v2} allow from any }`,
    lines: "from 192.0.2.1 to web => allow from 192.0.2.1 to a => deny cidr",
    backend: "127.0.0.1:8080",
  },
  {
    there: "listen 443 proxy_protocol; set_real_ip_from 10.0.0.5;",
    policy: (expose = "") => expose.replace("…", "allow from 203.0.113.0/24"),
    lines:
      "from 203.0.113.9 via 10.0.0.5 to web => allow from 198.51.100.9 via 10.0.0.5 to web => deny cidr from 203.0.113.9 to web => allow from 10.0.0.5 to web => deny cidr",
  },
  {
    there: "allow 198.51.100.0/24; deny all;",
    policy: (allow = "") => web(allow),
    lines: "from 198.51.100.255 to web => allow from 198.51.101.0 to web => deny cidr from 2001:db8::1 to web => deny cidr",
  },
  {
    there: "deny 198.51.100.7; allow 198.51.100.0/24; deny all;",
    policy: (allow = "", deny = "") => web(`${allow} ${deny}`),
    lines: "from 198.51.100.7 to web => deny cidr from 198.51.100.6 to web => allow from 192.0.2.1 to web => deny cidr",
  },
  {
    there: "allow 198.51.100.7; deny 198.51.100.0/24; allow all;",
    policy: (allow = "", net = "") => `${net}\n${web(allow)}`,
    lines: "from 198.51.100.7 to web => allow from 198.51.100.6 to web => deny cidr from 192.0.2.1 to web => allow",
  },
  {
    there: "geo $bad { … }",
    policy: (net = "") => `${net}\n${web("allow from any")}\ndeny from bad`,
    lines: "from 192.0.2.66 to web => deny cidr from 192.0.2.67 to web => allow",
  },
  {
    there: "geo $exempt { … }",
    policy: (cap = "", limit = "") =>
      `net trusted = 198.51.100.0/24\n${web(`${cap} allow from any`)}\n${web(`${limit} allow from any`, "expose rate on tcp 444")}`,
    lines:
      "repeat 25 in 1s from 192.0.2.1 to web => allow 20, deny rate 5 repeat 25 in 1s from 198.51.100.1 to web => allow repeat 15 in 0s from 192.0.2.1 to rate => allow 10, deny rate 5 repeat 15 in 0s from 198.51.100.1 to rate => allow",
  },
  {
    there: "limit_conn per_ip 20",
    policy: (cap = "") => web(`${cap} allow from any`),
    lines: "repeat 25 in 1s from 192.0.2.1 to web => allow 20, deny rate 5 repeat 25 in 1s closing from 192.0.2.1 to web => allow",
  },
  // 20 at once and no more; 10 a second for as long as one likes.
  {
    there: "limit_req zone=z rate=10r/s burst=20",
    policy: (limit = "") => web(`${limit} allow from any`),
    lines: "repeat 25 in 0s from 192.0.2.1 to web => allow 20, deny rate 5 repeat 30 in 3s from 192.0.2.1 to web => allow",
  },
  {
    there: "limit_req_dry_run on",
    policy: (limit = "") => web(`${limit} allow from any`),
    lines: "repeat 25 in 0s from 192.0.2.1 to web => allow",
  },
  {
    there: "store conn_rate(30s)",
    policy: (half = "", day = "") => `${web(`${half} allow from any`)}\n${web(`${day} allow from any`, "expose slow on tcp 444")}`,
    lines:
      "repeat 9 in 0s closing from 192.0.2.1 to web => allow 6, deny rate 3 repeat 7 in 30s closing from 192.0.2.1 to web => allow repeat 110 in 1s closing from 192.0.2.1 to slow => allow 100, deny rate 10",
  },
  {
    there: "listen 443 ssl",
    policy: (as = "", cert = "") => web(`${cert} allow from any sni "www.example.com"`, `expose web on tcp 443 ${as}`),
    lines: 'from 192.0.2.1 to web sni "www.example.com" => allow from 192.0.2.1 to web => deny sni',
  },
  {
    there: "ssl_verify_client on",
    policy: (as = "", ca = "", allow = "") => web(`cert "web" ${ca} ${allow}`, `expose web on tcp 443 ${as}`),
    lines:
      'from 192.0.2.1 to web client uri "spiffe://corp.example/a" => allow from 192.0.2.1 to web client uri "spiffe://corp.example/a/b" => deny mtls from 192.0.2.1 to web client dns "corp.example" => deny mtls from 192.0.2.1 to web => deny mtls',
  },
  {
    there: "listen 53 udp;",
    policy: (expose = "", amplify = "") => expose.replace("…", `backend 127.0.0.1:5353 ${amplify} allow from any`),
    lines: "from 192.0.2.1 to udp 53 => allow from 192.0.2.1 to tcp 53 => deny policy",
    backend: "127.0.0.1:5353",
  },
  {
    there: "ssl_preread on",
    policy: (head = "", _for = "") =>
      `${head} { backend 127.0.0.1:8441 allow from any }\n${web("allow from private", "expose rest on tcp 443 as passthrough")}`,
    lines:
      'from 192.0.2.1 to www sni "www.example.com" => allow from 10.0.0.1 to rest sni "example.com" => allow from 10.0.0.1 to rest => allow from 192.0.2.1 to rest => deny cidr',
  },
  {
    there: "ssl_alpn h2 http/1.1",
    policy: (alpn = "", cert = "") => web(`${alpn} ${cert} allow from any`, "expose web on tcp 443 as tls"),
    lines: "from 192.0.2.1 to web => allow",
  },
];

table("the table has a row for each pair that is compared here, and one for the commands", () => {
  assert.is(rows.length, ROWS.length + 1);
});

for (const [i, { there, policy, lines, backend }] of ROWS.entries()) {
  table(`${there} => as the row says`, () => {
    const [left = [], right = []] = rows[i] ?? [];
    assert.ok(left.includes(there) || left.some((code) => code.includes(there)), `row ${i + 1} is about ${left.join(", ")}`);
    const dir = folder();
    dir.write("lists/bad.txt", "192.0.2.66\n");
    dir.write("p.ingress", `edition 1\n${policy(...right)}\ntest "as there" { ${lines} }\n`);
    const made = compileAndTest(dir.at("p.ingress"));
    dir.remove();
    if (!made.ok) throw new Error(made.error.outcome.message);
    const tested = made.value;
    for (const code of right) assert.ok(readPolicy(tested.policy.exposes[0]?.span.file.text ?? "", code), `${code} is not in the policy`);
    assert.equal(
      tested.results.filter((r) => !r.passed).map((r) => `${r.question} => ${r.actual}`),
      [],
    );
    const targets = tested.policy.exposes[0]?.backends ?? [];
    if (backend !== undefined) assert.is(targets.map(backendText).join(", "), backend);
  });
}

/** Whether the policy contains the code of README; `…` matches any text. */
function readPolicy(text: string, code: string): boolean {
  return code.split("…").every((part) => text.includes(part.trim()));
}

table("the second table names commands and keys that exist", () => {
  const lines = section.slice(section.indexOf("| running it, there |"), section.indexOf("[tests/cases/acl]")).split("\n");
  const codes = lines.slice(2).flatMap((line) => [...(line.split(" | ")[1] ?? "").matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code));
  const commands = codes.filter((code) => code.startsWith("ingressd "));
  const keys = codes.filter((code) => !code.startsWith("ingressd "));
  assert.equal(commands, ["ingressd reload", "ingressd status", "ingressd block"]);
  for (const command of commands) assert.ok(Object.keys(INGRESSD.commands).includes(command.slice("ingressd ".length)), command);
  const reference = readFileSync(join(PROJECT, "docs/operations.md"), "utf8");
  assert.is(keys.length, 4);
  for (const key of keys) assert.ok(reference.includes(`\n| \`${key}\` | `), key);
});

table("nginx -t => check and test", async () => {
  const dir = folder();
  dir.write("FILE", 'edition 1\nexpose web on tcp 443 { allow from any }\ntest "all" { from 192.0.2.1 to web => allow }\n');
  const [left = [], right = []] = rows.at(-1) ?? [];
  assert.is(left[0], "nginx -t");
  for (const command of right) assert.is((await ingresscHere(command.split(" ").slice(2), dir.path)).code, 0, command);
  dir.remove();
});

table.run();
