// HAProxy in TCP mode, one thread. Its log goes to a file through standard output; bulk has `option splice-auto`, as
// its manual advises for large transfers.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { versionOf } from "../processes.mjs";

export function haproxy() {
  const { version, missing } = versionOf("haproxy", ["-v"], "haproxy");
  return {
    id: "haproxy",
    label: "HAProxy",
    version: version?.replace(/ 20\d\d.*$/, ""),
    missing,
    cannot: { udp: "HAProxy does not forward datagrams" },
    command(world) {
      const path = join(world.folder, "haproxy.cfg");
      writeFileSync(path, configuration(world));
      return { command: "haproxy", args: ["-f", path, "-db"], out: world.log ? join(world.folder, "haproxy.log") : null };
    },
  };
}

function configuration({ ports, backends, log, clients, certs, most }) {
  const allowed = "tcp-request connection reject unless { src -f " + clients.file + " }";
  const front = (name, bind, to, more = []) => [
    `frontend ${name}`,
    `  bind 127.0.0.1:${ports[name]} ${bind}`,
    `  ${allowed}`,
    ...more.map((line) => `  ${line}`),
    `  default_backend ${to}`,
  ];
  return [
    "global",
    "  nbthread 1",
    `  maxconn ${most}`,
    "  maxpipes 64",
    ...(log ? ["  log stdout format raw local0"] : []),
    "defaults",
    "  mode tcp",
    `  maxconn ${most}`,
    "  timeout connect 5s",
    "  timeout client 300s",
    "  timeout server 300s",
    "  backlog 4096",
    ...(log ? ["  log global", "  option tcplog"] : []),
    ...front("plain", "", "echo"),
    ...front("bulk", "", "bulk", ["option splice-auto"]),
    ...front("tls", `ssl crt ${certs.serverBoth}`, "echo"),
    ...front("mtls", `ssl crt ${certs.serverBoth} ca-file ${certs.ca} verify required`, "echo"),
    "frontend passthrough",
    `  bind 127.0.0.1:${ports.passthrough}`,
    `  ${allowed}`,
    "  tcp-request inspect-delay 5s",
    "  tcp-request content accept if { req.ssl_hello_type 1 }",
    "  use_backend echo if { req.ssl_sni -i bench.test }",
    "backend echo",
    `  server one 127.0.0.1:${backends.echo}`,
    "backend bulk",
    "  option splice-auto",
    `  server one 127.0.0.1:${backends.bulk}`,
    "",
  ].join("\n");
}
