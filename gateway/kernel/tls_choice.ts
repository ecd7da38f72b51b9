// The engine of TLS that ends here, OpenSSL by tls_connections.ts or Node's. It is chosen once: at the start where
// OpenSSL's was requested, else when it is needed first, because the self-test costs a tenth of a start.
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { EXIT_UNSUPPORTED, failure, type Failure } from "../exit.ts";
import type { NativeEngine } from "../tls/kept_contexts.ts";
import type { KernelCalls } from "./calls.ts";
import type { OpensslCalls } from "./openssl.ts";
import { OpensslContext } from "./tls_context.ts";
import { usableOpenssl } from "./tls_self_test.ts";

export interface ChosenEngine {
  readonly name: "openssl" | "node";
  /** Null where Node's engine serves. */
  readonly native: NativeEngine | null;
  /** OpenSSL's calls, where it serves. */
  readonly calls: OpensslCalls | null;
  /** Why `auto` did not take OpenSSL's; null where it did, and where Node's was requested. */
  readonly because: string | null;
}

/** Gives the same answer each time; the first may make the self-test. */
export type EngineChoice = () => ChosenEngine;

const REQUESTED: ChosenEngine = { name: "node", native: null, calls: null, because: null };

/** `kernel` is null where the kernel's forwarder doesn't serve. `tried` in place of this machine's self-test: for a test. */
export function chooseEngine(
  wanted: "auto" | "openssl" | "node",
  kernel: KernelCalls | null,
  tried: (kernel: KernelCalls) => Result<OpensslCalls, string> = tested,
): Result<EngineChoice, Failure> {
  if (wanted === "node") return ok(() => REQUESTED);
  const found = (): Result<OpensslCalls, string> => (kernel === null ? failed("it needs the kernel's forwarder, and Node's serves") : tried(kernel));
  let chosen: ChosenEngine | null = null;
  if (wanted === "auto") return ok(() => (chosen ??= ofFound(found())));
  const now = found();
  if (!now.ok) return failed(failure(EXIT_UNSUPPORTED, `\`tls.engine\` is "openssl", and that can't serve here: ${now.error}; "auto" takes Node's there`));
  const openssl = ofFound(now);
  return ok(() => openssl);
}

function ofFound(found: Result<OpensslCalls, string>): ChosenEngine {
  return found.ok ?
      { name: "openssl", native: nativeOf(found.value), calls: found.value, because: null }
    : { name: "node", native: null, calls: null, because: found.error };
}

/** The self-test's answer doesn't change while the process lives. */
const known = new WeakMap<KernelCalls, Result<OpensslCalls, string>>();

function tested(kernel: KernelCalls): Result<OpensslCalls, string> {
  const before = known.get(kernel);
  if (before !== undefined) return before;
  const now = usableOpenssl(kernel);
  known.set(kernel, now);
  return now;
}

function nativeOf(calls: OpensslCalls): NativeEngine {
  return { context: (wish) => OpensslContext.create({ calls, ...wish }) };
}
