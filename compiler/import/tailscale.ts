// Tailscale: the policy file of a tailnet (HuJSON), its `acls` and `grants`. Groups, tags and users are devices whose addresses it does not
// have; addresses and `hosts` are written.
import { union } from "../check/sets/intervals.ts";
import type { AddressSet, PortRange } from "../policy/policy.ts";
import { prefixSet, rangeSet } from "./draft/addresses.ts";
import { parseAddress } from "../../runtime/net/address.ts";
import { exposesOfBoxes, type Box } from "./draft/cells.ts";
import type { Context, Stretch } from "./draft/context.ts";
import { entry, itemsOf, needList, readDocument, textOf, type Doc } from "./draft/document.ts";
import type { Draft, Protocol } from "./draft/draft.ts";

/** The addresses of a tailnet's devices, which `*` means as a source. */
const DEVICES = union([prefixSet("100.64.0.0/10"), prefixSet("fd7a:115c:a1e0::/48")].filter((set) => set !== null));
const PROTOCOLS: Readonly<Record<string, readonly Protocol[]>> = { "": ["tcp", "udp"], tcp: ["tcp"], "6": ["tcp"], udp: ["udp"], "17": ["udp"] };
const EVERY_PORT: PortRange = { first: 1, last: 65_535 };

export function importTailscale(context: Context): Draft | null {
  const doc = readDocument(context, true);
  if (doc === null) return null;
  const [acls, grants] = [entry(doc, "acls"), entry(doc, "grants")];
  if (acls === null && grants === null)
    return context.fault(
      "ING875",
      { at: doc.at, end: doc.at + 1 },
      "it has neither `acls` nor `grants`, so nothing of it says who may connect",
      "give the policy file of the tailnet",
    );
  for (const [name, list] of [
    ["acls", acls],
    ["grants", grants],
  ] as const)
    if (list !== null && list.kind !== "list") context.fault("ING874", list, `\`${name}\` is not a list`, "give the policy file of the tailnet");
  const hosts = hostsOf(context, entry(doc, "hosts"));
  const reader = new Reader(context, hosts);
  const boxes = [...itemsOf(acls).flatMap((acl, i) => reader.acl(acl, i + 1)), ...itemsOf(grants).flatMap((grant, i) => reader.grant(grant, i + 1))];
  if (context.faults.length > 0) return null;
  for (const key of ["ssh", "nodeAttrs", "autoApprovers", "postures"]) {
    const part = entry(doc, key);
    if (part !== null) context.omit(part, `\`${key}\``, "it has no counterpart in a policy");
  }
  return {
    header: ["The tailnet's addresses. No expose has a backend: the file does not say where a service is. Add `backend`, or let the services register."],
    exposes: exposesOfBoxes(boxes),
  };
}

function hostsOf(context: Context, doc: Doc | null): ReadonlyMap<string, AddressSet> {
  const hosts = new Map<string, AddressSet>();
  if (doc === null) return hosts;
  if (doc.kind !== "object") {
    context.fault("ING874", doc, "`hosts` is no object", 'a host is such as `"db": "100.64.0.7"`');
    return hosts;
  }
  for (const [name, value] of doc.entries) {
    const set = prefixSet(textOf(value) ?? "");
    if (set === null) context.fault("ING874", value, "this host is neither an address nor a prefix", 'a host is such as `"db": "100.64.0.7"`');
    else hosts.set(name, set);
  }
  return hosts;
}

class Reader {
  readonly #context: Context;
  readonly #hosts: ReadonlyMap<string, AddressSet>;

  constructor(context: Context, hosts: ReadonlyMap<string, AddressSet>) {
    this.#context = context;
    this.#hosts = hosts;
  }

  acl(acl: Doc, number: number): readonly Box[] {
    const [at, what] = [{ at: acl.at, end: acl.at + 1 }, `acl ${number}`];
    const action = textOf(entry(acl, "action"));
    if (action !== "accept") {
      this.#context.fault("ING874", at, "this acl has no `action` that is `accept`", "`accept` is the only action of an acl");
      return [];
    }
    const [sources, targets] = [needList(this.#context, acl, "src", "an acl"), needList(this.#context, acl, "dst", "an acl")];
    if (sources === null || targets === null || this.#isConditional(acl, at, what)) return [];
    const word = textOf(entry(acl, "proto")) ?? "";
    const protocols = PROTOCOLS[word];
    if (protocols === undefined) {
      this.#context.omit(at, what, `it is about the protocol ${word}, and ingressd serves tcp and udp`);
      return [];
    }
    const from = this.#sources(sources, what);
    return targets.flatMap((target) => {
      const text = textOf(target) ?? "";
      const cut = text.lastIndexOf(":");
      const local = this.#target(target, text.slice(0, cut), what);
      const ports = portsOf(text.slice(cut + 1));
      if (cut < 0 || ports === null) {
        this.#context.fault("ING874", target, "this is no host with its ports", "a destination is such as `100.64.0.7:22` or `db:5432,8000-8010`");
        return [];
      }
      return local === false ? [] : ports.map((range) => ({ protocols, ports: range, local, from }));
    });
  }

  grant(grant: Doc, number: number): readonly Box[] {
    const [at, what] = [{ at: grant.at, end: grant.at + 1 }, `grant ${number}`];
    const [sources, targets] = [needList(this.#context, grant, "src", "a grant"), needList(this.#context, grant, "dst", "a grant")];
    if (sources === null || targets === null || this.#isConditional(grant, at, what)) return [];
    if (entry(grant, "app") !== null) this.#context.omit(at, what, "`app` is for the program itself, and has no counterpart in a policy");
    const from = this.#sources(sources, what);
    const locals = targets.map((target) => this.#target(target, textOf(target) ?? "", what)).filter((local) => local !== false);
    return itemsOf(entry(grant, "ip")).flatMap((capability) => {
      const [, word = "", text = ""] = /^(?:([a-z0-9-]+):)?([0-9*,-]+)$/.exec(textOf(capability) ?? "") ?? [];
      const [protocols, ports] = [PROTOCOLS[word], portsOf(text)];
      if (protocols === undefined || ports === null) {
        this.#context.omit(capability, what, "its protocol or ports have no counterpart in a policy");
        return [];
      }
      return locals.flatMap((local) => ports.map((range) => ({ protocols, ports: range, local, from })));
    });
  }

  #isConditional(doc: Doc, at: Stretch, what: string): boolean {
    const key = ["srcPosture", "via"].find((name) => entry(doc, name) !== null);
    if (key === undefined) return false;
    this.#context.omit(at, what, `\`${key}\` depends on the device, which a policy does not know`);
    return true;
  }

  #sources(sources: readonly Doc[], what: string): AddressSet {
    return union(
      sources.flatMap((source) => {
        const text = textOf(source) ?? "";
        if (text === "*") return [DEVICES];
        const set = this.#addresses(text);
        if (set === null)
          this.#context.omit(
            source,
            what,
            `it admits ${text === "" ? "something else than a text" : text}, and the file does not say which addresses these are`,
          );
        return set ?? [];
      }),
    );
  }

  /** Null: every local address; false: not of this host, as far as the file says. */
  #target(at: Doc, text: string, what: string): AddressSet | null | false {
    if (text === "*") return null;
    const set = this.#addresses(text);
    if (set === null)
      this.#context.omit(at, what, `it is about ${text === "" ? "something else than a text" : text}, and the file does not say which addresses these are`);
    return set ?? false;
  }

  #addresses(text: string): AddressSet | null {
    const [first, last] = text.split("-").map((part) => parseAddress(part));
    if (first !== undefined && first !== null && last !== undefined && last !== null) return rangeSet(first, last);
    return this.#hosts.get(text) ?? prefixSet(text);
  }
}

/** `22`, `80,443`, `8000-8010`, `*`; null for anything else. */
function portsOf(text: string): readonly PortRange[] | null {
  if (text === "*") return [EVERY_PORT];
  const ranges = text.split(",").map((part) => {
    const [, from = "", to = from] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part) ?? [];
    const range = { first: Number(from), last: Number(to) };
    return from !== "" && range.first >= 1 && range.last <= 65_535 && range.first <= range.last ? range : null;
  });
  return ranges.every((range) => range !== null) ? ranges : null;
}
