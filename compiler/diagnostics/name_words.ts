// ING2xx: names and sets. Their data and their words.
import { MAX_NAME_BYTES, MAX_SERVICE_BYTES } from "../source/bounds.ts";
import { quote } from "./quote.ts";
import { didYouMean, listed, type NameList, type Words, type WordsOf } from "./sentence.ts";

export type SetKind = "net" | "ports" | "hosts" | "ids";
/** The kinds of declarations. */
export type Declared = SetKind | "expose" | "template" | "import" | "service" | "rule";

/** A near name. */
type Near = { readonly near: string };

export type UnknownName = { readonly name: string } & (
  | {
      readonly of: SetKind;
      readonly hint:
        | Near
        | { readonly imported: string }
        | { readonly builtin: string }
        | { readonly port: number }
        | { readonly sets: NameList; readonly builtins: NameList | null };
    }
  | { readonly of: "template"; readonly hint: Near | { readonly isSet: true } | { readonly templates: NameList } }
  | { readonly of: "expose"; readonly or: "port" | "any_or_ports"; readonly hint: Near | { readonly exposes: NameList } }
  | { readonly of: "rule"; readonly hint: Near | { readonly rules: NameList } }
  | { readonly of: "import"; readonly hint: Near | null }
  | { readonly of: "nested_import" }
  /** A name that an imported file does not have. */
  | { readonly of: "imported"; readonly path: string; readonly as: SetKind | "template"; readonly hint: Near | { readonly there: NameList } }
);

export type WrongMember =
  | { readonly wanted: SetKind; readonly found: "set"; readonly kind: SetKind; readonly name: string }
  | { readonly wanted: Exclude<SetKind, "net">; readonly found: "builtin"; readonly name: string }
  | { readonly wanted: "net" | "ports" | "ids"; readonly found: "text" }
  | { readonly wanted: "net" | "ports" | "hosts"; readonly found: "identity" }
  | { readonly wanted: "net" | "hosts"; readonly found: "number"; readonly text: string }
  | { readonly wanted: "hosts" | "ids"; readonly found: "word"; readonly text: string }
  | { readonly wanted: "hosts"; readonly found: "quoted_set" | "unquoted"; readonly text: string }
  | { readonly wanted: "ports" | "ids"; readonly found: "file"; readonly path: string }
  | { readonly wanted: "certificate_names"; readonly found: "other" };

/** The kinds of a parameter: a name, a number, a text, a literal, or an address with a port. */
export type Slot = "name" | "number" | "text" | "literal" | "address" | "amplification";
export type Argument = "name" | "qualified" | "literal" | "number" | "text" | "id" | "file" | "param";

export interface NameData {
  ING201: UnknownName;
  ING202: { readonly name: string; readonly as: Declared; readonly inTemplate: boolean };
  ING203: { readonly name: string; readonly as: Declared; readonly isBuiltin: boolean };
  /** `bind`: both read names and have other binds; `nameless`: neither has `for`. */
  ING204: { readonly port: number; readonly proto: "tcp" | "udp"; readonly expose: string; readonly fault: "twice" | "bind" | "nameless" };
  /** `of`: the name of an expose is also its service where it names none. */
  ING205: { readonly name: string; readonly of: "name" | "service" | "expose" };
  ING206: { readonly set: string };
  ING207: null;
  ING208: WrongMember;
  ING209: { readonly service: string; readonly other: string };
  ING211: { readonly template: string };
  ING212: { readonly template: string; readonly as: string; readonly params: readonly string[]; readonly given: number };
  ING213: { readonly template: string; readonly param: string };
  ING214: { readonly param: string; readonly wanted: Slot; readonly argument: Argument };
  ING215: null;
}

const DECLARED: Readonly<Record<Declared, string>> = {
  net: "a net",
  ports: "a set of ports",
  hosts: "a set of host names",
  ids: "a set of identities",
  expose: "an expose",
  template: "a template",
  import: "an import",
  service: "a service",
  rule: "a rule",
};

const EXPECTED: Readonly<Record<SetKind, string>> = { net: "a net", ports: "ports", hosts: "host names", ids: "identities" };

/** Where a set of a kind can be. */
const BELONGS: Readonly<Record<SetKind, string>> = {
  net: "a net follows `from` or `bind`",
  hosts: "host names follow `sni`",
  ids: "identities follow `client`",
  ports: "ports follow `on tcp` or `on udp`",
};

const SETS: Readonly<Record<SetKind, { readonly one: string; readonly many: string; readonly members: string }>> = {
  net: { one: "the net of this file is", many: "the nets of this file are", members: "198.51.100.0/24, 2001:db8::/32" },
  ports: { one: "the set of ports of this file is", many: "the sets of ports of this file are", members: "443, 8000-8099" },
  hosts: { one: "the set of host names of this file is", many: "the sets of host names of this file are", members: '"www.example.com"' },
  ids: { one: "the set of identities of this file is", many: "the sets of identities of this file are", members: 'dns "client.example.com"' },
};

const BUILTINS: Readonly<Record<string, string>> = {
  any: "everyone",
  loopback: "this host",
  private: "what has a private address",
  any4: "everyone by IPv4",
  any6: "everyone by IPv6",
};

const SHARED = '`expose www on tcp 443 for "www.example.com" as tls { … }`';
const AN_IDENTITY = 'an identity is written with its type: `uri "spiffe://corp.example/ops/*"`, `dns "jump.corp.example"`, `ip "192.0.2.7"` or `sha256 "…"`';
const A_PATTERN = 'host names and patterns are written in quotes: `"*.example.com"`';

const SLOTS: Readonly<Record<Slot, string>> = {
  name: "a name",
  number: "a number",
  text: "a text in quotes",
  literal: "an address, a rate, a length or a time",
  address: "an address with a port",
  amplification: "a number or `any`",
};

const ARGUMENTS: Readonly<Record<Argument, string>> = {
  name: "a name",
  qualified: "a name out of an import",
  literal: "an address or another literal",
  number: "a number",
  text: "a text in quotes",
  id: "an identity",
  file: "a list file",
  param: "a parameter",
};

export const NAME_WORDS: WordsOf<NameData> = {
  ING201: unknownName,
  ING202: ({ name, as, inTemplate }) => ({
    message: `${quote(name)} is declared twice as ${DECLARED[as]}`,
    label: "declared again here",
    help: inTemplate ? "let the template have a parameter for the name, so that each use has its own" : "rename one of them",
    related: ["first declared here"],
  }),
  ING203: ({ name, as, isBuiltin }) => ({
    message: `${quote(name)} can't be the name of ${DECLARED[as]}`,
    help: `${isBuiltin ? "it is a built-in net" : "it has a meaning of its own"}; choose another name`,
  }),
  ING204: ({ port, proto, expose, fault }) => ({
    message: `port ${port}/${proto} is already exposed by ${quote(expose)}${fault === "bind" ? ", with another `bind`: one socket can't be two" : ""}`,
    label: "exposed again here",
    help:
      fault === "bind" ? "write the same `bind` in both, one that does not overlap, or another port"
      : fault === "nameless" ? `say which names lead to one of them: ${SHARED}`
      : proto === "udp" ? "give one of them another port, or a `bind` that does not overlap"
      : `give one of them another port, or a \`bind\` that does not overlap; exposes that read names share a port: ${SHARED}`,
    related: ["first exposed here"],
  }),
  ING205: ({ name, of }) => ({
    message: `${of === "name" ? "a name" : "the name of a service"} has at most ${of === "name" ? MAX_NAME_BYTES : MAX_SERVICE_BYTES} characters, and ${quote(name)} has ${name.length}`,
    help: of === "expose" ? "choose a shorter name, or give the service its own: `expose NAME service SHORT on …`" : "choose a shorter name",
  }),
  ING206: ({ set }) => ({ message: `the set ${quote(set)} contains itself`, help: "take it out of its own members", related: ["by way of this"] }),
  ING207: () => ({ message: "nothing is left of this set after `except`", help: "take less away, or remove the set and what uses it" }),
  ING208: wrongMember,
  ING209: ({ service, other }) => ({
    message: `the services ${quote(service)} and ${quote(other)} have the same hash`,
    help: "rename one of them",
    related: ["the other one"],
  }),
  ING211: ({ template }) => ({
    message: `the template ${quote(template)} uses itself`,
    help: "a template can't use itself; write out what it should make",
    related: ["by way of this"],
  }),
  ING212: ({ template, as, params, given }) => ({
    message: `${quote(template)} takes ${
      params.length === 0 ? "no arguments"
      : params.length === 1 ? "1 argument"
      : `${params.length} arguments`
    }, and ${given === 0 ? "none is" : `${given} ${given === 1 ? "is" : "are"}`} given`,
    help: `write \`use ${as}(${params.join(", ")})\` with one argument for each parameter`,
    related: ["declared here"],
  }),
  ING213: ({ template, param }) => ({
    message: `${quote(template)} does not use its parameter ${quote(param)}`,
    help: "take it out of the list and out of each `use`, or use it",
    related: ["is it meant here?"],
  }),
  ING214: ({ param, wanted, argument }) => ({
    message: `${quote(param)} must be ${SLOTS[wanted]}, and the argument is ${ARGUMENTS[argument]}`,
    help: `give ${SLOTS[wanted]}`,
    related: ["the parameter is used here"],
  }),
  ING215: () => ({
    message: "this claim is about an empty set, so it would be true for every policy",
    help: "name a set that has members: is its list file empty?",
  }),
};

function unknownName(data: UnknownName): Words {
  const name = quote(data.name);
  switch (data.of) {
    case "template": {
      const { hint } = data;
      const help =
        "near" in hint ? didYouMean(hint.near)
        : "isSet" in hint ? `${name} is a set; use it where a set is expected`
        : templatesHelp(data.name, hint.templates);
      return { message: `there is no template named ${name}`, help };
    }
    case "expose": {
      const list = "near" in data.hint ? null : listed(data.hint.exposes);
      const or = data.or === "port" ? "or a port: `to tcp 443`" : "`any`, or ports: `to tcp 443`";
      const help =
        "near" in data.hint ? didYouMean(data.hint.near)
        : list === null ? "the policy has no expose yet: `expose NAME on tcp PORT { … }`"
        : `name an expose of this policy (${list}), ${or}`;
      return { message: `there is no expose named ${name}`, help };
    }
    case "rule": {
      const list = "near" in data.hint ? null : listed(data.hint.rules);
      const help =
        "near" in data.hint ?
          didYouMean(data.hint.near)
        : `\`by\` says the name that a rule has behind \`named\`: ${list === null ? "no rule of this policy has one" : `here ${list}`}`;
      return { message: `there is no rule named ${name}`, help };
    }
    case "import":
      return {
        message: `there is no import named ${name}`,
        help:
          data.hint === null ?
            'a name with a dot comes out of an import: `import "./FILE.ingress" as NAME`; host names are not resolved'
          : didYouMean(data.hint.near),
      };
    case "nested_import":
      return { message: `${name} would be a name out of an import's import, which is not visible here`, help: "import that file here as well" };
    case "imported": {
      const list = "near" in data.hint ? null : listed(data.hint.there);
      const help =
        "near" in data.hint ?
          didYouMean(data.hint.near)
        : `${list === null ? "it has none" : `it has ${list}`}; only a file's own names are visible outside of it, not those of its imports`;
      return { message: `${quote(data.path)} has no ${plain(data.as)} named ${name}`, help };
    }
    default:
      return { message: `there is no ${plain(data.of)} named ${name}`, help: setHelp(data) };
  }
}

/** `net`, `set of ports` */
function plain(kind: SetKind | "template"): string {
  return DECLARED[kind].replace(/^a /, "");
}

function setHelp({ of, name, hint }: Extract<UnknownName, { of: SetKind }>): string {
  if ("near" in hint) return didYouMean(hint.near);
  if ("imported" in hint) return `did you mean \`${hint.imported}\`? A name out of an import follows the name of its import`;
  if ("builtin" in hint) return `${BUILTINS[hint.builtin] ?? "this"} is \`${hint.builtin}\``;
  if ("port" in hint) return `ports are numbers, and ${quote(name)} is most often \`${hint.port}\``;
  const { one, many, members } = SETS[of];
  const own = listed(hint.sets);
  const builtins = hint.builtins === null ? null : listed(hint.builtins);
  const declare = `declare it: \`${of} ${name} = ${members}\``;
  const known = own === null ? "" : `${hint.sets.names.length + hint.sets.more === 1 ? one : many} ${own}`;
  const always = builtins === null ? "" : `${known === "" ? "" : ", and "}built in are ${builtins}`;
  return known === "" && always === "" ? declare : `${known}${always}; or ${declare}`;
}

function templatesHelp(name: string, templates: NameList): string {
  const list = listed(templates);
  const declare = `declare it: \`template ${name}($a) { … }\``;
  return list === null ? declare : (
      `${templates.names.length + templates.more === 1 ? "the template of this file is" : "the templates of this file are"} ${list}; or ${declare}`
    );
}

function wrongMember(data: WrongMember): Words {
  switch (data.found) {
    case "set":
      return {
        message: `expected ${EXPECTED[data.wanted]}, found ${DECLARED[data.kind].replace(/^an? /, "")} ${quote(data.name)}`,
        help: BELONGS[data.kind],
        related: ["declared here"],
      };
    case "builtin":
      return {
        message: `expected ${EXPECTED[data.wanted]}, found net ${quote(data.name)}`,
        help:
          data.wanted === "ports" ? "ports are always written out: `443`, `9500-9509` or the name of a `ports` set"
          : data.wanted === "hosts" ? 'omit the clause to mean every name, or write `"**"` for any name'
          : "omit the clause to mean everyone",
      };
    case "text":
      return (
        data.wanted === "net" ?
          {
            message: "expected an address, found a text in quotes",
            help: 'addresses and names of nets are written without quotes; a list file is `file "PATH" max N`',
          }
        : data.wanted === "ports" ? { message: "expected a port, found a text in quotes", help: "ports and names of sets are written without quotes" }
        : { message: "expected an identity, found a text in quotes", help: AN_IDENTITY }
      );
    case "identity":
      return (
        data.wanted === "net" ? { message: "expected an address, found an identity", help: "write the address alone; identities follow `client`" }
        : data.wanted === "hosts" ?
          { message: "expected a host name, found an identity", help: "host names are written in quotes alone; identities follow `client`" }
        : { message: "expected a port, found an identity", help: "a port is a number from 1 to 65535; identities follow `client`" }
      );
    case "number":
      return data.wanted === "net" ?
          { message: `expected an address, found number ${quote(data.text)}`, help: "an address looks like `192.0.2.7` or `2001:db8::7`" }
        : { message: `expected host names, found number ${quote(data.text)}`, help: A_PATTERN };
    case "word":
      return data.wanted === "hosts" ?
          { message: `${quote(data.text)} is no host name`, help: A_PATTERN }
        : { message: `${quote(data.text)} is no identity`, help: AN_IDENTITY };
    case "quoted_set":
      return { message: `${quote(data.text)} is the name of a set, and is in quotes`, help: "patterns are written in quotes, names of sets without" };
    case "unquoted":
      return { message: `${quote(data.text)} is not in quotes`, help: "host names and patterns are written in quotes" };
    case "file":
      return data.wanted === "ports" ?
          { message: "expected ports, found a list file of addresses", help: `write the ports out instead of ${quote(data.path)}` }
        : { message: "a list file can't contain identities", help: AN_IDENTITY };
    case "other":
      return {
        message: "a request has the names of one certificate here",
        help: 'write each with its type: `client uri "spiffe://corp.example/ops/web", dns "jump.corp.example"`',
      };
  }
}
