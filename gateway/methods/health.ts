// `health`: whether the gateway is alive, which the answer itself shows, and ready.
import { closedExposes } from "./closed.ts";
import { addressSentence } from "../listen/absent.ts";
import type { Endpoint } from "./context.ts";
import { unready } from "./metrics.ts";

export const health: Endpoint = async (context) => {
  const because = unready(context);
  return {
    result: {
      ready: because === null,
      because,
      generation: context.inForce.generation,
      closed: closedExposes(context),
      "waiting": context.withoutAddress().map(addressSentence),
    },
  };
};
