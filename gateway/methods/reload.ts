// `reload`: reads the policy file again, or pulls the policy's source; answers when only the new policy decides.
import type { Refused } from "../reload/report.ts";
import type { Context, Endpoint } from "./context.ts";
import { rpcError, RPC_NOT_RELOADED, type RpcError } from "../control/rpc.ts";

export const reload: Endpoint = async (context) => {
  const report = await (context.source ?? context.reloader).reload();
  return report.ok ? { result: { ...report.value, configuration: configurationOf(context) } } : notReloaded(context, report.error);
};

/** The configuration in force, and what a restart would change. */
export function configurationOf({ live }: Pick<Context, "live">): object {
  const { generation, sha256, changed, restart, refused } = live.state;
  return { generation, sha256, changed, restart_needed: restart, refused };
}

/** The error of every method that changes the policy: `data.cause` for programs, and the generation that stays in force. */
export function notReloaded({ inForce }: Pick<Context, "inForce">, { cause, message }: Refused): RpcError {
  return rpcError(RPC_NOT_RELOADED, message, { cause, generation: inForce.generation });
}
