// ipaddr.js: ranges parsed once by `parseCIDR`, a source by `parse` at each question, then
// `subnetMatch(address, { name: ranges })`, as its README shows for lists of ranges.
import { readLists } from "../worlds.mjs";

const { default: ipaddr } = await import("ipaddr.js");

export function ipaddrJs(folder, world) {
  const [allow, deny] = readLists(folder, world).map((list) => list.map((p) => ipaddr.parseCIDR(p.includes("/") ? p : `${p}/32`)));
  // The first name that matches wins, and denies win over allows.
  const ranges = { deny, allow };
  return { decide: (source) => ipaddr.subnetMatch(ipaddr.parse(source), ranges, "none") === "allow" };
}
