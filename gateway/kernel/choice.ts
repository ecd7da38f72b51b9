// Which forwarder serves: as the configuration says, after the kernel's calls were tried.
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { EXIT_MISSING, EXIT_UNSUPPORTED, failure, type Failure } from "../exit.ts";
import type { KernelCalls } from "./calls.ts";
import { usableCalls, type Unusable } from "./self_test.ts";

export interface Chosen {
  readonly name: "kernel" | "node";
  /** Null: Node's sockets. */
  readonly calls: KernelCalls | null;
  /** Why `auto` did not take the kernel's; null where it did, and where Node's was requested. */
  readonly because: string | null;
}

export async function chooseForwarder(
  wanted: "auto" | "kernel" | "node",
  tried: () => Promise<Result<KernelCalls, Unusable>> = usableCalls,
): Promise<Result<Chosen, Failure>> {
  if (wanted === "node") return ok({ name: "node", calls: null, because: null });
  const calls = await tried();
  if (calls.ok) return ok({ name: "kernel", calls: calls.value, because: null });
  if (wanted === "auto") return ok({ name: "node", calls: null, because: calls.error.because });
  return failed(failure(calls.error.isMissing ? EXIT_MISSING : EXIT_UNSUPPORTED, `\`forwarder\` = "kernel" ${unusableText(calls.error)}`));
}

/** Behind the key and its value. */
export function unusableText({ because, isMissing }: Unusable): string {
  return `can't be used, because ${because}: ${isMissing ? "npm install koffi, or " : ""}set forwarder = "auto"`;
}
