// The proxy of node_net.mjs: node node_net_program.mjs CONFIGURATION
import { readFileSync } from "node:fs";
import { BlockList, connect, createServer } from "node:net";
import { createServer as createTlsServer } from "node:tls";

const { ports, backends, clients, certs } = JSON.parse(readFileSync(process.argv[2], "utf8"));
const allowed = new BlockList();
for (const prefix of readFileSync(clients, "utf8").trimEnd().split("\n")) {
  const [address, length = "32"] = prefix.split("/");
  allowed.addSubnet(address, Number(length), "ipv4");
}

function joined(client, port) {
  const backend = connect({ port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
  client.on("error", () => backend.destroy());
  backend.on("error", () => client.destroy());
  client.pipe(backend).pipe(client);
}

function plain(port, to) {
  createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    if (!allowed.check(client.remoteAddress ?? "", "ipv4")) client.resetAndDestroy();
    else joined(client, to);
  }).listen({ port, host: "127.0.0.1", backlog: 4096 });
}

function terminated(port, to, more) {
  createTlsServer({ key: readFileSync(certs.serverKey), cert: readFileSync(certs.server), allowHalfOpen: true, noDelay: true, ...more }, (client) => {
    if (!allowed.check(client.remoteAddress ?? "", "ipv4")) client.destroy();
    else joined(client, to);
  })
    .on("tlsClientError", () => undefined)
    .listen({ port, host: "127.0.0.1", backlog: 4096 });
}

plain(ports.plain, backends.echo);
plain(ports.bulk, backends.bulk);
terminated(ports.tls, backends.echo, {});
terminated(ports.mtls, backends.echo, { requestCert: true, rejectUnauthorized: true, ca: readFileSync(certs.ca) });
