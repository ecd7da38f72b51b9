// `reopen`: opens the audit file again, after a rotation, and does nothing else.
import type { Endpoint } from "./context.ts";
import { rpcError, RPC_NOT_REOPENED } from "../control/rpc.ts";

export const reopen: Endpoint = async (context) => {
  const kept = context.reopen();
  return kept === null ? { result: { audit: context.config.audit.file } } : rpcError(RPC_NOT_REOPENED, kept);
};
