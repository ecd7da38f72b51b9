// A gateway with several exposes on one port, each for its own names: what ends TLS here, what ends it at a backend, and what
// requires a client's certificate. Each backend greets with a word of its own.
import { generateKeyPairSync } from "node:crypto";
import { createServer as createTlsServer } from "node:tls";
import { authority, dns, leaf, type Authority, type Issued } from "../tls/certificates.ts";
import { call, put, putAuthority, type Call, type Came } from "../tls/tls_under_test.ts";
import { atEnd } from "../suite.ts";
import {
  backend,
  freePort,
  listening,
  running,
  temporaryFolder,
  type BackendUnderTest,
  type Record,
  type Under,
  type UnderSetup,
} from "./gateway_under_test.ts";

export interface Words {
  readonly port: number;
  readonly www: number;
  readonly shop: number;
  readonly staff: number;
  readonly rest: number;
}

export interface Shared {
  readonly gateway: Under;
  readonly port: number;
  readonly words: Words;
  readonly site: Authority;
  /** Connections that reached the backend of passthrough. */
  readonly passed: () => number;
  readonly behind: { readonly www: BackendUnderTest; readonly staff: BackendUnderTest; readonly rest: BackendUnderTest };
  readonly client: Issued;
  call(wish?: Call): Promise<Came>;
  /** The records of connections, as they are in the audit file. */
  accepts(): readonly Record[];
  lastAccept(): Record;
}

/** Three names on one port, of which each has a backend; no other name and no client without one. */
export function threeNames({ port, www, shop, staff }: Words, more = ""): string {
  return `edition 1
expose www on tcp ${port} for "www.example.com" as tls { backend 127.0.0.1:${www} cert "www" allow from any }
expose shop on tcp ${port} for "*.shop.example.com" as passthrough { backend 127.0.0.1:${shop} allow from any }
expose staff on tcp ${port} for "staff.example.com" as mtls { backend 127.0.0.1:${staff} cert "staff" ca "corp" allow from any client dns "anna.example.com" }
${more}`;
}

/** `withRsa`: `www.example.com` has a certificate `rsa`, too. `before`: what happens in the folder of certificates before the start. */
export interface SharedSetup extends Omit<UnderSetup, "policy" | "folder"> {
  readonly withRsa?: boolean;
  readonly before?: (folder: string, site: Authority) => void;
}

export async function sharedPort(policy: (words: Words) => string = threeNames, { withRsa = false, before, ...setup }: SharedSetup = {}): Promise<Shared> {
  const folder = temporaryFolder();
  const [site, corp] = [authority("site root"), authority("client root")];
  const [www, staff, rest] = [await backend("www "), await backend("staff "), await backend("rest ")];
  const shown = leaf(site, { names: [dns("*.shop.example.com")] });
  let passed = 0;
  const shop = createTlsServer({ cert: shown.pem, key: shown.key, ALPNProtocols: ["x"] }, (socket) => {
    socket.on("error", () => undefined);
    socket.write("shop ");
    socket.pipe(socket);
  });
  shop.on("connection", () => void passed++);
  shop.on("tlsClientError", () => undefined);
  const shopPort = await listening(shop);
  atEnd(() => void shop.close());
  put(folder, "www", leaf(site, { names: [dns("www.example.com")] }));
  put(folder, "staff", leaf(site, { names: [dns("staff.example.com")] }));
  putAuthority(folder, "corp", corp);
  const port = await freePort();
  const words = { port, www: www.port, shop: shopPort, staff: staff.port, rest: rest.port };
  if (withRsa) put(folder, "rsa", leaf(site, { names: [dns("www.example.com")], key: generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey }));
  const files = ["www", "staff", ...(withRsa ? ["rsa"] : [])]
    .map((name) => `[certs.${name}]\ncert = "${folder}/${name}.pem"\nkey = "${folder}/${name}.key"\n`)
    .join("");
  before?.(folder, site);
  const gateway = await running({
    ...setup,
    folder,
    policy: policy(words),
    config: `${setup.config ?? ""}\n${files}[cas.corp]\nfile = "${folder}/corp.pem"\n`,
  });
  const accepts = (): readonly Record[] => gateway.records().filter(({ op }) => op === "accept");
  return {
    gateway,
    port,
    words,
    site,
    passed: () => passed,
    behind: { www, staff, rest },
    client: leaf(corp, { names: [dns("anna.example.com")] }),
    call: (wish = {}) => call({ port, site }, wish),
    accepts,
    lastAccept() {
      const record = accepts().at(-1);
      if (record === undefined) throw new Error("nothing was recorded");
      return record;
    },
  };
}
