// The parts that the tests of registration share: an intent, the policy that grants it, and its answer.
import type { Connection } from "../../gateway/client/connection.mjs";
import type { Answer } from "../../gateway/control/rpc.ts";

export function intent(port: number, target: number | string, more: object = {}): object {
  return { service: "web", proto: "tcp", port, mode: "tcp", backend: typeof target === "number" ? `127.0.0.1:${target}` : target, ...more };
}

export function denialOf(answer: Answer): string {
  if (!("error" in answer)) return "granted";
  const { data, message } = answer.error;
  const code = typeof data === "object" && data !== null && "code" in data ? String(data.code) : String(answer.error.code);
  return `${code}: ${message}`;
}

export async function leaseOf(client: Connection, params: object): Promise<string> {
  const answer = await client.call("register", params);
  if (!("result" in answer)) throw new Error(denialOf(answer));
  const { result } = answer;
  return typeof result === "object" && result !== null && "lease" in result ? String(result.lease) : "";
}

export const policy = (port: number, more = ""): string => `edition 1
expose web on tcp ${port} { allow from any }
${more}`;
