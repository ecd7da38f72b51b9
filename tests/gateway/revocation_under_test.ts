// Shared by the tests of revocation lists: an authority with a list, a policy that requires its certificates, and clients.
import { renameSync } from "node:fs";
import { connect as connectPlain } from "node:net";
import { join } from "node:path";
import { connect, type TLSSocket } from "node:tls";
import { READING, SECURING } from "../../gateway/connection/states.ts";
import { authority, dns, leaf, type Authority, type Issued } from "../tls/certificates.ts";
import { opensslAuthority, type OpensslAuthority } from "../tls/openssl_authority.ts";
import { call, GREETING, put, SERVED } from "../tls/tls_under_test.ts";
import { backend, eventually, freePort, temporaryFolder, type Under } from "./gateway_under_test.ts";

export const NOW = new Date(Date.UTC(2030, 0, 1));

export interface Ground {
  readonly folder: string;
  readonly site: Authority;
  readonly corp: OpensslAuthority;
  readonly port: number;
  readonly policy: string;
  readonly crl: string;
  config(crl?: string): string;
}

export async function ground(): Promise<Ground> {
  const folder = temporaryFolder();
  const site = authority("site root", { from: -6000 });
  put(folder, "web", leaf(site, { names: [dns("www.example.com")], from: -6000 }));
  const corp = opensslAuthority(folder, "corp");
  const port = await freePort();
  const behind = await backend(GREETING);
  const crl = join(folder, "corp.crl");
  return {
    folder,
    site,
    corp,
    port,
    crl,
    policy: `edition 1
expose web on tcp ${port} bind 127.0.0.1 as mtls { backend 127.0.0.1:${behind.port} cert "web" ca "corp" allow from any client dns "anna.example.com", dns "bert.example.com" }`,
    config: (lists = crl) =>
      `policy.watch = false\n[certs.web]\ncert = "${folder}/web.pem"\nkey = "${folder}/web.key"\n[cas.corp]\nfile = "${corp.path}"\ncrl = ["${lists}"]\n`,
  };
}

/** Written beside its place and renamed, as an operator's tool does. */
export function renew(of: OpensslAuthority, path: string): void {
  of.list(`${path}.new`);
  renameSync(`${path}.new`, path);
}

export async function served(g: Pick<Ground, "port" | "site">, certificate: Issued): Promise<boolean> {
  return (await call(g, { certificate })).got === SERVED;
}

export async function lastOf(gateway: Under): Promise<string> {
  const { table } = gateway.daemon.forwarder;
  await eventually(() => table.state.every((state) => state !== READING && state !== SECURING), "the last decision");
  const record = gateway
    .records()
    .filter(({ op }) => op === "accept")
    .at(-1);
  return `${record?.code} ${record?.detail ?? ""}`.trim();
}

/** A client that stays. */
export async function stream({ port, site }: Ground, certificate: Issued): Promise<{ readonly socket: TLSSocket; readonly closed: Promise<void> }> {
  const socket = connect({
    socket: connectPlain(port, "127.0.0.1"),
    ca: site.pem,
    checkServerIdentity: () => undefined,
    servername: "www.example.com",
    cert: certificate.pem,
    key: certificate.key,
  });
  socket.on("error", () => undefined);
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  await new Promise<void>((resolve) => socket.once("data", () => resolve()));
  return { socket, closed };
}
