// `commit`: puts a prepared change in force; answers as `reload` does, and the same each time.
import type { Endpoint } from "./context.ts";
import { notReloaded } from "./reload.ts";
import { changeId } from "./change_id.ts";

export const commit: Endpoint = async (context, _client, params) => {
  const id = changeId(params);
  const report = await context.changes.commit(id);
  return report.ok ? { result: { id, ...report.value } } : notReloaded(context, report.error);
};
