// The command line: argv -> what to do, or one sentence.
import { parseArgs } from "node:util";

export type Command =
  | { readonly kind: "help" }
  | { readonly kind: "version" }
  | { readonly kind: "status"; readonly json: boolean }
  | {
    readonly kind: "run";
    readonly policy: string;
    /** Public keys, and where the highest revision is kept; null: no signature is asked for. */
    readonly signatures: { readonly trustedKeys: readonly string[]; readonly stateDirectory: string } | null;
    readonly service: string;
    /** Where records go, a JSON line each; null: nowhere. */
    readonly audit: string | null;
    /** In a network namespace of its own. */
    readonly isolate: boolean;
    /** Where the ways into it stand; null: in the guards' own folder. */
    readonly sockets: string | null;
    /** Where tokens come from, for what the policy exposes `as direct`; null: none is to be had. */
    readonly tokens: { readonly socket: string; readonly key: string; readonly ttlMs: number } | null;
    readonly program: string;
    readonly args: readonly string[];
  };

export interface Misuse {
  readonly misuse: string;
}

export const HELP = `ingress-guard: runs a program that may bind only what a compiled policy grants its service.

  ingress-guard --policy P.wasm --service NAME [OPTION]... -- PROGRAM [ARGUMENT]...
  ingress-guard status [--json]

  --policy P.wasm   the compiled policy (ingressc build makes it); SIGHUP, or a change of the file or of a link on the
                    way to it, reloads it
  --trusted-key FILE  a public key (PEM): only policies that one of them has signed are loaded; may be given more
                    than once, and needs --state-dir
  --state-dir FOLDER  keeps the highest revision over restarts: an older policy is refused
  --service NAME    the service, as the policy names it; one that it doesn't name may bind loopback
  --audit FILE      a JSON line for every bind and listen, allowed and denied; SIGHUP opens it again
  --isolate         the program gets a network namespace with loopback alone; a unix socket, PORT.sock, leads
                    to each port that it listens on: the gateway's backend
  --sockets FOLDER  where these stand; the folder's group may use them (default: a folder for this user alone)
  --ingressd SOCKET ingressd's registration socket: tokens for what the policy exposes as direct come from there
  --key FILE        the key that this guard shares with ingressd (guard.key_file), one that the program can't
                    read: handed over open, as in --key /dev/fd/3 3<KEYFILE
  --token-ms N      how long a token holds unless it is renewed, 1000 to 86400000 (default 60000): a port is
                    closed so long after ingressd was last there

The program, and all that it starts, may bind and listen on loopback addresses and on unix sockets.
Any other bind fails with EACCES, unless the policy grants it. Ends with the program's exit code.
status shows the guards that run for this user, and what their programs have bound.
Exit codes of its own: 2 usage, 3 policy refused, 4 koffi or the kernel's support is missing (nothing
was started), 7 internal, 126 and 127 the program can't be run or isn't there.
`;

const MOST_SERVICE_BYTES = 48;
const TOKEN_MS = 60_000;
/** As ingressd takes keys. */
const MOST_KEYS = 64;
/** As ingressd takes leases. */
const LEAST_TOKEN_MS = 1_000;
const MOST_TOKEN_MS = 86_400_000;

export function isMisuse(x: Command | Misuse): x is Misuse {
  return "misuse" in x;
}

const VALUES = ["policy", "trusted-key", "state-dir", "service", "audit", "sockets", "ingressd", "key", "token-ms"];
const SWITCHES = ["isolate", "help", "version"];

export function parseCommand(argv: readonly string[]): Command | Misuse {
  const misuse = (sentence: string): Misuse => ({ misuse: `${sentence}; ingress-guard --help shows the command line` });
  if (argv[0] === "status") {
    const [, ...words] = argv;
    const odd = words.find((word, i) => word !== "--json" || i > 0);
    if (odd !== undefined) return misuse(`\`status\` knows no \`${odd}\``);
    return { kind: "status", json: words.length > 0 };
  }
  const separator = argv.indexOf("--");
  const own = separator < 0 ? argv : argv.slice(0, separator);
  const { tokens } = parseArgs({
    args: [...own], strict: false, tokens: true, allowPositionals: true,
    options: {
      ...Object.fromEntries(VALUES.map((name) => [name, { type: "string" as const }])), ...Object.fromEntries(SWITCHES.map((name) => [name, { type: "boolean" as const }])),
      help: { type: "boolean", short: "h" },
    },
  });
  const given = new Map<string, string>();
  const trustedKeys: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") return misuse(`\`${token.value}\` is one word too many: the program stands behind \`--\``);
    if (token.kind !== "option") continue;
    const { name, rawName, value } = token;
    const isSwitch = SWITCHES.includes(name);
    if (!isSwitch && !VALUES.includes(name)) return misuse(`there is no option \`${rawName}\``);
    if (given.has(name) && name !== "trusted-key") return misuse(`\`${rawName}\` is given twice`);
    if (!isSwitch && (value === undefined || value === "" || value.startsWith("--"))) return misuse(`\`${rawName}\` needs a value`);
    if (isSwitch && value !== undefined) return misuse(`\`${rawName}\` takes no value`);
    given.set(name, value ?? "");
    if (name === "trusted-key") trustedKeys.push(value ?? "");
  }
  if (given.has("help")) return { kind: "help" };
  if (given.has("version")) return { kind: "version" };
  const [policy, service] = [given.get("policy"), given.get("service")];
  const [isolate, sockets] = [given.has("isolate"), given.get("sockets") ?? null];
  const [program, ...args] = separator < 0 ? [] : argv.slice(separator + 1);
  if (policy === undefined) return misuse("`--policy P.wasm` is missing: without a policy nothing could be granted");
  const stateDirectory = given.get("state-dir");
  if (trustedKeys.length > 0 && stateDirectory === undefined) return misuse("`--trusted-key` needs `--state-dir FOLDER`, which keeps the highest revision over restarts");
  if (trustedKeys.length === 0 && stateDirectory !== undefined) return misuse("`--state-dir` goes with `--trusted-key`: without a signature no policy has a revision that counts");
  if (trustedKeys.length > MOST_KEYS) return misuse(`\`--trusted-key\` is given more than ${MOST_KEYS} times`);
  const signatures = stateDirectory === undefined ? null : { trustedKeys, stateDirectory };
  if (service === undefined) return misuse("`--service NAME` is missing: the policy grants by service");
  if (Buffer.byteLength(service) > MOST_SERVICE_BYTES) return misuse(`\`--service\` has more than ${MOST_SERVICE_BYTES} bytes`);
  if (service === "ingressd") return misuse("`ingressd` is the gateway's own name: no service has it");
  if (sockets !== null && !isolate) return misuse("`--sockets` goes with `--isolate`: without it nothing needs a way in");
  if (isolate && sockets === null && !/^\w[\w-]*$/.test(service)) return misuse("`--isolate` needs `--sockets FOLDER` for a service with such a name");
  const [socket, key, ttl] = [given.get("ingressd"), given.get("key"), given.get("token-ms")];
  if ((socket === undefined) !== (key === undefined)) return misuse("`--ingressd SOCKET` and `--key FILE` go together: ingressd gives tokens to whom shows the key");
  if (ttl !== undefined && socket === undefined) return misuse("`--token-ms` goes with `--ingressd`");
  if (isolate && socket !== undefined) return misuse("`--ingressd` does not go with `--isolate`: nobody outside reaches what is bound in there");
  const ttlMs = Number(ttl ?? TOKEN_MS);
  if (!/^\d{1,8}$/.test(ttl ?? "0") || ttlMs < LEAST_TOKEN_MS || ttlMs > MOST_TOKEN_MS) return misuse(`\`--token-ms\` is a whole number from ${LEAST_TOKEN_MS} to ${MOST_TOKEN_MS}`);
  const from = socket === undefined || key === undefined ? null : { socket, key, ttlMs };
  if (program === undefined || program === "") return misuse("`-- PROGRAM` is missing: the program to run");
  return { kind: "run", policy, signatures, service, audit: given.get("audit") ?? null, isolate, sockets, tokens: from, program, args };
}
