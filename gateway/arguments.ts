// The command line: argv -> what to do, or one sentence.
import { parseArgs } from "node:util";
import { EXIT_USAGE, failure, type Failure } from "./exit.ts";

export type Command =
  | { readonly kind: "help" }
  | { readonly kind: "version" }
  | { readonly kind: "serve"; readonly policy: string; readonly config: string | null; readonly control: string | null }
  | { readonly kind: "status" | "reload"; readonly json: boolean; readonly config: string | null; readonly control: string | null };

export const HELP = `ingressd: opens the ports that a compiled policy exposes and asks it about every connection.

  ingressd --policy P.wasm [--config C.toml] [--control PATH]
  ingressd status [--json] [--config C.toml] [--control PATH]
  ingressd reload [--json] [--config C.toml] [--control PATH]

  --policy P.wasm   the compiled policy (ingressc build makes it)
  --config C.toml   the configuration; docs/operations.md lists its keys
  --control PATH    the control socket (default: under XDG_RUNTIME_DIR or /run/ingressd)
  --json            print {ok, class, code, message, data}
  --help --version

Signals: SIGHUP reloads; SIGTERM or SIGINT drains and exits 0, a second one cuts.
Exit codes: 0 ok, 1 no, 2 usage, 3 policy or configuration refused, 4 something is not
installed, 5 another party failed, 6 not supported here, 7 internal.
`;

const OPTIONS = {
  policy: { type: "string" },
  config: { type: "string" },
  control: { type: "string" },
  json: { type: "boolean" },
  help: { type: "boolean", short: "h" },
  version: { type: "boolean" },
} as const;

type Option = keyof typeof OPTIONS;

export function parseCommand(argv: readonly string[]): Command | Failure {
  const usage = (sentence: string): Failure => failure(EXIT_USAGE, `${sentence}; ingressd --help shows the command line`);
  const { tokens } = parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true, strict: false, tokens: true });
  const words: string[] = [];
  const given = new Map<Option, string>();
  for (const token of tokens) {
    if (token.kind === "positional") words.push(token.value);
    if (token.kind !== "option") continue;
    const { name, value } = token;
    if (!isOption(name)) return usage(`there is no option \`${token.rawName}\``);
    if (given.has(name)) return usage(`\`--${name}\` is given twice`);
    const takesValue = OPTIONS[name].type === "string";
    if (takesValue && (value === undefined || value === "" || value.startsWith("--"))) return usage(`\`--${name}\` needs a value`);
    if (!takesValue && value !== undefined) return usage(`\`--${name}\` takes no value`);
    given.set(name, value ?? "");
  }
  if (given.has("help")) return { kind: "help" };
  if (given.has("version")) return { kind: "version" };
  const [word, extra] = words;
  if (extra !== undefined) return usage(`\`${extra}\` is one word too many`);
  const control = given.get("control") ?? null;
  const config = given.get("config") ?? null;
  const policy = given.get("policy");
  if (word === "status" || word === "reload") {
    if (policy !== undefined) return usage(`\`--policy\` is for serving, not for \`${word}\``);
    return { kind: word, json: given.has("json"), config, control };
  }
  if (word !== undefined) return usage(`there is no command \`${word}\` (status, reload, or none to serve)`);
  if (given.has("json")) return usage("`--json` is for `status` and `reload`");
  if (policy === undefined) return usage("`--policy P.wasm` is missing: without a policy nothing may be opened");
  return { kind: "serve", policy, config, control };
}

function isOption(name: string): name is Option {
  return Object.hasOwn(OPTIONS, name);
}
