// `health`: whether the gateway is alive, which the answer itself shows, and ready.
import { addressSentence } from "../listen/absent.ts";
import type { Endpoint } from "./context.ts";
import { unready } from "./metrics.ts";

export const health: Endpoint = async (context) => {
  const because = unready(context);
  return { result: { ready: because === null, because, generation: context.inForce.generation, waiting: context.exchange.waiting().map(addressSentence) } };
};
