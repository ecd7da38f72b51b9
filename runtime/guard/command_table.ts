// The command table of ingress-guard.
import type { ProgramSpec } from "../shell/command_table.ts";

export const EXIT_NOT_EXECUTABLE = 126;
export const EXIT_NOT_FOUND = 127;

export const INGRESS_GUARD = {
  name: "ingress-guard",
  section: 8,
  says: "runs a program that may bind only what a compiled policy grants its service",
  bare: {
    summary: "run a program",
    operands: [],
    required: ["policy", "service"],
    program: "PROGRAM [ARGUMENT]...",
    flags: {
      policy: {
        short: null,
        value: "P.wasm",
        says: "the compiled policy (ingressc build makes it); SIGHUP, or a change of the file or of a link on the way to it, reloads it",
      },
      "trusted-key": {
        short: null,
        value: "FILE",
        many: true,
        says: "a public key (PEM): only policies that one of them has signed are loaded; may be given more than once, and needs --state-dir",
      },
      "state-dir": { short: null, value: "FOLDER", says: "keeps the highest revision over restarts: an older policy is refused" },
      service: { short: null, value: "NAME", says: "the service, as the policy names it; one that it doesn't name may bind loopback" },
      audit: { short: null, value: "FILE", says: "a JSON line for every bind and listen, allowed and denied; SIGHUP opens it again" },
      isolate: {
        short: null,
        value: null,
        says: "the program gets a network namespace with only loopback; for each port that it listens on there is a unix socket, PORT.sock, which the policy names as the backend",
      },
      sockets: { short: null, value: "FOLDER", says: "where these sockets are made; the folder's group may use them (default: a folder for this user alone)" },
      ingressd: { short: null, value: "SOCKET", says: "ingressd's registration socket: tokens for what the policy exposes as direct come from there" },
      key: {
        short: null,
        value: "FILE",
        says: "the key that this guard shares with ingressd (guard.key_file), one that the program can't read: handed over open, as in --key /dev/fd/3 3<KEYFILE",
      },
      "token-ms": {
        short: null,
        value: "N",
        says: "how long a token is valid unless it is renewed, 1000 to 86400000 (default 60000): a port is closed this long after the last answer of ingressd",
      },
    },
    manual: [
      "The program, and all that it starts, may bind and listen on loopback addresses and on unix sockets.",
      "Any other bind fails with EACCES, unless the policy grants it. Ends with the program's exit code.",
    ].join("\n"),
  },
  commands: {
    status: {
      summary: "show the guards that run for this user, and what their programs have bound",
      operands: [],
      manual: "",
      flags: { json: { short: null, value: null, says: "print one JSON envelope: {ok, class, code, message, data}" } },
    },
  },
  notes: ["With exit code 4 koffi or the kernel's support is missing, and nothing was started."],
  exits: [
    [EXIT_NOT_EXECUTABLE, "the program can't be run"],
    [EXIT_NOT_FOUND, "the program was not found"],
  ],
} as const satisfies ProgramSpec;
