// HAProxy's and nginx's own lookups, of the same lists and with the same questions. Neither offers a
// lookup by itself, so what is measured is CPU time: a worker that answers requests with the lookup
// in its configuration, less the same worker without it, in alternating rounds, from the kernel's
// account of the process. The source is in a header, as behind a proxy.
//
// HAProxy: `acl … -f FILE`, many sources to a request, two lists each. nginx: `geo $variable` with
// the list included, which is looked up once a request, so its differences are small beside a request.
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readLists, readWorld, textOf } from "../worlds.mjs";
import { ofRuns } from "../clock.mjs";

/** Sources in one request to HAProxy. */
const EACH = 32;

const PROXIES = {
  haproxy: { each: EACH, needs: "haproxy", version: ["-v"], write: writeHaproxy, args: (folder) => ["-f", join(folder, "haproxy.cfg")] },
  nginx: { each: 1, needs: "nginx", version: ["-v"], write: writeNginx, args: (folder) => ["-p", folder, "-c", join(folder, "nginx.conf")] },
};

/** `lookup`: the configuration behind the timed port. Both ports answer `allow` or `deny` at /check, of one source. */
function writeHaproxy(folder, ports, [good, bad]) {
  writeFileSync(join(folder, "good.lst"), `${good.join("\n")}\n`);
  writeFileSync(join(folder, "bad.lst"), `${bad.join("\n")}\n`);
  const files = [join(folder, "good.lst"), join(folder, "bad.lst")];
  const sources = Array.from({ length: EACH }, (_, i) => `req.hdr_ip(x-source,${i + 1})`);
  // The same fetches with and without the lookup in a file of addresses.
  const lines = (lookup) =>
    sources.flatMap((source, i) => files.map((file, f) => `  http-request set-var(txn.v${i}_${f}) ${source}${lookup ? `,map_ip(${file}.map,0)` : ""}`));
  files.forEach((file, f) => writeFileSync(`${file}.map`, (f === 0 ? good : bad).map((p) => `${p} 1\n`).join("")));
  const front = (port, lookup) => `frontend f${port}
  bind 127.0.0.1:${port}
${
  lookup === null ?
    `  acl good req.hdr_ip(x-source) -f ${files[0]}
  acl bad req.hdr_ip(x-source) -f ${files[1]}
  http-request return status 200 content-type text/plain string "allow" if good !bad
  http-request return status 200 content-type text/plain string "deny."`
  : `${lines(lookup).join("\n")}
  http-request return status 200 content-type text/plain string "done."`
}
`;
  writeFileSync(
    join(folder, "haproxy.cfg"),
    `global
  nbthread 1
  maxconn 1000
defaults
  mode http
  timeout connect 60s
  timeout client 300s
  timeout server 300s
  timeout http-request 300s
${front(ports.with, true)}${front(ports.without, false)}${front(ports.check, null)}`,
  );
}

function writeNginx(folder, ports, [good, bad]) {
  mkdirSync(join(folder, "temp"), { recursive: true });
  [good, bad].forEach((list, n) => writeFileSync(join(folder, `geo${n}.conf`), list.map((p) => `${p} 1;\n`).join("")));
  const temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${folder}/temp;`).join(" ");
  const server = (port, body) =>
    `server { listen 127.0.0.1:${port}; keepalive_requests 1000000000; location / { default_type text/plain; return 200 "${body}"; } }`;
  writeFileSync(
    join(folder, "nginx.conf"),
    `daemon off; master_process off; pid ${folder}/nginx.pid; error_log /dev/null;
events { worker_connections 64; }
http { access_log off; ${temp}
geo $http_x_source $good { default 0; include ${folder}/geo0.conf; }
geo $http_x_source $bad { default 0; include ${folder}/geo1.conf; }
map $good$bad $answer { default "deny."; "10" "allow"; }
map $http_x_source $nothing { default "deny."; "10" "allow"; }
${server(ports.with, "$answer")}
${server(ports.without, "$nothing")}
${server(ports.check, "$answer")}
}`,
  );
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Resolves when it accepts, or when the process is gone. */
async function accepts(port, child, mostMs) {
  const from = performance.now();
  while (performance.now() - from < mostMs && child.exitCode === null) {
    const up = await new Promise((resolve) => {
      const probe = connect(port, "127.0.0.1", () => {
        probe.destroy();
        resolve(true);
      });
      probe.on("error", () => resolve(false));
    });
    if (up) return true;
    await new Promise((resolve) => {
      setTimeout(resolve, 20);
    });
  }
  return false;
}

/** Nanoseconds of CPU that a process of one thread has had. */
const cpuNs = (pid) => Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ", 1)[0]);
const rssMiB = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024;

const BODY_BYTES = 5;
/** Requests that are under way at once. More bytes than HAProxy's 16 KiB for a request now and then left a connection without an answer. */
const UNDER_WAY = 16;

/** Sends requests in a pipeline over one connection; the bodies, in order, of which each has five bytes. */
function pipeline(port, requests) {
  return new Promise((resolve, reject) => {
    const bodies = [];
    let rest = "";
    let sent = 0;
    const more = () => {
      const part = requests.slice(sent, sent + UNDER_WAY);
      sent += part.length;
      if (part.length > 0) socket.write(part.join(""));
    };
    const socket = connect(port, "127.0.0.1", more);
    socket
      .setNoDelay(true)
      .setEncoding("latin1")
      .on("data", (chunk) => {
        rest += chunk;
        let at = 0;
        for (let end = rest.indexOf("\r\n\r\n"); end >= 0 && rest.length >= end + 4 + BODY_BYTES; end = rest.indexOf("\r\n\r\n", at)) {
          if (!rest.startsWith("HTTP/1.1 200", at)) {
            socket.destroy(new Error(rest.slice(at, at + 30)));
            return;
          }
          at = end + 4 + BODY_BYTES;
          bodies.push(rest.slice(end + 4, at));
        }
        rest = rest.slice(at);
        if (bodies.length === requests.length) {
          socket.end();
          resolve(bodies);
        } else if (bodies.length === sent) more();
      })
      .on("error", reject)
      .on("close", () => reject(new Error(`the connection ended after ${bodies.length} of ${requests.length} answers`)));
  });
}

const request = (sources) => `GET / HTTP/1.1\r\nHost: bench\r\nX-Source: ${sources.join(",")}\r\n\r\n`;

export async function run({ proxy: name, folder, world: described, requests, rounds }, report) {
  const { each, needs, version, write, args } = PROXIES[name];
  const installed = spawnSync(needs, version, { encoding: "utf8" });
  if (installed.status !== 0) return { missing: `${needs} is not installed` };
  const world = readWorld(folder, described);
  const here = mkdtempSync(join(tmpdir(), "ingressd-bench-"));
  const ports = { with: await freePort(), without: await freePort(), check: await freePort() };
  let child;
  try {
    write(here, ports, readLists(folder, world));
    const started = performance.now();
    child = spawn(needs, args(here), { stdio: ["ignore", "ignore", "inherit"] });
    if (!(await accepts(ports.check, child, 60_000)))
      throw new Error(child.exitCode === null ? "it did not start within 60 s" : `it ended with exit code ${child.exitCode}`);
    const loadMs = performance.now() - started;
    const rss = rssMiB(child.pid);
    report({ loadedMs: loadMs });

    const { checked } = world;
    const bodies = await pipeline(
      ports.check,
      checked.map(({ source }) => request([source])),
    );
    const wrong = checked.filter(({ allowed }, i) => (bodies[i] === "allow") !== allowed);
    const answers = {
      "asked": checked.length,
      wrong: wrong.length,
      allowed: checked.filter((q) => q.allowed).length,
      first: wrong[0] === undefined ? null : `${wrong[0].source} should be ${wrong[0].allowed ? "allowed" : "denied"}`,
    };
    report({ answers });

    const result = { loadMs, rssMiB: rss, heapMiB: null, answers, version: (installed.stdout + installed.stderr).split("\n")[0].trim() };
    for (const shape of ["hot", "random"]) {
      const most = shape === "hot" ? 64 : world.words.length;
      const texts = Array.from({ length: requests }, (_, r) =>
        request(Array.from({ length: each }, (_, s) => textOf(world.words.subarray((r * each + s) % most, ((r * each + s) % most) + 1)))),
      );
      const round = async (port) => {
        const before = cpuNs(child.pid);
        await pipeline(port, texts);
        return (cpuNs(child.pid) - before) / (requests * each);
      };
      const costs = { with: [], without: [] };
      for (let i = 0; i <= rounds; i++) {
        const some = [await round(ports.with), await round(ports.without)];
        if (i > 0) {
          costs.with.push(some[0]);
          costs.without.push(some[1]);
        }
      }
      const differences = costs.with.map((ns, i) => ns - costs.without[i]);
      result[shape] = {
        ...ofRuns(differences),
        least: Math.min(...costs.with) - Math.min(...costs.without),
        calls: requests * each * rounds,
        withoutNs: ofRuns(costs.without).median,
      };
      report({ [shape]: result[shape] });
    }
    return result;
  } finally {
    child?.kill("SIGKILL");
    rmSync(here, { recursive: true, force: true });
  }
}
