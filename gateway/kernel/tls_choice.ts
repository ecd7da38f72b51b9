// The engine of TLS that ends here, OpenSSL by tls_connections.ts or Node's. It is chosen once, at the start.
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { EXIT_UNSUPPORTED, failure, type Failure } from "../exit.ts";
import type { NativeEngine } from "../tls/credentials.ts";
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
}

const NODE: ChosenEngine = { name: "node", native: null, calls: null };

/** `kernel` is null where the kernel's forwarder doesn't serve. `calls` in place of this machine's: where a test makes them fail. */
export function chooseEngine(
  wanted: "auto" | "openssl" | "node",
  kernel: KernelCalls | null,
  calls: OpensslCalls | null = null,
): Result<ChosenEngine, Failure> {
  // OpenSSL's engine has to be requested until its leak check has passed on each Node: docs/performance.md.
  if (wanted !== "openssl") return ok(NODE);
  const found =
    calls !== null ? ok(calls)
    : kernel === null ? failed("it needs the kernel's forwarder, and Node's serves")
    : tested(kernel);
  if (found.ok) return ok({ name: "openssl", native: nativeOf(found.value), calls: found.value });
  return failed(failure(EXIT_UNSUPPORTED, `\`tls.engine\` is "openssl", and that can't serve here: ${found.error}; "node" serves everywhere`));
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
  return { context: (shown, trusted) => OpensslContext.create({ calls, shown, trusted }) };
}
