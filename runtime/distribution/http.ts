// One request over HTTP/1.1 with every bound: the size of the answer, silence, the whole time, redirects. TLS is always verified, whatever
// the environment says, and http is spoken with this machine only.
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { failed, ok, type Result } from "../result/result.ts";
import type { Cancel, Clock } from "../shell/clock.ts";
import { isLoopback } from "./location.ts";
import { proxyFor, tunnel, type Environment } from "./proxy.ts";
import { Received } from "./received.ts";
import { retryAfter } from "./schedule.ts";
import { trouble, troubled, type Trouble } from "./trouble.ts";

/** Silence ends a transfer, in milliseconds. */
export const IDLE_MS = 15_000;
/** A transfer takes at most so long, in milliseconds. */
export const WHOLE_MS = 300_000;
export const MOST_REDIRECTS = 3;

export interface HttpSetup {
  readonly clock: Pick<Clock, "after" | "monoMs">;
  /** UTC milliseconds now, for a `Retry-After` that is a date. */
  readonly wallMs: () => number;
  readonly env: Environment;
  /** The only authorities that are trusted, in PEM; null: those of Node. */
  readonly ca: string | null;
  /** When every transfer ends, by `clock.monoMs`, whatever its own time is; without it each has its own time alone. */
  readonly untilMs?: () => number;
  /** Aborted: every transfer ends. */
  readonly ending?: AbortSignal;
}

export interface HttpRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT";
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent to the host of `url` alone, never to that of a redirect. */
  readonly authorization: string | null;
  readonly body?: Uint8Array;
  /** Of the answer's body. */
  readonly maxBytes: number;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Uint8Array;
  /** Of `body`, lower-case hex. */
  readonly sha256: string;
  /** After redirects. */
  readonly url: URL;
}

/** Follows redirects of GET and HEAD. Never rejects. */
export async function send(setup: HttpSetup, request: HttpRequest): Promise<Result<HttpResponse, Trouble>> {
  try {
    return await exchanges(setup, request);
  } catch (error) {
    return failed(unmade(request.url, error));
  }
}

async function exchanges(setup: HttpSetup, request: HttpRequest): Promise<Result<HttpResponse, Trouble>> {
  let { url, authorization } = request;
  for (let redirects = 0; ; redirects++) {
    const answer = await exchange(setup, { ...request, url, authorization });
    if (!answer.ok || ![301, 302, 303, 307, 308].includes(answer.value.status)) return answer;
    if (request.method !== "GET" && request.method !== "HEAD") return troubled("redirect", `${url.host} redirected a ${request.method}, which is not followed`);
    if (redirects === MOST_REDIRECTS) return troubled("redirect", `${request.url.host} redirected more than ${MOST_REDIRECTS} times`);
    const { location = "" } = answer.value.headers;
    const next = URL.canParse(location, url.href) ? new URL(location, url) : null;
    if (next === null) return troubled("redirect", `${url.host} redirected to what is no URL`);
    if (url.protocol === "https:" && next.protocol !== "https:")
      return troubled("redirect", `${url.host} redirected from https to ${next.protocol}//${next.host}`);
    // INVARIANT: credentials are for one host; another one, and another port or protocol of it, never gets them.
    if (next.origin !== url.origin) authorization = null;
    url = next;
  }
}

/** One request and its answer. */
function exchange(setup: HttpSetup, request: HttpRequest): Promise<Result<HttpResponse, Trouble>> {
  const { url } = request;
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isLoopback(url)))
    return Promise.resolve(troubled("settings", `${url.protocol}//${url.host} is not used: only https is, and http on this machine`));
  if (url.username !== "" || url.password !== "") return Promise.resolve(troubled("redirect", `a URL with a password was given for ${url.host}`));
  const proxy = proxyFor(url, setup.env);
  if (!proxy.ok) return Promise.resolve(troubled("settings", proxy.error));
  return new Promise((resolve) => {
    new Exchange(setup, request, resolve).run(proxy.value);
  });
}

class Exchange {
  readonly #setup: HttpSetup;
  readonly #request: HttpRequest;
  readonly #resolve: (result: Result<HttpResponse, Trouble>) => void;
  /** Each destroys what may still be open. */
  readonly #open: (() => void)[] = [];
  readonly #cancelWhole: () => void;
  /** When something came last. */
  #heardMs = 0;
  /** One for the whole answer: a timer for each piece of it would cost more than the piece. Null while silence does not count. */
  #cancelIdle: Cancel | null = null;
  #isOver = false;

  constructor(setup: HttpSetup, request: HttpRequest, resolve: (result: Result<HttpResponse, Trouble>) => void) {
    this.#setup = setup;
    this.#request = request;
    this.#resolve = resolve;
    const wholeMs = Math.min(WHOLE_MS, (setup.untilMs?.() ?? Infinity) - setup.clock.monoMs());
    const late = (): void => this.#fail(trouble("slow", `${request.url.host} took more than ${WHOLE_MS / 1000} s`));
    this.#cancelWhole = setup.clock.after(Math.max(0, wholeMs), late);
    setup.ending?.addEventListener("abort", this.#ended, { once: true });
    if (setup.ending?.aborted === true) this.#ended();
    else this.#alive();
  }

  readonly #ended = (): void => this.#fail(trouble("ending", "the program is ending"));

  run(proxy: URL | null): void {
    if (this.#isOver) return;
    const { url } = this.#request;
    if (proxy === null) return this.#send(null);
    tunnel(proxy, url, (end) => this.#open.push(end))
      .then((made) => {
        if (!made.ok) return this.#fail(trouble("unreachable", made.error));
        this.#open.push(() => made.value.destroy());
        if (this.#isOver) made.value.destroy();
        else this.#send(made.value);
      })
      .catch((error: unknown) => this.#fail(unmade(url, error)));
  }

  #send(through: Socket | null): void {
    try {
      this.#begin(through);
    } catch (error) {
      this.#fail(unmade(this.#request.url, error));
    }
  }

  #begin(through: Socket | null): void {
    const { method, url, headers, authorization, body } = this.#request;
    const isTls = url.protocol === "https:";
    const options = {
      method,
      createConnection: () => this.#connect(through),
      headers: {
        "accept-encoding": "identity",
        "user-agent": "ingressd",
        ...headers,
        ...(authorization !== null && { authorization }),
        ...(body !== undefined && { "content-length": String(body.length) }),
      },
    };
    // Most gateways read their policy from a file, so neither module is loaded before it is used.
    const outgoing = isTls ? process.getBuiltinModule("node:https").request(url, options) : process.getBuiltinModule("node:http").request(url, options);
    this.#open.push(() => outgoing.destroy());
    outgoing.on("error", (error) => this.#fail(causeOf(url, error)));
    // The kernel does not say how far a long body has been sent, so silence does not count meanwhile.
    if (body !== undefined) {
      this.#forgetSilence();
      outgoing.on("finish", () => this.#alive());
    }
    outgoing.on("response", (incoming) => this.#read(incoming));
    outgoing.end(body);
  }

  #connect(through: Socket | null): Socket {
    const { url } = this.#request;
    const host = url.hostname.replace(/^\[|\]$/g, "");
    const port =
      url.port === "" ?
        url.protocol === "https:" ?
          443
        : 80
      : Number(url.port);
    if (url.protocol === "http:") return connectTcp({ host, port });
    const { ca } = this.#setup;
    return connectTls({
      host,
      port,
      rejectUnauthorized: true,
      minVersion: "TLSv1.2",
      ALPNProtocols: ["http/1.1"],
      ...(isIP(host) === 0 && { servername: host }),
      ...(ca !== null && { ca }),
      ...(through !== null && { socket: through }),
    });
  }

  #read(incoming: IncomingMessage): void {
    const { url, maxBytes, method } = this.#request;
    const { headers, statusCode: status = 0 } = incoming;
    const hasBody = method !== "HEAD";
    const encoding = headers["content-encoding"] ?? "identity";
    // A body that has to be unpacked could be of any size then.
    if (encoding !== "identity") return this.#fail(trouble("encoded", `${url.host} sent the encoding \`${encoding.slice(0, 40)}\`, which was not offered`));
    const tooLarge = (): void => this.#fail(trouble("too_large", `${url.host} sent more than ${maxBytes} bytes`));
    if (hasBody && Number(headers["content-length"] ?? 0) > maxBytes) return tooLarge();
    this.#alive();
    const said = headers["content-length"];
    const received = new Received(maxBytes, said === undefined ? null : Number(said));
    incoming.on("data", (chunk: Buffer) => {
      if (this.#isOver) return;
      if (!received.take(chunk)) return tooLarge();
      this.#alive();
    });
    incoming.on("error", () => this.#fail(cutShort(url)));
    incoming.on("end", () => {
      if (!incoming.complete) return this.#fail(cutShort(url));
      const { bytes, sha256 } = received.whole();
      this.#finish(ok({ status, headers, body: bytes, sha256, url }));
    });
  }

  /** Something has come: the time of silence begins again. */
  #alive(): void {
    if (this.#isOver) return;
    this.#heardMs = this.#setup.clock.monoMs();
    if (this.#cancelIdle === null) this.#listenFor(IDLE_MS);
  }

  #listenFor(ms: number): void {
    const { clock } = this.#setup;
    this.#cancelIdle = clock.after(ms, () => {
      const leftMs = this.#heardMs + IDLE_MS - clock.monoMs();
      if (leftMs > 0) this.#listenFor(leftMs);
      else this.#fail(trouble("slow", `${this.#request.url.host} was silent for ${IDLE_MS / 1000} s`));
    });
  }

  #forgetSilence(): void {
    this.#cancelIdle?.();
    this.#cancelIdle = null;
  }

  #fail(error: Trouble): void {
    this.#finish(troubled(error.code, error.message, error.retryAfterMs));
  }

  #finish(result: Result<HttpResponse, Trouble>): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#forgetSilence();
    this.#cancelWhole();
    this.#setup.ending?.removeEventListener("abort", this.#ended);
    this.#resolve(result);
    for (const end of this.#open) end();
  }
}

/** Node refuses a request that can't be written, such as one with a line end in a header. */
function unmade(url: URL, error: unknown): Trouble {
  return trouble("settings", `a request to ${url.host} can't be made (${error instanceof Error ? error.message : String(error)})`);
}

function cutShort(url: URL): Trouble {
  return trouble("truncated", `the answer of ${url.host} ended too early`);
}

/** Of a connection, in the system's words; over https every other cause is one of TLS. */
const NETWORK = /^(E(CONN|ADDR|NET|HOST|PIPE|TIMEDOUT|ACCES|PERM|MFILE|NFILE|AI_|NOTFOUND|INVAL))/;

function causeOf(url: URL, error: Error): Trouble {
  const code = "code" in error ? String(error.code) : "";
  const because = error.message === "" ? code : (error.message.split("\n")[0] ?? "");
  if (code.startsWith("HPE_")) return trouble("malformed", `${url.host} does not answer in HTTP (${because})`);
  if (url.protocol !== "https:" || NETWORK.test(code)) return trouble("unreachable", `${url.host} can't be reached (${because})`);
  return trouble("tls", `the certificate or TLS of ${url.host} is refused (${code}): ${because}`);
}

/** For an answer that is not what was expected: its status, and when to call again. */
export function unexpected({ status, headers, url }: HttpResponse, wallMs: number, what = ""): Trouble {
  const words =
    status === 401 || status === 403 ? "refuses the credentials"
    : status === 404 ? "does not have it"
    : "can't give it now";
  return trouble(
    status === 401 || status === 403 ? "login" : "status",
    `${url.host} ${words}${what} (status ${status})`,
    retryAfter(headers["retry-after"], wallMs),
  );
}
