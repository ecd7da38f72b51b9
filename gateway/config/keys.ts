// Every key of the configuration, one row each: what it may be, what it is where nobody gives it,
// and what it means. The decoder, the type `Config`, schemas/config/ingressd.schema.json and the
// table of docs/operations.md come from these rows; `npm run docs` writes the last two.
import { list, mode, needed, orElse, path, socketPath, text, truth, whole, word, type Keys, type ValuesOf } from "./field.ts";

export interface TableRules {
  /** Keys that have no effect without another one of the table. */
  readonly without?: Readonly<Record<string, string>>;
  /** Of these keys a table has one at least. */
  readonly someOf?: readonly string[];
}

export interface Table<K extends Keys> extends TableRules {
  readonly says: string;
  readonly keys: K;
}

/** A table of tables, each with a name that its author chooses. */
export interface NamedTable<K extends Keys> extends Table<K> {
  /** Describes one entry. */
  readonly entry: string;
  readonly name: { readonly pattern: string; readonly says: string };
}

function table<K extends Keys>(says: string, keys: K, rules: TableRules = {}): Table<K> {
  return { says, keys, ...rules };
}

const policyName = {
  pattern: "^[A-Za-z_][A-Za-z0-9_-]{0,47}$",
  says: "a name that a policy can have: a letter or `_`, then letters, digits, `_` and `-`, at most 48",
};

const credentialName = {
  pattern: "^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$",
  says: "a name that `cert` and `ca` can have: letters, digits, `.`, `_` and `-`, at most 128",
};

export const TOP = {
  on_reload: orElse(
    "recheck",
    word(["recheck", "keep"], "what happens to established connections that a new policy refuses: `recheck` closes them, `keep` lets them end"),
  ),
  on_bad_certificate: orElse(
    "close",
    word(
      ["close", "refuse"],
      "how a start treats a certificate or an authority that can't be used: `close` keeps the exposes that need it closed until it is good, `refuse` ends the start",
    ),
  ),
  forwarder: orElse(
    "auto",
    word(
      ["auto", "kernel", "node"],
      "what accepts, dials and moves bytes: `kernel` makes the kernel's calls itself (Linux on x86-64, with koffi), `node` uses Node's sockets, `auto` uses `kernel` if it works, otherwise `node`, and says why",
    ),
  ),
  threads: orElse(
    1,
    whole(
      1,
      64,
      "how many threads serve tcp: with 1 the main thread does everything; with more it accepts, decides and records, and the others move bytes and do handshakes. Needs the kernel's forwarder and OpenSSL's engine of TLS",
    ),
  ),
  state_dir: path(
    "absolute path of the directory that keeps the last good policy and the highest signed revision over restarts; made with mode 0700, one gateway each. Without it the first directory of `STATE_DIRECTORY` (systemd) is taken, else nothing is kept",
  ),
  allowed_backends: orElse(
    [],
    list(
      text(1, 256, "a backend"),
      0,
      1024,
      "backends that any service may have, in the policy or by a registration, without a check of the owner of the listening socket: `127.0.0.1:8080`, `[::1]:8080` or `unix:/run/app.sock`",
    ),
  ),
} satisfies Keys;

export const TABLES = {
  backends: table("backends on other hosts", {
    networks: orElse(
      [],
      list(
        text(1, 64, "a network"),
        0,
        256,
        "networks that have the hosts of a policy's `backend remote`, each an address and a length: `10.0.3.0/24`, `2001:db8:3::/64`; without one no backend is on another host. The bytes cross them in plain, and nobody checks who owns such a backend",
      ),
    ),
  }),
  control: table("the control socket", {
    socket: socketPath("absolute path of the control socket; its directory is made with mode 0700"),
  }),
  intents: table(
    "one registration socket that all services share; needs koffi, because only the peer's credentials distinguish services on it",
    {
      socket: socketPath("absolute path of the shared registration socket"),
      mode: mode("octal mode of `intents.socket`, `0666` unless given"),
    },
    { without: { mode: "socket" } },
  ),
  audit: table("where decisions are recorded", {
    file: orElse(
      "-",
      text(
        1,
        4096,
        "path of the audit file (one JSON object per line, appended), `-` or `/dev/stderr` for standard error, or `/dev/stdout` for standard output, which then has the records alone: markers go to standard error",
      ),
    ),
    udp_denied_per_second: orElse(
      10,
      whole(0, 1_000_000, "refused datagrams that are recorded per second for each expose and reason; the others are counted (`audit.suppressed` of `status`)"),
    ),
    close: orElse(true, truth("also record the end of each admitted connection (`op` `close`), with its bytes and its duration")),
    on_error: orElse(
      "closed",
      word(["closed", "count"], "when a record can't be written: `closed` refuses what could not be recorded, `count` serves it and counts the lost records"),
    ),
  }),
  metrics: table(
    "the status page, /metrics, /healthz and /readyz over HTTP; every request needs the token, as `Authorization: Bearer TOKEN` or as the password of a browser",
    {
      listen: text(1, 64, "a loopback address with a port, such as 127.0.0.1:9600"),
      token_file: path("absolute path of a file with the token on one line; nobody may read it but its owner and ingressd's groups"),
      open_health: truth("answer /healthz and /readyz to anybody on this host, without the token; `false` unless given"),
    },
    { without: { listen: "token_file", token_file: "listen", open_health: "listen" } },
  ),
  config: table("the configuration itself", {
    watch: orElse(true, truth("reload when the file of `--config` changes (its directory is watched)")),
  }),
  guard: table("services that the policy exposes `as direct`: they bind by themselves under `ingress-guard`, with tokens of this gateway", {
    key_file: path(
      "absolute path of the key that this gateway shares with guards, 64 hexadecimal digits; nobody may read it but its owner and ingressd's groups, least of all the services. Without it no token is minted",
    ),
  }),
  caps: table("bounds of the gateway; each has its counter and audit code", {
    ports: orElse(1024, whole(1, 65_535, "listening sockets (one per address and port)")),
    connections: orElse(10_000, whole(1, 1_000_000, "connections and flows of datagrams overall; lowered at the start when `nofile` is too small")),
    waiting: orElse(
      1024,
      whole(
        1,
        1_000_000,
        "connections at one port that exposes share by `for`, until their name has led them to an expose; with `via`, until their PROXY header has come",
      ),
    ),
    waiting_per_source: orElse(
      32,
      whole(
        1,
        65_535,
        "the same, for one IPv4 address or one IPv6 /64; a smaller `cap … per source` that counts it, of an expose of the port, is the bound instead",
      ),
    ),
    backend_connecting: orElse(512, whole(1, 65_535, "connections under way (not yet accepted) to one backend")),
    intents: orElse(256, whole(0, 65_535, "leases overall")),
    intents_per_service: orElse(16, whole(0, 65_535, "leases of one service")),
    control_connections: orElse(64, whole(1, 4096, "clients of one control or registration socket")),
  }),
  timers: table("all in milliseconds; 0 switches the timer off where 0 is allowed", {
    hello_ms: orElse(10_000, whole(100, 10_000, "the time for a complete ClientHello, and where TLS is terminated also for the handshake")),
    backend_connect_ms: orElse(5_000, whole(1, 600_000, "until the backend must have accepted")),
    keepalive_ms: orElse(
      60_000,
      whole(
        0,
        7_200_000,
        "how long a TCP connection is silent before the kernel probes the side in question, ten times, a second apart; whole seconds, at least one; 0: never",
      ),
    ),
    idle_ms: orElse(300_000, whole(0, 604_800_000, "a connection without a byte in either direction is closed; 0: never")),
    lifetime_ms: orElse(0, whole(0, 2_592_000_000, "the longest life of a connection, or of a flow of datagrams; 0: no end")),
    udp_fresh_ms: orElse(
      3_000,
      whole(100, 600_000, "the time after an answer in which the client of a new flow of datagrams has to send again, or the flow ends"),
    ),
    udp_idle_ms: orElse(30_000, whole(100, 86_400_000, "any other flow of datagrams ends without one in either direction")),
    drain_ms: orElse(10_000, whole(0, 3_600_000, "how long connections may stay open after SIGTERM")),
    interface_poll_ms: orElse(
      5_000,
      whole(
        100,
        3_600_000,
        "how often the interface addresses are read for `bind NET` listeners, and ports that could not be opened or were lost are opened anew",
      ),
    ),
    policy_check_ms: orElse(
      10_000,
      whole(
        100,
        600_000,
        "the longest time that a new policy's self-tests may take, counted in processor time of their own thread (by the clock at most 60 times as long)",
      ),
    ),
    control_idle_ms: orElse(30_000, whole(100, 3_600_000, "a control client that has no lease and sends nothing is closed")),
  }),
  tls: table("TLS that ends here (`as tls` and `as mtls`)", {
    engine: orElse(
      "auto",
      word(
        ["auto", "openssl", "node"],
        "the engine of its handshakes and records: `openssl` calls the OpenSSL inside Node's binary (through koffi, on the kernel's forwarder), `node` is Node's own TLS, `auto` takes `openssl` where the kernel's forwarder serves and its self-test passes, else `node`",
      ),
    ),
  }),
  policy: table("which policy is served, and how its file is read", {
    file: path("absolute path of the compiled policy; `--policy` overrides it"),
    source: text(
      9,
      2048,
      "where the policy is pulled from, in place of `policy.file`: `https://HOST/PATH`, `oci://REGISTRY/REPOSITORY:TAG` or `oci://REGISTRY/REPOSITORY@sha256:DIGEST`; needs `policy.trusted_keys` and a directory of state",
      { text: "^(https|oci)://", wanted: "a location that begins with https:// or oci://" },
    ),
    max_bytes: orElse(134_217_728, whole(1024, 1_073_741_824, "the largest policy file that is read")),
    watch: orElse(true, truth("reload when the policy file changes (its directory is watched)")),
    trusted_keys: list(
      path("a public key"),
      1,
      64,
      "absolute paths of public keys (PEM): only policies that one of them has signed are loaded. Without this key no signature is required",
    ),
  }),
  source: table("how `policy.source` is pulled", {
    poll_ms: orElse(
      60_000,
      whole(1_000, 86_400_000, "how often the source is pulled, 20 % more or less each time; after failures the time doubles, up to 15 minutes"),
    ),
    ca: path("absolute path of the authorities (PEM) that the source's certificate must chain to; without it those of Node are trusted"),
    token_file: path(
      "absolute path of a file with a token on one line, which the source gets as `Authorization: Bearer TOKEN`; nobody may read it but its owner and ingressd's groups. Without it a registry gets the login of Docker's configuration",
    ),
  }),
} satisfies Readonly<Record<string, Table<Keys>>>;

export const NAMED = {
  services: {
    says: "who may register exposures, by the service name that the policy uses",
    entry: "one service: its user id, its own registration socket, or both",
    name: policyName,
    keys: {
      uid: whole(0, 4_294_967_294, "user id of the service; no two services share one"),
      socket: socketPath("absolute path of this service's own registration socket"),
      mode: mode("octal mode of `services.NAME.socket`, `0660` unless given"),
      gid: whole(0, 4_294_967_294, "group that `services.NAME.socket` is given to"),
    },
    without: { mode: "socket", gid: "socket" },
    someOf: ["uid", "socket"],
  },
  certs: {
    says: "certificates by the names that `cert` in a policy has; read again at every reload and when they change",
    entry: "the two files of one certificate",
    name: credentialName,
    keys: {
      cert: needed(path("absolute path of the certificate in PEM, followed by those between it and a root")),
      key: needed(path("absolute path of its private key in PEM; nobody may read it but its owner and ingressd's groups")),
    },
    without: {},
  },
  cas: {
    says: "authorities by the names that `ca` in a policy has; read again at every reload and when they change",
    entry: "the files of one authority",
    name: credentialName,
    keys: {
      file: needed(path("absolute path of the certificates in PEM to which clients' certificates must chain")),
      crl: list(
        path("a revocation list"),
        1,
        64,
        "absolute paths of revocation lists (PEM or DER), or of folders of them, 16 MiB together; each certificate of a client's chain is then looked up in the list of its issuer, and refused where there is none",
      ),
    },
    without: {},
  },
} satisfies Readonly<Record<string, NamedTable<Keys>>>;

export type Config = ValuesOf<typeof TOP> & { readonly [T in keyof typeof TABLES]: ValuesOf<(typeof TABLES)[T]["keys"]> } & {
  readonly [N in keyof typeof NAMED]: Readonly<Record<string, ValuesOf<(typeof NAMED)[N]["keys"]>>>;
};
