// `health`: whether the gateway is alive, which the answer itself shows, and ready.
import { closedExposes } from "./closed.ts";
import { addressSentence } from "../listen/absent.ts";
import type { Endpoint } from "./context.ts";
import { sourceSentence } from "./source_state.ts";
import { unready } from "./metrics.ts";

export const health: Endpoint = async (context) => {
  const because = unready(context);
  return {
    result: {
      ready: because === null,
      because,
      generation: context.inForce.generation,
      closed: closedExposes(context),
      source: context.source === null ? null : sourceSentence(context.source.state),
      "waiting": context.withoutAddress().map(addressSentence),
    },
  };
};
