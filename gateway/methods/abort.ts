// `abort`: takes a prepared change back. Nothing of it stays.
import type { Endpoint } from "./context.ts";
import { notReloaded } from "./reload.ts";
import { changeId } from "./change_id.ts";

export const abort: Endpoint = async (context, _client, params) => {
  const aborted = await context.changes.abort(changeId(params));
  return aborted.ok ? { result: { id: aborted.value.id, aborted: true, because: aborted.value.because } } : notReloaded(context, aborted.error);
};
