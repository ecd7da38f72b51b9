// A hello as a listener with rules about names takes it: a name without a canonical form is a fault.
import type { HelloAnswer } from "../../gateway/tls/client_hello.ts";
import type { HelloFault } from "../../gateway/tls/hello_faults.ts";

export type DecidedByName =
  | { readonly kind: "more" }
  | { readonly kind: "hello"; readonly hello: { readonly serverName: string | null; readonly alpn: readonly string[]; readonly streamBytes: number } }
  | { readonly kind: "malformed"; readonly fault: HelloFault };

export function decidedByName(answer: HelloAnswer): DecidedByName {
  if (answer.kind !== "hello") return answer;
  const { serverName, nameFault, alpn, streamBytes } = answer.hello;
  return nameFault === null ? { kind: "hello", hello: { serverName, alpn, streamBytes } } : { kind: "malformed", fault: nameFault };
}
