// The command line: words -> what to do, or what is wrong with them.
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { readCommandLine, type Misuse } from "../../runtime/shell/command_line.ts";
import type { TextCommand } from "../../runtime/shell/head.ts";
import { EXPOSE_MODES, EXPOSE_PROTOCOLS, INGRESSD, isCommandName } from "./command_table.ts";

export type Command =
  | TextCommand
  | ({ readonly kind: "serve" } & ServeWords)
  | ({ readonly kind: "check-config"; readonly json: boolean } & ConfigWords)
  | { readonly kind: "expose"; readonly intent: ExposeWords }
  | ({ readonly kind: "status"; readonly json: boolean; readonly watch: boolean } & ConfigWords)
  | ({ readonly kind: "reload" | "reopen"; readonly json: boolean } & ConfigWords);

/** The part of the command line that is about the configuration. */
export interface ConfigWords {
  /** The file; null: none. */
  readonly config: string | null;
  /** `KEY=VALUE` of each `--set`. */
  readonly sets: readonly string[];
  readonly policy: string | null;
  readonly control: string | null;
}

export interface ServeWords extends ConfigWords {
  readonly ignoresForeign: boolean;
  readonly takesOver: boolean;
}

export interface ExposeWords {
  readonly service: string;
  readonly proto: ExposeProtocol;
  readonly port: number;
  readonly backend: string;
  readonly mode: ExposeMode;
  /** Null where the service has one on the port. */
  readonly expose: string | null;
  readonly bind: string | null;
  /** The registration socket; null: INGRESSD_SOCKET, else the default control socket. */
  readonly socket: string | null;
}

type ExposeProtocol = (typeof EXPOSE_PROTOCOLS)[number];
type ExposeMode = (typeof EXPOSE_MODES)[number];

export function parseCommand(words: readonly string[]): Result<Command, Misuse> {
  const parsed = readCommandLine(INGRESSD, words);
  if (!parsed.ok) return parsed;
  if (parsed.value.kind !== "run") return ok(parsed.value);
  const {
    command,
    args: { flags, lists },
  } = parsed.value;
  const settings: ConfigWords = {
    config: flags.get("config") ?? null,
    sets: lists.get("set") ?? [],
    policy: flags.get("policy") ?? null,
    control: flags.get("control") ?? null,
  };
  if (command === null) return ok({ kind: "serve", ignoresForeign: flags.has("ignore-foreign-fds"), takesOver: flags.has("takeover"), ...settings });
  if (!isCommandName(command)) throw new Error(`the command table has no \`${command}\``);
  switch (command) {
    case "expose":
      return exposeWords(flags);
    case "status":
      return ok({ kind: command, json: flags.has("json"), watch: flags.has("watch"), ...settings });
    case "reload":
    case "reopen":
    case "check-config":
      return ok({ kind: command, json: flags.has("json"), ...settings });
    default:
      return command satisfies never;
  }
}

function exposeWords(given: ReadonlyMap<string, string>): Result<Command, Misuse> {
  const [service, port, backend] = [given.get("service"), given.get("port"), given.get("backend")];
  if (service === undefined) return missing("--service NAME", "the policy says which services there are");
  if (port === undefined) return missing("--port N", "name a port that the policy exposes for the service");
  if (backend === undefined) return missing("--backend B", "name where connections go, such as 127.0.0.1:8080");
  if (!/^[1-9][0-9]{0,4}$/.test(port) || Number(port) > 65535)
    return wrongValue(`\`--port ${port}\` is no port (1 to 65535)`, "name a port that the policy exposes for the service");
  const proto = EXPOSE_PROTOCOLS.find((known) => known === (given.get("proto") ?? "tcp"));
  if (proto === undefined)
    return wrongValue(`\`--proto ${given.get("proto")}\` is none of ${EXPOSE_PROTOCOLS.join(", ")}`, "name the protocol that the policy has for the port");
  const mode = EXPOSE_MODES.find((known) => known === (given.get("mode") ?? "tcp"));
  if (mode === undefined)
    return wrongValue(`\`--mode ${given.get("mode")}\` is none of ${EXPOSE_MODES.join(", ")}`, "name the mode that the policy has for the service");
  if (proto === "udp" && mode !== "tcp") return wrongValue(`\`--mode ${mode}\` is of tcp alone`, "remove `--mode`: udp is forwarded as it comes");
  const intent = {
    service,
    proto,
    port: Number(port),
    backend,
    mode,
    expose: given.get("expose") ?? null,
    bind: given.get("bind") ?? null,
    socket: given.get("socket") ?? null,
  };
  return ok({ kind: "expose", intent });
}

const missing = (flag: string, help: string): Result<Command, Misuse> => failed({ code: "usage.missing_flag", message: `\`${flag}\` is missing`, help });
const wrongValue = (message: string, help: string): Result<Command, Misuse> => failed({ code: "usage.flag_value", message, help });
