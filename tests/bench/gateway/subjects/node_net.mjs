// Node's own modules as they come: net.createServer, net.connect and pipe, tls.createServer, net.BlockList. No log, no
// limit, no half-close rule of its own: the least that a proxy in Node costs.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("node_net_program.mjs", import.meta.url));

export function nodeNet({ path, version }) {
  const [major] = version.split(".");
  return {
    id: `net-${major}`,
    label: `Node's net, Node ${major}`,
    node: version,
    cannot: { udp: "net has no datagrams", passthrough: "net reads no ClientHello", unlogged: "it has no log in any row" },
    command(world) {
      const file = join(world.folder, "node_net.json");
      writeFileSync(file, JSON.stringify({ ports: world.ports, backends: world.backends, clients: world.clients.file, certs: world.certs }));
      return { command: path, args: [PROGRAM, file], out: null };
    },
  };
}
