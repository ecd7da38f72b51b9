// The register of control methods: a new one is a file and a row.
import { schemaCheck } from "../control/schema.ts";
import { challenge } from "./direct.ts";
import { list } from "./list.ts";
import { register } from "./register.ts";
import { renew } from "./renew.ts";
import { unregister } from "./unregister.ts";
import type { ServedMethod } from "../control/served_client.ts";
import type { Context, Endpoint } from "./context.ts";
import { abort } from "./abort.ts";
import { block, blocks, unblock } from "./block.ts";
import { explain } from "./explain.ts";
import { commit } from "./commit.ts";
import { prepare } from "./prepare.ts";
import { health } from "./health.ts";
import { metrics } from "./metrics.ts";
import { reload } from "./reload.ts";
import { reopen } from "./reopen.ts";
import { status } from "./status.ts";
import { takeover } from "./takeover.ts";
import * as validators from "../control/validators.mjs";

export interface Method extends Omit<ServedMethod, "run"> {
  readonly run: Endpoint;
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
  takeover: { access: "operator", params: schemaCheck(validators.takeover), run: takeover },
  block: { access: "operator", params: schemaCheck(validators.block), run: block, dear: true },
  unblock: { access: "operator", params: schemaCheck(validators.unblock), run: unblock, dear: true },
  blocks: { access: "operator", params: none, run: blocks, dear: true },
  explain: { access: "operator", params: schemaCheck(validators.explain), run: explain },
  reopen: { access: "operator", params: none, run: reopen },
  challenge: { access: "anyone", params: none, run: challenge },
  register: { access: "anyone", params: schemaCheck(validators.register), run: register, dear: true },
  unregister: { access: "anyone", params: schemaCheck(validators.unregister), run: unregister, dear: true },
  renew: { access: "anyone", params: schemaCheck(validators.renew), run: renew, dear: true },
  list: { access: "anyone", params: none, run: list },
} as const satisfies Record<string, Method>;

/** The methods as the sockets see them. */
export function methodsOf(context: Context): (name: string) => ServedMethod | null {
  const served = new Map(
    Object.entries<Method>(METHODS).map(([name, { run, ...method }]): [string, ServedMethod] => [
      name,
      { ...method, run: (client, params) => run(context, client, params) },
    ]),
  );
  return (name) => served.get(name) ?? null;
}
