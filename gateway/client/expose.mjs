// For services: `import { expose } from "ingressd/client"`. Registers an ExposeIntent and keeps
// it registered: the port is open while the service and this value live, and closed after. A
// gateway that is restarted, or a policy that grants the intent again, finds it registered again.
// @ts-check
import { once } from "node:events";
import { join } from "node:path";
import { openConnection } from "./connection.mjs";

/** Waits before each further try, in milliseconds; the last one is repeated. */
const RETRY_MS = [100, 250, 500, 1000, 2000, 5000];

/** Why the gateway refused; `code` is the audit's word, or `unreachable` where no gateway answers. */
export class ExposeError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   */
  constructor(code, message) {
    super(message);
    this.name = "ExposeError";
    this.code = code;
  }
}

/**
 * Where registrations are taken: INGRESSD_SOCKET, else the control socket of the same user.
 * @param {NodeJS.ProcessEnv} env
 */
export function defaultSocket(env) {
  const named = env["INGRESSD_SOCKET"];
  if (named !== undefined && named !== "") return named;
  const base = env["XDG_RUNTIME_DIR"];
  return base !== undefined && base.startsWith("/") ? join(base, "ingressd", "control.sock") : "/run/ingressd/control.sock";
}

/**
 * Resolves once the port is open; rejects with an ExposeError where it is refused.
 * @param {import("./expose.mjs").ExposeIntent} intent
 * @returns {Promise<import("./expose.mjs").Exposure>}
 */
export async function expose(intent) {
  const { onChange = () => undefined, socket = defaultSocket(process.env) } = intent;
  const registration = new Registration(
    socket,
    {
      service: intent.service,
      proto: intent.proto ?? "tcp",
      port: intent.port,
      mode: intent.mode ?? "tcp",
      backend: await backendText(intent.backend),
      ...(intent.expose !== undefined && { expose: intent.expose }),
      ...(intent.proxy !== undefined && { proxy: intent.proxy }),
      ...(intent.bind !== undefined && { bind: intent.bind }),
    },
    onChange,
  );
  await registration.register();
  if (typeof intent.backend === "object") intent.backend.once("close", () => void registration.close());
  return {
    get open() {
      return registration.open;
    },
    close: () => registration.close(),
  };
}

/** One intent, registered again for as long as it is not closed. */
class Registration {
  #path;
  #params;
  #onChange;
  #closing = false;
  /** @type {(() => void) | null} */
  #retryNow = null;
  /** @type {{ open: readonly string[], connection: import("./connection.mjs").Connection, lease: string } | null} */
  #held = null;

  /**
   * @param {string} path
   * @param {object} params
   * @param {NonNullable<import("./expose.mjs").ExposeIntent["onChange"]>} onChange
   */
  constructor(path, params, onChange) {
    this.#path = path;
    this.#params = params;
    this.#onChange = onChange;
  }

  get open() {
    return this.#held?.open ?? [];
  }

  async register() {
    const path = this.#path;
    /** @type {string | null} */
    let ended = null;
    // An open registration does not keep the service's process alive.
    const connection = await openConnection(path, {
      background: true,
      notified(method, params) {
        if (method !== "lease_ended") return;
        ended = wordOf(params, "because") ?? "the gateway ended it";
        connection.close();
      },
    }).catch((/** @type {Error} */ { message }) => {
      throw new ExposeError("unreachable", `no ingressd answers at \`${path}\` (${message}): start it, or name its socket with INGRESSD_SOCKET`);
    });
    const answer = await connection
      .call("register", this.#params)
      .catch((/** @type {Error} */ { message, cause }) => ({ error: { code: 0, message, data: cause } }));
    if ("error" in answer) {
      connection.close();
      throw new ExposeError(wordOf("data" in answer.error ? answer.error.data : null, "code") ?? `rpc_${answer.error.code}`, answer.error.message);
    }
    const lease = wordOf(answer.result, "lease");
    const open = listOf(answer.result, "open");
    if (lease === null || open === null) {
      connection.close();
      throw new ExposeError("bad_answer", "the gateway's answer is malformed");
    }
    this.#held = { open, connection, lease };
    void connection.closed.then(() => this.#lost(ended ?? "the gateway has gone"));
    return open;
  }

  async close() {
    this.#closing = true;
    this.#retryNow?.();
    const last = this.#held;
    if (last === null) return;
    // Its answer says that the port is closed; a gateway that has gone has closed it too.
    await last.connection.call("unregister", { lease: last.lease }).catch(() => undefined);
    last.connection.close();
    await last.connection.closed;
  }

  /** @param {string} because */
  #lost(because) {
    this.#held = null;
    if (this.#closing) return;
    this.#onChange({ open: [], because });
    void this.#again();
  }

  async #again() {
    for (let tries = 0; !this.#closing; tries++) {
      await this.#pause(RETRY_MS[Math.min(tries, RETRY_MS.length - 1)] ?? 5000);
      if (this.#closing) return;
      try {
        const open = await this.register();
        if (this.#closing) this.#held?.connection.close();
        else this.#onChange({ open, because: null });
        return;
      } catch (error) {
        this.#onChange({ open: [], because: error instanceof Error ? error.message : String(error) });
      }
    }
  }

  /** @param {number} ms */
  #pause(ms) {
    return /** @type {Promise<void>} */ (
      new Promise((resolve) => {
        const timer = setTimeout(resolve, ms).unref();
        this.#retryNow = () => {
          clearTimeout(timer);
          resolve();
        };
      })
    );
  }
}

/**
 * The backend as the gateway takes it; of a server, the address where it listens.
 * @param {import("./expose.mjs").ExposeIntent["backend"]} backend
 * @returns {Promise<string>}
 */
async function backendText(backend) {
  if (typeof backend === "string") return backend;
  if (!backend.listening) await once(backend, "listening");
  const address = backend.address();
  if (address === null) throw new ExposeError("no_backend", "the server does not listen");
  if (typeof address === "string") return `unix:${address}`;
  const { address: host, port, family } = address;
  if (host === "0.0.0.0" || host === "::") {
    throw new ExposeError(
      "no_backend",
      `the server listens on every address of this host (${host}): give listen() the host 127.0.0.1, so that only ingressd reaches it`,
    );
  }
  return family === "IPv6" ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * @param {unknown} value
 * @param {string} key
 * @returns {unknown}
 */
function member(value, key) {
  return typeof value === "object" && value !== null && key in value ? Reflect.get(value, key) : null;
}

/**
 * @param {unknown} value
 * @param {string} key
 */
function wordOf(value, key) {
  const found = member(value, key);
  return typeof found === "string" ? found : null;
}

/**
 * @param {unknown} value
 * @param {string} key
 * @returns {readonly string[] | null}
 */
function listOf(value, key) {
  const found = member(value, key);
  return Array.isArray(found) && found.every((item) => typeof item === "string") ? found : null;
}
