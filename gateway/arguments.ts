// The command line: argv -> what to do, or one sentence.
import { parseArgs } from "node:util";
import { COMMANDS, EXPOSE_MODES, OPTIONS, SERVE, type CommandSpec, type OptionName, type OptionSpec } from "./command_table.ts";
import { EXIT_USAGE, failure, type Failure } from "./exit.ts";

export type Command =
  | { readonly kind: "help" }
  | { readonly kind: "version" }
  | { readonly kind: "serve" } & ConfigWords
  | { readonly kind: "check-config"; readonly json: boolean } & ConfigWords
  | { readonly kind: "expose"; readonly intent: ExposeWords }
  | { readonly kind: "status"; readonly json: boolean; readonly watch: boolean } & ConfigWords
  | { readonly kind: "reload" | "reopen"; readonly json: boolean } & ConfigWords;

/** What the command line says of the configuration. */
export interface ConfigWords {
  /** The file; null: none. */
  readonly config: string | null;
  /** `KEY=VALUE` of each `--set`. */
  readonly sets: readonly string[];
  readonly policy: string | null;
  readonly control: string | null;
}

export interface ExposeWords {
  readonly service: string;
  readonly port: number;
  readonly backend: string;
  readonly mode: ExposeMode;
  readonly bind: string | null;
  /** The registration socket; null: INGRESSD_SOCKET, else the default control socket. */
  readonly socket: string | null;
}

type ExposeMode = (typeof EXPOSE_MODES)[number];

export const HELP = `ingressd: opens the ports that a compiled policy exposes and asks it about every connection.

  ingressd --policy P.wasm [--config C.toml] [--set KEY=VALUE]... [--control PATH]
  ingressd check-config [--json] [--config C.toml] [--set KEY=VALUE]... [--policy P.wasm] [--control PATH]
  ingressd status [--json] [--watch] [--config C.toml] [--control PATH]
  ingressd reload [--json] [--config C.toml] [--control PATH]
  ingressd reopen [--json] [--config C.toml] [--control PATH]
  ingressd expose --service NAME --port N --backend B [--mode M] [--bind ADDRESS] [--socket PATH]

  --policy P.wasm   the compiled policy (ingressc build makes it); else policy.file
  --config C.toml   the configuration; docs/operations.md lists its keys
  --set KEY=VALUE   one key of it, such as timers.idle_ms=60000. A flag goes before the
                    environment (INGRESSD__TIMERS__IDLE_MS), which goes before the file
  --control PATH    the control socket (default: under XDG_RUNTIME_DIR or /run/ingressd)
  --json            print {ok, class, code, message, data}
  --watch           show it again every two seconds (with --json: one line each time)

expose keeps a service's port open until it is ended, as far as the policy grants it:
  --backend B       127.0.0.1:8080, [::1]:8080 or unix:/path; it must be the service's own
  --mode M          as the policy states it: tcp (unless given), passthrough, tls, mtls
  --bind ADDRESS    one local address (default: all that the policy gives)
  --socket PATH     where registrations are taken (default: INGRESSD_SOCKET, else as --control)

  --help --version

Signals: SIGHUP reloads; SIGUSR1 opens the audit file again; SIGTERM or SIGINT drains and exits 0, a second one cuts.
Exit codes: 0 ok, 1 no, 2 usage, 3 policy or configuration refused, 4 something is not
installed, 5 another party failed, 6 not supported here, 7 internal.
`;

const PARSED = Object.fromEntries(Object.entries<OptionSpec>(OPTIONS).map(([name, { short, value }]) =>
  [name, { type: value === null ? "boolean" : "string", ...(short !== null && { short }) }] as const));

export function parseCommand(argv: readonly string[]): Command | Failure {
  const usage = (sentence: string): Failure => failure(EXIT_USAGE, `${sentence}; ingressd --help shows the command line`);
  const { tokens } = parseArgs({ args: [...argv], options: PARSED, allowPositionals: true, strict: false, tokens: true });
  const words: string[] = [];
  const sets: string[] = [];
  const given = new Map<OptionName, string>();
  for (const token of tokens) {
    if (token.kind === "positional") words.push(token.value);
    if (token.kind !== "option") continue;
    const { name, value } = token;
    if (!isOption(name)) return usage(`there is no option \`${token.rawName}\``);
    const option: OptionSpec = OPTIONS[name];
    if (given.has(name) && option.many !== true) return usage(`\`--${name}\` is given twice`);
    const takesValue = option.value !== null;
    if (takesValue && (value === undefined || value === "" || value.startsWith("--"))) return usage(`\`--${name}\` needs a value`);
    if (!takesValue && value !== undefined) return usage(`\`--${name}\` takes no value`);
    given.set(name, value ?? "");
    if (name === "set") sets.push(value ?? "");
  }
  if (given.has("help")) return { kind: "help" };
  if (given.has("version")) return { kind: "version" };
  const [word, extra] = words;
  if (extra !== undefined) return usage(`\`${extra}\` is one word too many`);
  if (word !== undefined && !isCommand(word)) return usage(`there is no command \`${word}\` (${Object.keys(COMMANDS).join(", ")}, or none to serve)`);
  const { options }: CommandSpec = word === undefined ? SERVE : COMMANDS[word];
  const stray = [...given.keys()].find((name) => !options.includes(name));
  if (stray !== undefined) return usage(`\`--${stray}\` is not for ${word === undefined ? "serving" : `\`${word}\``} but for ${takers(stray)}`);
  const settings: ConfigWords = { config: given.get("config") ?? null, sets, policy: given.get("policy") ?? null, control: given.get("control") ?? null };
  switch (word) {
    case undefined:
      return { kind: "serve", ...settings };
    case "expose":
      return exposeWords(given, usage);
    case "status":
      return { kind: word, json: given.has("json"), watch: given.has("watch"), ...settings };
    case "reload":
    case "reopen":
    case "check-config":
      return { kind: word, json: given.has("json"), ...settings };
    default:
      return word satisfies never;
  }
}

/** Who takes an option, in words. */
function takers(name: OptionName): string {
  const found = Object.entries<CommandSpec>(COMMANDS).filter(([, { options }]) => options.includes(name)).map(([word]) => `\`${word}\``);
  const serve: CommandSpec = SERVE;
  return [...(serve.options.includes(name) ? ["serving"] : []), ...found].join(", ");
}

function exposeWords(given: ReadonlyMap<OptionName, string>, usage: (sentence: string) => Failure): Command | Failure {
  const [service, port, backend] = [given.get("service"), given.get("port"), given.get("backend")];
  if (service === undefined) return usage("`--service NAME` is missing: the policy says which services there are");
  if (port === undefined) return usage("`--port N` is missing: a port that the policy exposes for the service");
  if (backend === undefined) return usage("`--backend B` is missing: where connections go, such as 127.0.0.1:8080");
  if (!/^[1-9][0-9]{0,4}$/.test(port) || Number(port) > 65535) return usage(`\`--port ${port}\` is no port (1 to 65535)`);
  const mode = EXPOSE_MODES.find((known) => known === (given.get("mode") ?? "tcp"));
  if (mode === undefined) return usage(`\`--mode ${given.get("mode")}\` is none of ${EXPOSE_MODES.join(", ")}`);
  const intent = { service, port: Number(port), backend, mode, bind: given.get("bind") ?? null, socket: given.get("socket") ?? null };
  return { kind: "expose", intent };
}

function isCommand(word: string): word is keyof typeof COMMANDS {
  return Object.hasOwn(COMMANDS, word);
}

function isOption(name: string): name is OptionName {
  return Object.hasOwn(OPTIONS, name);
}
