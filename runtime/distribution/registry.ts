// One repository of an OCI registry: manifests and blobs, with the login that the registry wants. Every digest is computed here; what the
// registry says of it is only compared.
import { ok, type Result } from "../result/result.ts";
import { readChallenge } from "./challenge.ts";
import { isTable, parsed, type CredentialsOf } from "./credentials.ts";
import { send, unexpected, type HttpRequest, type HttpResponse, type HttpSetup } from "./http.ts";
import { isDigest, isLoopback, type OciLocation } from "./location.ts";
import { digestOf, layerOf, MANIFEST_TYPE, MOST_MANIFEST_BYTES, type Descriptor } from "./manifest.ts";
import { troubled, type Trouble } from "./trouble.ts";

export interface RegistrySetup {
  readonly http: HttpSetup;
  readonly location: OciLocation;
  /** The login at a host: only the registry's own is taken. */
  readonly credentials: CredentialsOf;
  /** A token is fetched for it. */
  readonly access: "pull" | "pull,push";
  /** The token of a file, which is sent to the registry alone; null: there is none. */
  readonly bearer: () => Result<string | null, string>;
}

export interface FoundManifest {
  readonly digest: string;
  readonly bytes: Uint8Array;
  readonly contentType: string;
  readonly etag: string | null;
}

export interface FoundModule {
  readonly bytes: Uint8Array;
  /** Lower-case hex. */
  readonly sha256: string;
}

/** Of answers that are only looked at. */
const MOST_ANSWER_BYTES = 65_536;
const MOST_TOKEN_CHARACTERS = 16_384;

export class Registry {
  readonly #setup: RegistrySetup;
  readonly #base: URL;
  /** `Authorization` of the last login; a registry that refuses it gets a new one. */
  #login: string | null = null;

  constructor(setup: RegistrySetup) {
    this.#setup = setup;
    const { registry, repository } = setup.location;
    const secure = new URL(`https://${registry}/v2/${repository}/`);
    // A registry on this machine speaks http, as in other tools; with an authority of its own it speaks https.
    this.#base = isLoopback(secure) && setup.http.ca === null ? new URL(`http://${registry}/v2/${repository}/`) : secure;
  }

  /** Null where the registry answers that it is still the one of `etag`. */
  async manifest(etag: string | null): Promise<Result<FoundManifest | null, Trouble>> {
    const { reference } = this.#setup.location;
    const answer = await this.#call({
      method: "GET",
      url: new URL(`manifests/${reference}`, this.#base),
      headers: { accept: MANIFEST_TYPE, ...(etag !== null && { "if-none-match": etag }) },
      maxBytes: MOST_MANIFEST_BYTES,
    });
    if (!answer.ok) return answer;
    const { status, headers, body, sha256 } = answer.value;
    if (status === 304 && etag !== null) return ok(null);
    if (status !== 200) return this.#unexpected(answer.value, `: ${this.#setup.location.text}`);
    const digest = `sha256:${sha256}`;
    const said = headers["docker-content-digest"];
    if (said !== undefined && said !== digest) return troubled("digest", `the manifest's bytes are not those of the digest that ${this.#base.host} names`);
    if (isDigest(reference) && reference !== digest) return troubled("digest", `${this.#base.host} sent another manifest than the one of ${reference}`);
    return ok({ digest, bytes: body, contentType: headers["content-type"] ?? "", etag: headers.etag ?? null });
  }

  /** The module of a manifest. */
  async module(manifest: FoundManifest, maxBytes: number): Promise<Result<FoundModule, Trouble>> {
    const layer = layerOf(manifest.bytes, manifest.contentType, maxBytes);
    return layer.ok ? this.#blob(layer.value) : layer;
  }

  async #blob({ digest, size }: Descriptor): Promise<Result<FoundModule, Trouble>> {
    const answer = await this.#call({ method: "GET", url: new URL(`blobs/${digest}`, this.#base), maxBytes: size });
    if (!answer.ok) return answer;
    if (answer.value.status !== 200) return this.#unexpected(answer.value, `: blob ${digest}`);
    const { body, sha256 } = answer.value;
    if (body.length !== size) return troubled("truncated", `the module has ${body.length} bytes, and its manifest says ${size}`);
    return `sha256:${sha256}` === digest ? ok({ bytes: body, sha256 }) : troubled("digest", `the module's bytes are not those of its digest ${digest}`);
  }

  /** Sends a blob that is not there yet. */
  async putBlob(bytes: Uint8Array): Promise<Result<null, Trouble>> {
    const digest = digestOf(bytes);
    const there = await this.#call({ method: "HEAD", url: new URL(`blobs/${digest}`, this.#base), maxBytes: MOST_ANSWER_BYTES });
    if (!there.ok) return there;
    if (there.value.status === 200) return ok(null);
    if (there.value.status !== 404) return this.#unexpected(there.value, " (a blob is looked for)");
    const begun = await this.#call({ method: "POST", url: new URL("blobs/uploads/", this.#base), maxBytes: MOST_ANSWER_BYTES });
    if (!begun.ok) return begun;
    const { location = "" } = begun.value.headers;
    if (begun.value.status !== 202 || !URL.canParse(location, this.#base.href)) return this.#unexpected(begun.value, " (an upload is begun)");
    const url = new URL(location, this.#base);
    // INVARIANT: the login of the registry is not sent to another host.
    if (url.origin !== this.#base.origin) return troubled("redirect", `${this.#base.host} wants the upload at ${url.origin}, which is another place`);
    url.searchParams.set("digest", digest);
    const sent = await this.#call({ method: "PUT", url, headers: { "content-type": "application/octet-stream" }, body: bytes, maxBytes: MOST_ANSWER_BYTES });
    if (!sent.ok) return sent;
    return sent.value.status === 201 ? ok(null) : this.#unexpected(sent.value, " (a blob is sent)");
  }

  async putManifest(bytes: Uint8Array): Promise<Result<string, Trouble>> {
    const { reference } = this.#setup.location;
    const digest = digestOf(bytes);
    const sent = await this.#call({
      method: "PUT",
      url: new URL(`manifests/${reference}`, this.#base),
      headers: { "content-type": MANIFEST_TYPE },
      body: bytes,
      maxBytes: MOST_ANSWER_BYTES,
    });
    if (!sent.ok) return sent;
    return sent.value.status === 201 ? ok(digest) : this.#unexpected(sent.value, " (the manifest is sent)");
  }

  #unexpected(answer: HttpResponse, what: string): Result<never, Trouble> {
    const { code, message, retryAfterMs } = unexpected(answer, this.#setup.http.wallMs(), what);
    return troubled(code, message, retryAfterMs);
  }

  /** With a login where the registry wants one; a login that is refused is not tried again. */
  async #call(request: Omit<HttpRequest, "authorization">): Promise<Result<HttpResponse, Trouble>> {
    const { http, bearer } = this.#setup;
    const token = bearer();
    if (!token.ok) return troubled("settings", token.error);
    const given = token.value === null ? this.#login : `Bearer ${token.value}`;
    const first = await send(http, { ...request, authorization: given });
    // Another host, where a redirect led, has no login of the registry.
    if (!first.ok || first.value.status !== 401 || first.value.url.origin !== this.#base.origin || token.value !== null) return first;
    const login = await this.#logIn(first.value.headers["www-authenticate"]);
    if (!login.ok) return login;
    this.#login = login.value;
    return send(http, { ...request, authorization: login.value });
  }

  async #logIn(header: string | undefined): Promise<Result<string, Trouble>> {
    const { http, credentials, location, access } = this.#setup;
    const challenge = readChallenge(header, this.#base);
    if (!challenge.ok) return troubled("login", challenge.error);
    // INVARIANT: for this registry no other login is used than its own, wherever its realm is. With the login of the realm's host a
    // registry that names the realm of another one would get that one's tokens.
    const own = credentials(this.#base.host);
    if (!own.ok) return troubled("login", own.error);
    if (challenge.value.scheme === "basic")
      return own.value === null ? troubled("login", `${this.#base.host} wants a login, and Docker's configuration has none for it`) : ok(own.value);
    const { realm } = challenge.value;
    // In the place of every scope that the realm's own URL has.
    realm.searchParams.set("scope", `repository:${location.repository}:${access}`);
    const answer = await send(http, { method: "GET", url: realm, authorization: own.value, maxBytes: MOST_ANSWER_BYTES });
    if (!answer.ok) return answer;
    if (answer.value.status !== 200) return this.#unexpected(answer.value, " (a token is fetched)");
    const token = tokenOf(answer.value.body);
    return token === null ? troubled("login", `${realm.host} answered without a token`) : ok(`Bearer ${token}`);
  }
}

function tokenOf(body: Uint8Array): string | null {
  const answer = parsed(new TextDecoder().decode(body));
  if (!isTable(answer)) return null;
  const token = answer["token"] ?? answer["access_token"];
  return typeof token === "string" && token.length <= MOST_TOKEN_CHARACTERS && /^[\x21-\x7e]+$/.test(token) ? token : null;
}
