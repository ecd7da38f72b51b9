// `reload`: reads the policy file again; answers when only the new policy decides.
import { isRefused } from "../reload/exchange.ts";
import type { Endpoint } from "./context.ts";
import { rpcError, RPC_NOT_RELOADED } from "./rpc.ts";

export const reload: Endpoint = async (context) => {
  const result = await context.reloader.reload();
  if (!isRefused(result)) return { result };
  return rpcError(RPC_NOT_RELOADED, result.message, { cause: result.cause, generation: context.inForce.generation });
};
