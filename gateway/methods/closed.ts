// Exposes of the policy in force that stay closed, because the certificate or the authority that they need
// can't be used: named in `status`, in a metric and in the body of `/readyz`.
import type { Context } from "./context.ts";

export interface ClosedExpose {
  readonly name: string;
  /** One sentence. */
  readonly because: string;
}

export function closedExposes({ inForce: { engine }, closedBecause }: Pick<Context, "inForce" | "closedBecause">): readonly ClosedExpose[] {
  return (engine?.info.listeners ?? []).flatMap((info) => {
    const because = closedBecause(info);
    return because === null ? [] : [{ name: info.name, because }];
  });
}
