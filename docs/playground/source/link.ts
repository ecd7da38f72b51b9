// A link has the policy in its fragment, which no browser sends to a server: `#policy1=` and the JSON of its parts, compressed
// (deflate, raw) and written in base64url. A link is a stranger's, so everything about it is bounded and checked.

/** Characters of a fragment, its name included. */
export const MOST_FRAGMENT = 32 * 1024;
/** Bytes of the JSON in it. */
export const MOST_BYTES = 256 * 1024;
export const NAME = "policy1=";

export interface Shared {
  readonly policy: string;
  /** The policy with which it is compared; null: none. */
  readonly older: string | null;
  readonly request: string | null;
}

export type Read = { readonly shared: Shared; readonly trouble: null } | { readonly shared: null; readonly trouble: string };
export type Written = { readonly fragment: string; readonly trouble: null } | { readonly fragment: null; readonly trouble: string };

const KEYS: ReadonlySet<string> = new Set(["policy", "older", "request"]);
const DAMAGED = "the link is damaged: copy it again, whole";

/** The fragment, without `#`. */
export async function writeFragment({ policy, older, request }: Shared): Promise<Written> {
  const bytes = new TextEncoder().encode(JSON.stringify({ policy, ...(older !== null && { older }), ...(request !== null && { request }) }));
  if (bytes.length > MOST_BYTES) return { fragment: null, trouble: "the policy is too long for a link: it has more than 256 KiB" };
  const compressed = await through(bytes, new CompressionStream("deflate-raw"), Infinity);
  const fragment = `${NAME}${base64url(compressed ?? new Uint8Array())}`;
  if (fragment.length > MOST_FRAGMENT) return { fragment: null, trouble: "the policy is too long for a link: it needs more than 32 KiB when it is compressed" };
  return { fragment, trouble: null };
}

/** Null where the fragment is empty. `fragment`: without `#`. */
export async function readFragment(fragment: string): Promise<Read | null> {
  if (fragment === "") return null;
  if (fragment.length > MOST_FRAGMENT) return refused("the link is too long: the part after # has more than 32 KiB");
  if (!fragment.startsWith(NAME)) return refused(`the link has no policy: the part after # does not begin with ${NAME}`);
  const compressed = bytesOf(fragment.slice(NAME.length));
  if (compressed === null) return refused(DAMAGED);
  const bytes = await decompressed(compressed);
  if (bytes === "too much") return refused("the policy in the link is too long: it has more than 256 KiB");
  return bytes === "damaged" ? refused(DAMAGED) : readShared(bytes);
}

function refused(trouble: string): Read {
  return { shared: null, trouble };
}

function readShared(bytes: Uint8Array): Read {
  const value = jsonOf(bytes);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return refused(DAMAGED);
  // Only own fields are read, and only as text: what else an object could have is never looked at.
  const fields = new Map<string, unknown>(Object.entries(value));
  const [policy, older = null, request = null] = [fields.get("policy"), fields.get("older"), fields.get("request")];
  if ([...fields.keys()].some((key) => !KEYS.has(key))) return refused("the link is of another version of this page");
  if (typeof policy !== "string" || !isTextOrNull(older) || !isTextOrNull(request)) return refused(DAMAGED);
  return { shared: { policy, older, request }, trouble: null };
}

function isTextOrNull(value: unknown): value is string | null {
  return value === null || typeof value === "string";
}

/** Undefined, which is no JSON, where the bytes are none. */
function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

async function decompressed(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array | "too much" | "damaged"> {
  try {
    return (await through(bytes, new DecompressionStream("deflate-raw"), MOST_BYTES)) ?? "too much";
  } catch {
    return "damaged";
  }
}

/** Null where more than `most` bytes come out; what follows them is never made. */
async function through(bytes: Uint8Array<ArrayBuffer>, stream: CompressionStream | DecompressionStream, most: number): Promise<Uint8Array | null> {
  const reader = new Blob([bytes]).stream().pipeThrough(stream).getReader() as ReadableStreamDefaultReader<Uint8Array>;
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    length += next.value.length;
    if (length > most) {
      await reader.cancel();
      return null;
    }
    chunks.push(next.value);
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

function base64url(bytes: Uint8Array): string {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Null where the text is not the base64url of any bytes. */
function bytesOf(text: string): Uint8Array<ArrayBuffer> | null {
  if (!/^[A-Za-z0-9_-]+$/.test(text) || text.length % 4 === 1) return null;
  const bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  return base64url(bytes) === text ? bytes : null;
}
