// ING4xx: statements and clauses. Their data and their words.
import {
  MAX_ANNOTATION,
  MAX_CERTS,
  MAX_CREDENTIAL,
  MAX_LIMITS,
  MAX_PROTOCOL_BYTES,
  MAX_PROTOCOLS,
  MAX_SOURCE_CAPS,
  MAX_UNIX_PATH_BYTES,
} from "../source/bounds.ts";
import { quote } from "./quote.ts";
import { didYouMean, type WordsOf } from "./sentence.ts";

type Mode = "tcp" | "passthrough" | "tls" | "mtls" | "direct";
/** Null: plain tcp, or udp. */
type Listener = { readonly on: "expose"; readonly mode: Mode | "udp" } | { readonly on: "ports"; readonly expose: string } | { readonly on: "udp ports" };

/** Why an address is not that of another host. */
type OtherHostFault = "loopback" | "unspecified" | "link_local" | "multicast" | "reserved" | "metadata";

export interface StatementData {
  ING401: null;
  ING402: null;
  ING403: { readonly backend: string };
  ING404: { readonly path: string; readonly fault: "empty" | "relative" | "folder" | "dots" | "too_long" };
  /** `clause`: as written, without backticks. */
  ING405: { readonly clause: string; readonly in: "expose" | "deny" | "cap" | "budget" | "annotations" };
  ING406: { readonly clause: "bind" } | { readonly clause: "local"; readonly address: string };
  ING407:
    { readonly rate: string; readonly fault: "unit"; readonly unit: string } | { readonly rate: string; readonly fault: "window"; readonly window: string };
  ING408: null;
  ING409: { readonly reason: string; readonly guess: string | null; readonly reasons: readonly string[] };
  ING410: { readonly expose: string };
  ING411: { readonly mode: string; readonly fault: "unknown" | "in_claim" | "http" | "udp" | "tcp_udp"; readonly guess: string | null };
  ING412: { readonly clause: "cert" | "ca"; readonly mode: Mode };
  /** `mode` is null where none is written. */
  ING413: { readonly clause: "cert" | "ca" | "alpn"; readonly mode: Mode | null };
  ING414: { readonly clause: "cert" | "ca"; readonly name: string; readonly fault: "name" | "path" | "twice" | "many" };
  ING415: { readonly clauses: number };
  ING416: { readonly statement: "expose" | "dial" };
  ING417: Listener;
  ING418: Listener | { readonly on: "per identity"; readonly proto: "tcp" | "udp" };
  ING419: { readonly clause: "after" | "until" };
  ING420: { readonly statement: string; readonly place: "top_level" | "expose" };
  ING421: { readonly annotation: string; readonly fault: "empty" | "too_long"; readonly characters: number };
  ING422: { readonly fault: "no_count" } | { readonly fault: "sum"; readonly outcomes: number; readonly connections: number; readonly hasOneOutcome: boolean };
  ING423: { readonly expose: string };
  ING424: null;
  ING425: null;
  ING426: null;
  ING427: { readonly both: boolean };
  ING428: { readonly mode: Mode | "udp" };
  ING429: { readonly pattern: string; readonly expose: string };
  /** `name`: null where the request has no `sni`; `leads`: null where no expose has the name; `example`: a name that leads to the expose. */
  ING430: { readonly expose: string; readonly port: number; readonly name: string | null; readonly leads: string | null; readonly example: string | null };
  ING431: { readonly protocol: string; readonly fault: "name" | "twice" | "many" };
  ING433: { readonly version: string };
  ING434: { readonly both: boolean };
  ING435: null;
  ING440: { readonly on: "udp" | "tcp, udp" | "direct" };
  ING441: { readonly fault: "link_local" | "none" };
  ING442: null;
  ING443: { readonly expose: string; readonly port: number };
  /** `expose`: null where nothing is exposed there. `fault`: what is wrong with the header of this request. */
  ING444: {
    readonly fault: "no_via" | "other_peer" | "source" | "not_exposed";
    readonly expose: string | null;
    readonly peer: string;
    readonly source: string;
  };
  ING432: { readonly after: string; readonly until: string };
  ING445: { readonly backend: string };
  ING447: { readonly backend: string; readonly fault: OtherHostFault };
}

const MODES: Readonly<Record<Mode, string>> = {
  tcp: "connections are forwarded as they come",
  passthrough: "TLS goes through, and the name in its hello is read",
  tls: "the gateway terminates TLS",
  mtls: "and requests a client's certificate",
  direct: "the service listens by itself",
};

const PATH_FAULTS: Readonly<Record<StatementData["ING404"]["fault"], string>> = {
  empty: "is empty",
  relative: "is not absolute",
  folder: "names a folder",
  dots: "goes by way of `.` or `..`",
  too_long: `has more than ${MAX_UNIX_PATH_BYTES} bytes`,
};

export const STATEMENT_WORDS: WordsOf<StatementData> = {
  ING401: () => ({ message: "an `allow` says whom it admits", help: "add `from NET`, or `from any` if everyone may come" }),
  ING402: () => ({ message: "a `deny` says whom it refuses", help: "add `from NET`, or `from any` to refuse everyone" }),
  ING403: ({ backend }) => ({
    message: `the backend ${quote(backend)} is not a loopback address`,
    help: `a backend is reached on 127.0.0.0/8 or ::1, or through a unix socket, so that nothing reaches it but the gateway; one on another host is ${quote(`remote ${backend}`)}`,
  }),
  ING404: ({ path, fault }) => ({
    message: `the path ${quote(path)} of a unix socket ${PATH_FAULTS[fault]}`,
    help: 'write the socket\'s whole path: `backend unix "/run/web.sock"`',
  }),
  ING405: ({ clause, in: place }) => ({
    message:
      clause === "per source" ?
        "another `cap … per source` counts the same sources by the same prefix lengths"
      : `${quote(clause)} is given twice${place === "annotations" ? "" : ` in one ${place === "cap" || place === "deny" ? `\`${place}\`` : place}`}`,
    help: place === "budget" || clause === "per source" ? "keep the smaller of them" : "keep one of them",
    related: ["first here"],
  }),
  ING406: (data) =>
    data.clause === "bind" ?
      {
        message: "no interface can have an address of this `bind`",
        help: "omit `bind` to listen on every address, or name the net that the interface's address is in",
      }
    : {
        message: `no connection arrives at ${quote(data.address)}, which no interface can have`,
        help: "omit `local` to test every listener of the port, or name the address of an interface",
      },
  ING407: (data) =>
    data.fault === "unit" ?
      {
        message: `${quote(data.rate)} is not a rate: ${quote(data.unit)} is not a unit`,
        help: "the units are `s`, `m`, `h` and `d`: `200/s`, `6/30s`, `100/d`",
      }
    : {
        message: `${quote(data.rate)} is not a rate: ${quote(data.window)} is not a window`,
        help: "a window is from `1s` to `7d`, its number without zeros before it",
      },
  ING435: () => ({ message: `an expose has at most ${MAX_SOURCE_CAPS} caps per source`, help: "remove the ones that others imply" }),
  ING408: () => ({ message: `an expose has at most ${MAX_LIMITS} limits`, help: "remove the ones that others imply" }),
  ING409: ({ reason, guess, reasons }) => ({
    message: `${quote(reason)} is not a reason`,
    help: guess === null ? `the reasons are ${reasons.join(", ")}` : didYouMean(guess),
  }),
  ING410: ({ expose }) => ({
    message: `the backend of ${quote(expose)} is a port that the gateway itself opens`,
    label: "the gateway would connect to itself",
    related: ["exposed here"],
    help: "let the service listen on another port, or give the expose a `bind` without loopback addresses",
  }),
  ING411: ({ mode, fault, guess }) => ({
    message: `${quote(mode)} is not a mode${fault === "udp" || fault === "tcp_udp" ? " of udp" : ""}`,
    help:
      fault === "udp" ? "remove `as`; of the modes udp has only `direct`"
      : fault === "tcp_udp" ? "write an expose of its own for udp; of the modes it has only `direct`"
      : fault === "http" ? "HTTP is forwarded as it comes: `as tcp`, which is what no `as` means too"
      : guess !== null ? didYouMean(guess)
      : fault === "in_claim" ? `the modes are ${Object.keys(MODES).join(", ")}`
      : `the modes are ${Object.entries(MODES)
          .map(([m, means]) => `\`${m}\` (${means})`)
          .join(", ")}`,
  }),
  ING412: ({ clause, mode }) => ({
    message: `\`as ${mode}\` needs a \`${clause}\``,
    help:
      clause === "cert" ?
        'add `cert "NAME"`: the certificate that the gateway shows, by the name that its configuration has for it'
      : "add `ca \"NAME\"`: the authority that clients' certificates come from, by the name that the gateway's configuration has for it",
  }),
  ING413: ({ clause, mode }) => ({
    message: `\`${clause}\` is not used here: ${
      mode === null ? "plain tcp is forwarded as it comes"
      : mode === "tls" ? "`as tls` requests no client's certificate"
      : `with \`as ${mode}\` the gateway terminates no TLS`
    }`,
    help:
      clause === "ca" && mode === "tls" ?
        "write `as mtls` to have clients' certificates verified, or remove it"
      : `\`${clause}\` belongs in an expose \`as ${clause === "ca" ? "mtls" : "tls"}\`; remove it`,
  }),
  ING414: ({ clause, name, fault }) => {
    switch (fault) {
      case "twice":
        return { message: `the certificate ${quote(name)} is named twice`, label: "again here", help: "remove one of them" };
      case "many":
        return clause === "cert" ?
            { message: `an expose has at most ${MAX_CERTS} certificates`, help: 'one for each kind of key that clients support is enough: `cert "ec", "rsa"`' }
          : { message: "`ca` names one authority", help: "put the certificates of all of them into the file that the gateway's configuration has for it" };
      default:
        return {
          message: `${quote(name)} is not the name of ${clause === "cert" ? "a certificate" : "an authority"}`,
          help:
            fault === "path" ?
              "a policy has no paths: give it a name, and write the path into the gateway's configuration"
            : `a name has letters, digits, \`.\`, \`_\` and \`-\`, and at most ${MAX_CREDENTIAL} of them`,
        };
    }
  },
  ING415: ({ clauses }) => ({
    message: "an expose `as direct` has no clauses: the service listens by itself, and nothing here would be enforced",
    label: clauses === 1 ? "" : `the first of ${clauses}`,
    related: ["because of this"],
    help: "remove them, or expose the service through the gateway",
  }),
  ING416: ({ statement }) =>
    statement === "expose" ?
      { message: "an expose `as direct` says why", help: 'write `@why "…"` before it: readers of the policy must know why traffic bypasses the gateway' }
    : { message: "a `dial` says why", help: 'write `@why "…"` before it: readers of the policy must know why a port is open for answers' },
  ING417: (data) => {
    switch (data.on) {
      case "expose":
        return {
          message: `${listener(data.mode)} reads no name, so that \`sni\` is never true`,
          help: data.mode === "udp" ? "remove it: udp has no names" : "write `as passthrough` or `as tls` to have the client's hello read, or remove `sni`",
        };
      case "ports":
        return {
          message: `${quote(data.expose)} reads no name, so that \`sni\` is never true on its ports`,
          help: "remove its ports from this rule, or write `as passthrough` there",
          related: ["no name is read there"],
        };
      case "udp ports":
        return { message: "udp has no names, so that `sni` is never true", help: "remove `sni`" };
    }
  },
  ING418: (data) => {
    switch (data.on) {
      case "expose":
        return {
          message: `${listener(data.mode)} requests no certificate, so that \`client\` is never true`,
          help: data.mode === "udp" ? "remove it: udp has no certificates" : "write `as mtls` to request it, or remove `client`",
        };
      case "ports":
        return {
          message: `${quote(data.expose)} requests no certificate, so that \`client\` is never true on its ports`,
          help: "remove its ports from this rule, or write `as mtls` there",
          related: ["no certificate is requested there"],
        };
      case "udp ports":
        return { message: "udp has no certificates, so that `client` is never true", help: "remove `client`" };
      case "per identity":
        return {
          message: "without `as mtls` no client has an identity to count by",
          help: data.proto === "udp" ? "count `per source`: udp has no certificates" : "count `per source`, or write `as mtls`",
        };
    }
  },
  ING419: ({ clause }) => ({
    message: clause === "until" ? "a `deny` has no end" : "a `deny` has no beginning",
    help:
      clause === "until" ?
        "a refusal that ends by itself would open something unseen: remove the rule when it is no longer wanted, or give an `allow` an end"
      : "until it begins, the sources would be admitted: add the rule when it is wanted, or give an `allow` an `until`",
  }),
  ING420: ({ statement, place }) => ({
    message: `${quote(statement)} is not allowed ${PLACES[place]}`,
    label: `\`${statement}\` of the template`,
    related: [`used ${PLACES[place]}`],
    help: place === "top_level" ? "use the template in an expose" : "use the template at top level, outside of every block",
  }),
  ING421: ({ annotation, fault, characters }) =>
    fault === "empty" ?
      { message: `\`@${annotation}\` says nothing`, help: "write a few words, or remove it" }
    : { message: `an annotation has at most ${MAX_ANNOTATION} characters, and this one has ${characters}`, help: "name the document that says the rest" },
  ING422: (data) =>
    data.fault === "no_count" ?
      { message: "of several outcomes each says how many", help: "write the count behind it: `=> allow 400, deny rate 100`" }
    : {
        message: `the outcomes are ${data.outcomes}, and the connections ${data.connections}`,
        help: data.hasOneOutcome ? "omit the count to mean all, or write the other outcome too" : "each connection has one outcome: let the counts add up",
      },
  ING423: ({ expose }) => ({
    message: `${quote(expose)} is exposed \`as direct\` on these ports, where no rule applies`,
    help: "remove its ports from this rule, or expose the service through the gateway",
    related: ["the service itself listens there"],
  }),
  ING424: () => ({
    message: "a service needs no permission to dial over tcp",
    help: "remove the statement: a service needs no permission for the connections that it makes; `dial` is for udp, where it binds a port for the answers",
  }),
  ING425: () => ({
    message: "an expose on udp says how much it may amplify",
    help: "add `amplify N`: a client is sent at most N times the bytes that it sent (30 is enough for DNS with DNSSEC), so that forged addresses gain little; or `amplify any` if the protocol itself proves a client's address, as QUIC, DTLS and WireGuard do",
  }),
  ING426: () => ({
    message: "tcp amplifies nothing: a connection begins only when its client has proven its address",
    help: "remove `amplify`; it belongs in an expose `on udp`",
  }),
  ING427: ({ both }) => ({
    message: "datagrams are not forwarded to a unix socket",
    related: ["because of this"],
    help:
      both ?
        "let the service listen on a loopback address: `backend 127.0.0.1:5300`, or write an expose of its own for udp"
      : "let the service listen on a loopback address: `backend 127.0.0.1:5300`",
  }),
  ING428: ({ mode }) => ({
    message: `${listener(mode)} reads no name, so that \`for\` can't distinguish clients`,
    related: ["because of this"],
    help:
      mode === "udp" ? "remove it: datagrams have no names"
      : mode === "direct" ? "remove it: the service listens by itself, and shares its port with nobody"
      : "write `as passthrough`, `as tls` or `as mtls` to have the name in the client's hello read, or remove it",
  }),
  ING429: ({ pattern, expose }) => ({
    message: `${quote(pattern)} leads to ${quote(expose)} already`,
    label: "again here",
    related: ["first here"],
    help: "remove it from one of them; a narrower pattern may lead to another expose, because the most specific one decides",
  }),
  ING430: ({ expose, port, name, leads, example }) => {
    const instead = example === null ? "" : `; a name that leads to ${quote(expose)} is ${JSON.stringify(example)}`;
    return {
      message:
        name === null ?
          `on port ${port} a client that sends no name ${leads === null ? "is refused" : `gets to ${quote(leads)}`}, and not to ${quote(expose)}`
        : `on port ${port} ${JSON.stringify(name)} leads to ${leads === null ? "no expose" : quote(leads)}, and not to ${quote(expose)}`,
      label: leads === null ? "nothing has it" : `leads to ${quote(leads)}`,
      help:
        leads === null ?
          `write \`to tcp ${port}\` to test the refusal${instead}`
        : `write \`to ${leads}\`, or \`to tcp ${port}\` to query the expose that has the name${instead}`,
    };
  },
  ING431: ({ protocol, fault }) => {
    switch (fault) {
      case "twice":
        return {
          message: `the protocol ${quote(protocol)} is offered twice`,
          label: "again here",
          help: "remove one of them: the first place in the list is its preference",
        };
      case "many":
        return { message: `at most ${MAX_PROTOCOLS} protocols can be offered`, help: "offer those that the service speaks" };
      case "name":
        return {
          message: `${quote(protocol)} is not the name of a protocol`,
          help: `write it as in the hello, such as "h2" or "http/1.1": visible characters, and at most ${MAX_PROTOCOL_BYTES} of them`,
        };
    }
  },
  ING433: ({ version }) => ({
    message: `${quote(version)} is not a version of the PROXY protocol`,
    help: "write `proxy v1` (a line of text) or `proxy v2` (bytes, with the name and the identity of the client); the backend must be set to expect it",
  }),
  ING434: ({ both }) => ({
    message: "`proxy` sends a header before the bytes of a connection, and udp has no connections",
    help: both ? "write an expose of its own for udp, without `proxy`" : "remove `proxy`: it belongs in an expose `on tcp`",
    related: ["the protocol is written here"],
  }),
  ING440: ({ on }) => ({
    message:
      on === "direct" ?
        "a service `as direct` listens by itself, so that the gateway reads no PROXY header there"
      : "a PROXY header begins a connection, and udp has none",
    related: ["because of this"],
    help:
      on === "tcp, udp" ? "write an expose of its own for udp, without `via`"
      : on === "udp" ? "remove `via`: the source of a datagram is its sender"
      : "remove `via`, or `as direct`",
  }),
  ING441: ({ fault }) =>
    fault === "none" ?
      { message: "no peer can have an address of this `via`", help: "name the addresses that the load balancers connect from" }
    : {
        message: "this `via` has link-local addresses, which every host on the link chooses for itself",
        help: "add `except linklocal`, or name the addresses that the load balancers connect from",
      },
  ING442: () => ({
    message: "this `via` has a range that is wider than a /8 of IPv4 or a /16 of IPv6, and each of its hosts may say who its client is",
    help: 'name the addresses that the load balancers connect from, or write `@why "TEXT"` before the expose',
  }),
  ING443: ({ expose, port }) => ({
    message: `port ${port} is shared with ${quote(expose)}, whose \`via\` is another: the PROXY header comes before the name`,
    related: ["the other expose"],
    help: "write the same `via` in both, or none",
  }),
  ING444: ({ fault, expose, peer, source }) => {
    const at = expose === null ? "" : quote(expose);
    switch (fault) {
      case "no_via":
        return {
          message: `${at} has no \`via\`, so that a PROXY header of ${quote(peer)} is data`,
          help: "remove `via` from the test, or add `via NET` to the expose",
        };
      case "other_peer":
        return {
          message: `${quote(peer)} is not in the \`via\` of ${at}, so that its PROXY header is data`,
          help: `write an address of that \`via\`, or \`from ${peer}\` to test it as a client`,
        };
      case "source":
        return {
          message: `no PROXY header may name ${quote(source)}`,
          help: "write the address of a client: an unspecified or multicast address is refused as `proxy_malformed`",
        };
      case "not_exposed":
        return { message: "nothing is exposed there, so that no PROXY header is read", help: "remove `via` from the test" };
    }
  },
  ING432: ({ after, until }) => ({
    message: after === until ? "the `allow` ends when it begins" : "the `allow` ends before it begins",
    help: `it would never admit anyone: write an \`until\` that is later than \`${after}\``,
    related: ["begins here"],
  }),
  ING445: ({ backend }) => ({
    message: `the backend ${quote(backend)} is named twice`,
    label: "again here",
    related: ["first here"],
    help: "remove one of them: connections are shared equally, and nothing has a weight",
  }),
  ING447: ({ backend, fault }) => ({ message: `${quote(backend)} is not an address of another host: ${NOT_REMOTE[fault][0]}`, help: NOT_REMOTE[fault][1] }),
};

const LITERAL_HOST = "write the literal address that the other host has in its network";
const NOT_REMOTE: Readonly<Record<OtherHostFault, readonly [why: string, help: string]>> = {
  loopback: ["it is this one", "remove `remote`"],
  unspecified: ["it is none", LITERAL_HOST],
  link_local: ["it is valid on one link alone, where services of the link itself answer", LITERAL_HOST],
  multicast: ["it is that of a group", LITERAL_HOST],
  reserved: ["no host has it", LITERAL_HOST],
  metadata: ["a cloud's metadata service answers there, which gives a machine its credentials", "name a service's own address"],
};

const PLACES: Readonly<Record<StatementData["ING420"]["place"], string>> = { top_level: "at top level", expose: "in an expose" };

function listener(mode: Mode | "udp"): string {
  return (
    mode === "udp" ? "udp"
    : mode === "tcp" ? "plain tcp"
    : `\`as ${mode}\``
  );
}
