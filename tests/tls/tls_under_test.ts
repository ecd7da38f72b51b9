// A gateway that terminates TLS, with authorities and certificates made for it, and clients that say
// what came of them. A client was served only when the backend's own bytes arrived.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect as connectPlain } from "node:net";
import { connect, type ConnectionOptions, type TLSSocket } from "node:tls";
import { READING, SECURING } from "../../gateway/connection/states.ts";
import { backend, eventually, freePort, running, temporaryFolder, type BackendUnderTest, type Record, type Under } from "../gateway/gateway_under_test.ts";
import { authority, dns, leaf, type Authority, type Issued, type Wish } from "./certificates.ts";

export interface Setting {
  readonly gateway: Under;
  readonly behind: BackendUnderTest;
  readonly folder: string;
  readonly port: number;
  readonly site: Authority;
  readonly clients: Authority;
  /** The policy with another body. */
  policy(body: string, mode?: string): string;
  /** A certificate that the listener's authority issued. */
  issue(wish: Wish): Issued;
  end(): Promise<void>;
}

/** The backend's greeting to every client. */
export const GREETING = "from the backend";

/** The bytes that a served client gets after it sends `hello`. */
export const SERVED = `${GREETING}hello`;

/** With a gateway that is stopped whatever happens. */
export async function within(body: string, how: How, run: (s: Setting) => Promise<void>): Promise<void> {
  const s = await setting(body, how);
  try {
    await run(s);
  } finally {
    await s.end();
  }
}

export interface How {
  readonly mode?: "tls" | "mtls" | "passthrough";
  /** TOML before the tables of certificates. */
  readonly config?: string;
  /** TOML behind them; `FOLDER` is where their files are. */
  readonly more?: string;
}

/** The record of the last connection. A thread's refusal reaches the client before the record is written. */
export async function lastAccept({ gateway }: Setting): Promise<Record> {
  const { table } = gateway.daemon.forwarder;
  await eventually(() => table.state.every((state) => state !== READING && state !== SECURING), "the last decision");
  const record = gateway
    .records()
    .filter(({ op }) => op === "accept")
    .at(-1);
  if (record === undefined) throw new Error("nothing was recorded");
  return record;
}

async function setting(body: string, { mode = "mtls", config = "", more = "" }: How): Promise<Setting> {
  const folder = temporaryFolder();
  const [site, clients] = [authority("site root"), authority("client root")];
  const behind = await backend(GREETING);
  const port = await freePort();
  put(folder, "web", leaf(site, { names: [dns("www.example.com"), dns("*.apps.example.com")] }));
  putAuthority(folder, "corp", clients);
  const policy = (text: string, as = mode): string => `edition 1
expose web on tcp ${port} as ${as} {
  backend 127.0.0.1:${behind.port}
  cert "web"${as === "mtls" ? '  ca "corp"' : ""}
  ${text}
}`;
  const gateway = await running({
    folder,
    policy: policy(body),
    config: `${config}\n[certs.web]\ncert = "${folder}/web.pem"\nkey = "${folder}/web.key"\n[cas.corp]\nfile = "${folder}/corp.pem"\n${more.replace("FOLDER", folder)}`,
  });
  return {
    gateway,
    behind,
    folder,
    port,
    site,
    clients,
    policy,
    issue: (wish) => leaf(clients, wish),
    async end() {
      await gateway.stop();
      behind.close();
    },
  };
}

export function put(folder: string, name: string, { pem, key }: Issued): void {
  writeFileSync(join(folder, `${name}.pem`), pem, { mode: 0o600 });
  writeFileSync(join(folder, `${name}.key`), key, { mode: 0o600 });
}

export function putAuthority(folder: string, name: string, ...all: readonly Authority[]): void {
  writeFileSync(join(folder, `${name}.pem`), all.map(({ pem }) => pem).join(""), { mode: 0o600 });
}

export interface Came {
  /** All bytes that arrived from the backend. */
  readonly got: string;
  readonly reused: boolean;
  readonly protocol: string | null;
  /** Sessions that the gateway gave the client. */
  readonly sessions: readonly Buffer[];
  readonly error: string | null;
}

export interface Call {
  readonly name?: string | undefined;
  readonly certificate?: Issued;
  readonly options?: ConnectionOptions;
  readonly from?: string;
}

/** Connects, reads to the end or to the refusal. */
export async function call(
  { port, site }: Pick<Setting, "port" | "site">,
  { name = "www.example.com", certificate, options = {}, from = "127.0.0.1" }: Call = {},
): Promise<Came> {
  const socket = connect({
    socket: connectPlain({ port, host: "127.0.0.1", localAddress: from }),
    ca: site.pem,
    checkServerIdentity: () => undefined,
    ...(name !== "" && { servername: name }),
    ...(certificate !== undefined && { cert: certificate.pem, key: certificate.key }),
    ...options,
  });
  return read(socket);
}

export async function read(socket: TLSSocket): Promise<Came> {
  const parts: Buffer[] = [];
  const sessions: Buffer[] = [];
  let error: string | null = null;
  let reused = false;
  let protocol: string | null = null;
  socket.on("session", (session) => sessions.push(session));
  socket.on("secureConnect", () => {
    reused = socket.isSessionReused();
    protocol = socket.getProtocol();
    // The backend answers at once and ends when the client has.
    socket.end("hello");
  });
  socket.on("data", (chunk: Buffer) => parts.push(chunk));
  socket.on("error", (cause: Error) => {
    error = "code" in cause ? String(cause.code) : cause.message;
  });
  await new Promise((resolve) => socket.once("close", resolve));
  return { got: Buffer.concat(parts).toString(), reused, protocol, sessions, error };
}
