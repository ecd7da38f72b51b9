// The register of endpoints: a new one is a file and a row.
import { schemaCheck, type Check } from "../schema.ts";
import { challenge } from "../intents/direct.ts";
import { list } from "../intents/list.ts";
import { register } from "../intents/register.ts";
import { renew } from "../intents/renew.ts";
import { unregister } from "../intents/unregister.ts";
import type { Endpoint } from "./context.ts";
import { health } from "./health.ts";
import { metrics } from "./metrics.ts";
import { reload } from "./reload.ts";
import { status } from "./status.ts";

export interface Method {
  /** `operator`: on the control socket only. */
  readonly access: "operator" | "anyone";
  readonly params: Check;
  readonly run: Endpoint;
}

const none = schemaCheck("intents/none.schema.json");

export const METHODS = {
  status: { access: "operator", params: none, run: status },
  health: { access: "operator", params: none, run: health },
  metrics: { access: "operator", params: none, run: metrics },
  reload: { access: "operator", params: none, run: reload },
  challenge: { access: "anyone", params: none, run: challenge },
  register: { access: "anyone", params: schemaCheck("intents/register.schema.json"), run: register },
  unregister: { access: "anyone", params: schemaCheck("intents/unregister.schema.json"), run: unregister },
  renew: { access: "anyone", params: schemaCheck("intents/renew.schema.json"), run: renew },
  list: { access: "anyone", params: none, run: list },
} as const satisfies Record<string, Method>;

export function methodNamed(name: string): Method | null {
  const found = Object.entries(METHODS).find(([key]) => key === name);
  return found?.[1] ?? null;
}
