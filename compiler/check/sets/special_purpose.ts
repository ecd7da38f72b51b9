// Address blocks with a special purpose, from the IANA IPv4 and IPv6 Special-Purpose Address
// Registries (RFC 6890 and its updates), as registered on the date below. Data; builtin.ts
// makes the net `internet` of it.

export const SPECIAL_PURPOSE_DATE = "2025-10-09";

/** Blocks that are not registered as globally reachable ("False" or "N/A"). */
export const NOT_GLOBAL = [
  "0.0.0.0/8", // this network
  "10.0.0.0/8", // private use
  "100.64.0.0/10", // shared address space
  "127.0.0.0/8", // loopback
  "169.254.0.0/16", // link local
  "172.16.0.0/12", // private use
  "192.0.0.0/24", // IETF protocol assignments
  "192.0.2.0/24", // documentation
  "192.88.99.0/24", // 6to4 relay anycast, deprecated
  "192.168.0.0/16", // private use
  "198.18.0.0/15", // benchmarking
  "198.51.100.0/24", // documentation
  "203.0.113.0/24", // documentation
  "240.0.0.0/4", // reserved, limited broadcast included
  "::/128", // unspecified
  "::1/128", // loopback
  "64:ff9b:1::/48", // IPv4-IPv6 translation
  "100::/64", // discard only
  "100:0:0:1::/64", // dummy prefix
  "2001::/23", // IETF protocol assignments, Teredo, benchmarking and ORCHID included
  "2001:db8::/32", // documentation
  "2002::/16", // 6to4
  "3fff::/20", // documentation
  "5f00::/16", // segment routing SIDs
  "fc00::/7", // unique local
  "fe80::/10", // link local
] as const;

/** Blocks inside of those that are globally reachable. */
export const GLOBAL_AFTER_ALL = [
  "192.0.0.9/32", // port control protocol anycast
  "192.0.0.10/32", // traversal using relays around NAT anycast
  "2001:1::1/128", // port control protocol anycast
  "2001:1::2/128", // traversal using relays around NAT anycast
  "2001:1::3/128", // DNS-SD service registration protocol anycast
  "2001:3::/32", // AMT
  "2001:4:112::/48", // AS112
  "2001:20::/28", // ORCHIDv2
  "2001:30::/28", // drone remote ID entity tags
] as const;

/** Multicast is in registries of its own; it is never a source. */
export const MULTICAST = ["224.0.0.0/4", "ff00::/8"] as const;
