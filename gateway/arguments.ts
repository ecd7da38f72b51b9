// The command line: argv -> what to do, or one sentence.
import { parseArgs } from "node:util";
import { COMMANDS, EXPOSE_MODES, OPTIONS, type OptionName, type OptionSpec } from "./command_table.ts";
import { EXIT_USAGE, failure, type Failure } from "./exit.ts";

export type Command =
  | { readonly kind: "help" }
  | { readonly kind: "version" }
  | { readonly kind: "serve"; readonly policy: string; readonly config: string | null; readonly control: string | null }
  | { readonly kind: "expose"; readonly intent: ExposeWords }
  | { readonly kind: "status" | "reload"; readonly json: boolean; readonly config: string | null; readonly control: string | null };

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

  ingressd --policy P.wasm [--config C.toml] [--control PATH]
  ingressd status [--json] [--config C.toml] [--control PATH]
  ingressd reload [--json] [--config C.toml] [--control PATH]
  ingressd expose --service NAME --port N --backend B [--mode M] [--bind ADDRESS] [--socket PATH]

  --policy P.wasm   the compiled policy (ingressc build makes it)
  --config C.toml   the configuration; docs/operations.md lists its keys
  --control PATH    the control socket (default: under XDG_RUNTIME_DIR or /run/ingressd)
  --json            print {ok, class, code, message, data}

expose keeps a service's port open until it is ended, as far as the policy grants it:
  --backend B       127.0.0.1:8080, [::1]:8080 or unix:/path; it must be the service's own
  --mode M          as the policy states it: tcp (unless given), passthrough, tls, mtls
  --bind ADDRESS    one local address (default: all that the policy gives)
  --socket PATH     where registrations are taken (default: INGRESSD_SOCKET, else as --control)

  --help --version

Signals: SIGHUP reloads; SIGTERM or SIGINT drains and exits 0, a second one cuts.
Exit codes: 0 ok, 1 no, 2 usage, 3 policy or configuration refused, 4 something is not
installed, 5 another party failed, 6 not supported here, 7 internal.
`;

const PARSED = Object.fromEntries(Object.entries<OptionSpec>(OPTIONS).map(([name, { short, value }]) =>
  [name, { type: value === null ? "boolean" : "string", ...(short !== null && { short }) }] as const));

export function parseCommand(argv: readonly string[]): Command | Failure {
  const usage = (sentence: string): Failure => failure(EXIT_USAGE, `${sentence}; ingressd --help shows the command line`);
  const { tokens } = parseArgs({ args: [...argv], options: PARSED, allowPositionals: true, strict: false, tokens: true });
  const words: string[] = [];
  const given = new Map<OptionName, string>();
  for (const token of tokens) {
    if (token.kind === "positional") words.push(token.value);
    if (token.kind !== "option") continue;
    const { name, value } = token;
    if (!isOption(name)) return usage(`there is no option \`${token.rawName}\``);
    if (given.has(name)) return usage(`\`--${name}\` is given twice`);
    const takesValue = OPTIONS[name].value !== null;
    if (takesValue && (value === undefined || value === "" || value.startsWith("--"))) return usage(`\`--${name}\` needs a value`);
    if (!takesValue && value !== undefined) return usage(`\`--${name}\` takes no value`);
    given.set(name, value ?? "");
  }
  if (given.has("help")) return { kind: "help" };
  if (given.has("version")) return { kind: "version" };
  const [word, extra] = words;
  if (extra !== undefined) return usage(`\`${extra}\` is one word too many`);
  if (word === "expose") return exposeWords(given, usage);
  const stray = COMMANDS.expose.options.find((name) => given.has(name));
  if (stray !== undefined) return usage(`\`--${stray}\` is for \`expose\``);
  const control = given.get("control") ?? null;
  const config = given.get("config") ?? null;
  const policy = given.get("policy");
  if (word === "status" || word === "reload") {
    if (policy !== undefined) return usage(`\`--policy\` is for serving, not for \`${word}\``);
    return { kind: word, json: given.has("json"), config, control };
  }
  if (word !== undefined) return usage(`there is no command \`${word}\` (${Object.keys(COMMANDS).join(", ")}, or none to serve)`);
  if (given.has("json")) return usage("`--json` is for `status` and `reload`");
  if (policy === undefined) return usage("`--policy P.wasm` is missing: without a policy nothing may be opened");
  return { kind: "serve", policy, config, control };
}

function exposeWords(given: ReadonlyMap<OptionName, string>, usage: (sentence: string) => Failure): Command | Failure {
  const stray = [...given.keys()].find((name) => !COMMANDS.expose.options.some((known) => known === name));
  if (stray !== undefined) return usage(`\`--${stray}\` is not for \`expose\``);
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

function isOption(name: string): name is OptionName {
  return Object.hasOwn(OPTIONS, name);
}
