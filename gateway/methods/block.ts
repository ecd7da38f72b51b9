// `block`, `unblock` and `blocks`: sources that are refused for some time, whatever the policy says.
import { fieldsOf, textOf } from "../../runtime/shell/rpc_client.ts";
import { balancerIn } from "../admit/balancers.ts";
import { MOST_BLOCKS, type Block } from "../blocks/blocks.ts";
import { parsePrefix } from "../blocks/prefix.ts";
import { rpcError, RPC_DENIED, type Answer } from "../control/rpc.ts";
import { cutBlocked } from "../reload/cut_blocked.ts";
import type { Context, Endpoint } from "./context.ts";

export const block: Endpoint = async (context, _client, params) => {
  const given = fieldsOf(params) ?? {};
  const forSeconds = Number(given["for_s"]);
  const { blocks } = context;
  if (context.giving.isFrozen) return refused("another gateway takes over just now: try again in a second");
  const spared = given["force"] === true ? null : balancerOf(context, textOf(given["prefix"], ""));
  if (spared !== null) return refused(spared);
  const added = blocks.add({ prefix: textOf(given["prefix"], ""), forMs: forSeconds * 1000, why: textOf(given["why"], ""), force: given["force"] === true });
  if (!added.ok) return refused(added.error);
  const cut = await cutBlocked(context);
  return { result: { ...shown(added.value), cut, ...(await kept(context)) } };
};

/** Why a prefix is not blocked without --force; null where nothing speaks against it, or where it is none. */
function balancerOf({ inForce: { engine } }: Pick<Context, "inForce">, text: string): string | null {
  const prefix = parsePrefix(text);
  const expose = engine === null || !prefix.ok ? undefined : balancerIn(engine.info, prefix.value);
  return expose === undefined ? null : (
      `\`${text}\` has peers in the \`via\` of \`${expose.name}\`: to block one is to block every client that it names; add --force if that is meant`
    );
}

export const unblock: Endpoint = async (context, _client, params) => {
  if (context.giving.isFrozen) return refused("another gateway takes over just now: try again in a second");
  const removed = context.blocks.remove(textOf(fieldsOf(params)?.["prefix"], ""));
  if (!removed.ok) return refused(removed.error);
  return { result: { removed: removed.value === null ? null : shown(removed.value), ...(await kept(context)) } };
};

export const blocks: Endpoint = async ({ blocks: all }) => {
  all.passEnds();
  return { result: { most: MOST_BLOCKS, blocks: all.all().map(shown) } };
};

export function shown({ prefix, why, sinceMs, untilMs }: Block): object {
  return { prefix, since: new Date(sinceMs).toISOString(), until: new Date(untilMs).toISOString(), why };
}

/** A block is in force also where the disk does not take it. */
async function kept({ keptBlocks }: Pick<Context, "keptBlocks">): Promise<object> {
  if (keptBlocks === null) return { kept: false, not_kept_because: "no state_dir is configured, so that a restart ends it" };
  try {
    await keptBlocks.keep();
    return { kept: true };
  } catch (error) {
    return {
      kept: false,
      not_kept_because: `the state directory can't be written (${error instanceof Error ? error.message : String(error)}), so that a restart forgets it`,
    };
  }
}

function refused(message: string): Answer {
  return rpcError(RPC_DENIED, message, { reason: "policy", code: "bad_intent" });
}
