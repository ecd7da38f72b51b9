// The pages of the HTTP port: the same as `metrics`, `health` and `status`, the last one also for people.
import type { HttpPage } from "../control/http.ts";
import { addressSentence } from "../listen/absent.ts";
import { closedExposes } from "./closed.ts";
import type { Context } from "./context.ts";
import { metricsText, unready } from "./metrics.ts";
import { statusOf } from "./status.ts";
import { sourceSentence } from "./source_state.ts";
import { statusPage } from "./status_page.ts";
import { pairBytes } from "./traffic_metrics.ts";

export function httpPage(context: Context, path: string): HttpPage {
  switch (path) {
    case "/metrics":
      return { status: 200, text: metricsText(context), type: "text/plain; version=0.0.4; charset=utf-8" };
    case "/healthz":
      return { status: 200, text: "alive\n" };
    case "/readyz": {
      const because = unready(context);
      if (because !== null) return { status: 503, text: `${because}\n` };
      return {
        status: 200,
        text: [
          "ready",
          ...(context.source === null ? [] : [sourceSentence(context.source.state)]),
          ...closedExposes(context).map((one) => one.because),
          ...context.withoutAddress().map(addressSentence),
          "",
        ].join("\n"),
      };
    }
    case "/status.json":
      return { status: 200, text: `${JSON.stringify(pageData(context))}\n`, type: "application/json; charset=utf-8" };
    default:
      return statusPage(path) ?? { status: 404, text: "there are /, /status.json, /metrics, /healthz and /readyz\n" };
  }
}

/** The data of the status page. */
function pageData(context: Context): object {
  return {
    time: new Date(context.clock.wallMs()).toISOString(),
    unready: unready(context),
    status: statusOf(context),
    traffic: pairBytes(context).map(({ pair, bytes }) => ({
      listener: pair.listener,
      backend: pair.backend,
      denied: Object.fromEntries(pair.denied),
      connects: pair.connects.reduce((sum, count) => sum + count, 0),
      bytes: bytes.fromClients + bytes.fromBackends,
    })),
  };
}
