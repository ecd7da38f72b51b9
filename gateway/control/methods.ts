// The register of endpoints: a new one is a file and a row.
import { schemaCheck, type Check } from "../schema.ts";
import { challenge } from "../intents/direct.ts";
import { list } from "../intents/list.ts";
import { register } from "../intents/register.ts";
import { renew } from "../intents/renew.ts";
import { unregister } from "../intents/unregister.ts";
import type { Endpoint } from "./context.ts";
import { abort } from "../methods/abort.ts";
import { commit } from "../methods/commit.ts";
import { prepare } from "../methods/prepare.ts";
import { health } from "./health.ts";
import { metrics } from "./metrics.ts";
import { reload } from "./reload.ts";
import { reopen } from "./reopen.ts";
import { status } from "./status.ts";
import * as validators from "./validators.mjs";

export interface Method {
  /** `operator`: on the control socket only. */
  readonly access: "operator" | "anyone";
  readonly params: Check;
  readonly run: Endpoint;
  /** Has more to do than answer, so that a client may ask less often. */
  readonly dear?: true;
}

const none = schemaCheck(validators.none);

export const METHODS = {
  status: { access: "operator", params: none, run: status, dear: true },
  health: { access: "operator", params: none, run: health },
  metrics: { access: "operator", params: none, run: metrics, dear: true },
  reload: { access: "operator", params: none, run: reload, dear: true },
  prepare: { access: "operator", params: schemaCheck(validators.prepare), run: prepare, dear: true },
  commit: { access: "operator", params: schemaCheck(validators.change), run: commit, dear: true },
  abort: { access: "operator", params: schemaCheck(validators.change), run: abort, dear: true },
  reopen: { access: "operator", params: none, run: reopen },
  challenge: { access: "anyone", params: none, run: challenge },
  register: { access: "anyone", params: schemaCheck(validators.register), run: register, dear: true },
  unregister: { access: "anyone", params: schemaCheck(validators.unregister), run: unregister, dear: true },
  renew: { access: "anyone", params: schemaCheck(validators.renew), run: renew, dear: true },
  list: { access: "anyone", params: none, run: list },
} as const satisfies Record<string, Method>;

export function methodNamed(name: string): Method | null {
  const found = Object.entries(METHODS).find(([key]) => key === name);
  return found?.[1] ?? null;
}
