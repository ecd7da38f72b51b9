// A server of a test, over HTTP or HTTPS, that answers as the test says and keeps what it was sent.
import { createServer as createHttp, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { createServer as createHttps } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { digestOf, MANIFEST_TYPE, policyManifest } from "../../runtime/distribution/manifest.ts";
import type { HttpSetup } from "../../runtime/distribution/http.ts";
import { parseLocation, type Location } from "../../runtime/distribution/location.ts";
import { PolicySource } from "../../runtime/distribution/source.ts";
import { atEnd } from "../suite.ts";
import { manualClock, type ManualClock } from "../manual_clock.ts";
import { authority, dns, ip, leaf } from "../tls/certificates.ts";

export const AUTHORITY = authority("the tests' authority");
const SHOWN = leaf(AUTHORITY, { use: "server", names: [dns("localhost"), ip(127, 0, 0, 1)] });

export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | null;
  readonly headers: IncomingMessage["headers"];
}

export interface Served {
  readonly port: number;
  /** Host and port. */
  readonly host: string;
  readonly seen: Seen[];
  /** From now on. */
  answer: (request: IncomingMessage, response: ServerResponse) => void;
  close(): void;
}

/** `shown`: the certificate and key; null for HTTP. */
export async function serve(answer: Served["answer"], shown: { readonly pem: string; readonly key: string } | null = SHOWN): Promise<Served> {
  const sockets = new Set<Socket>();
  const seen: Seen[] = [];
  const listener: RequestListener = (request, response) => {
    const { method = "", url: path = "", headers } = request;
    seen.push({ method, path, headers, authorization: headers.authorization ?? null });
    response.on("error", () => undefined);
    served.answer(request, response);
  };
  const server = shown === null ? createHttp(listener) : createHttps({ cert: shown.pem, key: shown.key }, listener);
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve());
  });
  const { port } = server.address() as AddressInfo;
  const close = (): void => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  atEnd(close);
  const served: Served = { port, host: `127.0.0.1:${port}`, seen, answer, close };
  return served;
}

export interface Client extends HttpSetup {
  readonly clock: ManualClock;
}

export function client(ca: string | null = AUTHORITY.pem, env: HttpSetup["env"] = {}): Client {
  const clock = manualClock();
  return { clock, wallMs: () => clock.wallMs(), env: { DOCKER_CONFIG: "/nowhere", ...env }, ca };
}

export function place(text: string): Location {
  const location = parseLocation(text);
  if (!location.ok) throw new Error(`${text} ${location.error}`);
  return location.value;
}

export function source(text: string, http: HttpSetup, more: { readonly maxBytes?: number; readonly tokenFile?: string | null } = {}): PolicySource {
  return new PolicySource({ http, location: place(text), tokenFile: null, maxBytes: 1_000_000, ...more });
}

/** `new SHA`, `unchanged` or the code of what went wrong. */
export async function outcome(pulled: ReturnType<PolicySource["pull"]>): Promise<string> {
  const result = await pulled;
  if (!result.ok) return result.error.code;
  return result.value.kind === "new" ? `new ${Buffer.from(result.value.bytes).toString("latin1").slice(0, 40)}` : "unchanged";
}

export const MODULE: Uint8Array = Buffer.from("the bytes of a module");

export interface Stored {
  manifest: Uint8Array;
  type: string;
  blobs: Map<string, Uint8Array>;
}

export function stored(module: Uint8Array = MODULE, revision = 1): Stored {
  const manifest = policyManifest(module, { revision, treeSha256: "0".repeat(64), createdMs: 0 });
  return { manifest, type: MANIFEST_TYPE, blobs: new Map([[digestOf(module), module]]) };
}

/** A registry that gives one repository, with ETags. */
export function registryOf(has: Stored): Served["answer"] {
  return ({ url = "", headers }, response) => {
    const [, kind = "", name = ""] = /^\/v2\/policies\/edge\/(manifests|blobs)\/(.+)$/.exec(url) ?? [];
    if (kind === "manifests") {
      const etag = `"${digestOf(has.manifest)}"`;
      if (headers["if-none-match"] === etag) return void response.writeHead(304).end();
      return void response.writeHead(200, { "content-type": has.type, etag, "docker-content-digest": digestOf(has.manifest) }).end(has.manifest);
    }
    const blob = kind === "blobs" ? has.blobs.get(name) : undefined;
    if (blob === undefined) return void response.writeHead(404).end();
    response.writeHead(200, { "content-type": "application/octet-stream" }).end(blob);
  };
}
