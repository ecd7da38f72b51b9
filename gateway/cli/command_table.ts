// The command table of ingressd.
import type { FlagSpecs, ProgramSpec } from "../../runtime/shell/command_table.ts";

/** Protocols of a port. */
export const EXPOSE_PROTOCOLS = ["tcp", "udp"] as const;

export const EXPOSE_MODES = ["tcp", "passthrough", "tls", "mtls"] as const;

/** Versions of the PROXY protocol. */
export const PROXY_VERSIONS = ["v1", "v2"] as const;

const CONFIG = {
  config: { short: null, value: "C.toml", says: "the configuration; docs/operations.md lists its keys" },
  set: {
    short: null,
    value: "KEY=VALUE",
    many: true,
    says: "one key of the configuration, such as timers.idle_ms=60000. A flag overrides the environment (INGRESSD__TIMERS__IDLE_MS), which overrides the file",
  },
} as const satisfies FlagSpecs;

const POLICY = {
  policy: { short: null, value: "P.wasm", says: "the compiled policy (ingressc build makes it; default: policy.file of the configuration)" },
} as const satisfies FlagSpecs;
const CONTROL = {
  control: { short: null, value: "PATH", says: "the control socket (default: under XDG_RUNTIME_DIR or /run/ingressd)" },
} as const satisfies FlagSpecs;
const SERVE = {
  takeover: { short: null, value: null, says: "take over from the gateway that answers on the control socket: its sockets, limits and connections" },
  "ignore-foreign-fds": {
    short: null,
    value: null,
    says: "close passed sockets (LISTEN_FDS) that the policy does not expose, instead of ending with exit code 6",
  },
} as const satisfies FlagSpecs;
const JSON_FLAG = { json: { short: null, value: null, says: "print one JSON envelope: {ok, class, code, message, data}" } } as const satisfies FlagSpecs;
/** Of a command that calls a running gateway. */
const ORDER = { ...JSON_FLAG, config: CONFIG.config, ...CONTROL } as const satisfies FlagSpecs;

export const INGRESSD = {
  name: "ingressd",
  section: 8,
  says: "opens the ports that a compiled policy exposes and decides every connection by it",
  bare: {
    summary: "serve a policy",
    operands: [],
    required: ["policy"],
    flags: { ...POLICY, ...CONFIG, ...CONTROL, ...SERVE },
    manual: "Without a command ingressd serves the policy until it is ended.",
  },
  commands: {
    "check-config": {
      summary: "say what is wrong with a configuration",
      operands: [],
      flags: { ...JSON_FLAG, ...CONFIG, ...POLICY, ...CONTROL },
      manual: "Reads all layers as a start would and looks at every file that a start opens.\nNothing is made, changed or loaded.",
    },
    status: {
      summary: "show what a running gateway does",
      operands: [],
      flags: { ...ORDER, watch: { short: null, value: null, says: "show it again every two seconds (with --json: one line each time)" } },
      manual: "",
    },
    reload: { summary: "make a running gateway load its policy again", operands: [], flags: ORDER, manual: "" },
    reopen: { summary: "make a running gateway open its audit file again", operands: [], flags: ORDER, manual: "" },
    block: {
      summary: "refuse the sources of a prefix for some time",
      operands: ["PREFIX"],
      required: ["for"],
      flags: {
        ...ORDER,
        for: { short: null, value: "TIME", says: "how long: 90s, 10m, 1h, 7d; 30 days at most" },
        why: { short: null, value: "TEXT", says: "a reason for people, for the audit and `ingressd blocks`" },
        force: { short: null, value: null, says: "also any4 or any6, which is every source of IPv4 or IPv6" },
      },
      manual:
        "Until then the gateway refuses every source of the prefix, whatever the policy says,\nand cuts open connections. A bare IPv6 address means its /64. With state_dir a block\noutlives a restart.",
    },
    unblock: { summary: "end a block before its time", operands: ["PREFIX"], flags: ORDER, manual: "" },
    blocks: { summary: "list the blocks in force", operands: [], flags: ORDER, manual: "" },
    explain: {
      summary: "show how a running gateway would decide, blocks included",
      operands: [],
      required: ["from", "to"],
      flags: {
        ...ORDER,
        from: { short: null, value: "ADDRESS", says: "the source" },
        via: { short: null, value: "ADDRESS", says: "the peer whose PROXY header names the source (default: none)" },
        to: { short: null, value: "NAME", says: 'the expose, as the policy names it, or a port: "tcp 443"' },
        sni: { short: null, value: "NAME", says: "the name that the client sends (default: none)" },
      },
      manual: "Nothing is charged, and caps and limits are not considered. `ingressc explain` explains a\npolicy without a gateway.",
    },
    expose: {
      summary: "keep a service's port open",
      operands: [],
      required: ["service", "port", "backend"],
      flags: {
        service: { short: null, value: "NAME", says: "the service, as the policy names it" },
        port: { short: null, value: "N", says: "the port to open" },
        proto: { short: null, value: "P", says: "the protocol of the port: tcp (unless given), udp", oneOf: EXPOSE_PROTOCOLS },
        backend: { short: null, value: "B", says: "where connections go: 127.0.0.1:8080, [::1]:8080 or (over tcp) unix:/path; it must be the service's own" },
        mode: { short: null, value: "M", says: "the mode, as the policy states it: tcp (unless given), passthrough, tls, mtls", oneOf: EXPOSE_MODES },
        expose: { short: null, value: "NAME", says: "the expose that is meant, where the service has several on the port" },
        proxy: { short: null, value: "V", says: "the PROXY header that the backend gets: v1, v2 (default: none)", oneOf: PROXY_VERSIONS },
        bind: { short: null, value: "ADDRESS", says: "one local address (default: all that the policy gives)" },
        socket: { short: null, value: "PATH", says: "where registrations are taken (default: INGRESSD_SOCKET, else the default control socket)" },
      },
      manual: "Keeps the port open until it is ended, as far as the policy grants it.",
    },
  },
  notes: ["Signals: SIGHUP reloads; SIGUSR1 opens the audit file again; SIGTERM or SIGINT drains and exits 0, a second one cuts."],
  exits: [],
} as const satisfies ProgramSpec;

export type CommandName = keyof typeof INGRESSD.commands;

export function isCommandName(name: string): name is CommandName {
  return Object.hasOwn(INGRESSD.commands, name);
}
