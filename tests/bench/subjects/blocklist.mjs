// node:net's BlockList: `addSubnet(net, prefix, type)` for each prefix and `check(address, type)`, as
// nodejs.org/api/net.html#class-netblocklist shows; one list for what is allowed and one for what
// is denied.
import { BlockList } from "node:net";
import { readLists } from "../worlds.mjs";

export function blocklist(folder, world) {
  const type = world.family === 4 ? "ipv4" : "ipv6";
  const [allowed, denied] = readLists(folder, world).map((prefixes) => {
    const list = new BlockList();
    for (const prefix of prefixes) {
      const [address, length] = prefix.split("/");
      if (length === undefined) list.addAddress(address, type);
      else list.addSubnet(address, Number(length), type);
    }
    return list;
  });
  return { decide: (source) => allowed.check(source, type) && !denied.check(source, type) };
}
