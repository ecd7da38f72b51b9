// Pages over HTTP for programs that can't open a unix socket: /metrics, /healthz and /readyz on a
// loopback port. Every request needs the token; nothing can be changed here.
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { isLoopback, parseAddress } from "../../runtime/net/address.ts";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { EXIT_DELEGATE, EXIT_REJECTED, failure, type Failure } from "../exit.ts";
import { canonicalBackend } from "../forward/backend.ts";
import { readTrustedFile } from "../../runtime/host/trusted_file.ts";
import type { SockDiag } from "../intents/sock_diag.ts";
import type { GatewayClock } from "../clock.ts";
import { createPlaces } from "./http_places.ts";

const MOST_TOKEN_BYTES = 4096;
const LEAST_TOKEN_CHARACTERS = 16;
/** Until a request must be whole, and until an answer must have been read. */
const REQUEST_MS = 5_000;
const HEADER_BYTES = 4096;

/** A browser may do nothing with a page that the page does not need, and load nothing from another host. */
const SECURITY = {
  "cache-control": "no-store",
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
} as const;
const CHALLENGE = { "www-authenticate": 'Basic realm="ingressd", charset="UTF-8"' } as const;

export interface HttpPage {
  readonly status: number;
  readonly text: string;
  readonly type?: string;
}

export interface HttpSetup {
  readonly listen: string;
  readonly tokenFile: string;
  readonly clock: GatewayClock;
  /** Finds the user at the far end; null where the kernel can't be queried. */
  readonly sockets: SockDiag | null;
  readonly turnedAway: () => void;
  /** Whether this path is answered to anybody. */
  readonly isOpen: (path: string) => boolean;
  /** The pages by their paths; called once the daemon is whole. */
  readonly page: (path: string) => HttpPage;
}

export interface HttpServer {
  readonly port: number;
  close(): void;
}

export async function openHttp({ listen, tokenFile, clock, sockets, turnedAway, isOpen, page }: HttpSetup): Promise<Result<HttpServer, Failure>> {
  const place = canonicalBackend(listen);
  if (typeof place === "string" || place.kind !== "tcp" || !isLoopback(place.address)) {
    return failed(failure(EXIT_REJECTED, `\`metrics.listen\` = "${listen}" must be a loopback address with a port, such as 127.0.0.1:9600`));
  }
  const token = readToken(tokenFile);
  if (!token.ok) return token;
  const wanted = digest(token.value);
  // Most gateways open no such port, so the module is not loaded before.
  const server = process.getBuiltinModule("node:http").createServer(
    {
      maxHeaderSize: HEADER_BYTES,
      requestTimeout: REQUEST_MS,
      headersTimeout: REQUEST_MS,
      keepAlive: false,
      connectionsCheckingInterval: 1_000,
    },
    (request, response) => answer(request, response, wanted, { isOpen, page }),
  );
  server.maxRequestsPerSocket = 1;
  server.timeout = REQUEST_MS;
  server.on(
    "connection",
    createPlaces({
      clock,
      userOf: (socket) => userOf(sockets, socket),
      turnedAway,
    }),
  );
  const fault = await new Promise<string | null>((resolve) => {
    server.once("error", (error) => resolve("code" in error ? String(error.code) : error.message));
    server.listen({ host: place.host, port: place.port, exclusive: true }, () => resolve(null));
  });
  if (fault !== null) return failed(failure(EXIT_DELEGATE, `\`metrics.listen\` = "${listen}" can't be opened (${fault}): name another port`));
  server.on("error", () => undefined);
  return ok({
    port: place.port,
    close() {
      server.close();
      server.closeAllConnections();
    },
  });
}

function answer(request: IncomingMessage, response: ServerResponse, wanted: Buffer, { isOpen, page }: Pick<HttpSetup, "isOpen" | "page">): void {
  const send = (status: number, text: string, type = "text/plain; charset=utf-8", more: OutgoingHttpHeaders = {}): void => {
    const length = Buffer.byteLength(text);
    response.writeHead(status, { "content-type": type, "content-length": length, ...SECURITY, connection: "close", ...more });
    response.end(request.method === "HEAD" ? "" : text);
  };
  try {
    const path = request.url ?? "";
    // Digests have one length, so that comparing them shows nothing of the token.
    if (!isOpen(path) && !timingSafeEqual(digest(tokenIn(request.headers.authorization ?? "")), wanted))
      return send(401, "a token is needed: Authorization: Bearer TOKEN, or the token as password\n", undefined, CHALLENGE);
    if (request.method !== "GET" && request.method !== "HEAD") return send(405, "only GET and HEAD\n");
    const { status, text, type } = page(path);
    send(status, text, type);
  } catch {
    response.destroy();
  }
}

/** Of a program, or the password of a browser, whatever its user name is. */
function tokenIn(authorization: string): string {
  const basic = /^Basic ([A-Za-z0-9+/=]+)$/.exec(authorization)?.[1];
  if (basic === undefined) return /^Bearer ([\x21-\x7e]+)$/.exec(authorization)?.[1] ?? "";
  const pair = Buffer.from(basic, "base64").toString("latin1");
  return pair.slice(pair.indexOf(":") + 1);
}

/** The user of the program at the far end, which is on this host too. */
function userOf(sockets: SockDiag | null, { localAddress, localPort, remoteAddress, remotePort }: Socket): number | null {
  const [local, remote] = [parseAddress(localAddress ?? ""), parseAddress(remoteAddress ?? "")];
  if (sockets === null || local === null || remote === null || localPort === undefined || remotePort === undefined) return null;
  const far = sockets.farEnd({ address: remote, port: remotePort }, { address: local, port: localPort });
  return far?.state === "accepted" ? far.uid : null;
}

/** The token of the file's one line, or why it can't be used. */
export function readToken(path: string): Result<string, Failure> {
  const bytes = readTrustedFile(path, MOST_TOKEN_BYTES, "the token file", "private");
  if (!bytes.ok) return failed(failure(EXIT_REJECTED, bytes.error));
  const token = new TextDecoder().decode(bytes.value).trim();
  if (!/^[\x21-\x7e]+$/.test(token) || token.length < LEAST_TOKEN_CHARACTERS) {
    return failed(
      failure(
        EXIT_REJECTED,
        `the token file \`${path}\` must contain one line of at least ${LEAST_TOKEN_CHARACTERS} printable characters: openssl rand -hex 32 makes one`,
      ),
    );
  }
  return ok(token);
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
