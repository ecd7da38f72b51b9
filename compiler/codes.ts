// The stable codes of diagnostics. A code is never renumbered or reused; docs/diagnostics.md
// has a heading for each, with a before and an after, and a test holds the two together.
// ING1xx the text, 2xx names and sets, 3xx literals, 4xx statements, 5xx list files, 6xx bounds.

/** How much of the source a rendering may show: list files give no more than the token. */
type Excerpt = "line" | "token";

interface CodeRow {
  readonly title: string;
  readonly excerpt: Excerpt;
}

const line = (title: string): CodeRow => ({ title, excerpt: "line" });
const token = (title: string): CodeRow => ({ title, excerpt: "token" });

export const CODES = {
  ING101: line("a character that the language does not have"),
  ING102: line("a string that is not closed"),
  ING103: line("a control character in a string"),
  ING104: line("not a statement"),
  ING105: line("not a clause of this block"),
  ING106: line("something else was expected"),
  ING107: line("a block that is not closed"),
  ING108: line("a `}` without its `{`"),
  ING109: line("a clause of a rule twice or out of order"),
  // ING110 was "not in this release"; see ING7xx.
  ING111: line("the policy does not begin with `edition 1`"),
  ING112: line("an edition that this release does not read"),
  ING113: line("`edition` twice"),
  ING114: line("`on` in a rule of an expose"),
  ING115: line("not a parameter here"),
  ING116: line("an annotation that is about nothing"),
  ING117: line("statements and clauses in one template"),

  ING201: line("an unknown name"),
  ING202: line("a name declared twice"),
  ING203: line("a reserved name"),
  ING204: line("a port exposed twice"),
  ING205: line("a name that is too long"),
  ING206: line("a set that contains itself"),
  ING207: line("a set that is empty after `except`"),
  ING208: line("a member of another type"),
  ING209: line("two services with one hash"),

  ING301: line("an octet with a leading zero"),
  ING302: line("an IPv4 address that is not four decimal numbers"),
  ING303: line("a prefix with host bits set"),
  ING304: line("a wrong prefix length"),
  ING305: line("an IPv6 zone"),
  ING306: line("an IPv4-mapped prefix shorter than /96"),
  ING307: line("not an address"),
  ING308: line("not a port"),
  ING309: line("a range whose end is before its start"),
  ING310: line("a number out of its range"),
  ING311: line("not an address with a port"),
  ING312: line("a prefix where one address is wanted"),

  ING401: line("an `allow` without `from`"),
  ING402: line("a `deny` without a clause"),
  ING403: line("a backend that is not loopback"),
  ING404: line("not a path of a unix socket"),
  ING405: line("a clause that may stand only once"),
  ING406: line("a `bind` that no interface can have"),
  ING407: line("not a rate"),
  ING408: line("too many limits on one listener"),
  ING409: line("not a reason"),
  ING410: line("a backend that is the gateway itself"),

  ING501: line("a list file that can't be had"),
  ING502: token("a line of a list file that is not an entry"),
  ING503: line("a list file with more entries than its `max`"),
  ING504: line("a list file with more errors than are shown"),

  ING601: line("a source file that is too large"),
  ING602: line("blocks nested too deeply"),
  ING603: line("too many rules"),
  ING604: line("too many prefixes"),
  ING605: line("too many exposes"),
  ING606: line("more errors than are shown"),
  ING607: line("a policy that needs too much memory"),
} as const satisfies Record<`ING${number}`, CodeRow>;

export type DiagnosticCode = keyof typeof CODES;
