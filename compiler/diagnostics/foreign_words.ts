// Words and forms of nginx, HAProxy, nft and programming languages: their data and what this language has instead.
// A part of the family ING1xx, see syntax_words.ts.
import { quote } from "./quote.ts";
import type { Words } from "./sentence.ts";

/** The subject of another language's keyword. */
export type ForeignTopic =
  | "default"
  | "import"
  | "set"
  | "ports"
  | "expose"
  | "backend"
  | "names"
  | "http"
  | "certificate"
  | "rate"
  | "cap"
  | "dryrun"
  | "plain_rule"
  | "mode"
  | "allow"
  | "deny";

export const FOREIGN_TOPICS: Readonly<Record<ForeignTopic, string>> = {
  default: "nothing is needed: what no `allow` admits is denied",
  import: 'a policy file is read with `import "PATH" as NAME`, a list of addresses with `net NAME = file "PATH" max N`',
  set: "a set of addresses is `net NAME = …`, of ports `ports NAME = …`",
  ports: "write the ports in the first line of an expose: `expose NAME on tcp 443 { … }`",
  expose: "a listener is `expose NAME on tcp 443 { backend 127.0.0.1:8080 allow from … }`",
  backend: "write the backends in the expose: `backend 127.0.0.1:8080`, or several of them: `backend 127.0.0.1:8080, 127.0.0.1:8081`",
  names: 'write `as passthrough` in the first line, and `allow from any sni "www.example.com"`',
  http: "what HTTP says (paths, headers, methods) stays with the web server behind",
  certificate: 'write `as tls` in the first line and `cert "NAME"`: the gateway\'s configuration says where the certificate lies',
  rate: "new connections are bounded by `limit 10/s burst 20 per source`",
  cap: "open connections are bounded by `cap 4000 connections, 20 per source`",
  dryrun: "a limit or a cap that is only tried is written with the word before it: `dryrun limit 10/s per source`",
  plain_rule: "write the rule alone: `allow from NET`, `deny from NET`",
  mode: "write the mode in the first line of an expose: `expose NAME on tcp 443 as passthrough { … }`",
  allow: "the word is `allow`",
  deny: "the word is `deny`",
};

/** A form that is read as what it means, and reported with the edit that fixes it. */
export type ForeignForm =
  | { readonly form: "limit_without_per" | "comma" | "colon" }
  /** `found`: as written. */
  | { readonly form: PlainForm; readonly found: string }
  | { readonly form: "everyone"; readonly action: "allow" | "deny"; readonly found: string }
  | { readonly form: "brackets"; readonly place: "declaration" | "set"; readonly found: string }
  /** `meant`: the text in the form of this language. */
  | { readonly form: "rule_without_from" | "rate"; readonly found: string; readonly meant: string };

type PlainForm =
  | "ports_without_on"
  | "arrow"
  | "bare_parameter"
  | "ports_without_protocol"
  | "both_protocols"
  | "port_word"
  | "expose_without_on"
  | "quoted_socket"
  | "quoted_address"
  | "and"
  | "but"
  | "equals"
  | "min_first";

const PLAIN: Readonly<Record<PlainForm, readonly [wanted: string, help: string]>> = {
  ports_without_on: ["`on`", "write ports after `on`: `deny on tcp 22`"],
  arrow: ["`=>`", "write the expected outcome after `=>`"],
  bare_parameter: ["a parameter", "a parameter begins with `$`"],
  ports_without_protocol: ["`tcp` or `udp`", "write ports after their protocol: `on tcp 443`"],
  both_protocols: ["`tcp` or `udp`", "both protocols are written `on tcp, udp 53`"],
  port_word: ["the ports", "the ports follow their protocol at once: `on tcp 443`"],
  expose_without_on: ["`on`", "an expose says its protocol and its ports: `on tcp 443`"],
  quoted_socket: ["`unix` or an address with a port", 'a unix socket is `backend unix "/run/web.sock"`'],
  quoted_address: ["an address with a port", "write an address without quotes: `backend 127.0.0.1:8080`"],
  and: ["the next clause", "the clauses of a rule follow each other without a word between them"],
  but: ["`except`", "write the members to take out after `except`"],
  equals: ["`=`", "a set has its members behind one `=`"],
  min_first: ["`max`", "write `min` after `max`"],
};

export function foreignForm(data: ForeignForm): Words {
  switch (data.form) {
    case "limit_without_per":
      return { message: "the limit does not say what it counts", help: "`per source` counts each address by itself, `per listener` all of them together" };
    case "comma":
      return { message: "a comma is only allowed between two members", help: "remove it" };
    case "colon":
      return { message: "expected `=`, found `:`", help: "write members after `=`" };
    case "everyone":
      // Where the first match wins, `deny all` is the last line; here it would take back every allow.
      return expected(
        "`from`",
        data.found,
        data.action === "allow" ?
          "everyone is `from any`"
        : "remove it: what no `allow` admits is denied, and `deny from any` would refuse everyone, whatever is allowed",
      );
    case "brackets":
      return expected(
        data.place === "declaration" ? "`=`" : "a member of the set",
        data.found,
        "write members without brackets, separated by commas: `net office = 192.0.2.0/24, 2001:db8::/32`",
      );
    case "rule_without_from":
      return expected("`from`", data.found, `write ${quote(data.meant)}`);
    case "rate":
      return {
        message: `${quote(data.found)} is not a rate of the language`,
        help: `a rate is new connections in a second, minute or hour: write ${quote(data.meant)}`,
      };
    default: {
      const [wanted, help] = PLAIN[data.form];
      return expected(wanted, data.found, help);
    }
  }
}

function expected(wanted: string, found: string, help: string): Words {
  return { message: `expected ${wanted}, found ${quote(found)}`, help };
}
