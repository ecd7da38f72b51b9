// A client of TLS 1.3 that continues by itself where Node's stops: it takes the keys that Node's client has agreed on, and
// seals whatever records a test wants to send with them.
import { createCipheriv, createHmac } from "node:crypto";
import { connect as connectPlain, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { connect, type ConnectionOptions } from "node:tls";

export const ALERT = 21;
export const HANDSHAKE = 22;
export const DATA = 23;
/** Of a cipher with 128 bits and SHA-256. */
const CIPHER = "TLS_AES_128_GCM_SHA256";
const TAG_BYTES = 16;

export interface OwnRecord {
  /** The type inside; null: none, the content is all zeros. */
  readonly type: number | null;
  readonly content: Uint8Array;
  /** Zeros behind the type. */
  readonly padding?: number;
  /** The type outside. */
  readonly outside?: number;
  /** The length that its header says, where it is not the right one. */
  readonly length?: number;
  /** A bit of its tag is changed. */
  readonly isForged?: boolean;
}

function expanded(secret: Buffer, label: string, bytes: number): Buffer {
  const name = Buffer.from(`tls13 ${label}`);
  const info = Buffer.concat([Buffer.from([bytes >> 8, bytes & 255, name.length]), name, Buffer.from([0, 1])]);
  return createHmac("sha256", secret).update(info).digest().subarray(0, bytes);
}

/** Seals records in order, by the secret of one direction. */
export class Sealer {
  #secret: Buffer;
  #key: Buffer;
  #iv: Buffer;
  #number = 0;

  constructor(secret: Buffer) {
    this.#secret = secret;
    this.#key = expanded(secret, "key", 16);
    this.#iv = expanded(secret, "iv", 12);
  }

  seal({ type, content, padding = 0, outside = DATA, length, isForged = false }: OwnRecord): Buffer {
    const inner = Buffer.concat([content, Buffer.from(type === null ? [] : [type]), Buffer.alloc(padding)]);
    const due = inner.length + TAG_BYTES;
    const header = Buffer.from([outside, 3, 3, (length ?? due) >> 8, (length ?? due) & 255]);
    const nonce = Buffer.from(this.#iv);
    nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ this.#number++) >>> 0, 8);
    const cipher = createCipheriv("aes-128-gcm", this.#key, nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(header);
    const sealed = Buffer.concat([cipher.update(inner), cipher.final()]);
    const tag = cipher.getAuthTag();
    if (isForged) tag[0] = (tag[0] ?? 0) ^ 1;
    return Buffer.concat([header, sealed, tag]);
  }

  /** From here on by the keys that follow a KeyUpdate. */
  update(): void {
    this.#secret = expanded(this.#secret, "traffic upd", 32);
    [this.#key, this.#iv, this.#number] = [expanded(this.#secret, "key", 16), expanded(this.#secret, "iv", 12), 0];
  }
}

export interface Own {
  readonly raw: Socket;
  readonly sealer: Sealer;
  /** Resolves when the gateway has closed it. */
  readonly closed: Promise<void>;
}

/**
 * Makes a client that stops where a test wants it to. `during`: it has the keys of the handshake, and its own last
 * flight is kept back. `after`: the handshake is over, and it has sent no data.
 */
export function ownClient(port: number, when: "during" | "after", options: ConnectionOptions): Promise<Own> {
  const raw = connectPlain({ port, host: "127.0.0.1" });
  const closed = new Promise<void>((resolve) => raw.once("close", () => resolve()));
  const secrets = new Map<string, Buffer>();
  let isStopped = false;
  const between = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      if (!isStopped) raw.write(chunk);
      done();
    },
  });
  raw.on("data", (chunk: Buffer) => between.push(chunk));
  raw.on("error", () => undefined);
  return new Promise((resolve, reject) => {
    const client = connect({ socket: between, ciphers: CIPHER, minVersion: "TLSv1.3", ...options });
    const own = (name: string): void => {
      const secret = secrets.get(name);
      if (secret === undefined) reject(new Error(`no ${name}`));
      else resolve({ raw, sealer: new Sealer(secret), closed });
    };
    client.on("keylog", (line: Buffer) => {
      const [name = "", , secret = ""] = line.toString().trim().split(" ");
      secrets.set(name, Buffer.from(secret, "hex"));
      if (when !== "during" || name !== "CLIENT_HANDSHAKE_TRAFFIC_SECRET" || isStopped) return;
      isStopped = true;
      own(name);
    });
    client.on("secureConnect", () => {
      if (when !== "after") return;
      // Its last flight has gone out by now; what it would say from here on is the test's to say.
      setImmediate(() => {
        isStopped = true;
        own("CLIENT_TRAFFIC_SECRET_0");
      });
    });
    client.on("error", () => undefined);
    raw.once("close", () => reject(new Error("closed before it was there")));
  });
}
