// The kernel as the judge of a ruleset: packets from any source come in at a veth device of a network namespace, and a last chain of
// its own records which of them the ruleset let through, by their source port.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ownFolder } from "../suite.ts";
import type { Request } from "./imported.ts";

const PACKETS = fileURLToPath(new URL("packets.py", import.meta.url));
/** Source ports begin here. */
const FIRST_ID = 1024;
export const MOST_REQUESTS = 60_000;

/** Addresses of the device that packets come in at. */
export const LOCALS = ["10.0.0.1", "10.0.0.2", "2001:db8::1", "2001:db8::2"] as const;

const PROBE = `table inet probe_of_the_test {
  set seen { type inet_service; size 65535; }
  chain last { type filter hook input priority 2147483647; policy accept;
    iifname "near" meta l4proto { tcp, udp } add @seen { th sport } drop
  }
}
`;

const INSIDE = `
ip link add near address 02:00:00:00:00:01 type veth peer name far address 02:00:00:00:00:02
for s in all near far; do echo 0 >/proc/sys/net/ipv4/conf/$s/rp_filter; echo 0 >/proc/sys/net/ipv6/conf/$s/accept_dad; done
for a in 10.0.0.1/32 10.0.0.2/32; do ip addr add $a dev near; done
for a in 2001:db8::1/128 2001:db8::2/128; do ip addr add $a dev near nodad; done
ip link set lo up; ip link set near up; ip link set far up; ip link set far arp off
nft -f rules.nft
nft -j list ruleset >rules.json
nft -f probe.nft
python3 "$1" far 02:00:00:00:00:01 02:00:00:00:00:02 requests
nft -j list set inet probe_of_the_test seen >seen.json
`;

/** Null where it can be used. */
export function kernelLacks(): string | null {
  const tried = spawnSync("unshare", ["-n", "sh", "-ec", "ip link add near type veth peer name far; nft list ruleset; python3 -c 1"], { encoding: "utf8" });
  return tried.status === 0 ? null : `nft in a network namespace: ${tried.error?.message ?? tried.stderr.trim()}`;
}

export interface Judged {
  /** `nft -j list ruleset` */
  readonly json: string;
  readonly admitted: readonly boolean[];
}

export function judge(rules: string, requests: readonly Request[]): Judged {
  if (requests.length > MOST_REQUESTS) throw new Error(`${requests.length} requests are too many`);
  const folder = ownFolder("nft-import-");
  const put = (name: string, text: string): void => writeFileSync(join(folder, name), text);
  put("rules.nft", rules);
  put("probe.nft", PROBE);
  put("requests", requests.map(({ protocol, source, local, port }, i) => `${protocol} ${source} ${local} ${port} ${FIRST_ID + i}\n`).join(""));
  const ran = spawnSync("unshare", ["-n", "sh", "-ec", INSIDE, "sh", PACKETS], { cwd: folder, encoding: "utf8" });
  if (ran.status !== 0) throw new Error(`the namespace ended with ${String(ran.status)}: ${ran.stderr}\n${rules}`);
  const seen = JSON.parse(readFileSync(join(folder, "seen.json"), "utf8")) as {
    readonly nftables: readonly { readonly set?: { readonly elem?: readonly unknown[] } }[];
  };
  const ids = new Set(seen.nftables.flatMap(({ set }) => set?.elem ?? []).map(Number));
  return { json: readFileSync(join(folder, "rules.json"), "utf8"), admitted: requests.map((_, i) => ids.has(FIRST_ID + i)) };
}
