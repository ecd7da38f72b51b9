// nginx and HAProxy as backends that read the PROXY header: each answers with the address that it was given, and only the
// client's own is right. Needs the Debian packages curl, nginx-light and haproxy.
import { execFile, spawn } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { atEnd, suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { eventually, FORWARDERS, freePort, running, temporaryFolder, type Record } from "../gateway/gateway_under_test.ts";
import { skip } from "../skip.ts";
import { authority, dns, leaf, uri } from "../tls/certificates.ts";
import { put, putAuthority } from "../tls/tls_under_test.ts";
import { notInstalled } from "../installed.ts";

const test = suite("PROXY headers");
const NAME = "www.example.com";
const OPS = "spiffe://corp.example/ops/web";

function run(program: string, args: readonly string[]): Promise<{ readonly code: number | null; readonly out: string }> {
  return new Promise((resolve) => {
    const child = execFile(
      program,
      [...args],
      { timeout: 30_000, env: { ...process.env, PATH: `${process.env["PATH"]}:/usr/sbin` } },
      (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : child.exitCode, out: `${stdout}${stderr}` });
      },
    );
  });
}

/** Starts a server and waits until it listens. */
async function serve(program: string, args: readonly string[], port: number): Promise<void> {
  const child = spawn(program, [...args], { stdio: "ignore", env: { ...process.env, PATH: `${process.env["PATH"]}:/usr/sbin` } });
  atEnd(
    () =>
      new Promise<void>((resolve) => {
        if (child.exitCode !== null) return resolve();
        child.once("exit", () => resolve());
        child.kill("SIGKILL");
      }),
  );
  for (let i = 0; i < 200 && child.exitCode === null; i++) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect({ port, host: "127.0.0.1" }, () => resolve(true));
      socket.once("error", () => resolve(false));
      socket.once("connect", () => socket.destroy());
    });
    if (open) return;
    await run("true", []);
  }
  throw new Error(`${program} does not serve`);
}

const missing = notInstalled(["curl", "nginx", "haproxy"]);

if (missing.length > 0) skip("PROXY headers", `${missing.join(", ")} is not installed`);
else
  for (const forwarder of FORWARDERS)
    for (const version of ["v1", "v2"] as const)
      test(`nginx and HAProxy read the client's address from ${version}, forwarder ${forwarder}`, async () => {
        const folder = temporaryFolder();
        const file = (name: string): string => join(folder, name);
        const [site, clients] = [authority("site root"), authority("client root")];
        put(folder, "web", leaf(site, { names: [dns(NAME)] }));
        put(folder, "ops", leaf(clients, { names: [uri(OPS)] }));
        putAuthority(folder, "site", site);
        putAuthority(folder, "corp", clients);
        const [web, tls, mtls, nginx, haproxy] = [await freePort(), await freePort(), await freePort(), await freePort(), await freePort()];
        mkdirSync(file("nginx"));
        writeFileSync(
          file("nginx.conf"),
          `daemon off; pid ${file("nginx/pid")}; error_log stderr; worker_processes 1; master_process off;
events { worker_connections 64; }
http { access_log off;
${["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${file(`nginx/${name}`)};`).join("\n")}
server { listen 127.0.0.1:${nginx} proxy_protocol; location / { return 200 "nginx $proxy_protocol_addr $proxy_protocol_server_port"; } }
}\n`,
        );
        writeFileSync(
          file("haproxy.cfg"),
          `global
  maxconn 100
defaults
  mode http
  timeout client 10s
  timeout server 10s
  timeout connect 10s
frontend web
  bind 127.0.0.1:${haproxy} accept-proxy
  http-request return status 200 content-type text/plain lf-string "haproxy %[src] %[dst_port] %[fc_pp_authority]"
`,
        );
        await serve("nginx", ["-p", file("nginx"), "-c", file("nginx.conf")], nginx);
        await serve("haproxy", ["-db", "-f", file("haproxy.cfg")], haproxy);
        const gateway = await running({
          folder,
          forwarder,
          policy: `edition 1
expose web on tcp ${web} { backend 127.0.0.1:${nginx} proxy ${version} allow from any }
expose tls on tcp ${tls} as tls { backend 127.0.0.1:${haproxy} proxy ${version} cert "web" allow from any }
expose mtls on tcp ${mtls} as mtls { backend 127.0.0.1:${haproxy} proxy ${version} cert "web" ca "corp" allow from any client uri "${OPS}" }
`,
          config: `[certs.web]\ncert = "${file("web.pem")}"\nkey = "${file("web.key")}"\n[cas.corp]\nfile = "${file("corp.pem")}"\n`,
        });
        const curl = async (...args: readonly string[]): Promise<string> => (await run("curl", ["-s", "--max-time", "10", ...args])).out;
        assert.is(await curl("--interface", "127.0.0.9", `http://127.0.0.1:${web}/`), `nginx 127.0.0.9 ${web}`);
        const named = version === "v2" ? ` ${NAME}` : " ";
        const through = (port: number): readonly string[] => [
          "--cacert",
          file("site.pem"),
          "--resolve",
          `${NAME}:${port}:127.0.0.1`,
          `https://${NAME}:${port}/`,
        ];
        assert.is((await curl("--interface", "127.0.0.10", ...through(tls))).trimEnd(), `haproxy 127.0.0.10 ${tls}${named}`.trimEnd());
        const shown = ["--cert", file("ops.pem"), "--key", file("ops.key")];
        assert.is((await curl("--interface", "127.0.0.11", ...shown, ...through(mtls))).trimEnd(), `haproxy 127.0.0.11 ${mtls}${named}`.trimEnd());
        await gateway.stop();
      });

/** Where Debian's nginx has it. */
const STREAM_MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so";
const BALANCER = "127.0.0.5";

if (missing.length > 0) skip("PROXY headers of balancers", `${missing.join(", ")} is not installed`);
else
  for (const forwarder of FORWARDERS)
    test(`HAProxy and nginx say who their clients are, forwarder ${forwarder}`, async () => {
      const folder = temporaryFolder();
      const file = (name: string): string => join(folder, name);
      const site = authority("site root");
      put(folder, "web", leaf(site, { names: [dns(NAME)] }));
      putAuthority(folder, "site", site);
      const [plain, tls, nginx] = [await freePort(), await freePort(), await freePort()];
      const fronts = { v1: await freePort(), v2: await freePort(), crc: await freePort(), tls: await freePort(), stream: await freePort() };
      mkdirSync(file("nginx"));
      writeFileSync(
        file("nginx.conf"),
        `${existsSync(STREAM_MODULE) ? `load_module ${STREAM_MODULE};` : ""}
daemon off; pid ${file("nginx/pid")}; error_log stderr; worker_processes 1; master_process off;
events { worker_connections 64; }
http { access_log off;
${["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${file(`nginx/${name}`)};`).join("\n")}
server { listen 127.0.0.1:${nginx} proxy_protocol; location / { return 200 "$proxy_protocol_addr $proxy_protocol_server_port"; } }
}
stream { server { listen 127.0.0.1:${fronts.stream}; proxy_bind ${BALANCER}; proxy_pass 127.0.0.1:${plain}; proxy_protocol on; } }
`,
      );
      const front = (name: string, port: number, to: number, how: string): string =>
        `listen ${name}\n  bind 127.0.0.1:${port}\n  server gw 127.0.0.1:${to} source ${BALANCER} ${how}\n`;
      writeFileSync(
        file("haproxy.cfg"),
        `defaults
  mode tcp
  timeout client 10s
  timeout server 10s
  timeout connect 10s
${front("one", fronts.v1, plain, "send-proxy")}${front("two", fronts.v2, plain, "send-proxy-v2 check inter 100 check-send-proxy")}${front("sum", fronts.crc, plain, "send-proxy-v2 proxy-v2-options crc32c,unique-id")}${front("tls", fronts.tls, tls, "send-proxy-v2 check inter 100")}`,
      );
      await serve("nginx", ["-p", file("nginx"), "-c", file("nginx.conf")], nginx);
      const gateway = await running({
        folder,
        forwarder,
        policy: `edition 1
expose plain on tcp ${plain} via ${BALANCER} { backend 127.0.0.1:${nginx} proxy v2 allow from 127.0.0.9, ${BALANCER} }
expose tls on tcp ${tls} via ${BALANCER} as tls { backend 127.0.0.1:${nginx} proxy v1 cert "web" allow from 127.0.0.9 sni "${NAME}" }
`,
        config: `[certs.web]\ncert = "${file("web.pem")}"\nkey = "${file("web.key")}"\n`,
      });
      await serve("haproxy", ["-db", "-f", file("haproxy.cfg")], fronts.tls);
      const curl = async (from: string, ...args: readonly string[]): Promise<string> =>
        (await run("curl", ["-s", "--max-time", "10", "--interface", from, ...args])).out;
      for (const [name, port] of [
        ["HAProxy, version 1", fronts.v1],
        ["HAProxy, version 2", fronts.v2],
        ["HAProxy, a checksum", fronts.crc],
        ["nginx", fronts.stream],
      ] as const) {
        // The backend hears of the address and port that the client has connected to: the balancer's.
        assert.is(await curl("127.0.0.9", `http://127.0.0.1:${port}/`), `127.0.0.9 ${port}`, name);
        assert.is(await curl("127.0.0.10", `http://127.0.0.1:${port}/`), "", `${name}: another client is refused`);
      }
      const secured = ["--cacert", file("site.pem"), "--resolve", `${NAME}:${fronts.tls}:127.0.0.1`, `https://${NAME}:${fronts.tls}/`];
      assert.is(await curl("127.0.0.9", ...secured), `127.0.0.9 ${fronts.tls}`);
      assert.is(await curl("127.0.0.10", ...secured), "");
      const accepts = (): readonly Record[] => gateway.records().filter(({ op }) => op === "accept");
      // HAProxy resets the connection of a check. Node may hear of that before it has read the header, and then there is no record.
      if (forwarder === "kernel")
        await eventually(() => accepts().some(({ source = "" }) => source.startsWith(`${BALANCER}:`)), "a health check with LOCAL is the balancer's");
      const sources = accepts();
      assert.not.ok(
        sources.some(({ code }) => code === "proxy_malformed"),
        "no header of theirs is refused",
      );
      // Health checks without a byte have no record.
      assert.not.ok(sources.some(({ code }) => code === "proxy_gone"));
      await gateway.stop();
    });

test.run();
