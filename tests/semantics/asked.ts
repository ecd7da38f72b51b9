// Tables of the language's rules: a policy as text, questions in words, and answers that were
// written by hand from docs/equations.md. The shipped module answers.
//
//   from ADDRESS to NAME                 phase 1, nothing is charged
//   from ADDRESS to NAME sni NAME|none   phases 1 and 2
//   … sni NAME|none client WORDS         phases 1 to 3; the words of a certificate with commas between
//   shadow from … to NAME [sni …]        with dryrun rules counted
//   admit from ADDRESS to NAME           phase 1 with caps and limits; what is let in stays open
//   admit … sni … client WORDS           phase 4 alone: the caps and limits of the identity
//   close from ADDRESS to NAME           gives its caps back; with `sni … client`, those of the identity
//   bind SUBJECT on ADDRESS PORT [udp]   phase 0
//   at ADDRESS PORT [udp]                the listener there, or those of the group there, with + between
//   clock MONOMS TIME|none               the time of what follows
//
// NAME is the name of an expose, with `/udp` where its listener over udp is meant, or `:PORT` for the group of exposes at that
// port of tcp. Its answers to a name begin with the expose to which the name leads; `admit` has a name, and is charged there.
//
// An answer is `allow CODE RULE`, `deny REASON CODE RULE` or `open`; RULE is the rule's names, or `-`. Behind an answer to `admit` that is no
// refusal, `would CODE` says that a dryrun cap or limit would have refused.
import * as assert from "uvu/assert";
import { connect } from "../../compiler/cli/evaluate.ts";
import type { Answer, Shadow } from "../../runtime/host/decision.ts";
import { identityOf } from "../../runtime/host/identity.ts";
import type { PolicyEngine } from "../../runtime/host/module.ts";
import type { Address } from "../../runtime/net/address.ts";
import { address, engineOf } from "../host/compiled.ts";

type Row = readonly [question: string, answer: string];

export interface Table {
  /** A rule of the language, in a sentence; docs/equations.md names it. */
  readonly title: string;
  readonly policy: string;
  readonly rows: readonly Row[];
}

interface Register {
  (title: string, body: () => void): void;
}

/** One test a table. */
export function tables(register: Register, all: readonly Table[]): void {
  for (const { title, policy, rows } of all) {
    register(title, () => {
      const engine = engineOf(`edition 1\n${policy}`);
      rows.forEach(([question, due], i) => {
        assert.is(answerTo(engine, question), due, `row ${i + 1}: ${question}`);
      });
      assert.not.ok(engine.poisoned);
    });
  }
}

function answerTo(engine: PolicyEngine, question: string): string {
  const words = question.split(" ");
  const [verb, first = "", , third = ""] = words;
  switch (verb) {
    case "clock": {
      const [, mono = "0", time = ""] = words;
      const seconds = Date.parse(time) / 1000;
      if (time !== "none" && !Number.isInteger(seconds)) throw new Error(`not a time: ${question}`);
      engine.setClock({ monoMs: Number(mono), wallSeconds: time === "none" ? null : seconds });
      return "";
    }
    case "bind":
      return said(engine, engine.bind({ subject: first, proto: words[5] === "udp" ? "udp" : "tcp", address: address(third), port: Number(words[4]) }));
    case "at":
      return namesAt(engine, engine.listenerAt(words[3] === "udp" ? "udp" : "tcp", Number(words[2]), address(first)));
    case "from":
      return connection(engine, "from", words.slice(1));
    case "shadow":
    case "admit":
    case "close":
      return connection(engine, verb, words.slice(2));
    default:
      throw new Error(`not a question: ${question}`);
  }
}

/** `ADDRESS to NAME [sni NAME [client WORDS]]` */
function connection(engine: PolicyEngine, verb: string, words: readonly string[]): string {
  const [source = "", , listener, sni, name = "", , client] = words;
  const at = address(source);
  if (listener?.startsWith(":") === true) return atGroup(engine, verb, Number(listener.slice(1)), at, sni === undefined ? undefined : name);
  const id = engine.info.listeners.find((l) => listener === (l.proto === "udp" ? `${l.name}/udp` : l.name))?.id;
  if (id === undefined) throw new Error(`no listener ${listener}`);
  const requested =
    sni === undefined ? undefined
    : name === "none" ? null
    : name;
  const identity = client === undefined ? undefined : identityOf(client.split(","));
  if (identity !== undefined) {
    if (verb === "from") return said(engine, engine.identity(id, at, requested ?? null, identity));
    if (verb === "admit") return said(engine, engine.admitIdentity(id, at, requested ?? null, identity));
    if (verb === "close") {
      engine.releaseIdentity(id, identity);
      return "";
    }
  }
  if (verb === "shadow") return saidShadow(engine, engine.shadow(id, at, requested, identity));
  if (verb === "admit") return said(engine, engine.admit([{ listener: id, source: at }])[0]);
  if (verb === "close") {
    engine.release(id, at);
    return "";
  }
  return said(engine, requested === undefined ? engine.accept(id, at) : engine.named(id, at, requested));
}

function namesAt(engine: PolicyEngine, place: number): string {
  const members = engine.info.groups.find(({ id }) => id === place)?.members ?? [place];
  return members.map((id) => engine.info.listeners[id]?.name ?? "-").join("+");
}

function atGroup(engine: PolicyEngine, verb: string, port: number, source: Address, sni: string | undefined): string {
  const group = engine.listenerAt("tcp", port, address("0.0.0.0"));
  if (!engine.info.groups.some(({ id }) => id === group)) throw new Error(`no group at ${port}`);
  const name = sni === "none" ? null : (sni ?? null);
  if (verb === "shadow") return saidShadow(engine, engine.shadow(group, source, undefined));
  if (verb === "admit") {
    const { decision, listener } = connect(engine, group, { source, sni: name, client: null });
    return `${listener === null ? "" : `${namesAt(engine, listener)}: `}${said(engine, decision)}`;
  }
  if (sni === undefined) return said(engine, engine.accept(group, source));
  const lead = engine.lead(group, source, name);
  return lead.listener === null ? said(engine, lead.denial) : `${namesAt(engine, lead.listener)}: ${said(engine, engine.named(lead.listener, source, name))}`;
}

const named = (engine: PolicyEngine, rule: number): string => (rule < 0 ? "-" : (engine.info.rules[rule]?.names.join() ?? "no such rule"));

function said(engine: PolicyEngine, answer: Answer | undefined): string {
  if (answer === undefined) return "no answer";
  if (!answer.allowed && !answer.later) return `deny ${answer.reason} ${answer.code} ${named(engine, answer.rule)}`;
  const would = answer.would === undefined ? "" : ` would ${answer.would}`;
  return answer.allowed ? `allow ${answer.code} ${named(engine, answer.rule)}${would}` : `open${would}`;
}

function saidShadow(engine: PolicyEngine, shadow: Shadow | null): string {
  if (shadow === null) return "none";
  const rule = named(engine, shadow.rule);
  if (shadow.verdict === "deny") return `deny ${shadow.reason} ${shadow.code} ${rule}`;
  return shadow.verdict === "allow" ? `allow ${shadow.code} ${rule}` : "undetermined";
}
