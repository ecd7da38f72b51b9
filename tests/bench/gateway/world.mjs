// The surroundings of a run: certificates, lists of sources, and ports.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { randomOf } from "../policies.mjs";

function openssl(args) {
  const { status, stderr } = spawnSync("openssl", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`openssl ${args[0]}: ${stderr}`);
}

/** An authority, a server's certificate for bench.test and a client's for client.bench.test, all on P-256. */
export function makeCertificates(folder) {
  const at = (name) => join(folder, name);
  const made = (name, more) =>
    openssl([
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-days",
      "30",
      "-keyout",
      at(`${name}.key`),
      "-out",
      at(`${name}.pem`),
      "-subj",
      `/CN=${name}`,
      ...more,
    ]);
  made("ca", ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign"]);
  for (const [name, host, use] of [
    ["server", "bench.test", "serverAuth"],
    ["client", "client.bench.test", "clientAuth"],
  ]) {
    made(name, [
      "-CA",
      at("ca.pem"),
      "-CAkey",
      at("ca.key"),
      "-addext",
      "basicConstraints=critical,CA:FALSE",
      "-addext",
      `subjectAltName=DNS:${host}`,
      "-addext",
      `extendedKeyUsage=${use}`,
    ]);
  }
  writeFileSync(at("both.pem"), readFileSync(at("server.pem"), "utf8") + readFileSync(at("server.key"), "utf8"), { mode: 0o600 });
  return {
    ca: at("ca.pem"),
    server: at("server.pem"),
    serverKey: at("server.key"),
    serverBoth: at("both.pem"),
    client: at("client.pem"),
    clientKey: at("client.key"),
  };
}

/**
 * `count` allowed prefixes, and a file of addresses within them that clients of loopback can have. A tenth of the
 * prefixes is within 127.0.0.0/8, the others are anywhere; without `count` it is 127.0.0.0/16 alone.
 */
export function makeClients(folder, count) {
  mkdirSync(folder, { recursive: true });
  const random = randomOf(count ?? 1);
  const below = (n) => Math.floor(random() * n);
  const text = (n) => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255].join(".");
  const [list, sources] = [new Set(count === undefined ? ["127.0.0.0/16"] : ["127.0.1.0/24"]), []];
  while (count !== undefined && list.size < count) {
    const local = list.size % 10 === 1;
    const length = local ? 25 + below(8) : 16 + below(17);
    const first = local ? 0x7f000000 + 0x20000 + below(2 ** 23) : below(0xdf000000);
    const base = (first & (-1 << (32 - length))) >>> 0;
    const before = list.size;
    list.add(`${text(base)}/${length}`);
    if (local && list.size > before) sources.push(text(base + below(2 ** (32 - length))));
  }
  const file = join(folder, "clients.txt");
  writeFileSync(file, `${[...list].join("\n")}\n`);
  const sourceFile = sources.length === 0 ? null : join(folder, "sources.txt");
  if (sourceFile !== null) writeFileSync(sourceFile, `${sources.join("\n")}\n`);
  return { list: [...list], file, sources: sourceFile };
}

/** Ports below those that the kernel gives to clients, free at the moment. */
let next = 20_000 + 7 * (process.pid % 1_000);
export async function freePorts(names) {
  const found = {};
  for (const name of names) {
    do next += 1;
    while (
      !(await new Promise((resolve) => {
        const server = createServer()
          .on("error", () => resolve(false))
          .listen(next, "127.0.0.1", () => server.close(() => resolve(true)));
      }))
    );
    found[name] = next;
  }
  return found;
}
