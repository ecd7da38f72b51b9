// Whether a TLS stream ended as the protocol says, by a close_notify (RFC 8446 section 6.1), or only
// its transport did. Node says 'end' in both cases. Without the alert nobody knows whether all has come:
// anyone who can cut the connection could have cut the data.
//
// The difference is the state of the socket beneath at the moment in which the TLS socket gets its
// end. At a close_notify that socket is still being read, because the alert is data to it, or reading was
// stopped because the TLS socket is full. At an end of the transport libuv has just stopped to read it,
// while nobody else did.
import type { Socket } from "node:net";

interface Layer {
  readonly raw: Socket;
  /** Null before the end. */
  complete: boolean | null;
}

const layers = new WeakMap<Socket, Layer>();

/** To be called before the first byte of `secured` is read; `raw` is its transport. */
export function overlay(secured: Socket, raw: Socket): void {
  const layer: Layer = { raw, complete: null };
  layers.set(secured, layer);
  const { push } = secured;
  secured.push = (chunk, encoding) => {
    if (chunk === null) layer.complete ??= isStillRead(raw);
    return push.call(secured, chunk, encoding);
  };
}

/** The socket that is the transport of a TLS socket. */
export function carrierOf(socket: Socket): Socket | undefined {
  return layers.get(socket)?.raw;
}

/** Whether a TLS socket that has ended got a close_notify. INVARIANT: what is not known is false. */
export function endedByNotice(secured: Socket): boolean {
  return layers.get(secured)?.complete === true;
}

/** Starting what is started already fails (UV_EALREADY); to start again after an end does no harm, the end comes again. */
function isStillRead(raw: Socket): boolean {
  const handle: unknown = "_handle" in raw ? raw._handle : null;
  return isHandle(handle) && (handle.reading === false || handle.readStart() !== 0);
}

/** The fields that Node keeps of a socket of libuv's. */
interface Handle {
  /** False where Node has stopped to read. */
  readonly reading: unknown;
  /** 0, or the number of an error. */
  readStart(): unknown;
}

function isHandle(value: unknown): value is Handle {
  return typeof value === "object" && value !== null && "reading" in value && "readStart" in value && typeof value.readStart === "function";
}
