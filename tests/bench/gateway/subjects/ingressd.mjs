// ingressd as it is shipped, with one of its forwarders. A policy with an expose for each port; the audit goes to a
// file, or to /dev/null in rows without a log (every record is still written).
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../..", import.meta.url));

export function ingressd({ path, version }, forwarder) {
  const [major] = version.split(".");
  const engine = forwarder === "kernel" ? "openssl" : "node";
  return {
    id: `ingressd-${forwarder}-${major}`,
    label: `ingressd, forwarder \`${forwarder}\`, Node ${major}`,
    node: version,
    ours: true,
    missing: undefined,
    cannot: {},
    command(world) {
      const [policy, config] = [join(world.folder, "bench.wasm"), join(world.folder, "bench.toml")];
      copyFileSync(world.clients.file, join(world.folder, "clients.txt"));
      // The policy's folder is watched, so that an audit within it would wake the gateway at each of its own writes.
      mkdirSync(join(world.folder, "log"), { recursive: true });
      const built = build(world.folder, policyOf(world), policy);
      if (built.status !== 0) throw new Error(`ingressc: ${(built.stdout + built.stderr).trim().slice(0, 300)}`);
      writeFileSync(config, configuration(world, forwarder, engine));
      return {
        command: path,
        args: ["gateway/ingressd.mjs", "--policy", policy, "--config", config, "--control", join(world.folder, "run", "control.sock")],
        cwd: root,
        out: null,
      };
    },
    /** Its sentence where it serves with another forwarder or engine than the configuration names; else null. */
    fellBack: (errors) =>
      errors.split("\n").find((line) => /forwarder|tls\.engine/.test(line) && /\bnode\b|Node's/i.test(line) && forwarder === "kernel") ?? null,
  };
}

function expose(name, port, backend, mode = "", more = "") {
  return `expose ${name} on ${name === "datagrams" ? "udp" : "tcp"} ${port} bind 127.0.0.1${mode} {
  backend 127.0.0.1:${backend}
  ${more}
  cap 1000000 connections
  allow from clients${mode === " as mtls" ? " client people" : ""}
}`;
}

function policyOf({ ports, backends }) {
  return [
    expose("plain", ports.plain, backends.echo),
    expose("bulk", ports.bulk, backends.bulk),
    expose("tls", ports.tls, backends.echo, " as tls", 'cert "bench"'),
    expose("mtls", ports.mtls, backends.echo, " as mtls", 'cert "bench"\n  ca "bench"'),
    expose("passthrough", ports.passthrough, backends.echo, " as passthrough").replace("allow from clients", 'allow from clients sni "bench.test"'),
    expose("datagrams", ports.udp, backends.udp, "", "amplify 2"),
  ];
}

function build(folder, exposes, out) {
  const path = join(folder, "bench.ingress");
  writeFileSync(path, ["edition 1", 'net clients = file "clients.txt" max 2000000', 'ids people = dns "client.bench.test"', ...exposes, ""].join("\n"));
  return spawnSync(process.execPath, ["compiler/cli/ingressc.mjs", "build", path, "-o", out], {
    cwd: root,
    encoding: "utf8",
    env: { ...process.env, NO_COLOR: "1" },
  });
}

function configuration({ folder, log, certs, most }, forwarder, engine) {
  return [
    `forwarder = "${forwarder}"`,
    "[audit]",
    `file = "${log ? join(folder, "log", "audit.jsonl") : "/dev/null"}"`,
    "[caps]",
    `connections = ${most}`,
    // Else a descriptor is kept back for each of 1,024 ports, and not as many clients are served as by the others.
    "ports = 16",
    "[tls]",
    `engine = "${engine}"`,
    "[certs.bench]",
    `cert = "${certs.server}"`,
    `key = "${certs.serverKey}"`,
    "[cas.bench]",
    `file = "${certs.ca}"`,
    "",
  ].join("\n");
}
