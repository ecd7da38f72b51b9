// nginx's stream module, one process. Few sources are `allow` and `deny`; a long list is a `geo` block, as its manual advises.
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { versionOf } from "../processes.mjs";

const MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so";
/** More members than this are looked up with `geo`. */
const FEW = 16;

export function nginx() {
  const { version, missing } = versionOf("nginx", ["-v"], "nginx");
  return {
    id: "nginx",
    label: "nginx",
    version: version?.replace(/^nginx version: /, ""),
    missing: missing ?? (existsSync(MODULE) ? undefined : "nginx has no stream module (apt-get install libnginx-mod-stream)"),
    cannot: {},
    command(world) {
      const path = join(world.folder, "nginx.conf");
      writeFileSync(path, configuration(world));
      return { command: "nginx", args: ["-p", world.folder, "-c", path], out: null };
    },
  };
}

function configuration({ folder, ports, backends, log, clients, certs, most }) {
  const long = clients.list.length > FEW;
  if (long) writeFileSync(join(folder, "geo.conf"), clients.list.map((prefix) => `${prefix} 127.0.0.1:${backends.echo};\n`).join(""));
  const access = long ? "" : `${clients.list.map((prefix) => `allow ${prefix};`).join(" ")} deny all;`;
  const server = (name, options, to, more = "") =>
    `server { listen 127.0.0.1:${ports[name]} ${options}; ${access} proxy_connect_timeout 5s; proxy_timeout 300s; ${more} proxy_pass ${to}; }`;
  const tls = `ssl_certificate ${certs.server}; ssl_certificate_key ${certs.serverKey}; ssl_protocols TLSv1.3;`;
  const echo = `127.0.0.1:${backends.echo}`;
  return `load_module ${MODULE};
daemon off; master_process off; pid ${folder}/nginx.pid; error_log /dev/null;
events { worker_connections ${2 * most + 64}; }
stream {
${long ? "geo $target { default 127.0.0.1:1; include geo.conf; }" : ""}
log_format one '$remote_addr [$time_iso8601] $protocol $status $bytes_sent $bytes_received $session_time "$upstream_addr"';
access_log ${log ? `${folder}/nginx.log one` : "off"};
map $ssl_preread_server_name $named { default 127.0.0.1:1; bench.test ${echo}; }
${server("plain", "backlog=4096", long ? "$target" : echo)}
${server("bulk", "backlog=4096", `127.0.0.1:${backends.bulk}`)}
${server("tls", "ssl backlog=4096", echo, tls)}
${server("mtls", "ssl backlog=4096", echo, `${tls} ssl_client_certificate ${certs.ca}; ssl_verify_client on;`)}
${server("passthrough", "backlog=4096", "$named", "ssl_preread on;")}
${server("udp", "udp", `127.0.0.1:${backends.udp}`)}
}
`;
}
