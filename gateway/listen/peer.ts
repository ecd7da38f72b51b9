// The address of a socket's other side. A link-local address comes with its zone, the name of an interface: the
// decision is about the bare address, records and the keys of caps and limits have the zone too.
import type { Socket } from "node:net";
import { isLinkLocal6, parseAddress } from "../../runtime/net/address.ts";
import { SOURCE_GONE, SOURCE_ODD } from "../connection/table.ts";
import type { PeerAddress } from "../connection/transport.ts";

export function peerOf(client: Pick<Socket, "remoteAddress" | "remotePort">): PeerAddress {
  try {
    const { remoteAddress: text, remotePort: port = 0 } = client;
    if (text === undefined) return { source: SOURCE_GONE, port, zone: "" };
    const mark = text.indexOf("%");
    const source = parseAddress(mark < 0 ? text : text.slice(0, mark)) ?? SOURCE_ODD;
    const zone = mark < 0 ? "" : text.slice(mark + 1);
    const odd = typeof source !== "number" && mark >= 0 && (zone === "" || !isLinkLocal6(source));
    return odd ? { source: SOURCE_ODD, port, zone: "" } : { source, port, zone: typeof source === "number" ? "" : zone };
  } catch {
    // Node throws where the interface of a link-local peer is no more: nothing reaches that peer.
    return { source: SOURCE_GONE, port: 0, zone: "" };
  }
}
