// `ingressc import --from nginx` and `--from haproxy` beside the real programs: random configurations, each edge of each of their
// prefixes and names, and random clients, in a network namespace in which every address is local. The policy admits no client that the
// program refuses, and most of those that it serves.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { chance, type Chance } from "../oracle/random.ts";
import { addressText, edges, readPrefix } from "../oracle/space.ts";
import { skip } from "../skip.ts";
import { ownFolder, stallsAfter, suite } from "../suite.ts";
import { decider, imported, type Request } from "./imported.ts";
import type { Job } from "./visits.ts";

const test = suite("proxy_imports");
const ISOLATED = ["--net", "--pid", "--fork", "--mount-proc", "--kill-child"];
/** IPv6 sources need an address of their own; IPv4 ones are local as a route says. */
const SCRIPT = 'ip link set lo up; ip route add local 0.0.0.0/0 dev lo; ip -batch addresses; exec "$2" --import "$3" "$4" "$1"';
const STREAM_MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so";
const NETS = [
  "198.51.100.0/24",
  "198.51.100.128/25",
  "198.51.100.66",
  "203.0.113.0/26",
  "10.8.0.0/16",
  "10.8.3.0/24",
  "2001:db8:1::/48",
  "2001:db8:1:2::/64",
  "192.0.2.0/24",
];
const NAMES = ["a.example.com", "b.example.com", "x.b.example.com", "y.x.b.example.com", "shop.example.org", "old7.example"];
const SERVERS = 40;
const FIRST_PORT = 7001;
const BACKENDS = [9001, 9002, 9003];

const nets = (c: Chance): string => c.pick(NETS);
const many = <T>(c: Chance, least: number, most: number, one: () => T): readonly T[] => Array.from({ length: least + c.below(most - least + 1) }, one);

function nginxServer(c: Chance, port: number): string {
  const rules = many(c, 0, 6, () => `${c.pick(["allow", "allow", "deny"])} ${c.oneIn(8) ? "all" : nets(c)};`);
  const listens = [`listen ${port};`, ...(c.oneIn(2) ? [`listen [::]:${port};`] : [])];
  const to = c.oneIn(2) ? `ssl_preread on; proxy_pass $to${c.below(3)};` : `proxy_pass 127.0.0.1:${c.pick(BACKENDS)};`;
  return `server { ${listens.join(" ")} ${rules.join(" ")} ${c.oneIn(2) ? "deny all;" : ""} ${to} }\n`;
}

function nginxConfig(c: Chance): string {
  const map = (i: number): string => {
    const lines = [
      "a.example.com 127.0.0.1:9001;",
      ".b.example.com 127.0.0.1:9002;",
      "*.x.b.example.com 127.0.0.1:9003;",
      "shop.example.org 169.254.1.1:9;",
      "~^old\\d+\\.example$ 127.0.0.1:9001;",
    ];
    return `map $ssl_preread_server_name $to${i} { hostnames; ${lines.filter((line) => !(i === 1 && line.startsWith("~")) && c.below(4) > 0).join(" ")} ${i === 2 ? "" : "default 127.0.0.1:9003;"} }\n`;
  };
  return [
    ...(existsSync(STREAM_MODULE) ? [`load_module ${STREAM_MODULE};\n`] : []),
    "daemon off; master_process off; pid pid; error_log /dev/null; worker_processes 1;\nevents { worker_connections 8192; }\nstream {\n",
    "proxy_connect_timeout 1s;\nallow 192.0.2.0/25; deny 192.0.2.0/24;\nlimit_conn_zone $binary_remote_addr zone=zone:1m;\n",
    ...[0, 1, 2].map(map),
    ...Array.from({ length: SERVERS }, (_, i) => nginxServer(c, FIRST_PORT + i)),
    ...FRONTS.map((port) => nginxFront(c, port)),
    "}\n",
  ].join("");
}

/** Listeners behind load balancers, and listeners with TLS, after the others. */
const PROXIED = 12;
const SECURE = 6;
const FIRST_PROXIED = FIRST_PORT + SERVERS;
const FIRST_SECURE = FIRST_PROXIED + PROXIED;
const BALANCERS = ["198.51.100.128/25", "10.8.3.0/24", "203.0.113.0/26"];

function nginxFront(c: Chance, port: number): string {
  const rules = many(c, 0, 4, () => `${c.pick(["allow", "allow", "deny"])} ${nets(c)};`).join(" ");
  const rest = c.oneIn(2) ? "deny all;" : "";
  if (port >= FIRST_SECURE)
    return `server { listen ${port} ssl; ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate cert.pem; ssl_certificate_key key.pem; ${rules} ${rest} proxy_pass 127.0.0.1:9001; }\n`;
  const trusted = many(c, 1, 2, () => `set_real_ip_from ${c.pick(BALANCERS)};`).join(" ");
  return `server { listen ${port} proxy_protocol; ${trusted} ${rules} ${rest} proxy_pass 127.0.0.1:9001; }\n`;
}

function haproxyFront(c: Chance, port: number): string {
  const refusals = many(c, 0, 3, () => `  tcp-request session reject ${c.pick(["if", "unless"])} { src ${many(c, 1, 2, () => nets(c)).join(" ")} }\n`).join("");
  if (port >= FIRST_SECURE) return `frontend s${port}\n  bind :${port} ssl crt both.pem\n${refusals}  default_backend b0\n`;
  if (c.oneIn(3)) return `frontend p${port}\n  bind :${port} accept-proxy\n${refusals}  default_backend b0\n`;
  const expected = many(c, 1, 2, () => `  tcp-request connection expect-proxy layer4 if { src ${c.pick(BALANCERS)} }\n`);
  const peers = c.oneIn(2) ? `  tcp-request connection ${c.pick(["accept", "reject"])} if { src ${nets(c)} }\n` : "";
  return `frontend p${port}\n  bind :${port}\n${c.shuffle([...expected, peers]).join("")}${refusals}  default_backend b0\n`;
}

const FRONTS = Array.from({ length: PROXIED + SECURE }, (_, i) => FIRST_PROXIED + i);

function haproxyFrontend(c: Chance, port: number): string {
  const condition = (): string =>
    c.pick([
      () => `{ src ${many(c, 1, 3, () => nets(c)).join(" ")} }`,
      () => `!{ src ${nets(c)} }`,
      () => `${c.oneIn(3) ? "!" : ""}office`,
      () => `{ src ${nets(c)} } or office`,
      () => `{ src ${nets(c)} } !office`,
    ])();
  const odd = (): string => c.pick(["{ dst_port 1 }", "{ src_port 1:3 }"]);
  const rules = many(
    c,
    0,
    4,
    () => `  tcp-request connection ${c.pick(["accept", "reject", "reject"])} ${c.pick(["if", "if", "unless"])} ${c.oneIn(12) ? odd() : condition()}\n`,
  );
  const head = `frontend f${port}\n  bind :${port}\n${c.oneIn(2) ? `  bind [::]:${port} v6only\n` : ""}  acl office src 198.51.100.0/24 10.8.0.0/17\n${rules.join("")}${c.oneIn(2) ? "  tcp-request connection reject if { src 203.0.113.0/27 }\n" : ""}`;
  if (c.oneIn(2)) return `${head}  default_backend b${c.below(3)}\n`;
  const sni = (): string =>
    c.pick([
      "{ req_ssl_sni -i a.example.com }",
      "{ req_ssl_sni -i -m end .b.example.com }",
      "{ req_ssl_sni -i b.example.com shop.example.org }",
      "{ req_ssl_sni -i -m end .x.b.example.com }",
    ]);
  const routes = many(c, 1, 4, () => `  use_backend b${c.below(3)} if ${sni()}${c.oneIn(3) ? ` ${condition()}` : ""}\n`);
  return `${head}  tcp-request inspect-delay 2s\n${c.oneIn(3) ? `  tcp-request content reject if ${sni()}\n` : ""}  tcp-request content accept if { req_ssl_hello_type 1 }\n  tcp-request content reject\n${routes.join("")}${c.oneIn(2) ? "  default_backend b0\n" : ""}`;
}

function haproxyConfig(c: Chance): string {
  return [
    "global\n  maxconn 4000\ndefaults\n  mode tcp\n  timeout connect 1s\n  timeout client 5s\n  timeout server 5s\n",
    ...Array.from({ length: SERVERS }, (_, i) => haproxyFrontend(c, FIRST_PORT + i)),
    ...FRONTS.map((port) => haproxyFront(c, port)),
    ...BACKENDS.map((port, i) => `backend b${i}\n  server one 127.0.0.1:${port}\n`),
  ].join("");
}

/** Each edge of each prefix and each name at some port, and random clients at all of them. */
function clients(c: Chance, random: number): readonly Request[] {
  const sources = [...new Set(NETS.flatMap((net) => edges(readPrefix(net)).map(addressText)))];
  const ports = Array.from({ length: SERVERS }, (_, i) => FIRST_PORT + i);
  const client = (source: string, port: number, name: string | null): Request => ({
    protocol: "tcp",
    source,
    local: source.includes(":") ? "::1" : "127.0.0.1",
    port,
    name,
  });
  const name = (): string | null => c.pick([...NAMES, "EXAMPLE.net", "A.example.com", null]);
  const any = (): string => (c.oneIn(4) ? `${c.pick([11, 45, 198, 203])}.${c.below(256)}.${c.below(256)}.${1 + c.below(250)}` : c.pick(sources));
  return [
    ...ports.flatMap((port) => sources.map((source) => client(source, port, name()))),
    ...ports.flatMap((port) => NAMES.map((n) => client(any(), port, n))),
    ...Array.from({ length: random }, () => client(any(), c.pick(ports), name())),
  ];
}

/** Each edge of each prefix as a peer that names a client, and random pairs; and clients that speak TLS. */
function frontClients(c: Chance): readonly Request[] {
  const sources = [...new Set(NETS.flatMap((net) => edges(readPrefix(net)).map(addressText)))];
  const peers = sources.filter((source) => !source.includes(":"));
  const proxied = (peer: string, source: string, port: number): Request => ({ protocol: "tcp", source, peer, local: "127.0.0.1", port });
  return [
    ...FRONTS.filter((port) => port < FIRST_SECURE).flatMap((port) => [
      ...peers.map((peer) => proxied(peer, c.pick(sources), port)),
      ...sources.map((source) => proxied(c.pick(peers), source, port)),
      ...Array.from({ length: 60 }, () => proxied(c.pick(peers), c.pick(sources), port)),
    ]),
    ...FRONTS.filter((port) => port >= FIRST_SECURE).flatMap((port) =>
      peers.map((source): Request => ({ protocol: "tcp", source, local: "127.0.0.1", port, isTls: true, name: c.oneIn(2) ? c.pick(NAMES) : null })),
    ),
  ];
}

/** A certificate that signs itself, alone and in one file with its key, as HAProxy wants it. */
function writeCertificate(folder: string): void {
  const made = spawnSync(
    "openssl",
    "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=a.example.com -days 2 -keyout key.pem -out cert.pem".split(" "),
    { cwd: folder, encoding: "utf8" },
  );
  assert.is(made.status, 0, made.stderr);
  writeFileSync(join(folder, "both.pem"), `${readFileSync(join(folder, "cert.pem"), "utf8")}${readFileSync(join(folder, "key.pem"), "utf8")}`);
}

function answersOf(program: string, args: readonly string[], config: string, requests: readonly Request[]): readonly boolean[] {
  const folder = ownFolder("proxy-import-");
  const own = [...new Set(requests.map(({ source }) => source).filter((source) => source.includes(":")))];
  const job: Job = { requests, backends: BACKENDS, program, args, ready: FIRST_PORT };
  for (const [name, text] of [
    ["config", config],
    ["job.json", JSON.stringify(job)],
    ["addresses", own.map((a) => `addr add ${a}/128 dev lo nodad\n`).join("")],
  ] as const)
    writeFileSync(join(folder, name), text);
  writeCertificate(folder);
  const visits = fileURLToPath(new URL("visits.ts", import.meta.url));
  const ran = spawnSync("unshare", [...ISOLATED, "sh", "-ec", SCRIPT, "sh", folder, process.execPath, import.meta.resolve("tsx"), visits], {
    cwd: folder,
    encoding: "utf8",
    timeout: 300_000,
  });
  assert.is(ran.status, 0, `${ran.error?.message ?? ""}${ran.stdout}${ran.stderr}`);
  return JSON.parse(readFileSync(join(folder, "answers.json"), "utf8")) as readonly boolean[];
}

interface Program {
  readonly format: "nginx" | "haproxy";
  readonly args: readonly string[];
  readonly config: (c: Chance) => string;
}

const PROGRAMS: readonly Program[] = [
  { format: "nginx", args: ["-p", ".", "-c", "config"], config: nginxConfig },
  { format: "haproxy", args: ["-f", "config"], config: haproxyConfig },
];

function lacks(program: string): string | null {
  const tried = spawnSync("unshare", [...ISOLATED, "sh", "-ec", `ip link set lo up; ${program} -v`], {
    encoding: "utf8",
    env: { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin` },
  });
  return tried.status === 0 ? null : `${program} in a network namespace: ${tried.error?.message ?? tried.stderr.trim()}`;
}

for (const { format, args, config } of PROGRAMS) {
  const missing = lacks(format);
  if (missing !== null) {
    skip(`import from ${format}`, missing);
    continue;
  }
  test(`${format}: no client is admitted that it refuses, among 10,000 and at every edge`, async () => {
    stallsAfter(240_000);
    const c = chance(11);
    const text = config(c);
    const requests = [...clients(c, 10_000), ...frontClients(c)];
    const real = answersOf(format, args, text, requests);
    const { text: policy, left } = await imported(format, text);
    const admits = decider(policy);
    const sum = { real: 0, own: 0, frontReal: 0, frontOwn: 0 };
    for (const [i, request] of requests.entries()) {
      const [there, here] = [real[i] === true, admits(request)];
      assert.ok(there || !here, `admits ${JSON.stringify(request)}, which ${format} refuses\n${policy}\n${text}`);
      if (there) sum.real++;
      if (here) sum.own++;
      if (there && request.port >= FIRST_PROXIED) sum.frontReal++;
      if (here && request.port >= FIRST_PROXIED) sum.frontOwn++;
    }
    console.log(
      `  ${format}: ${requests.length} clients at ${SERVERS} listeners, ${sum.real} served, ${sum.own} admitted by the policy, ${left.length} parts left out; ${sum.frontReal} and ${sum.frontOwn} of them behind load balancers or with TLS`,
    );
    assert.ok(sum.frontOwn > 200 && sum.frontOwn > 0.8 * sum.frontReal);
    assert.ok(requests.length >= 10_000 && sum.own > 1_000 && sum.own > 0.8 * sum.real);
  });
}
test.run();
