// Why datagrams are lost in the gateway, by the words that counters and status have for them.

/** Why a datagram was not forwarded. */
export type Drop =
  /** The path doesn't take it: too large for it, no route, or the socket's buffer is full. */
  | "path"
  /** The answer is more than `amplify` allows. */
  | "amplify"
  /** Too many wait for a decision, or to be sent. */
  | "overflow"
  /** It was sent to a multicast or a broadcast address. */
  | "not_unicast"
  /** It came to the socket of a flow, and not from the flow's backend. */
  | "stranger";
