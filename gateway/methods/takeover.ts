// `takeover`: the steps by which the next gateway takes over from this one; see gateway/takeover.
import { fieldsOf, textOf } from "../../runtime/shell/rpc_client.ts";
import { failed, type Result } from "../../runtime/result/result.ts";
import { rpcError, RPC_DENIED, type Answer } from "../control/rpc.ts";
import type { Client } from "../control/client.ts";
import type { Endpoint, Context } from "./context.ts";

export const takeover: Endpoint = async (context, client, params) => {
  const given = fieldsOf(params) ?? {};
  const answer: Result<unknown, string> = await stepOf(context, client, given);
  return answer.ok ? { result: answer.value } : refused(answer.error);
};

function stepOf({ giving }: Context, client: Client, given: Readonly<Record<string, unknown>>): Result<unknown, string> | Promise<Result<unknown, string>> {
  const id = textOf(given["id"], "");
  switch (given["step"]) {
    case "begin":
      return giving.begin(client, numberOf(given["format"]));
    case "sockets":
      return giving.sockets(id, client);
    case "wait":
      return giving.wait(id);
    case "freeze":
      return giving.freeze(id);
    case "state":
      return giving.part(id, numberOf(given["from"]));
    case "serving":
      return giving.serving(id);
    case "done":
      return giving.done(client);
    case "cut":
      return giving.cut(client, rowsOf(given["rows"]));
    default:
      return failed("no such step");
  }
}

function refused(message: string): Answer {
  return rpcError(RPC_DENIED, message, { reason: "policy", code: "not_gateway" });
}

const numberOf = (value: unknown): number => (typeof value === "number" ? value : 0);
const rowsOf = (value: unknown): readonly number[] => (Array.isArray(value) ? value.filter((one): one is number => typeof one === "number") : []);
