// The command line: words -> what to do, or what is wrong with them.
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { readCommandLine, type Misuse } from "../../runtime/shell/command_line.ts";
import type { TextCommand } from "../../runtime/shell/head.ts";
import { EXPOSE_MODES, EXPOSE_PROTOCOLS, INGRESSD, isCommandName, PROXY_VERSIONS } from "./command_table.ts";

export type Command =
  | TextCommand
  | ({ readonly kind: "serve" } & ServeWords)
  | ({ readonly kind: "check-config"; readonly json: boolean } & ConfigWords)
  | { readonly kind: "expose"; readonly intent: ExposeWords }
  | ({ readonly kind: "status"; readonly json: boolean; readonly watch: boolean } & ConfigWords)
  | ({ readonly kind: "reload" | "reopen"; readonly json: boolean } & ConfigWords)
  | ({ readonly kind: "blocks"; readonly json: boolean; readonly params: null } & ConfigWords)
  | ({ readonly kind: "block" | "unblock" | "explain"; readonly json: boolean; readonly params: object } & ConfigWords);

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
  readonly proxy: (typeof PROXY_VERSIONS)[number] | null;
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
    args: { flags, lists, operands },
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
    case "block":
      return blockWords(flags, operands, settings);
    case "unblock":
      return ok({ kind: command, json: flags.has("json"), params: { prefix: operands[0] ?? "" }, ...settings });
    case "blocks":
      return ok({ kind: command, json: flags.has("json"), params: null, ...settings });
    case "explain":
      return explainWords(flags, settings);
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
  const proxy = given.has("proxy") ? PROXY_VERSIONS.find((known) => known === given.get("proxy")) : null;
  if (proxy === undefined)
    return wrongValue(`\`--proxy ${given.get("proxy")}\` is none of ${PROXY_VERSIONS.join(", ")}`, "name the version that the backend reads");
  if (proto === "udp" && proxy !== null) return wrongValue("`--proxy` is of tcp alone", "remove `--proxy`: datagrams have no header");
  const intent = {
    service,
    proto,
    port: Number(port),
    backend,
    mode,
    expose: given.get("expose") ?? null,
    proxy,
    bind: given.get("bind") ?? null,
    socket: given.get("socket") ?? null,
  };
  return ok({ kind: "expose", intent });
}

const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;
const MOST_SECONDS = 30 * SECONDS.d;

function blockWords(flags: ReadonlyMap<string, string>, operands: readonly string[], settings: ConfigWords): Result<Command, Misuse> {
  const [prefix = ""] = operands;
  const time = flags.get("for");
  if (time === undefined) return missing("--for TIME", "say how long: 90s, 10m, 1h or 7d, 30 days at most");
  const seconds = secondsOf(time);
  if (seconds === null || seconds < 1 || seconds > MOST_SECONDS)
    return wrongValue(`\`--for ${time}\` is no time from 1s to 30d`, "write one such as 90s, 10m, 1h or 7d");
  const why = flags.get("why") ?? "";
  if ([...why].length > 200) return wrongValue("`--why` has more than 200 characters", "write a shorter reason");
  return ok({ kind: "block", json: flags.has("json"), params: { prefix, for_s: seconds, why, force: flags.has("force") }, ...settings });
}

/** `90s`, `10m`, `1h`, `7d`; null for anything else. */
function secondsOf(text: string): number | null {
  const [, count = "", unit = ""] = /^([0-9]{1,9})([smhd])$/.exec(text) ?? [];
  const of = Object.entries(SECONDS).find(([name]) => name === unit);
  return of === undefined ? null : Number(count) * of[1];
}

function explainWords(flags: ReadonlyMap<string, string>, settings: ConfigWords): Result<Command, Misuse> {
  const [from, via, to, sni] = ["from", "via", "to", "sni"].map((flag) => flags.get(flag));
  if (from === undefined) return missing("--from ADDRESS", "name the source");
  if (to === undefined) return missing("--to NAME", "name an expose of the policy");
  return ok({
    kind: "explain",
    json: flags.has("json"),
    params: { from, to, ...(via !== undefined && { via }), ...(sni !== undefined && { sni }) },
    ...settings,
  });
}

const missing = (flag: string, help: string): Result<Command, Misuse> => failed({ code: "usage.missing_flag", message: `\`${flag}\` is missing`, help });
const wrongValue = (message: string, help: string): Result<Command, Misuse> => failed({ code: "usage.flag_value", message, help });
