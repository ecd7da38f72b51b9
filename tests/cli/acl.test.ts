// Access rules of other programs, as policies: the requests of a policy's own tests are sent to nginx,
// HAProxy and the kernel's packet filter too, with the configuration beside the policy in
// tests/cases/acl. The PROXY protocol names the source; nft gets real connections, in a
// network namespace of its own.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { join } from "node:path";
import * as assert from "uvu/assert";
import type { TestLine } from "../../compiler/policy/policy.ts";
import { compileAndTest, type Tested } from "../../compiler/cli/tested.ts";
import { helloWith, records, serverName } from "../gateway/hello_bytes.ts";
import { addressText } from "../oracle/space.ts";
import { skip } from "../skip.ts";
import { folder, freePort, PROJECT } from "./programs.ts";
import { atEnd, suite } from "../suite.ts";

type Question = Extract<TestLine, { readonly kind: "from" }>;

const acl = suite("acl");
const cases = join(PROJECT, "tests/cases/acl");
const text = (name: string): string => readFileSync(join(cases, name), "utf8");

function tested(name: string): Tested {
  const result = compileAndTest(join(cases, `${name}.ingress`));
  if (!result.ok) throw new Error(result.error.outcome.message);
  return result.value;
}

/** The `from` lines of the policy's tests, with the verdicts that they expect. */
function questions({ policy }: Tested): readonly Question[] {
  return policy.tests.flatMap((t) => t.lines).filter((line): line is Question => line.kind === "from");
}

const source = ({ source: words }: Question): string => addressText(words.reduce((all, word) => (all << 32n) | BigInt(word), 0n));
const summary = (q: Question, allowed: boolean): string => `${source(q)} ${q.sni ?? ""} ${allowed ? "allow" : "deny"}`;

for (const name of readdirSync(cases)
  .filter((f) => f.endsWith(".ingress"))
  .map((f) => f.slice(0, -".ingress".length))) {
  acl(`${name}: the tests of the policy pass`, () => {
    const { results, policy } = tested(name);
    assert.equal(
      results.filter((r) => !r.passed).map((r) => `${r.question} => ${r.actual}`),
      [],
    );
    // Cases of limits and caps repeat connections, and the module alone decides them.
    assert.ok(results.length >= (questions(tested(name)).length > 0 ? 12 : 3));
    assert.ok(policy.exposes.every((e) => results.some((r) => r.question.includes(` to ${e.name}`))));
  });
}

/** A configuration with each pattern, which occurs in it once, replaced. */
function adapted(name: string, changes: readonly (readonly [string, string])[]): string {
  return changes.reduce((all, [from, to]) => {
    assert.is(all.split(from).length, 2, `${name} has \`${from}\` once`);
    return all.replace(from, to);
  }, text(name));
}

/** Answers the first bytes of every connection with a 200 and its name. */
async function backend(name: string): Promise<number> {
  const server = createServer((socket: Socket) => {
    socket.on("error", () => socket.destroy());
    socket.once("data", () => socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${name.length}\r\nConnection: close\r\n\r\n${name}`));
  });
  server.listen(0, "127.0.0.1");
  atEnd(() => server.close());
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/** The name of the backend whose answer comes back to a client of that source; null where none does. */
function served(port: number, question: Question, payload: Buffer): Promise<string | null> {
  const family = source(question).includes(":") ? "TCP6" : "TCP4";
  const local = family === "TCP6" ? "::1" : "127.0.0.1";
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    let answer = "";
    socket.on("error", () => socket.destroy());
    socket.setEncoding("latin1").on("data", (part: string) => {
      answer += part;
    });
    socket.once("close", () => resolve(answer.startsWith("HTTP/1.1 200 ") ? (answer.split("\r\n\r\n")[1] ?? "") : null));
    socket.write(Buffer.concat([Buffer.from(`PROXY ${family} ${source(question)} ${local} 40000 ${port}\r\n`), payload]));
  });
}

/** Resolves once the port takes connections; a program that ends first is an error. */
async function listening(port: number, ended: Promise<unknown>): Promise<void> {
  let over = false;
  void ended.then(() => {
    over = true;
  });
  for (;;) {
    const socket = connect(port, "127.0.0.1");
    const open = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
    });
    socket.destroy();
    if (open) return;
    if (over) throw new Error("the program ended before it listened");
    await new Promise((resolve) => setImmediate(resolve));
  }
}

interface Proxy {
  readonly program: string;
  readonly policy: string;
  /** Where a name leads to one of several backends: the exposes, whose names they have. */
  readonly exposes?: readonly string[];
  /** `to` has the port of each backend; of an only one, the first. */
  readonly config: (port: number, to: readonly number[], dir: string) => string;
  readonly args: (file: string, dir: string) => readonly string[];
  readonly payload: (question: Question) => Buffer;
  /** Whether its modules are installed; absent where it needs none. */
  readonly needs?: () => boolean;
}

/** Where Debian's nginx has it. */
const STREAM_MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so";
const hasStream = (): boolean => existsSync(STREAM_MODULE) || /--with-stream(?!=dynamic)/.test(spawnSync("nginx", ["-V"], { encoding: "utf8" }).stderr);

/** A configuration of nginx's stream module. */
function stream(dir: string, servers: string): string {
  return [
    ...(existsSync(STREAM_MODULE) ? [`load_module ${STREAM_MODULE};`] : []),
    `daemon off; master_process off; pid ${dir}/pid; error_log stderr;`,
    "events { worker_connections 64; }",
    "stream {",
    servers,
    "}",
  ].join("\n");
}

const hello = ({ sni }: Question): Buffer => records(sni === null ? helloWith() : helloWith(serverName(sni)));

const PROXIES: readonly Proxy[] = [
  {
    program: "nginx",
    policy: "office_http",
    config: (port, to, dir) =>
      [
        `daemon off; master_process off; pid ${dir}/pid; error_log stderr;`,
        "events { worker_connections 64; }",
        "http { access_log off; set_real_ip_from 127.0.0.1; real_ip_header proxy_protocol;",
        ...["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((kind) => `${kind}_temp_path ${dir}/${kind};`),
        adapted("office_http.nginx.conf", [
          ["listen 8080;", `listen 127.0.0.1:${port} proxy_protocol;`],
          ["127.0.0.1:9000", `127.0.0.1:${to[0]}`],
        ]),
        "}",
      ].join("\n"),
    args: (file, dir) => ["-p", dir, "-c", file],
    payload: () => Buffer.from("GET / HTTP/1.1\r\nHost: intranet\r\nConnection: close\r\n\r\n"),
  },
  {
    program: "nginx",
    policy: "proxy_both_ways",
    config: (port, to, dir) =>
      stream(
        dir,
        adapted("proxy_both_ways.nginx.conf", [
          ["listen 12345 proxy_protocol;", `listen 127.0.0.1:${port} proxy_protocol;`],
          ["set_real_ip_from 192.168.1.0/24;", "set_real_ip_from 127.0.0.0/8;"],
          ["127.0.0.1:12346", `127.0.0.1:${to[0]}`],
        ]),
      ),
    args: (file, dir) => ["-p", dir, "-c", file],
    payload: () => Buffer.from("GET / HTTP/1.0\r\n\r\n"),
    needs: hasStream,
  },
  {
    program: "nginx",
    policy: "sni_routing",
    exposes: ["site", "shop", "mail", "rest"],
    config: (port, to, dir) =>
      stream(
        dir,
        adapted("sni_routing.nginx.conf", [
          ["listen 443;", `listen 127.0.0.1:${port} proxy_protocol;\n    set_real_ip_from 127.0.0.0/8;`],
          ...to.map((own, i): readonly [string, string] => [`127.0.0.1:844${i + 1}`, `127.0.0.1:${own}`]),
        ]),
      ),
    args: (file, dir) => ["-p", dir, "-c", file],
    payload: hello,
    needs: hasStream,
  },
  {
    program: "haproxy",
    policy: "tenants_tls",
    config: (port, to) =>
      [
        "defaults\n    timeout connect 5s\n    timeout client 5s\n    timeout server 5s",
        adapted("tenants_tls.haproxy.cfg", [
          ["bind :8443", `bind 127.0.0.1:${port} accept-proxy`],
          ["127.0.0.1:9443", `127.0.0.1:${to[0]}`],
        ]),
      ].join("\n"),
    args: (file) => ["-db", "-f", file],
    payload: hello,
  },
];

for (const { program, policy, exposes = [""], config, args, payload, needs = () => true } of PROXIES) {
  const tried = spawnSync(program, ["-v"]);
  if (tried.status !== 0 || !needs()) {
    skip(`${program} decides like ${policy}`, tried.status === 0 ? `${program} has no stream module` : `no ${program}`);
    continue;
  }
  acl(`${program} decides like ${policy}`, async () => {
    const dir = folder();
    const to = await Promise.all(exposes.map(backend));
    const port = await freePort();
    const child = spawn(program, args(dir.write("config", config(port, to, dir.path)), dir.path), { stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (part: string) => {
      said += part;
    });
    const ended = once(child, "close");
    atEnd(() => {
      child.kill("SIGKILL");
      return ended;
    });
    await listening(port, ended).catch((error: unknown) => {
      throw new Error(`${String(error)}: ${said}`);
    });
    const requests = questions(tested(policy));
    const answers = await Promise.all(requests.map((q) => served(port, q, payload(q))));
    assert.equal(
      requests.map((q, i) => `${summary(q, answers[i] !== null)} ${answers[i] ?? ""}`),
      requests.map((q) => {
        const allowed = q.expected.verdict === "allow";
        return `${summary(q, allowed)} ${allowed && exposes.length > 1 && q.to.kind === "expose" ? q.to.name : ""}`;
      }),
    );
    assert.ok(answers.includes(null) && answers.some((name) => name !== null));
  });
}

/** In the namespace: listens on the ports, connects from each source to its port, prints what happened. */
const PROBE = `
  const { connect, createServer } = require("node:net");
  const [ports, requests] = JSON.parse(process.argv[1]);
  const open = (port) => new Promise((done) => createServer((s) => s.on("error", () => {}).end()).listen(port, "0.0.0.0", done).unref());
  const reached = ([localAddress, port]) => new Promise((done) => {
    const s = connect({ host: "127.0.0.1", port, localAddress });
    s.on("connect", () => { done(true); s.destroy(); }).on("error", (e) => done(e.code === "ECONNREFUSED" ? false : e.code));
  });
  Promise.all(ports.map(open)).then(() => Promise.all(requests.map(reached))).then((a) => { console.log(JSON.stringify(a)); });
`;

const INSIDE = 'ip link set lo up; nft -f "$1"; for a in $2; do ip addr add $a/32 dev lo; done; exec "$3" -e "$4" "$5"';
const namespace = spawnSync("unshare", ["-n", "sh", "-ec", INSIDE, "sh", join(cases, "host_rules.nft"), "192.0.2.1", process.execPath, PROBE, "[[],[]]"], {
  encoding: "utf8",
});
if (namespace.status === 0) {
  acl("nft decides like host_rules", () => {
    const policy = tested("host_rules");
    const requests = questions(policy).flatMap((q) => {
      const { to } = q;
      const ranges = to.kind === "port" ? [{ first: to.port, last: to.port }] : (policy.policy.exposes.find((e) => e.name === to.name)?.ports ?? []);
      return ranges.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, i) => ({ q, port: first + i })));
    });
    assert.ok(requests.length > questions(policy).length);
    const sources = [...new Set(requests.map(({ q }) => source(q)))].join(" ");
    const work = JSON.stringify([[...new Set(requests.map(({ port }) => port))], requests.map(({ q, port }) => [source(q), port])]);
    const { status, stdout, stderr } = spawnSync(
      "unshare",
      ["-n", "sh", "-ec", INSIDE, "sh", join(cases, "host_rules.nft"), sources, process.execPath, PROBE, work],
      { encoding: "utf8", timeout: 10_000 },
    );
    assert.is(status, 0, stderr);
    const answers: unknown = JSON.parse(stdout);
    assert.equal(
      answers,
      requests.map(({ q }) => q.expected.verdict === "allow"),
      requests.map(({ q, port }) => `${source(q)}:${port}`).join(" "),
    );
  });
} else {
  skip("nft decides like host_rules", `nft in a network namespace: ${namespace.error?.message ?? namespace.stderr.trim().split("\n")[0] ?? ""}`);
}

acl.run();
