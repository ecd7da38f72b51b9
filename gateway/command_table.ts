// The command table: what ingressd's words and options are. arguments.ts reads the command line by
// it, and the completions of the shells are written from it.

export interface OptionSpec {
  readonly short: string | null;
  /** Name of the value in the help; null for a switch. */
  readonly value: string | null;
  readonly says: string;
  /** The words that the value may be, where it can't be any other. */
  readonly oneOf?: readonly string[];
  /** May be given several times. */
  readonly many?: true;
}

export const EXPOSE_MODES = ["tcp", "passthrough", "tls", "mtls"] as const;

export const OPTIONS = {
  policy: { short: null, value: "P.wasm", says: "the compiled policy" },
  config: { short: null, value: "C.toml", says: "the configuration" },
  set: { short: null, value: "KEY=VALUE", says: "one key of the configuration", many: true },
  control: { short: null, value: "PATH", says: "the control socket" },
  service: { short: null, value: "NAME", says: "the service, as the policy names it" },
  port: { short: null, value: "N", says: "the port to open" },
  backend: { short: null, value: "B", says: "where connections go" },
  mode: { short: null, value: "M", says: "the mode, as the policy states it", oneOf: EXPOSE_MODES },
  bind: { short: null, value: "ADDRESS", says: "one local address" },
  socket: { short: null, value: "PATH", says: "where registrations are taken" },
  json: { short: null, value: null, says: "print one JSON envelope" },
  watch: { short: null, value: null, says: "show it again every two seconds" },
  help: { short: "h", value: null, says: "show the command line" },
  version: { short: null, value: null, says: "show the version" },
} as const satisfies Readonly<Record<string, OptionSpec>>;

export type OptionName = keyof typeof OPTIONS;

export interface CommandSpec {
  readonly says: string;
  readonly options: readonly OptionName[];
}

/** Beside `help` and `version`, which all have. */
export const SERVE = { says: "serve a policy", options: ["policy", "config", "set", "control"] } as const satisfies CommandSpec;

export const COMMANDS = {
  "check-config": { says: "say what is wrong with a configuration", options: ["config", "set", "policy", "control", "json"] },
  status: { says: "what a running gateway does", options: ["config", "control", "json", "watch"] },
  reload: { says: "have a running gateway read its policy again", options: ["config", "control", "json"] },
  reopen: { says: "have a running gateway open its audit file again", options: ["config", "control", "json"] },
  expose: { says: "keep a service's port open", options: ["service", "port", "backend", "mode", "bind", "socket"] },
} as const satisfies Readonly<Record<string, CommandSpec>>;
