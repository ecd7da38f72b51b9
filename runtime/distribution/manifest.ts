// The manifest of a policy in an OCI registry: image manifest of OCI 1.1, whose one layer is the module.
import { createHash } from "node:crypto";
import { failed, ok, type Result } from "../result/result.ts";
import { isTable, parsed } from "./credentials.ts";
import { isDigest } from "./location.ts";
import { trouble, troubled, type Trouble } from "./trouble.ts";

export const POLICY_TYPE = "application/vnd.ingressd.policy.v1+wasm";
export const MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json";
export const EMPTY_TYPE = "application/vnd.oci.empty.v1+json";
/** The config of the empty type. */
export const EMPTY_CONFIG: Uint8Array = new TextEncoder().encode("{}");
export const MOST_MANIFEST_BYTES = 65_536;

const CREATED = "org.opencontainers.image.created";
const REVISION = "io.ingressd.policy.revision";
const TREE = "io.ingressd.policy.tree-sha256";

export interface Descriptor {
  readonly digest: string;
  readonly size: number;
}

export interface PolicyFacts {
  readonly revision: number;
  /** The hash of what the policy means, lower-case hex. */
  readonly treeSha256: string;
  /** UTC milliseconds. */
  readonly createdMs: number;
}

export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** Always the same bytes for the same module and facts. */
export function policyManifest(module: Uint8Array, { revision, treeSha256, createdMs }: PolicyFacts): Uint8Array {
  const descriptor = (mediaType: string, bytes: Uint8Array): object => ({ mediaType, digest: digestOf(bytes), size: bytes.length });
  const manifest = {
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    artifactType: POLICY_TYPE,
    config: descriptor(EMPTY_TYPE, EMPTY_CONFIG),
    layers: [descriptor(POLICY_TYPE, module)],
    annotations: { [CREATED]: new Date(createdMs).toISOString().replace(/\.\d+Z$/, "Z"), [REVISION]: String(revision), [TREE]: treeSha256 },
  };
  return new TextEncoder().encode(`${JSON.stringify(manifest, null, 2)}\n`);
}

/**
 * The layer of a manifest that was received under a media type. `maxBytes`: of the module. Its annotations are for people and are not
 * read, because nobody has signed them.
 */
export function layerOf(bytes: Uint8Array, contentType: string, maxBytes: number): Result<Descriptor, Trouble> {
  const type = contentType.split(";")[0]?.trim() ?? "";
  if (type !== MANIFEST_TYPE)
    return troubled("media_type", `the manifest has the media type \`${type.slice(0, 80)}\`, and a policy's has \`${MANIFEST_TYPE}\``);
  const manifest = parsed(new TextDecoder().decode(bytes));
  if (manifest === null) return troubled("malformed", "the manifest is not the JSON of an object");
  const { schemaVersion, mediaType, artifactType, layers } = manifest;
  if (schemaVersion !== 2 || (mediaType !== undefined && mediaType !== MANIFEST_TYPE))
    return troubled("malformed", "the manifest is not an image manifest of OCI 1.1");
  if (artifactType !== POLICY_TYPE)
    return troubled("media_type", `this is no policy: its artifact type is not \`${POLICY_TYPE}\`; \`ingressc push\` makes one`);
  if (!Array.isArray(layers) || layers.length !== 1) return troubled("malformed", "the manifest does not have exactly one layer");
  const layer = descriptorOf(layers[0], POLICY_TYPE);
  if (!layer.ok) return failed(layer.error);
  if (layer.value.size > maxBytes) return troubled("too_large", `the module has ${layer.value.size} bytes, and at most ${maxBytes} are taken`);
  return layer;
}

function descriptorOf(value: unknown, wanted: string): Result<Descriptor, Trouble> {
  if (!isTable(value)) return troubled("malformed", "the layer of the manifest is not an object");
  const { mediaType, digest, size } = value;
  if (mediaType !== wanted) return troubled("media_type", `the layer of the manifest is not of the type \`${wanted}\``);
  if (typeof digest !== "string" || !isDigest(digest)) return failed(trouble("malformed", "the layer of the manifest has no SHA-256 digest"));
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 1) return failed(trouble("malformed", "the layer of the manifest has no size"));
  return ok({ digest, size });
}
