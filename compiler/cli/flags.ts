// Flags that several commands of ingressc have, or whose values have a list.
import { MOST_NODES } from "../analysis/budget.ts";
import { PROFILES } from "../../runtime/abi/profiles.ts";
import type { FlagSpec, FlagSpecs } from "../../runtime/shell/command_table.ts";

/**
 * `wasm`: the module. `c`: a folder for a host without WebAssembly. `abi-filter`: what one subject may bind, as an ABI filter's profile.
 * `nexus-profile`, `nexus-expose`: the same and the exposures as Open Nexus OS has them. The others are programs that exist already
 * (compiler/emitters).
 */
export const TARGETS = ["wasm", "c", "abi-filter", "nexus-profile", "nexus-expose", "nft", "haproxy", "envoy", "envoy-wasm", "kubernetes"] as const;
export type Target = (typeof TARGETS)[number];

export const PROFILE_FLAG: FlagSpec = {
  short: null,
  value: "NAME",
  says: "what the module is for: `host` (the default) or `os`, one page of memory",
  oneOf: PROFILES,
};

export const TARGET_FLAG: FlagSpec = {
  short: null,
  value: "NAME",
  oneOf: TARGETS,
  says: "what is written: `wasm` (the default), `c` (a folder for native hosts), a filter, or the files of another program",
};

export const SUBJECT_FLAG: FlagSpec = {
  short: null,
  value: "SERVICE",
  says: "whose profile `--target abi-filter` or `nexus-profile` writes (default: `ingressd`)",
};

export const EPOCH_FLAG: FlagSpec = { short: null, value: "N", says: "needed with `--target nexus-profile`: the profile's epoch, above the one in force" };

export const WITHOUT_FLAG: FlagSpec = {
  short: null,
  value: "LIST",
  says: "clauses that another program lacks and may be left out: `caps`, `limits` (with `amplify`) or both; for `nexus-profile`: `protocols`",
};

export const WHOLE_HOST_FLAG: FlagSpec = { short: null, value: null, says: "with `--target nft`: close every other port of the host too" };

export const NO_SSH_FLAG: FlagSpec = { short: null, value: null, says: "with `--whole-host`: nobody needs tcp 22" };

export const SELECTOR_FLAG: FlagSpec = {
  short: null,
  value: "KEY=VALUE",
  says: "with `--target kubernetes`: the label of the pods (default: app.kubernetes.io/name=SERVICE)",
};

export const CODE_URL_FLAG: FlagSpec = {
  short: null,
  value: "URL",
  says: "with `--target envoy-wasm`: where Envoy gets the module, `http://HOST:PORT/PATH` (default: in its configuration)",
};

export const AS_OF_FLAG: FlagSpec = {
  short: null,
  value: "TIME",
  says: "write for another program what is right at this moment, for example 2027-03-01T00:00Z",
};

export const NODES_FLAG: FlagSpec = { short: null, value: "N", says: `the most nodes of the analysis (default: ${MOST_NODES}); past them nothing is proven` };

export const STDIN_NAME_FLAG: FlagSpec = {
  short: null,
  value: "NAME",
  says: "what the policy of `-` is called in messages, and where its imports are relative to (default: `stdin.ingress` here)",
};

/** Of published lists. `text` is one prefix a line, as in netsets. */
export const LIST_FORMATS = ["aws", "gcp", "azure", "github", "fastly", "spamhaus", "geofeed", "text"] as const;

/** Of a transfer over a network. */
export const TRANSFER_FLAGS = {
  ca: { short: null, value: "PEM", says: "the authorities that the server's certificate must chain to (default: those of Node)" },
  "token-file": { short: null, value: "FILE", says: "a file with a bearer token on one line (default: the login of Docker's configuration, for a registry)" },
} as const satisfies FlagSpecs;
