// One canonical form of a server name, used alike for the decision, the choice of a certificate
// and the log. A name without such a form is refused, never repaired: a name that two programs read
// differently would let one of them admit what the other serves.
//
// Canonical: lower case ASCII, without the one trailing dot that a name may have; 1 to 253 bytes;
// labels of 1 to 63 bytes out of a-z 0-9 - _ . Names of other scripts come as A-labels (`xn--`),
// which are compared as they are.
//
// An IP literal is refused: RFC 6066 forbids it as a server name, and no pattern of a policy can
// mean one. A name whose last label is a number is one as well (`127.1`, `0x7f000001`): resolvers
// and URL parsers read those as IPv4, and no top-level domain is a number.

/** Longest canonical name, in bytes; the name on the wire may have a trailing dot more. */
export const NAME_BYTES = 253;
export const LABEL_BYTES = 63;

export const NAME_FAULTS = [
  "name_empty",
  "name_too_long",
  "name_nul",
  "name_wildcard",
  "name_byte",
  "name_empty_label",
  "name_label_too_long",
  "name_ip_literal",
  "name_dot",
] as const;
export type NameFault = (typeof NAME_FAULTS)[number];

export type CanonicalName = { readonly name: string } | { readonly fault: NameFault };

/** The name that was read from a hello, or its fault. */
export interface SaidName {
  /** As it came, one character a byte (latin1); null without the extension. */
  readonly said: string | null;
  /** Canonical; null without the extension, and where `nameFault` says that there is no such form. */
  readonly serverName: string | null;
  readonly nameFault: NameFault | null;
}

export function saidName(said: string | null): SaidName {
  const canonical = said === null ? { name: null } : canonicalServerName(said);
  return "fault" in canonical ? { said, serverName: null, nameFault: canonical.fault } : { said, serverName: canonical.name, nameFault: null };
}

/**
 * The same where the hello is passed to a backend unchanged: there a trailing dot is a fault, because a
 * backend may take `a.test.` for another name than `a.test`.
 */
export function passedName(name: SaidName): SaidName {
  const dot = name.nameFault === null && name.said?.endsWith(".") === true;
  return dot ? { said: name.said, serverName: null, nameFault: "name_dot" } : name;
}

/**
 * `text` has one character a byte (latin1) when it comes from the wire. The first fault in the
 * order of NAME_FAULTS is reported, `name_dot` never (passedName reports it). Source: RFC 6066 section 3, RFC 1035 section 2.3.4.
 */
export function canonicalServerName(text: string): CanonicalName {
  const name = text.endsWith(".") ? text.slice(0, -1) : text;
  if (text === "") return { fault: "name_empty" };
  if (name.length > NAME_BYTES) return { fault: "name_too_long" };
  if (name.includes("\0")) return { fault: "name_nul" };
  if (name.includes("*")) return { fault: "name_wildcard" };
  // An IPv6 literal has bytes that no name has; its own word helps the reader more.
  if (/^\[?[0-9a-fA-F]*:[0-9a-fA-F:.]*\]?$/.test(name)) return { fault: "name_ip_literal" };
  // Checked before the case is changed, because some letters beyond ASCII have a lower case in ASCII.
  if (!/^[A-Za-z0-9_.-]*$/.test(name)) return { fault: "name_byte" };
  const labels = name.toLowerCase().split(".");
  if (labels.includes("")) return { fault: "name_empty_label" };
  if (labels.some((label) => label.length > LABEL_BYTES)) return { fault: "name_label_too_long" };
  if (/^(\d+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? "")) return { fault: "name_ip_literal" };
  return { name: labels.join(".") };
}
