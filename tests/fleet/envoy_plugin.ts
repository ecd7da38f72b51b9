// The four functions that Envoy has for the plugin, so that a test can query a module without Envoy, and break each of them.
import { instantiateSync } from "@assemblyscript/loader";
import { readSections, readUnsigned } from "../../runtime/abi/sections.ts";
import { formatAddress, isV4, type Address } from "../../runtime/net/address.ts";

export interface Connection {
  /** As Envoy writes addresses: `192.0.2.1:443`, `[2001:db8::1]:443`. Undefined: Envoy does not know the property. */
  readonly source?: string;
  readonly local?: string;
  /** Empty: the hello has none. */
  readonly name?: string;
  /** Nanoseconds since 1970; undefined: Envoy does not know. */
  readonly now?: bigint;
}

/** Mistakes of Envoy. */
export interface Broken {
  /** The place of a value, in bytes behind the one that the module named. */
  readonly shift?: number;
  /** The length that it says a value has. */
  readonly length?: number;
  /** It does not take the cluster. */
  readonly deaf?: boolean;
}

export interface Answer {
  /** The cluster that the connection goes to; null: it is closed, and goes nowhere. */
  readonly cluster: string | null;
}

interface Described {
  readonly module?: string;
  readonly name: string;
  readonly kind: string;
}

/** The types of Node 20 lack both. */
function listOf(what: "imports" | "exports", bytes: Uint8Array): readonly Described[] {
  const list = Reflect.get(WebAssembly.Module, what) as (module: WebAssembly.Module) => readonly Described[];
  return list(new WebAssembly.Module(Uint8Array.from(bytes)));
}

export function importsOf(bytes: Uint8Array): readonly Described[] {
  return listOf("imports", bytes);
}

export function exportsOf(bytes: Uint8Array): readonly Described[] {
  return listOf("exports", bytes);
}

interface Exports {
  readonly memory: WebAssembly.Memory;
  proxy_on_memory_allocate(size: number): number;
  proxy_on_vm_start(context: number, size: number): number;
  proxy_on_configure(context: number, size: number): number;
  proxy_on_context_create(context: number, parent: number): void;
  proxy_on_new_connection(context: number): number;
  proxy_on_done(context: number): number;
  proxy_on_delete(context: number): void;
}

const [OK, NOT_FOUND] = [0, 1];
const [CONTINUE, STOP] = [0, 1];
const DOWNSTREAM = 2;
/** Field 1, 23 bytes; field 2, a length; field 3, as long as the connection. */
const [BEFORE, AFTER] = ["0a17656e766f792e7463705f70726f78792e636c757374657212", "1802"];

export class Plugin {
  /** Whether Envoy starts the module. */
  readonly started: boolean;
  readonly #exports: Exports;
  #connection: Connection = {};
  #broken: Broken = {};
  #closed = false;
  #cluster: string | null = null;

  constructor(bytes: Uint8Array) {
    const env: Record<string, unknown> = {
      proxy_get_property: (path: number, length: number, place: number, size: number): number => this.#property(path, length, place, size),
      proxy_close_stream: (stream: number): number => {
        this.#closed ||= stream === DOWNSTREAM;
        return OK;
      },
      proxy_get_current_time_nanoseconds: (place: number): number => {
        if (this.#connection.now === undefined) return NOT_FOUND;
        this.#view().setBigUint64(place, this.#connection.now, true);
        return OK;
      },
      proxy_call_foreign_function: (name: number, length: number, argument: number, size: number): number => this.#foreign(name, length, argument, size),
    };
    const imports: Record<string, Record<string, unknown>> = { env };
    this.#exports = instantiateSync<Exports & Record<string, unknown>>(Uint8Array.from(bytes), imports).exports;
    this.#exports.proxy_on_context_create(1, 0);
    this.started = this.#exports.proxy_on_vm_start(1, 0) === 1 && this.#exports.proxy_on_configure(1, 0) === 1;
  }

  /** A new connection; it throws where the module traps. */
  connect(connection: Connection, broken: Broken = {}): Answer {
    [this.#connection, this.#broken, this.#closed, this.#cluster] = [connection, broken, false, null];
    this.#exports.proxy_on_context_create(2, 1);
    const status = this.#exports.proxy_on_new_connection(2);
    if (this.#exports.proxy_on_done(2) !== 1) throw new Error("the module does not let go of a connection");
    this.#exports.proxy_on_delete(2);
    if (status === STOP && this.#closed) return { cluster: null };
    if (status !== CONTINUE || this.#closed || this.#cluster === null)
      throw new Error(`status ${status}, ${this.#closed ? "closed" : "open"}, cluster ${this.#cluster}`);
    return { cluster: this.#cluster };
  }

  allocate(size: number): number {
    return this.#exports.proxy_on_memory_allocate(size);
  }

  #view(): DataView {
    return new DataView(this.#exports.memory.buffer);
  }

  #text(place: number, length: number): string {
    return Buffer.from(this.#exports.memory.buffer, place, length).toString("latin1");
  }

  #property(path: number, length: number, place: number, size: number): number {
    const { source, local, name } = this.#connection;
    const value = { "source\0address": source, "destination\0address": local, "connection\0requested_server_name": name }[this.#text(path, length)];
    if (value === undefined) return NOT_FOUND;
    // As Envoy does: an empty value has no place.
    const at = value === "" ? 0 : this.allocate(value.length);
    if (value !== "" && at === 0) return NOT_FOUND;
    new Uint8Array(this.#exports.memory.buffer).set(Buffer.from(value, "latin1"), at);
    this.#view().setUint32(place, at + (this.#broken.shift ?? 0), true);
    this.#view().setUint32(size, this.#broken.length ?? value.length, true);
    return OK;
  }

  #foreign(name: number, length: number, argument: number, size: number): number {
    if (this.#broken.deaf === true || this.#text(name, length) !== "set_envoy_filter_state") return NOT_FOUND;
    const message = this.#text(argument, size);
    const cluster = message.slice(27, -2);
    const due = [BEFORE, Buffer.from([cluster.length, ...Buffer.from(cluster)]).toString("hex"), AFTER].join("");
    if (cluster === "" || Buffer.from(message, "latin1").toString("hex") !== due) return NOT_FOUND;
    this.#cluster = cluster;
    return OK;
  }
}

/** An address with a port, as Envoy writes them. */
export function envoyAddress(address: Address, port: number): string {
  return isV4(address) ? `${formatAddress(address)}:${port}` : `[${formatAddress(address)}]:${port}`;
}

/** The same module with nothing but `unreachable` in one of its exported functions. */
export function trapping(module: Uint8Array, name: string): Uint8Array {
  const out = Uint8Array.from(module);
  const body = (id: number): Uint8Array => (readSections(out) ?? []).find((section) => section.id === id)?.body ?? new Uint8Array(0);
  const [exported, code] = [body(7), body(10)];
  const number = (bytes: Uint8Array, at: number): readonly [number, number] => readUnsigned(bytes, at) ?? [0, bytes.length];
  const text = Buffer.from(name);
  const [index] = number(exported, Buffer.from(exported.buffer, exported.byteOffset, exported.length).indexOf(text) + text.length + 1);
  let [left, at] = [index - importsOf(out).length, number(code, 0)[1]];
  for (; left > 0; left--) {
    const [length, start] = number(code, at);
    at = start + length;
  }
  const [length, start] = number(code, at);
  // No locals, unreachable, and nothing up to the end.
  code.set([0, 0], start);
  code.fill(1, start + 2, start + length - 1);
  return out;
}
