// The command line: words -> what to do, or what is wrong with them.
import { failed, ok, type Result } from "../result/result.ts";
import { readCommandLine, type Arguments, type Misuse } from "../shell/command_line.ts";
import type { TextCommand } from "../shell/head.ts";
import { INGRESS_GUARD } from "./command_table.ts";

export type Command =
  | TextCommand
  | { readonly kind: "status"; readonly json: boolean }
  | {
      readonly kind: "run";
      readonly policy: string;
      /** Public keys, and where the highest revision is kept; null: no signature is required. */
      readonly signatures: { readonly trustedKeys: readonly string[]; readonly stateDirectory: string } | null;
      readonly service: string;
      /** Where records go, a JSON line each; null: nowhere. */
      readonly audit: string | null;
      /** In a network namespace of its own. */
      readonly isolate: boolean;
      /** Where the sockets that lead into it are made; null: in the guards' own folder. */
      readonly sockets: string | null;
      /** Where tokens come from, for what the policy exposes `as direct`; null: there are none. */
      readonly tokens: { readonly socket: string; readonly key: string; readonly ttlMs: number } | null;
      readonly program: string;
      readonly args: readonly string[];
    };

const MOST_SERVICE_BYTES = 48;
const TOKEN_MS = 60_000;
/** As ingressd takes keys. */
const MOST_KEYS = 64;
/** As ingressd takes leases. */
const LEAST_TOKEN_MS = 1_000;
const MOST_TOKEN_MS = 86_400_000;

export function parseCommand(words: readonly string[]): Result<Command, Misuse> {
  const parsed = readCommandLine(INGRESS_GUARD, words);
  if (!parsed.ok) return parsed;
  if (parsed.value.kind !== "run") return ok(parsed.value);
  const { command, args } = parsed.value;
  return command === "status" ? ok({ kind: "status", json: args.flags.has("json") }) : runCommand(args);
}

function runCommand({ flags: given, lists, program: [program, ...args] }: Arguments): Result<Command, Misuse> {
  const trustedKeys = lists.get("trusted-key") ?? [];
  const [policy, service] = [given.get("policy"), given.get("service")];
  const [isolate, sockets] = [given.has("isolate"), given.get("sockets") ?? null];
  if (policy === undefined) return wrong("missing_flag", "`--policy P.wasm` is missing", "name the compiled policy: without one nothing could be granted");
  const stateDirectory = given.get("state-dir");
  if (trustedKeys.length > 0 && stateDirectory === undefined)
    return wrong("missing_flag", "`--trusted-key` needs `--state-dir FOLDER`", "name a folder that keeps the highest revision over restarts");
  if (trustedKeys.length === 0 && stateDirectory !== undefined)
    return wrong(
      "missing_flag",
      "`--state-dir` goes with `--trusted-key`",
      "name a key, or remove `--state-dir`, because without a signature no policy has a revision that counts",
    );
  if (trustedKeys.length > MOST_KEYS)
    return wrong("flag_value", `\`--trusted-key\` is given more than ${MOST_KEYS} times`, "remove keys that sign no policy any more");
  const signatures = stateDirectory === undefined ? null : { trustedKeys, stateDirectory };
  if (service === undefined) return wrong("missing_flag", "`--service NAME` is missing", "name the service: the policy grants by service");
  if (Buffer.byteLength(service) > MOST_SERVICE_BYTES)
    return wrong("flag_value", `\`--service\` has more than ${MOST_SERVICE_BYTES} bytes`, "write the name as the policy has it");
  if (service === "ingressd") return wrong("flag_value", "`ingressd` is the gateway's own name: no service has it", "write the name as the policy has it");
  if (sockets !== null && !isolate)
    return wrong(
      "missing_flag",
      "`--sockets` goes with `--isolate`",
      "add `--isolate`, or remove `--sockets`, because only a program in a namespace needs a way in",
    );
  if (isolate && sockets === null && !/^\w[\w-]*$/.test(service))
    return wrong("missing_flag", "`--isolate` needs `--sockets FOLDER` for a service with such a name", "name a folder for the sockets");
  const [socket, key, ttl] = [given.get("ingressd"), given.get("key"), given.get("token-ms")];
  if ((socket === undefined) !== (key === undefined))
    return wrong(
      "missing_flag",
      "`--ingressd SOCKET` and `--key FILE` go together",
      "give both: ingressd gives tokens to a guard that proves that it has the key",
    );
  if (ttl !== undefined && socket === undefined)
    return wrong("missing_flag", "`--token-ms` goes with `--ingressd`", "name ingressd's registration socket, or remove `--token-ms`");
  if (isolate && socket !== undefined)
    return wrong(
      "flag_clash",
      "`--ingressd` does not go with `--isolate`",
      "remove one of them, because nobody outside reaches a port that is bound in the namespace",
    );
  const ttlMs = Number(ttl ?? TOKEN_MS);
  if (!/^\d{1,8}$/.test(ttl ?? "0") || ttlMs < LEAST_TOKEN_MS || ttlMs > MOST_TOKEN_MS)
    return wrong("flag_value", `\`--token-ms\` is a whole number from ${LEAST_TOKEN_MS} to ${MOST_TOKEN_MS}`, "write milliseconds");
  const from = socket === undefined || key === undefined ? null : { socket, key, ttlMs };
  if (program === undefined || program === "")
    return wrong("missing_operand", "`-- PROGRAM` is missing", "write the program to run, with its arguments, after `--`");
  return ok({ kind: "run", policy, signatures, service, audit: given.get("audit") ?? null, isolate, sockets, tokens: from, program, args });
}

const wrong = (code: string, message: string, help: string): Result<Command, Misuse> => failed({ code: `usage.${code}`, message, help });
