// ING818 to ING899, but for ING85x of other files: warnings of `ingressc check`. Their data and their words.
import { grouped } from "../../runtime/text/number.ts";
import { quote } from "./quote.ts";
import type { WordsOf } from "./sentence.ts";

/** `one`: another rule suffices for it, and is shown; `several`: no single one does. */
type Others = { readonly by: "one" | "several" };

export interface LintData {
  ING818: Others;
  ING819: null;
  ING820: null;
  ING821: Others;
  ING822: null;
  ING823: Others;
  ING824: { readonly protos: readonly ("tcp" | "udp")[] };
  ING825: { readonly clause: "sni" | "client" };
  ING826: { readonly action: "allow" | "deny" } | { readonly cap: string };
  ING827: { readonly expose: string };
  ING828: { readonly set: string; readonly kind: "net" | "ports" | "hosts" | "ids" };
  ING829: { readonly alias: string };
  ING830: { readonly template: string };
  ING831: { readonly path: string };
  ING832: { readonly expose: string };
  ING833: { readonly expose: string; readonly whole: boolean };
  ING834: { readonly certificate: string; readonly expose: string; readonly other: string };
  ING835: { readonly code: string };
  ING836: { readonly rules: number; readonly nodes: number };
  ING837: { readonly expose: string; readonly mode: "tls" | "mtls" };
  /** `expose`: the one whose cap is too large alone; null: all caps together are. */
  ING852: { readonly expose: string | null; readonly promised: number; readonly places: number };
  ING880: { readonly until: string };
  ING881: { readonly until: string; readonly days: number };
}

const REMOVE = "remove it, or write what it was meant to say";

export const LINT_WORDS: WordsOf<LintData> = {
  ING818: ({ by }) => ({
    message: `this \`allow\` admits nobody: ${by === "one" ? "a `deny` refuses" : "`deny` rules refuse"} all that it admits`,
    help: "a `deny` always overrides an `allow`: take the clients that are meant out of the `deny` with `except`, or remove the `allow`",
    related: ["refused here"],
  }),
  ING819: () => ({
    message: "this `allow` and a `deny` match the same requests, so that it admits nobody",
    help: "a `deny` always overrides an `allow`: remove one of them",
    related: ["refused here"],
  }),
  ING820: () => ({
    message: "no request can match this `allow`",
    help: `names that it matches lead to another expose of the port, or no client can send them; ${REMOVE}`,
  }),
  ING821: ({ by }) => ({
    message: `this \`allow\` has no effect: ${by === "one" ? "whatever it admits, another one admits too" : "other rules admit or refuse all that it admits"}`,
    help: REMOVE,
    related: ["admitted here"],
  }),
  ING822: () => ({
    message: "this `deny` has no effect: no `allow` admits anything that it refuses",
    help: `what nothing admits is refused anyway; ${REMOVE}`,
  }),
  ING823: ({ by }) => ({
    message: `this \`deny\` has no effect: ${by === "one" ? "whatever it refuses, another one refuses too" : "other rules refuse all that it refuses"}`,
    help: REMOVE,
    related: ["refused here"],
  }),
  ING824: ({ protos }) => ({
    message: `this \`deny\` has no effect: nobody exposes any of its ports on ${protos.join(" or ")}`,
    help: "write the ports of an expose, or remove it",
  }),
  ING825: ({ clause }) => ({
    message: `this \`deny\` has no effect: no expose that it applies to reads ${clause === "sni" ? "names" : "certificates of clients"}`,
    help:
      clause === "sni" ?
        "names are read `as passthrough`, `as tls` and `as mtls`: change the mode of an expose, or remove the `deny`"
      : "certificates are requested `as mtls`: change the mode of an expose, or remove the `deny`",
  }),
  ING826: (data) =>
    "action" in data ?
      {
        message: `this \`dryrun\` never differs: with it as \`${data.action}\` every request would have the verdict that it has`,
        help: "remove it, or write the rule that is to be tried",
      }
    : {
        message: `this \`dryrun cap\` never differs: a cap in force refuses whatever \`${data.cap}\` would`,
        help: "write a number below those of the caps that count the same connections, or remove it",
      },
  ING827: ({ expose }) => ({
    message: `everybody may reach ${quote(expose)}, and no \`@why\` says why`,
    help: 'write the reason before the rule or the expose, as in `@why "public site"`, or name those who may: `from office`',
  }),
  ING828: ({ set, kind }) => ({ message: `nothing uses the ${kind === "ports" || kind === "ids" ? `\`${kind}\`` : kind} ${quote(set)}`, help: "remove it" }),
  ING829: ({ alias }) => ({ message: `nothing uses the import ${quote(alias)}`, help: "remove it: its file has only sets and templates" }),
  ING830: ({ template }) => ({ message: `nothing uses the template ${quote(template)}`, help: "remove it" }),
  ING831: ({ path }) => ({
    message: `the list file ${quote(path)} has no entries`,
    help: "check what writes it; with `min 1` a policy without its entries is an error",
  }),
  ING832: ({ expose }) => ({
    message: `members of the \`bind\` of ${quote(expose)} overlap`,
    label: "has addresses of an earlier member",
    help: "write each address once",
    related: ["the earlier member"],
  }),
  ING833: ({ expose, whole }) => ({
    message: whole ? "no expose has a test" : `no test is about ${quote(expose)}`,
    help: `say who may reach it and who may not: \`test "${whole ? "who may" : expose}" { from 203.0.113.9 to ${expose} => deny cidr }\``,
  }),
  ING834: ({ certificate, expose, other }) => ({
    message: `${quote(expose)} offers h2 with the certificate ${quote(certificate)}, which ${quote(other)} on the same port has too`,
    help: "a browser sends requests for all names of a certificate over one connection of h2, and the rules of the other expose have no effect on them: give each its own certificate, or offer only `http/1.1`",
    related: ["it has the certificate too"],
  }),
  ING835: ({ code }) => ({ message: `\`@lint off ${code}\` has no effect: no such warning is here`, help: "remove it" }),
  ING836: ({ rules, nodes }) => ({
    message: `${grouped(rules)} ${rules === 1 ? "rule was" : "rules were"} not judged, because that takes more than ${grouped(nodes)} ${nodes === 1 ? "node" : "nodes"}`,
    help: "give the analysis more with `--nodes N`",
  }),
  ING837: ({ expose, mode }) => ({
    message: `the gateway decrypts what clients of ${quote(expose)} send, and its bytes go to another host in plain`,
    help:
      mode === "tls" ?
        "let the service end TLS, with `as passthrough`; or give the backend a loopback address, at which a tunnel to the other host listens"
      : "give the backend a loopback address, at which a tunnel to the other host listens; where the network between the hosts is encrypted, turn the warning off and say so",
  }),
  ING852: ({ expose, promised, places }) => ({
    message:
      expose === null ?
        `the caps promise ${grouped(promised)} connections in all, and the image has ${grouped(places)} places`
      : `the cap promises ${grouped(promised)} connections, and the image has ${grouped(places)} places for ${quote(expose)}: the others are reserved for other ports`,
    label: expose === null ? "the most of them here" : "",
    help: `write ${expose === null ? "caps" : "a cap"} of at most ${grouped(places)}${expose === null ? " in all" : ""}: a client beyond the places is reset, whatever the policy says; if your machine has more, turn the warning off and say so`,
  }),
  ING880: ({ until }) => ({ message: `this \`allow\` ended at ${until}`, help: "remove it, or write a later `until`" }),
  ING881: ({ until, days }) => ({
    message: `this \`allow\` ends at ${until}, ${days === 0 ? "in less than a day" : `in ${grouped(days)} ${days === 1 ? "day" : "days"}`}`,
    help: "write a later `until` if it is needed for longer",
  }),
};
