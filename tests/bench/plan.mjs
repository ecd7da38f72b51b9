// The list of measurements with their sizes and lengths: the whole bench, and the small one that CI runs.
import { list, names, rules } from "./worlds.mjs";

const SIZES = [10, 1_000, 100_000, 1_000_000];
const NAME_SIZES = [10, 1_000, 100_000];
export const OURS = ["call", "host", "text", "batch", "admit"];
const OURS_NAMES = ["call", "host", "text"];
const PEERS = ["blocklist", "ipaddr", "casbin", "cedar", "opa"];
const NAME_PEERS = ["casbin", "cedar", "opa"];

/** `subjects` of a world, and how often its policy is compiled again in the same process. */
const row = (world, subjects, warm) => ({ world, subjects, warm });

export const WHOLE = {
  rows: [
    ...[4, 6].flatMap((family) => SIZES.map((size) => row(list(family, size), [...OURS, ...PEERS], size < 1e6 ? 3 : 0))),
    ...NAME_SIZES.map((size) => row(names(size), [...OURS_NAMES, ...NAME_PEERS], 1)),
    row(rules(1_000, 100_000), ["call"], 3),
    row(rules(1_000, 1_000_000), ["call"], 1),
    row(rules(10_000, 10_000), ["call"], 3),
    row(rules(100_000, 1_000_000), ["call"], 0),
  ],
  proxies: SIZES.map((size) => list(4, size)),
  requests: { haproxy: 3_000, nginx: 50_000, rounds: 5 },
  swaps: [
    { megabytes: 1, swaps: 15, "held": 1_000 },
    { megabytes: 16, swaps: 7, "held": 1_000 },
  ],
  ours: { runs: 9, runMs: 40, warmMs: 150, mostMs: 3_000, checkMs: 3_000 },
  peers: { runs: 5, runMs: 30, warmMs: 100, mostMs: 1_000, checkMs: 500 },
  /** For one measurement of a peer, its loading included. */
  peerMs: 20_000,
  /** A peer that took longer a decision is not tried at the next size. */
  slowNs: 100e6,
};

export const QUICK = {
  ...WHOLE,
  rows: [
    ...[4, 6].map((family) => row(list(family, 1_000), [...OURS, ...PEERS], 0)),
    row(names(1_000), [...OURS_NAMES, ...NAME_PEERS], 0),
    row(rules(100, 1_000), ["call"], 0),
  ],
  proxies: [list(4, 1_000)],
  requests: { haproxy: 200, nginx: 1_000, rounds: 2 },
  swaps: [{ megabytes: 1, swaps: 2, "held": 100 }],
  ours: { runs: 2, runMs: 5, warmMs: 10, mostMs: 500, checkMs: 2_000 },
  peers: { runs: 1, runMs: 5, warmMs: 5, mostMs: 300, checkMs: 100 },
};
