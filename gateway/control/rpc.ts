// JSON-RPC 2.0: what a request and an answer look like, and the error numbers in use.
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { schemaCheck } from "./schema.ts";
import * as validators from "./validators.mjs";

const RPC_PARSE = -32700;
export const RPC_INVALID_REQUEST = -32600;
export const RPC_NO_METHOD = -32601;
export const RPC_INVALID_PARAMS = -32602;
export const RPC_INTERNAL = -32603;
/** The policy, the caller's identity or a cap refuses it; `data` has `reason` and `code`. */
export const RPC_DENIED = -32001;
/** A reload was refused and the previous policy stays; `data.generation`. */
export const RPC_NOT_RELOADED = -32002;
/** The port could not be opened. */
export const RPC_PORT = -32003;

/** The audit file could not be opened again; the open one stays in use. */
export const RPC_NOT_REOPENED = -32004;

export interface Request {
  readonly jsonrpc: "2.0";
  readonly id?: string | number | null;
  readonly method: string;
  readonly params?: unknown;
}

export interface RpcError {
  readonly error: { readonly code: number; readonly message: string; readonly data?: unknown };
}

export type Answer = { readonly result: unknown } | RpcError;

const check = schemaCheck(validators.request);

export function rpcError(code: number, message: string, data?: unknown): RpcError {
  return { error: { code, message, ...(data !== undefined && { data }) } };
}

/** A request, or the answer that a malformed one gets. */
export function readRequest(frame: string): Result<Request, RpcError> {
  let value: unknown;
  try {
    value = JSON.parse(frame);
  } catch {
    return failed(rpcError(RPC_PARSE, "the frame is not JSON"));
  }
  const wrong = check(value);
  if (wrong !== null) return failed(rpcError(RPC_INVALID_REQUEST, `not a JSON-RPC 2.0 request: ${wrong}`));
  return isRequest(value) ? ok(value) : failed(rpcError(RPC_INVALID_REQUEST, "not a JSON-RPC 2.0 request"));
}

/** The schema has checked it; this is for the type checker. */
function isRequest(value: unknown): value is Request {
  return typeof value === "object" && value !== null && "method" in value;
}
