// Words of the command line and of a request: what is meant, or one sentence with a remedy.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { INGRESSC } from "../../compiler/cli/command_table.ts";
import { failed } from "../../runtime/result/result.ts";
import { parseRequest, type Request } from "../../compiler/cli/request.ts";
import { paint, wantsColor } from "../../compiler/cli/terminal.ts";
import { readCommandLine, type ParsedCommand } from "../../runtime/shell/command_line.ts";
import type { ProgramSpec } from "../../runtime/shell/command_table.ts";
import { printable, printableJson } from "../../runtime/shell/printable.ts";
import { formatAddress } from "../../runtime/net/address.ts";

const words = suite("arguments");

/** `fmt` takes any number of operands and `build` more flags: both in one, to try the reading of words. */
const TABLE: ProgramSpec = {
  ...INGRESSC,
  commands: { build: { summary: "", manual: "", operands: ["FILE..."], flags: INGRESSC.commands["build"]?.flags ?? {} } },
};
const read = (line: string): ReturnType<typeof readCommandLine> => readCommandLine(TABLE, `build ${line}`.split(" "));

words("flags and operands", () => {
  const rows: readonly (readonly [given: string, meant: string])[] = [
    ["a.ingress", "a.ingress |"],
    ["a.ingress -o b.wasm", "a.ingress | out=b.wasm"],
    ["-o b.wasm a.ingress", "a.ingress | out=b.wasm"],
    ["--out=b.wasm a", "a | out=b.wasm"],
    ["--out=a=b a", "a | out=a=b"],
    ["a --watch --json", "a | watch= json="],
    ["-h", "help build"],
    ["a -x --help", "help build"],
    ["a -o --help", "help build"],
    ["a -V", "version"],
    ["a -- --help", "a --help |"],
    ["-- -o", "-o |"],
    ["--", "usage.missing_operand"],
    ["a -- --json -x", "a --json -x |"],
    ["-", "- |"],
    ["a -o -", "a | out=-"],
    ["a -o", "usage.flag_value"],
    ["a -o --json", "usage.flag_value"],
    ["a --out=", "usage.flag_value"],
    ["a --watch=yes", "usage.flag_value"],
    ["a --json --json", "usage.flag_twice"],
    ["a -o x --out y", "usage.flag_twice"],
    ["a --wathc", "usage.unknown_flag"],
    ["a -x", "usage.unknown_flag"],
    ["a -ob.wasm", "usage.unknown_flag"],
    ["a --constructor", "usage.unknown_flag"],
    ["a --", "a |"],
  ];
  for (const [given, meant] of rows) {
    const parsed = read(given);
    const text = parsed.ok ? meaning(parsed.value) : parsed.error.code;
    assert.is(text, meant, given);
  }
});

words("an unknown flag gets the nearest one", () => {
  assert.equal(
    read("--wathc a"),
    failed({
      code: "usage.unknown_flag",
      message: "`ingressc build` has no flag `--wathc`",
      help: "did you mean `--watch`? `ingressc build --help` lists its flags",
    }),
  );
});

function meaning(parsed: ParsedCommand): string {
  if (parsed.kind === "version") return parsed.kind;
  if (parsed.kind === "help") return `help ${parsed.command}`;
  return `${parsed.args.operands.join(" ")} | ${[...parsed.args.flags].map(([k, v]) => `${k}=${v}`).join(" ")}`.trimEnd();
}

words("requests", () => {
  const rows: readonly (readonly [given: string, meant: string])[] = [
    ["from 203.0.113.9 to web", "203.0.113.9 -> web"],
    ["  from   203.0.113.9\tto  web ", "203.0.113.9 -> web"],
    ["from 2001:DB8::1 to tcp 443", "2001:db8::1 -> tcp 443"],
    ["from ::ffff:192.0.2.1 to udp 53", "192.0.2.1 -> udp 53"],
    ["from 1.2.3.4 to tcp 65535", "1.2.3.4 -> tcp 65535"],
    ["bind web on 0.0.0.0:443", "web on 0.0.0.0 443"],
    ["bind ingressd on [::]:443", "ingressd on :: 443"],
    ["bind web on 127.0.0.1:65535", "web on 127.0.0.1 65535"],
    ["", "usage.request"],
    ["to web", "usage.request"],
    ["from", "usage.request"],
    ["from 203.0.113.9", "usage.request"],
    ["from 203.0.113.9 to", "usage.request"],
    ["from 203.0.113.9 web", "usage.request"],
    ["from 010.0.0.1 to web", "usage.request"],
    ["from 10.0.0.0/8 to web", "usage.request"],
    ["from fe80::1%eth0 to web", "usage.request"],
    ["from 127.1 to web", "usage.request"],
    ["from 1.2.3.4 to tcp", "usage.request"],
    ["from 1.2.3.4 to tcp 0", "usage.request"],
    ["from 1.2.3.4 to tcp 65536", "usage.request"],
    ["from 1.2.3.4 to tcp 0443", "usage.request"],
    ["from 1.2.3.4 to tcp 443 now", "usage.request"],
    ["from 1.2.3.4 to web now", "usage.request"],
    ["from 1.2.3.4 to wbe", "usage.unknown_expose"],
    ["from 1.2.3.4 to tcp 443 local 10.0.0.1", "1.2.3.4 -> tcp 443 local 10.0.0.1"],
    ['from 1.2.3.4 to web sni "WWW.Example.com."', "1.2.3.4 -> web sni www.example.com"],
    ['from 1.2.3.4 to web at 2027-01-10T09:00Z sni "a.b"', "1.2.3.4 -> web sni a.b at 1799571600"],
    ['from 1.2.3.4 to tcp 443 sni "a.b" at 1970-01-01T00:00:07Z local ::1', "1.2.3.4 -> tcp 443 local ::1 sni a.b at 7"],
    ["bind web on udp 0.0.0.0:53", "web on udp 0.0.0.0 53"],
    ["bind web on tcp [::1]:53", "web on ::1 53"],
    ["bind web on :443", "usage.request"],
    ["bind web on 0.0.0.0", "usage.request"],
    ["bind web on 0.0.0.0:0", "usage.request"],
    ["bind web on ::1:443", "usage.request"],
    ["bind web at 0.0.0.0:443", "usage.request"],
    ["bind 9web on 0.0.0.0:443", "usage.request"],
    ["bind web on 0.0.0.0:443 now", "usage.request"],
  ];
  for (const [given, meant] of rows) {
    const r = parseRequest(given, ["web"]);
    assert.is(r.ok ? requestText(r.value) : r.error.code, meant, given);
  }
});

function requestText(r: Request): string {
  if (r.kind === "bind") return `${r.subject} on ${r.proto === "udp" ? "udp " : ""}${formatAddress(r.address)} ${r.port}`;
  const local = r.to.kind === "port" && r.to.local !== null ? ` local ${formatAddress(r.to.local)}` : "";
  const to = r.to.kind === "expose" ? r.to.name : `${r.to.proto} ${r.to.port}${local}`;
  return `${formatAddress(r.source)} -> ${to}${r.sni === null ? "" : ` sni ${r.sni}`}${r.at === null ? "" : ` at ${r.at}`}`;
}

words("a wrong word of a request is marked, with a remedy", () => {
  // The arrows enclose the wrong word; the message and the remedy follow.
  const rows: readonly (readonly [given: string, message: RegExp, help: RegExp])[] = [
    [">form< 1.2.3.4 to web", /begins with `from` or `bind`, not `form`/, /write `from 203/],
    ['>"from"< 1.2.3.4 to web', /not `from`/, /write/],
    [">repeat< 5 in 1s from 1.2.3.4 to web", /one connection/, /after `repeat/],
    ["from >010.0.0.1< to web", /is not an IPv4 or IPv6 address/, /octal/],
    ["from >10.0.0.0/8< to web", /is not an IPv4 or IPv6 address/, /./],
    ["from >web< to web", /is not an IPv4 or IPv6 address/, /./],
    ["from 1.2.3.4 >tp< web", /expected `to`, found `tp`/, /write/],
    ["from 1.2.3.4 >< ", /ends before `to`/, /write/],
    ["from 1.2.3.4 to ><", /ends before its target/, /write/],
    ["from 1.2.3.4 to tcp ><", /has no port/, /write/],
    ["from 1.2.3.4 to tcp >0<", /not a port from 1 to 65535/, /write/],
    ["from 1.2.3.4 to tcp >443-445<", /not a port/, /write/],
    ["from 1.2.3.4 to >wbe<", /no expose `wbe`/, /did you mean `web`/],
    ['from 1.2.3.4 to >"web"<', /no expose `web`/, /did you mean `web`/],
    ["from 1.2.3.4 to web >local< 10.0.0.1", /`local` follows a port/, /to tcp 443 local/],
    ["from 1.2.3.4 to tcp 443 local ><", /followed by an address/, /write/],
    ["from 1.2.3.4 to tcp 443 local >10.0.0.0/8<", /is not an IPv4/, /./],
    ["from 1.2.3.4 to tcp 443 local 10.0.0.1 >local< 10.0.0.2", /`local` is written twice/, /remove one/],
    ["from 1.2.3.4 to web sni ><", /followed by a name in quotes/, /write/],
    ["from 1.2.3.4 to web sni >a.b<", /in quotes, not by `a\.b`/, /single quotes/],
    ['from 1.2.3.4 to web sni >"<a.b', /in quotes, not by `"`/, /single quotes/],
    ['from 1.2.3.4 to web sni >""<', /is empty/, /without `sni`/],
    ['from 1.2.3.4 to web sni >"*.a.b"<', /is a pattern/, /a name that the pattern matches/],
    ['from 1.2.3.4 to web sni >"1.2.3.4"<', /is an address/, /sends no name/],
    ['from 1.2.3.4 to web sni >"a..b"<', /empty label/, /one dot/],
    ['from 1.2.3.4 to web sni >"https://a.b/"<', /is a URL/, /host alone/],
    ['from 1.2.3.4 to web sni >"a.b:443"<', /has a port/, /alone/],
    ['from 1.2.3.4 to web sni >"bücher.example"<', /A-labels/, /xn--bcher-kva/],
    ['from 1.2.3.4 to web sni "a.b" >sni< "c.d"', /`sni` is written twice/, /remove one/],
    ["from 1.2.3.4 to web at ><", /followed by a time/, /write/],
    ['from 1.2.3.4 to web at >"unknown"<', /is not a time/, /UTC/],
    ["from 1.2.3.4 to web at unknown >at< 2027-01-10T09:00Z", /`at` is written twice/, /remove one/],
    ["from 1.2.3.4 to web at >now<", /is not a time/, /UTC/],
    ["from 1.2.3.4 to web at >2027-01-10<", /no time of day/, /T00:00Z/],
    ["from 1.2.3.4 to web at >2027-02-30T00:00Z<", /no day of the calendar/, /28 days/],
    ["from 1.2.3.4 to web at >2027-01-10T09:00<", /which zone/, /`Z`/],
    ["from 1.2.3.4 to web >ta< 2027-01-10T09:00Z", /one word too many/, /./],
    ['from 1.2.3.4 to web >sin< "a.b"', /one word too many/, /did you mean `sni`/],
    ["from 1.2.3.4 to web >=>< allow", /ends before `=>`/, /omit `=>`/],
    ['from 1.2.3.4 to web >"sni"< "a.b"', /one word too many/, /write/],
    ['from 1.2.3.4 to web client >dns2< "a.b"', /`client` is followed by the names of a certificate/, /write `client uri/],
    ["from 1.2.3.4 to web client dns >a.b<", /`dns` is followed by a name in quotes/, /write `client uri/],
    ['from 1.2.3.4 to web client dns >"*.b"<', /has a `\*`/, /name each dns/],
    ['from 1.2.3.4 to web client uri >"spiffe://a/*"<', /is a pattern, and a certificate has names/, /write a name/],
    ["bind ><", /before the name of a service/, /write/],
    ["bind >9web< on 0.0.0.0:443", /not the name of a service/, /write/],
    ["bind web on udp ><", /has no address/, /write/],
    ["bind web on >0.0.0.0<", /not an address with a port/, /written/],
    ["bind web on >[1.2.3.4]:443<", /not an IPv6 address/, /\[::1\]:8080/],
    ["bind web on >[::ffff:010.0.0.1]:443<", /is not an address/, /./],
    ["bind web on >1.2.3.4:0443<", /leading zero/, /1 to 65535/],
    ["bind web on udp >1.2.3.4:00<", /leading zero|not a port/, /1 to 65535/],
    ["bind web on >1.2.3.4:0<", /not a port/, /1 to 65535/],
    ["bind web on >fe80::1:443<", /not an address with a port/, /\[::1\]:8080/],
    ["bind web on >sctp< 0.0.0.0:443", /not an address with a port/, /written/],
    ["bind web on 0.0.0.0:443 >at< 2027-01-10T09:00Z", /depends on the time/, /omit `at`/],
    ["bind web on 0.0.0.0:443 >=>< allow", /ends before `=>`/, /omit `=>`/],
    ['bind web on 0.0.0.0:443 >sni< "a.b"', /one word too many/, /./],
  ];
  for (const [given, message, help] of rows) {
    const [, before = "", word = "", after = ""] = /^([^>]*?)>([^]*)<([^<]*)$/.exec(given) ?? [];
    const answer = parseRequest(`${before}${word}${after}`, ["web", "console"]);
    if (answer.ok) throw new Error(`accepted: ${given}`);
    assert.match(answer.error.message, message, given);
    assert.match(answer.error.help ?? "", help, given);
    const [, marks = ""] = (answer.error.report?.(paint({ color: false })) ?? "").split("\n");
    assert.is(marks.trim().length, Math.max(1, word.length), `${given}\n${marks}`);
    assert.is(marks.indexOf("^") - 2, before.length, `${given}\n${marks}`);
  }
});

words("marked text can't control a terminal, and a long request is not shown", () => {
  const steering = parseRequest("from \u001b[2J to web", ["web"]);
  assert.is(steering.ok ? "" : steering.error.report?.(paint({ color: false })), "  from \\u{1b}[2J to web\n       ^^^^^^^^^");
  const long = parseRequest(`from ${"1".repeat(10_000)} to web`, ["web"]);
  assert.ok(!long.ok && long.error.report === undefined && long.error.message.length < 200);
});

words("an unknown expose gets the nearest one", () => {
  const near = parseRequest("from 1.2.3.4 to wbe", ["web", "console"]);
  assert.is(near.ok ? "" : near.error.help, "did you mean `web`?");
  const none = parseRequest("from 1.2.3.4 to web", []);
  assert.is(none.ok ? "" : none.error.help, "this policy exposes nothing");
});

words("nothing that steers a terminal passes, our own colours do", () => {
  const rows: readonly (readonly [given: string, shown: string])[] = [
    ["plain\ttext\n", "plain\ttext\n"],
    ["\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"],
    ["\x1b]0;title\x07", "\\u001b]0;title\\u0007"],
    ["\x1b[2J", "\\u001b[2J"],
    ["\x1b[8mhidden", "\\u001b[8mhidden"],
    ["a\rb\bc", "a\\u000db\\u0008c"],
    ["\u009b31m", "\\u009b31m"],
    ["\u202eevil", "\\u202eevil"],
    ["naïve 中文 🙂", "naïve 中文 🙂"],
  ];
  for (const [given, shown] of rows) assert.is(printable(given), shown);
  assert.is(printableJson({ a: "\u009b\u202e" }), '{"a":"\\u009b\\u202e"}');
  assert.equal(JSON.parse(printableJson({ a: "\u009b\u202e" })), { a: "\u009b\u202e" });
});

words("colour is for terminals that want it", () => {
  const tty = { isTTY: true };
  assert.is(wantsColor(tty, {}), true);
  assert.is(wantsColor({}, {}), false);
  assert.is(wantsColor(tty, { NO_COLOR: "1" }), false);
  assert.is(wantsColor(tty, { NO_COLOR: "" }), true);
  assert.is(wantsColor(tty, { TERM: "dumb" }), false);
  assert.is(paint({ color: false }).bad("x"), "x");
  assert.is(paint({ color: true }).bad("x"), "\x1b[31mx\x1b[0m");
});

words.run();
