// A source of policies: what it offers now, if that is other than what it offered before.
import { ok, type Result } from "../result/result.ts";
import { dockerConfigPath, dockerCredentials, readBearerToken } from "./credentials.ts";
import { send, unexpected, WHOLE_MS, type HttpSetup } from "./http.ts";
import type { HttpsLocation, Location } from "./location.ts";
import { Registry } from "./registry.ts";
import { troubled, type Trouble } from "./trouble.ts";

/** A pull takes at most so long, in milliseconds: with its logins, redirects and all that it fetches. */
export const PULL_MS = WHOLE_MS;

export interface SourceSetup {
  readonly http: HttpSetup;
  readonly location: Location;
  /** Absolute path of a file with a token; null for none. */
  readonly tokenFile: string | null;
  readonly maxBytes: number;
}

export type Offer =
  | { readonly kind: "unchanged" }
  | {
      readonly kind: "new";
      readonly bytes: Uint8Array;
      /** Of `bytes`, lower-case hex. */
      readonly sha256: string;
      /** Of the manifest, in a registry. */
      readonly digest: string | null;
    };

export class PolicySource {
  readonly #setup: SourceSetup;
  readonly #http: HttpSetup;
  readonly #registry: Registry | null;
  #etag: string | null = null;
  /** Of the manifest that was read last. */
  #digest: string | null = null;
  /** When the pull under way ends. */
  #untilMs = 0;

  constructor(setup: SourceSetup) {
    this.#setup = setup;
    const { location } = setup;
    const http = { ...setup.http, untilMs: () => this.#untilMs };
    this.#http = http;
    const credentials = dockerCredentials(dockerConfigPath(http.env));
    this.#registry = location.kind === "oci" ? new Registry({ http, location, credentials, access: "pull", bearer: () => this.#token() }) : null;
  }

  /** The next offer is downloaded whole. */
  forget(): void {
    this.#etag = null;
    this.#digest = null;
  }

  /** `unchanged`: what it offers is what it offered the last time. One at a time. Never rejects. */
  async pull(): Promise<Result<Offer, Trouble>> {
    const { location } = this.#setup;
    this.#untilMs = this.#http.clock.monoMs() + PULL_MS;
    return location.kind === "https" ? this.#file(location) : this.#artifact();
  }

  #token(): Result<string | null, string> {
    const { tokenFile } = this.#setup;
    return tokenFile === null ? ok(null) : readBearerToken(tokenFile);
  }

  async #file({ url }: HttpsLocation): Promise<Result<Offer, Trouble>> {
    const { maxBytes } = this.#setup;
    const token = this.#token();
    if (!token.ok) return troubled("settings", token.error);
    const answer = await send(this.#http, {
      method: "GET",
      url,
      headers: { ...(this.#etag !== null && { "if-none-match": this.#etag }) },
      authorization: token.value === null ? null : `Bearer ${token.value}`,
      maxBytes,
    });
    if (!answer.ok) return answer;
    const { status, headers, body, sha256 } = answer.value;
    if (status === 304 && this.#etag !== null) return ok({ kind: "unchanged" });
    if (status !== 200) {
      const { code, message, retryAfterMs } = unexpected(answer.value, this.#http.wallMs());
      return troubled(code, message, retryAfterMs);
    }
    this.#etag = headers.etag ?? null;
    return ok({ kind: "new", bytes: body, sha256, digest: null });
  }

  async #artifact(): Promise<Result<Offer, Trouble>> {
    const registry = this.#registry;
    if (registry === null) throw new Error("a source that is no registry has no artifact");
    const manifest = await registry.manifest(this.#etag);
    if (!manifest.ok) return manifest;
    if (manifest.value === null || manifest.value.digest === this.#digest) return ok({ kind: "unchanged" });
    const module = await registry.module(manifest.value, this.#setup.maxBytes);
    if (!module.ok) return module;
    this.#etag = manifest.value.etag;
    this.#digest = manifest.value.digest;
    return ok({ kind: "new", ...module.value, digest: manifest.value.digest });
  }
}
