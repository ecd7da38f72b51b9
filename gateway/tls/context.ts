// What a listener shows and asks in a handshake, as Node keeps it: one server a context, which never
// listens and gets its connections from the forwarder.
import { constants, createHash, randomBytes } from "node:crypto";
import { createServer } from "node:tls";
import { answerHandshakes, type TlsContext } from "./secure.ts";

export interface Shown {
  /** PEM: the certificate, then those between it and a root. */
  readonly chain: string;
  /** PEM. */
  readonly key: string;
}

export interface Trusted {
  readonly name: string;
  /** PEM. */
  readonly roots: string;
}

/** TLS 1.2 at least. Throws what OpenSSL has against a certificate or a key. */
export function createContext({ chain, key }: Shown, trusted: Trusted | null): TlsContext {
  const asks = trusted !== null;
  const server = createServer({
    cert: chain,
    key,
    minVersion: "TLSv1.2",
    honorCipherOrder: true,
    // INVARIANT: nothing of one context is good for another. Who is asked for a certificate is asked
    // every time: no tickets, and no session is ever kept to be taken up by its number.
    sessionIdContext: randomBytes(16).toString("hex"),
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION | (asks ? constants.SSL_OP_NO_TICKET : 0),
    requestCert: asks,
    // Who is not verified is refused where the reason can be told (secure.ts).
    rejectUnauthorized: false,
    ...(asks && { ca: trusted.roots }),
  });
  answerHandshakes(server);
  return { server, ca: trusted?.name ?? null, trust: trusted === null ? "" : trustOf(trusted) };
}

export function trustOf({ name, roots }: Trusted): string {
  return createHash("sha256").update(`${name}\n${roots}`).digest("hex");
}
