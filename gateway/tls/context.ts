// The TLS context of a listener, as Node keeps it: one server per context, which never
// listens and gets its connections from the forwarder.
import { constants, createHash, randomBytes } from "node:crypto";
import { createServer, DEFAULT_CIPHERS, type Server } from "node:tls";
import { ciphersFor, signaturesFor } from "./shown_kinds.ts";
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
  /** One of them leads to no root that is among them, and is trusted by itself. */
  readonly partial: boolean;
  /** PEM, one text each; where there are any, every certificate of a client's chain must be on no list, and have one of its issuer. */
  readonly crls?: readonly string[];
}

/**
 * TLS 1.2 at least. Throws what OpenSSL has against a certificate or a key. Without something to show it serves nobody. `protocols`
 * by ALPN, the preferred one first: a client that offers none of them gets the alert.
 */
export function createContext(shown: readonly Shown[], trusted: Trusted | null, protocols: readonly string[] = []): TlsContext {
  const requestsCertificate = trusted !== null;
  const several = shown.length > 1;
  const server = createServer({
    ...(shown.length > 0 && { cert: shown.map(({ chain }) => chain), key: shown.map(({ key }) => key) }),
    ...(several && { sigalgs: signaturesFor(shown) }),
    ...(protocols.length > 0 && { ALPNProtocols: [...protocols] }),
    minVersion: "TLSv1.2",
    honorCipherOrder: true,
    // 112 bits of security, in clients' certificates too (RSA from 2048 bits on, no SHA-1): by itself Node 20 accepts less.
    ciphers: `${ciphersFor(DEFAULT_CIPHERS.split(":"), shown).join(":")}:@SECLEVEL=2`,
    // INVARIANT: nothing of one context is valid in another. A listener that requests certificates requests one
    // in every handshake: no tickets, and no session is ever kept to be resumed by its number.
    sessionIdContext: randomBytes(16).toString("hex"),
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION | (requestsCertificate ? constants.SSL_OP_NO_TICKET : 0),
    requestCert: requestsCertificate,
    // With it OpenSSL ends the handshake of a client without a certificate, by an alert. Node destroys the socket of one whose
    // certificate is not verified; secure.ts reads the reason of either.
    rejectUnauthorized: requestsCertificate,
    ...(requestsCertificate && { ca: trusted.roots }),
    // With it Node sets X509_V_FLAG_CRL_CHECK and X509_V_FLAG_CRL_CHECK_ALL.
    ...(trusted?.crls !== undefined && { crl: [...trusted.crls] }),
  });
  if (trusted?.partial === true && !trustPartialChains(server)) {
    throw new Error(
      `an authority of \`${trusted.name}\` was issued by one that is not in its file, and ${process.version} can't trust it by itself: add that one, or run Node 20.19, 22.9 or later`,
    );
  }
  answerHandshakes(server);
  return { server, ca: trusted?.name ?? null, trust: trusted === null ? "" : trustOf(trusted) };
}

function trustOf({ name, roots, crls = [] }: Trusted): string {
  const hash = createHash("sha256").update(`${name}\n${roots}`);
  for (const crl of crls) hash.update(crl);
  return hash.digest("hex");
}

/**
 * `allowPartialTrustChain` of Node's secure contexts, which its servers don't pass on. False where this
 * Node has no such thing.
 */
function trustPartialChains(server: Server): boolean {
  const credentials: unknown = "_sharedCreds" in server ? server._sharedCreds : null;
  const context: unknown = typeof credentials === "object" && credentials !== null && "context" in credentials ? credentials.context : null;
  if (typeof context !== "object" || context === null || !("setAllowPartialTrustChain" in context)) return false;
  const { setAllowPartialTrustChain: allow } = context;
  if (typeof allow !== "function") return false;
  Reflect.apply(allow, context, []);
  return true;
}
