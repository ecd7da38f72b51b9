// The pages of the HTTP port: the same as `metrics` and `health`.
import type { HttpPage } from "../control/http.ts";
import { addressSentence } from "../listen/absent.ts";
import { closedExposes } from "./closed.ts";
import type { Context } from "./context.ts";
import { metricsText, unready } from "./metrics.ts";

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
        text: ["ready", ...closedExposes(context).map((one) => one.because), ...context.withoutAddress().map(addressSentence), ""].join("\n"),
      };
    }
    default:
      return { status: 404, text: "there are /metrics, /healthz and /readyz\n" };
  }
}
