// ING3xx: literals. Their data and their words.
import { quote } from "./quote.ts";
import type { Words, WordsOf } from "./sentence.ts";

/** A count by the clause that it is in. */
export type CountName =
  "limit" | "burst" | "cap" | "cap_per_source" | "cap_per_identity" | "amplify" | "repeat" | "outcome" | "budget" | "list_max" | "list_min";

export type TimeFault =
  | { readonly fault: "form" | "letter_case" | "no_time" | "no_zone" | "before_1970" | "month" | "hour" | "minute" | "first_second" }
  | { readonly fault: "not_utc"; readonly utc: string }
  | { readonly fault: "day"; readonly days: number };

export type HostNameFault =
  | { readonly fault: "empty" | "too_long" | "port" | "form" | "address" | "empty_label" | "label_too_long" | "hyphen" }
  | { readonly fault: "url" }
  /** Characters that can't be seen, as `U+200B (zero width space)`. */
  | { readonly fault: "unseen"; readonly characters: readonly string[] }
  /** `wire` is the name in A-labels, `seen` the ASCII name that it looks like. */
  | { readonly fault: "not_ascii"; readonly wire: string; readonly seen: string | null }
  | { readonly fault: "leading_dot"; readonly parent: string };

export type UriFault = "uri" | "uri_character" | "uri_percent" | "uri_authority" | "uri_not_in_certificate";

export type IdentityFault =
  | { readonly fault: "too_long"; readonly most: number }
  | { readonly fault: "sha256" | "sha256_form" | UriFault }
  /** The name or the address in the identity. */
  | { readonly fault: "part"; readonly of: LiteralProblem };

export type StarFault = "outside_path" | "no_path" | "inside_segment" | "two_open" | "behind_open";

export type PatternFault =
  | { readonly of: "host"; readonly fault: "not_a_label" | "not_the_first" | "name_wanted" }
  | { readonly of: "identity"; readonly fault: StarFault | "name_wanted" }
  | { readonly of: "identity"; readonly fault: "not_a_uri"; readonly type: string };

export interface LiteralData {
  ING301: { readonly literal: string; readonly octet: string; readonly meant: string | null };
  ING302: { readonly literal: string; readonly meant: string | null };
  ING303: { readonly literal: string; readonly network: string; readonly address: string };
  ING304: { readonly literal: string; readonly family: "IPv4" | "IPv6"; readonly fault: "form" | "too_long" | "leading_zero" | "source_key" };
  ING305: { readonly literal: string; readonly withoutZone: string | null };
  ING306: { readonly literal: string; readonly meant: string | null };
  ING307: { readonly literal: string } & (
    | { readonly fault: "form" | "brackets" | "star" | "wildcard" | "mixed_range" | "host_name" }
    | { readonly fault: "octet"; readonly octet: string }
    | { readonly fault: "look_alike"; readonly meant: string }
    /** The first prefixes that the range is, and the number of the others. */
    | { readonly fault: "range"; readonly prefixes: readonly string[]; readonly more: number }
  );
  ING308: { readonly literal: string } & (
    { readonly fault: "form" | "range" | "too_large" | "leading_zero" } | { readonly fault: "service"; readonly port: number }
  );
  ING309: { readonly range: string; readonly prefixes: readonly string[]; readonly more: number } | { readonly range: string; readonly ports: string };
  /** `bound` is null where `max` is that of the language. */
  ING310: {
    readonly of: CountName;
    readonly clause: string | null;
    readonly literal: string;
    readonly min: number;
    readonly max: number;
    readonly fault: "range" | "leading_zero";
  };
  ING311: { readonly literal: string } & (
    { readonly fault: "form" | "ipv6" | "no_address" | "host_name" } | { readonly fault: "localhost"; readonly port: string }
  );
  ING312: { readonly literal: string };
  ING313: { readonly literal: string } & TimeFault;
  ING314: { readonly literal: string; readonly fault: "form" } | { readonly literal: string; readonly fault: "too_long"; readonly days: number };
  ING315: { readonly literal: string } & HostNameFault;
  ING316: { readonly literal: string } & PatternFault;
  ING317: { readonly literal: string } & IdentityFault;
}

type LiteralCode = keyof LiteralData;

/** The code and the data of what is wrong with a literal. */
export type LiteralProblem = { [C in LiteralCode]: { readonly code: C; readonly data: LiteralData[C] } }[LiteralCode];

/** Host names: a name has at most this many characters (RFC 1035, without a trailing dot), and a label this many. */
export const MAX_HOST_NAME = 253;
export const MAX_HOST_LABEL = 63;

const A_PORT = "a port is a number from 1 to 65535, a range is `9500-9509`";
const AN_ENDPOINT = "an address with a port is written `127.0.0.1:8080` or `[::1]:8080`";
const A_TIME = "a time is UTC: `2027-03-01T00:00Z`, or with seconds `2027-03-01T00:00:30Z`";
const A_HOST_NAME = "a name has letters, digits, hyphens and dots: `www.example.com`";
const A_URI = "a uri begins with its scheme: `spiffe://corp.example/ops/web`";

export const LITERAL_WORDS: WordsOf<LiteralData> = {
  ING301: ({ literal, octet, meant }) => ({
    message: `${quote(octet)} in ${quote(literal)} has a leading zero`,
    help:
      meant === null ?
        "some programs read such a number as octal; write it without the zero"
      : `some programs read such a number as octal; write ${quote(meant)} if that is meant`,
  }),
  ING302: ({ literal, meant }) => ({
    message: `${quote(literal)} is not four decimal numbers`,
    help: meant === null ? "an IPv4 address is written as four decimal numbers" : `write ${quote(meant)} if that is meant`,
  }),
  ING303: ({ literal, network, address }) => ({
    message: `${quote(literal)} has bits set behind its prefix`,
    help: `write ${quote(network)} for the network, or ${quote(address)} for the one address`,
  }),
  ING304: ({ literal, family, fault }) => {
    const bits = family === "IPv4" ? 32 : 128;
    const help = `the length of an ${family} prefix is 0 to ${bits}, without leading zeros`;
    switch (fault) {
      case "form":
        return { message: `${quote(literal)} has no valid prefix length`, help };
      case "too_long":
        return { message: `the prefix length of ${quote(literal)} is more than ${bits}`, help };
      case "leading_zero":
        return { message: `the prefix length of ${quote(literal)} has a leading zero`, help };
      case "source_key":
        return {
          message: `the ${family} length of a source key is 1 to ${bits}, and ${quote(literal)} is not`,
          help: "a source key is `per source /24 /56`: the length for IPv4, then for IPv6; to count all sources together write `per listener`",
        };
    }
  },
  ING305: ({ literal, withoutZone }) => ({
    message: `${quote(literal)} has a zone`,
    help:
      withoutZone === null ?
        "an interface is not part of an address: remove the zone"
      : `an interface is not part of an address: ${quote(withoutZone)} applies on every interface`,
  }),
  ING306: ({ literal, meant }) => ({
    message: `${quote(literal)} is IPv4 in IPv6 with a prefix shorter than /96`,
    help: `such a prefix would contain IPv4 and IPv6 at once; write ${meant === null ? "the IPv4 prefix itself" : `${quote(meant)} if that is meant`}`,
  }),
  ING307: (data) => {
    const message = `${quote(data.literal)} is not an address`;
    switch (data.fault) {
      case "form":
        return { message, help: "an address looks like `192.0.2.7` or `2001:db8::7`, a prefix like `192.0.2.0/24`; host names are not resolved" };
      case "brackets":
        return { message, help: "brackets are used only when a port follows" };
      case "star":
        return { message, help: "everyone is `any`" };
      case "wildcard":
        return { message, help: "a whole net is written as a prefix" };
      case "host_name":
        return { message, help: "host names are not resolved: write the addresses that the host has" };
      case "mixed_range":
        return {
          message: `${quote(data.literal)} begins in one family of addresses and ends in the other`,
          help: "write one range for IPv4 and one for IPv6, each as its prefixes",
        };
      case "octet":
        return { message: `${message}: ${quote(data.octet)} is more than 255`, help: "each of the four numbers is 0 to 255" };
      case "look_alike":
        return { message, help: `write ${quote(data.meant)}` };
      case "range":
        return { message: `${quote(data.literal)} is a range, and not an address`, help: `a range of addresses is written as prefixes: ${listed(data)}` };
    }
  },
  ING308: (data) => {
    switch (data.fault) {
      case "form":
        return { message: `${quote(data.literal)} is not a port`, help: A_PORT };
      case "service":
        return { message: `${quote(data.literal)} is not a port`, help: `ports are numbers, and ${quote(data.literal)} is most often \`${data.port}\`` };
      case "range":
        return { message: `${quote(data.literal)} is not a range of ports`, help: A_PORT };
      case "too_large":
        return { message: `${quote(data.literal)} is not a port: ports are 1 to 65535`, help: A_PORT };
      case "leading_zero":
        return { message: `port ${quote(data.literal)} has a leading zero`, help: A_PORT };
    }
  },
  ING309: (data) =>
    "ports" in data ?
      { message: `the range ${quote(data.range)} ends before it starts`, help: `write \`${data.ports}\` if that is meant` }
    : { message: `the range ${quote(data.range)} ends before it begins`, help: `the other way round it is ${listed(data)}` },
  ING310: ({ of, clause, literal, min, max, fault }) => {
    const zero = fault === "leading_zero" ? ", without leading zeros" : "";
    switch (of) {
      case "list_max":
        return { message: `\`max\` is 1 to ${max}, and ${quote(literal)} is not`, help: "write the most entries that the list should ever have" };
      case "list_min":
        return {
          message: `\`min\` is 1 to ${clause === null ? max : `the \`${clause}\` of the list`}, and ${quote(literal)} is not`,
          help: "write the fewest entries that the list should ever have, or omit `min`",
        };
      case "budget":
        return {
          message: `\`${clause ?? ""}\` of a budget is ${min} to ${max}${zero}, and ${quote(literal)} is not`,
          help: `write a number from ${min} to ${max}`,
        };
      case "amplify":
        return {
          message: `\`amplify\` is \`any\` or ${min} to ${max}${zero}, and ${quote(literal)} is neither`,
          help: `write how many bytes a client is sent for each that it sent, from ${min} to ${max}`,
        };
      default:
        return { message: `${COUNTS[of]} is ${min} to ${max}${zero}, and ${quote(literal)} is not`, help: `write a number from ${min} to ${max}` };
    }
  },
  ING311: (data) => {
    switch (data.fault) {
      case "form":
        return { message: `${quote(data.literal)} is not an address with a port`, help: AN_ENDPOINT };
      case "ipv6":
        return { message: `${quote(data.literal)} is not an IPv6 address`, help: AN_ENDPOINT };
      case "no_address":
        return { message: `${quote(data.literal)} has no address`, help: AN_ENDPOINT };
      case "host_name":
        return { message: `expected an IP address, found host name ${quote(data.literal)}`, help: `host names are not resolved; ${AN_ENDPOINT}` };
      case "localhost":
        return {
          message: `expected an IP address, found host name ${quote(data.literal)}`,
          help: `host names are not resolved: write \`127.0.0.1:${data.port}\` or \`[::1]:${data.port}\``,
        };
    }
  },
  ING312: ({ literal }) => ({ message: `expected one address, found prefix ${quote(literal)}`, help: "write one address of the prefix" }),
  ING313: (data) => {
    const [fault, help] = timeFault(data);
    return { message: `${quote(data.literal)} ${fault}`, help };
  },
  ING314: (data) =>
    data.fault === "form" ?
      { message: `${quote(data.literal)} is not a duration`, help: "a duration is a number with its unit: `0s`, `500ms`, `10m`, `1h`, `2d`" }
    : { message: `${quote(data.literal)} is longer than ${data.days} days`, help: "take a shorter time" },
  ING315: (data) => {
    const [fault, help] = hostNameFault(data);
    return { message: `${quote(data.literal)} ${fault}`, help };
  },
  ING316: (data) => (data.of === "host" ? hostPatternFault(data.literal, data.fault) : identityPatternFault(data.literal, data)),
  ING317: (data) => identityFault(data.literal, data),
};

/** The words of a literal's problem. */
export function literalWords({ code, data }: LiteralProblem): Words {
  const words: (data: never) => Words = LITERAL_WORDS[code];
  return words(data as never);
}

const COUNTS: Readonly<Record<Exclude<CountName, "amplify" | "budget" | "list_max" | "list_min">, string>> = {
  limit: "the number of new connections of a limit",
  burst: "the burst of a limit",
  cap: "the number of connections of a cap",
  cap_per_source: "the number of connections per source",
  cap_per_identity: "the number of connections per identity",
  repeat: "the number of connections of `repeat`",
  outcome: "the count of an outcome",
};

function listed({ prefixes, more }: { readonly prefixes: readonly string[]; readonly more: number }): string {
  return `${prefixes.map(quote).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

type Sentence = readonly [fault: string, help: string];

function timeFault(data: LiteralData["ING313"]): Sentence {
  switch (data.fault) {
    case "form":
      return ["is not a time", A_TIME];
    case "letter_case":
      return ["is not a time", "`T` and `Z` are capital letters"];
    case "no_time":
      return ["has no time of day", `for the first moment of that day write ${quote(`${data.literal}T00:00Z`)}`];
    case "not_utc":
      return ["is not UTC", `times are UTC: write ${quote(data.utc)}`];
    case "no_zone":
      return ["does not say which zone it is of", "times are UTC, and end with `Z`"];
    case "before_1970":
      return ["is before 1970", A_TIME];
    case "month":
      return ["has no such month", "months are 01 to 12"];
    case "day":
      return ["is no day of the calendar", `that month has ${data.days} days`];
    case "hour":
      return ["has no such hour", "hours are 00 to 23; the end of a day is 00:00 of the next"];
    case "minute":
      return ["has no such minute or second", "minutes and seconds are 00 to 59"];
    case "first_second":
      return ["is before any clock", "times begin a second later; remove a rule that is never true"];
  }
}

function hostNameFault(data: HostNameFault): Sentence {
  switch (data.fault) {
    case "empty":
      return ["is empty", "write a name such as `www.example.com`"];
    case "too_long":
      return [`is longer than ${MAX_HOST_NAME} characters`, "no name in DNS is that long"];
    case "url":
      return ["is a URL, not a host name", "write the host alone"];
    case "port":
      return ["has a port", "write the host name alone; ports follow `on tcp`"];
    case "unseen":
      return [`holds ${data.characters.join(", ")}`, "remove it"];
    case "form":
      return ["is not a host name", A_HOST_NAME];
    case "not_ascii":
      return [
        "is not written in A-labels",
        data.seen === null ?
          `a client sends it as ${quote(data.wire)}; write that`
        : `write ${quote(data.seen)}, or ${quote(data.wire)} if the other letters are meant`,
      ];
    case "leading_dot":
      return [
        "begins with a dot",
        `write ${quote(`**.${data.parent}`)} for all names below ${quote(data.parent)}, and ${quote(data.parent)} itself beside it if it is meant too`,
      ];
    case "address":
      return ["is an address, not a host name", "a client that connects to an address sends no name"];
    case "empty_label":
      return ["has an empty label", "write one dot between two labels"];
    case "label_too_long":
      return [`has a label of more than ${MAX_HOST_LABEL} characters`, `a label has at most ${MAX_HOST_LABEL} characters`];
    case "hyphen":
      return ["has a label with a hyphen at its edge", "a label begins and ends with a letter or a digit"];
  }
}

function hostPatternFault(literal: string, fault: Extract<PatternFault, { of: "host" }>["fault"]): Words {
  switch (fault) {
    case "not_a_label":
      return {
        message: `the \`*\` in ${quote(literal)} is not a whole label at the left`,
        help: "`*.example.com` is one label more, `**.example.com` one or more; nothing else can be left open",
      };
    case "not_the_first":
      return { message: `${quote(literal)} has a \`*\` behind its first label`, help: "only the leftmost label can be left open" };
    case "name_wanted":
      return { message: `${quote(literal)} is a pattern, and a client sends one name`, help: "write a name that the pattern matches" };
  }
}

function identityPatternFault(literal: string, data: Extract<PatternFault, { of: "identity" }>): Words {
  const star = (fault: string): Words => ({ message: `${quote(literal)} ${fault}`, help: "`*` ends one segment of the path, `**` is the whole last segment" });
  switch (data.fault) {
    case "not_a_uri":
      return { message: `${quote(literal)} has a \`*\`, which only the path of a \`uri\` may have`, help: `name each ${data.type} that is meant` };
    case "name_wanted":
      return { message: `${quote(literal)} is a pattern, and a certificate has names`, help: "write a name that the pattern matches" };
    case "outside_path":
      return star("has a `*` outside of the path");
    case "no_path":
      return star("has a `*`, and no path");
    case "inside_segment":
      return star("has a `*` inside of a segment, or a `**` that is not last");
    case "two_open":
      return star("has more than one open segment");
    case "behind_open":
      return star("has something behind an open path");
  }
}

function identityFault(literal: string, data: IdentityFault): Words {
  const says = (fault: string, help: string): Words => ({ message: `${quote(literal)} ${fault}`, help });
  switch (data.fault) {
    case "too_long":
      return says(`is longer than ${data.most} characters`, "an identity is a name, not a document");
    case "sha256_form":
      return says("is not written as 64 hexadecimal digits", "write the digits without colons or blanks");
    case "sha256":
      return says("is not a SHA-256", "a SHA-256 has 64 hexadecimal digits");
    case "uri":
      return says("is not a uri", A_URI);
    case "uri_character":
      return says("has a character that a uri does not have", "such characters are written as `%` and two hexadecimal digits");
    case "uri_percent":
      return says("has a `%` without two hexadecimal digits", "`%` is followed by two hexadecimal digits");
    case "uri_authority":
      return says("names no authority", "write `spiffe://DOMAIN/PATH`");
    case "uri_not_in_certificate":
      return says(
        "is a uri that no certificate can have",
        "a host without a user or a dot at its end, no empty segment, no `:` behind the host, and `%` only with capital digits and where it is needed",
      );
    case "part":
      return literalWords(data.of);
  }
}
