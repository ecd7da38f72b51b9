// The request of `explain`, in the words of a test line and with the time of its test behind it:
//   from ADDRESS [via ADDRESS] to NAME [sni "NAME"] [client TYPE "NAME", …] [at TIME]
//   from ADDRESS [via ADDRESS] to tcp PORT [local ADDRESS] [sni "NAME"] [client TYPE "NAME", …] [at TIME]
//   bind SUBJECT on [tcp|udp] ADDRESS:PORT
// Without `at` it is about now; `at unknown` is a host without a clock.
import { UNBINDABLE } from "../check/sets/builtin_nets.ts";
import { contains } from "../check/sets/intervals.ts";
import { readEndpoint, readUdpEndpoint } from "../check/names/endpoint.ts";
import { readAddress } from "../check/names/literals.ts";
import { readHostName } from "../check/names/host_names.ts";
import { idWord, readId } from "../check/sets/id_patterns.ts";
import { readTime } from "../check/names/times.ts";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { nearest } from "../../runtime/text/nearest.ts";
import { printable, quote } from "../diagnostics/quote.ts";
import { parseAddress, type Address } from "../../runtime/net/address.ts";
import type { Target } from "./evaluate.ts";
import { usage, type Outcome } from "./outcome.ts";

export type Request =
  | {
      readonly kind: "from";
      readonly source: Address;
      /** The peer whose PROXY header names the source; null: the source is the peer. */
      readonly via: Address | null;
      readonly to: Target;
      /** Canonical; null: the client sends none. */
      readonly sni: string | null;
      /** The words of the client's certificate; null: it shows none. */
      readonly client: readonly string[] | null;
      /** UTC seconds; null: no wall clock is known. */
      readonly at: number | null;
      /** The request has no `at`, and `at` is the time when it was read. */
      readonly isNow: boolean;
    }
  | { readonly kind: "bind"; readonly subject: string; readonly proto: "tcp" | "udp"; readonly address: Address; readonly port: number };

const SHAPE = 'write `from 203.0.113.9 to web`, `from 203.0.113.9 to tcp 443 sni "www.example.com" at 2027-01-10T09:00Z` or `bind web on 0.0.0.0:443`';
const NAME = /^[A-Za-z_][A-Za-z0-9_-]*$/;
const ID_TYPES = ["uri", "dns", "ip", "sha256"] as const;
const CLAUSES = ["local", "sni", "client", "at"];
/** Longer requests are not shown with a mark below the word. */
const MOST_SHOWN = 240;

interface Word {
  /** Without its quotes. */
  readonly text: string;
  readonly quoted: boolean;
}

/** Thrown inside this file alone. */
class Wrong extends Error {
  readonly outcome: Outcome;

  constructor(outcome: Outcome) {
    super(outcome.message);
    this.outcome = outcome;
  }
}

/** `exposes` are the names of the policy, for advice. `now`: the time of a request without `at`, in UTC seconds; null: none is known. */
export function parseRequest(text: string, exposes: readonly string[], now: number | null = null): Result<Request, Outcome> {
  try {
    const reader = new Reader(text);
    const first = reader.take("the request is empty");
    if (!first.quoted && first.text === "from") return ok(readFrom(reader, exposes, now));
    if (!first.quoted && first.text === "bind") return ok(readBind(reader));
    if (!first.quoted && first.text === "repeat")
      throw reader.wrong("`explain` answers for one connection, not for several", "write only the part after `repeat … in …`");
    throw reader.wrong(`a request begins with \`from\` or \`bind\`, not ${quote(first.text)}`);
  } catch (error) {
    if (error instanceof Wrong) return failed(error.outcome);
    throw error;
  }
}

class Reader {
  readonly #words: readonly Word[];
  #next = 0;

  constructor(text: string) {
    this.#words = [...text.matchAll(/"([^"]*)"|[^\s"]+|"/g)].map(([whole, inner]) => ({ text: inner ?? whole, quoted: inner !== undefined }));
  }

  /** The next word; `missing` is what is wrong where there is none. */
  take(missing: string): Word {
    const word = this.#words[this.#next++];
    if (word === undefined) throw this.wrong(missing);
    return word;
  }

  /** The next word, if any, read as the name of a clause. */
  more(): Word | null {
    return this.#next < this.#words.length ? this.take("") : null;
  }

  /** Takes the next word where it is this one. */
  passes(word: string): boolean {
    const next = this.#words[this.#next];
    const is = next !== undefined && !next.quoted && next.text === word;
    if (is) this.#next++;
    return is;
  }

  expect(keyword: string): void {
    const word = this.take(`the request ends before \`${keyword}\``);
    if (word.quoted || word.text !== keyword) throw this.wrong(`expected \`${keyword}\`, found ${quote(word.text)}`);
  }

  /** Says what is wrong with the word that was taken last, and shows it in its place. */
  wrong(message: string, help = SHAPE, code = "request"): Wrong {
    return new Wrong(this.#marked(usage(code, message, help)));
  }

  unsupported(message: string, help: string): Wrong {
    return new Wrong(this.#marked({ class: "unsupported", code: "policy.unsupported_request", message, help }));
  }

  #marked(outcome: Outcome): Outcome {
    const shown = this.#words.map(({ text, quoted }) => printable(quoted ? `"${text}"` : text));
    const at = this.#next - 1;
    const line = shown.join(" ");
    if (line === "" || line.length > MOST_SHOWN) return outcome;
    const before = shown
      .slice(0, at)
      .map((word) => `${word} `)
      .join("");
    const mark = "^".repeat(Math.max(1, shown[at]?.length ?? 1));
    return { ...outcome, report: (p) => `  ${line}\n  ${" ".repeat(before.length)}${p.bad(mark)}` };
  }
}

function readFrom(reader: Reader, exposes: readonly string[], now: number | null): Request {
  const source = readSource(reader, reader.take("the request has no address").text);
  const via = reader.passes("via") ? readSource(reader, reader.take("`via` is followed by an address").text) : null;
  reader.expect("to");
  const to = readTarget(reader, exposes);
  const seen = new Set<string>();
  let [local, sni, client, at]: [Address | null, string | null, readonly string[] | null, number | null] = [null, null, null, now];
  for (let word = reader.more(); word !== null; word = reader.more()) {
    const clause = word.quoted ? "" : word.text;
    if (seen.has(clause)) throw reader.wrong(`\`${clause}\` is written twice`, "remove one of them");
    seen.add(clause);
    if (clause === "local") local = readLocal(reader, to);
    else if (clause === "sni") sni = readName(reader);
    else if (clause === "client") client = readClient(reader);
    else if (clause === "at") at = readMoment(reader);
    else throw beyond(reader, word);
  }
  return { kind: "from", source, via, to: to.kind === "port" ? { ...to, local } : to, sni, client, at, isNow: !seen.has("at") };
}

function readTarget(reader: Reader, exposes: readonly string[]): Target {
  const { text, quoted } = reader.take("the request ends before its target");
  if (!quoted && (text === "tcp" || text === "udp")) {
    return { kind: "port", proto: text, port: readPort(reader, reader.take("the request has no port").text), local: null };
  }
  if (!quoted && exposes.includes(text)) return { kind: "expose", name: text };
  const near = nearest(text, exposes);
  const known = exposes.length === 0 ? "this policy exposes nothing" : `it exposes ${exposes.slice(0, 8).map(quote).join(", ")}`;
  throw reader.wrong(`the policy has no expose ${quote(text)}`, near === null ? known : `did you mean ${quote(near)}?`, "unknown_expose");
}

function readLocal(reader: Reader, to: Target): Address {
  if (to.kind === "expose")
    throw reader.wrong(`\`local\` follows a port, and ${quote(to.name)} is tested at all its addresses`, "write `to tcp 443 local 192.0.2.1`");
  const { text } = reader.take("`local` is followed by an address");
  const local = readSource(reader, text);
  if (contains(UNBINDABLE, local))
    throw reader.wrong(
      `no connection arrives at ${quote(text)}, which no interface can have`,
      "omit `local` to test every listener of the port, or name the address of an interface",
    );
  return local;
}

function readName(reader: Reader): string {
  const missing = "`sni` is followed by a name in quotes";
  const example = 'write `sni "www.example.com"`, and the whole request in single quotes';
  const { text, quoted } = reader.take(missing);
  if (!quoted) throw reader.wrong(`${missing}, not by ${quote(text)}`, example);
  if (text.includes("*")) throw reader.wrong(`${quote(text)} is a pattern, and a client sends one name`, "write a name that the pattern matches");
  const name = readHostName(text);
  if (name.ok) return name.value;
  throw reader.wrong(name.error.message, text === "" ? "without `sni`, the client sends no name" : name.error.help);
}

/** `uri "spiffe://corp.example/ops/web", dns "jump.corp.example"` */
function readClient(reader: Reader): readonly string[] {
  const words: string[] = [];
  const example = 'write `client uri "spiffe://corp.example/ops/web", dns "jump.corp.example"`, and the whole request in single quotes';
  do {
    const missing = "`client` is followed by the names of a certificate, each with its type";
    const type = reader.take(missing);
    const known = ID_TYPES.find((word) => word === type.text);
    if (known === undefined || type.quoted) throw reader.wrong(`${missing}, not by ${quote(type.text)}`, example);
    const { text, quoted } = reader.take(`\`${known}\` is followed by a name in quotes`);
    if (!quoted) throw reader.wrong(`\`${known}\` is followed by a name in quotes, not by ${quote(text)}`, example);
    const id = readId(known, text);
    if (!id.ok) throw reader.wrong(id.error.message, id.error.help);
    if (id.value.deep || id.value.segments.some(({ open }) => open))
      throw reader.wrong(`${quote(text)} is a pattern, and a certificate has names`, "write a name that the pattern matches");
    words.push(idWord(id.value));
  } while (reader.passes(","));
  return words;
}

/** Null: `unknown`. */
function readMoment(reader: Reader): number | null {
  const word = reader.take("`at` is followed by a time");
  if (!word.quoted && word.text === "unknown") return null;
  const time = readTime(word.text);
  if (time.ok) return time.value;
  throw reader.wrong(time.error.message, time.error.help);
}

function readBind(reader: Reader): Request {
  const subject = reader.take("the request ends before the name of a service");
  if (subject.quoted || !NAME.test(subject.text)) throw reader.wrong(`${quote(subject.text)} is not the name of a service`);
  reader.expect("on");
  const missing = "the request has no address";
  const word = reader.take(missing);
  const proto = !word.quoted && (word.text === "tcp" || word.text === "udp") ? word.text : null;
  const endpoint = proto === null ? word.text : reader.take(missing).text;
  const read = proto === "udp" ? readUdpEndpoint(endpoint) : readEndpoint(endpoint);
  if (!read.ok) throw reader.wrong(read.error.message, read.error.help);
  const { address, port } = read.value;
  const over = reader.more();
  if (over !== null && over.text === "at") throw reader.wrong("no rule about a bind depends on the time", "omit `at`");
  if (over !== null) throw beyond(reader, over);
  return { kind: "bind", subject: subject.text, proto: proto ?? "tcp", address, port };
}

function readSource(reader: Reader, text: string): Address {
  const found = parseAddress(text);
  if (found !== null) return found;
  const read = text === "" ? null : readAddress(text);
  throw reader.wrong(
    text === "" ? "the request has no address" : `${quote(text)} is not an IPv4 or IPv6 address`,
    read?.ok === false ? read.error.help : SHAPE,
  );
}

function readPort(reader: Reader, text: string): number {
  const port = /^[1-9][0-9]{0,4}$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= 65535) return port;
  throw reader.wrong(text === "" ? "the request has no port" : `${quote(text)} is not a port from 1 to 65535`);
}

function beyond(reader: Reader, { text, quoted }: Word): Wrong {
  if (!quoted && text === "=>") return reader.wrong("a request ends before `=>`", "omit `=>` and the outcome: the answer shows it");
  const near = quoted ? null : nearest(text, CLAUSES);
  return reader.wrong(`${quote(text)} is one word too many`, near === null ? SHAPE : `did you mean ${quote(near)}?`);
}
