// Real peers against a real gateway, through termination and through passthrough: openssl, curl,
// nginx, stunnel, and headless Chromium, which sends a post-quantum hello. A row passes only if the server's own
// text arrives. Needs the Debian packages openssl, curl, nginx-light, stunnel4 and chromium.
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer as createHttp } from "node:http";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { freePort, listening, portOf, running, temporaryFolder, type Under } from "../gateway/gateway_under_test.ts";
import { notInstalled } from "../installed.ts";
import { skip } from "../skip.ts";
import { authority, dns, leaf, uri } from "../tls/certificates.ts";
import { put, putAuthority } from "../tls/tls_under_test.ts";

const test = suite("peers");
const WORDS = "the words of the server";
const OPS = "spiffe://corp.example/ops/web";
const NAME = "www.example.com";

interface Ran {
  readonly code: number | null;
  readonly out: string;
}

function run(program: string, args: readonly string[], input = "", seconds = 60): Promise<Ran> {
  return new Promise((resolve) => {
    const child = execFile(program, [...args], { timeout: seconds * 1000, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : child.exitCode, out: `${stdout}\n${stderr}` });
    });
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(input);
  });
}

/** Registers a test, or says which program is missing. */
function needs(name: string, programs: readonly string[], title: string, body: () => Promise<void>): void {
  const missing = notInstalled(programs);
  if (missing.length === 0) test(title, body);
  else skip(name, `${missing.join(", ")} is not installed`);
}

const children: ChildProcess[] = [];
const folder = temporaryFolder();
const [site, clients] = [authority("site root"), authority("client root")];
put(folder, "web", leaf(site, { names: [dns(NAME)], commonName: NAME }));
put(folder, "ops", leaf(clients, { names: [uri(OPS)] }));
put(folder, "guest", leaf(clients, { names: [uri("spiffe://corp.example/guest")] }));
putAuthority(folder, "site", site);
putAuthority(folder, "corp", clients);
const file = (name: string): string => join(folder, name);

const ports = { tls: await freePort(), mtls: await freePort(), openssl: await freePort(), nginx: await freePort(), quantum: await freePort() };
const behind = { openssl: await freePort(), nginx: await freePort(), plain: await freePort() };
const http = createHttp((_, answer) => answer.end(WORDS));
await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
const gateway: Under = await running({
  folder,
  policy: `edition 1
expose tls on tcp ${ports.tls} as tls { backend 127.0.0.1:${portOf(http)} cert "web" allow from any sni "${NAME}" }
expose mtls on tcp ${ports.mtls} as mtls { backend 127.0.0.1:${portOf(http)} cert "web" ca "corp" allow from any sni "${NAME}" client uri "${OPS}" }
expose openssl on tcp ${ports.openssl} as passthrough { backend 127.0.0.1:${behind.openssl} allow from any sni "${NAME}" }
expose nginx on tcp ${ports.nginx} as passthrough { backend 127.0.0.1:${behind.nginx} allow from any sni "${NAME}" }
expose plain on tcp ${ports.quantum} as tls { backend 127.0.0.1:${behind.plain} cert "web" allow from any sni "${NAME}" }
`,
  config: `[certs.web]\ncert = "${file("web.pem")}"\nkey = "${file("web.key")}"\n[cas.corp]\nfile = "${file("corp.pem")}"\n`,
});
const code = (): string =>
  gateway
    .records()
    .filter(({ op }) => op === "accept")
    .at(-1)?.code ?? "nothing";

async function serving(port: number): Promise<void> {
  for (let i = 0; i < 2000; i++) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect({ port, host: "127.0.0.1" }, () => {
        socket.destroy();
        resolve(true);
      });
      socket.on("error", () => resolve(false));
    });
    if (open) return;
    await run("true", []);
  }
  throw new Error(`nothing listens on ${port}`);
}

function serve(program: string, args: readonly string[]): void {
  children.push(spawn(program, [...args], { stdio: "ignore" }));
}

const curl = (port: number, ...more: readonly string[]): Promise<Ran> =>
  run("curl", ["-sS", "--max-time", "20", "--cacert", file("site.pem"), "--resolve", `${NAME}:${port}:127.0.0.1`, ...more, `https://${NAME}:${port}/`]);
const request = `GET / HTTP/1.0\r\nHost: ${NAME}\r\n\r\n`;
const s_client = (port: number, ...more: readonly string[]): Promise<Ran> =>
  run(
    "sh",
    [
      "-c",
      `{ printf 'GET / HTTP/1.0\\r\\nHost: ${NAME}\\r\\n\\r\\n'; sleep 1; } | openssl s_client -connect 127.0.0.1:${port} -CAfile ${file("site.pem")} -verify_return_error "$@"`,
      "sh",
      ...more,
    ],
    request,
  );
const as = (who: string): readonly string[] => ["-cert", file(`${who}.pem`), "-key", file(`${who}.key`)];

needs("openssl", ["openssl"], "openssl s_client and s_server", async () => {
  for (const version of ["-tls1_2", "-tls1_3"]) {
    const served = await s_client(ports.tls, "-servername", NAME, version);
    assert.ok(served.out.includes(WORDS), `${version}: ${served.out.slice(-800)}`);
    const known = await s_client(ports.mtls, "-servername", NAME, version, ...as("ops"));
    assert.ok(known.out.includes(WORDS), `${version} as ops`);
    for (const [who, due] of [
      [as("guest"), "no_identity"],
      [[], "no_certificate"],
    ] as const) {
      const refused = await s_client(ports.mtls, "-servername", NAME, version, ...who);
      assert.equal([refused.out.includes(WORDS), code()], [false, due], version);
    }
    // The client offers its session again.
    const session = file(`session${version}`);
    const first = await s_client(ports.mtls, "-servername", NAME, version, ...as("ops"), "-sess_out", session);
    // A client that gets neither a number of its session nor a ticket has nothing to offer, and writes no file.
    const offers = existsSync(session) ? ["-sess_in", session] : [];
    assert.ok(offers.length > 0 || !/Session-ID: *[0-9A-F]|session ticket/i.test(first.out), `${version}: what it got`);
    const again = await s_client(ports.mtls, "-servername", NAME, version, ...as("ops"), ...offers);
    assert.ok(first.out.includes(WORDS) && again.out.includes(WORDS) && !/^Reused/m.test(again.out), `${version}: resumed`);
  }
  for (const version of ["-tls1", "-tls1_1"])
    assert.not.ok((await s_client(ports.tls, "-servername", NAME, version, "-cipher", "DEFAULT@SECLEVEL=0")).out.includes(WORDS));
  assert.not.ok((await s_client(ports.tls, "-noservername")).out.includes(WORDS));
  assert.is(code(), "no_name");
  serve("openssl", ["s_server", "-accept", `127.0.0.1:${behind.openssl}`, "-cert", file("web.pem"), "-key", file("web.key"), "-www", "-quiet"]);
  await serving(behind.openssl);
  assert.match((await s_client(ports.openssl, "-servername", NAME)).out, /HTTP\/1.0 200/);
  assert.is(code(), "allowed");
});

needs("curl", ["curl"], "curl", async () => {
  assert.ok((await curl(ports.tls)).out.includes(WORDS));
  assert.ok((await curl(ports.mtls, "--cert", file("ops.pem"), "--key", file("ops.key"))).out.includes(WORDS));
  assert.not.ok((await curl(ports.mtls, "--cert", file("guest.pem"), "--key", file("guest.key"))).out.includes(WORDS));
  assert.is(code(), "no_identity");
  assert.not.ok((await curl(ports.mtls)).out.includes(WORDS));
  assert.is(code(), "no_certificate");
});

needs("nginx", ["nginx", "curl"], "nginx, with TLS behind passthrough and without behind termination", async () => {
  mkdirSync(file("nginx"), { recursive: true });
  writeFileSync(
    file("nginx.conf"),
    `daemon off; pid ${file("nginx/pid")}; error_log stderr; worker_processes 1; master_process off;
events {}
http { access_log off;
${["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${file(`nginx/${name}`)};`).join("\n")}
server { listen 127.0.0.1:${behind.nginx} ssl; server_name ${NAME}; ssl_certificate ${file("web.pem")}; ssl_certificate_key ${file("web.key")}; location / { return 200 "${WORDS}"; } }
server { listen 127.0.0.1:${behind.plain}; location / { return 200 "${WORDS}"; } } }
`,
  );
  serve("/usr/sbin/nginx", ["-p", file("nginx"), "-c", file("nginx.conf")]);
  await serving(behind.nginx);
  assert.ok((await curl(ports.nginx)).out.includes(WORDS));
  assert.is(code(), "allowed");
  assert.ok((await curl(ports.quantum)).out.includes(WORDS));
});

needs("stunnel", ["stunnel", "curl"], "stunnel as a client with a certificate", async () => {
  const [good, bare] = [await freePort(), await freePort()];
  writeFileSync(
    file("stunnel.conf"),
    `foreground = yes
pid =
[ops]
client = yes
accept = 127.0.0.1:${good}
connect = 127.0.0.1:${ports.mtls}
sni = ${NAME}
cert = ${file("ops.pem")}
key = ${file("ops.key")}
CAfile = ${file("site.pem")}
verifyChain = yes
[bare]
client = yes
accept = 127.0.0.1:${bare}
connect = 127.0.0.1:${ports.mtls}
sni = ${NAME}
`,
  );
  serve("stunnel", [file("stunnel.conf")]);
  await serving(good);
  const get = (port: number): Promise<Ran> => run("curl", ["-sS", "--max-time", "20", `http://127.0.0.1:${port}/`]);
  assert.ok((await get(good)).out.includes(WORDS));
  assert.not.ok((await get(bare)).out.includes(WORDS));
  assert.is(code(), "no_certificate");
});

needs("chromium", ["chromium", "nginx"], "headless Chromium, through termination and through passthrough", async () => {
  for (const target of [ports.tls, ports.nginx]) {
    const hellos: Buffer[] = [];
    // Keeps the first bytes of each connection on their way.
    const between = createServer((client) => {
      const onwards = connect({ port: target, host: "127.0.0.1" });
      client.on("data", (chunk: Buffer) => hellos.push(chunk));
      client.pipe(onwards).pipe(client);
      for (const socket of [client, onwards]) socket.on("error", () => undefined);
    });
    const port = await listening(between);
    const { out } = await run(
      "chromium",
      [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--ignore-certificate-errors",
        `--user-data-dir=${file(`chromium${port}`)}`,
        `--host-resolver-rules=MAP ${NAME} 127.0.0.1`,
        "--dump-dom",
        `https://${NAME}:${port}/`,
      ],
      "",
      120,
    );
    between.close();
    assert.ok(out.includes(WORDS), out.slice(-1500));
    // X25519MLKEM768 (0x11ec) with its share of 1,216 bytes (0x04c0).
    assert.ok(Buffer.concat(hellos).includes(Buffer.from([0x11, 0xec, 0x04, 0xc0])), "no post-quantum share");
  }
});

test.after(async () => {
  for (const child of children) child.kill();
  http.close();
  http.closeAllConnections();
  await gateway.stop();
});

test.run();
