// Messages about invisible characters and about the syntax of other programs: the place, the code
// point, what was probably meant, and that nothing else is said because of it.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { positionOf } from "../../compiler/source/source.ts";
import { filesOf, front } from "./front.ts";

const messages = suite("messages");

interface Row {
  readonly what: string;
  /** Behind `edition 1` and a line end. */
  readonly text: string;
  readonly files?: Readonly<Record<string, string>>;
  /** `CODE FILE:LINE:COLUMN`, a pattern for its message and its help, and the text of its fix. */
  readonly expected: readonly (readonly [at: string, says: RegExp, fix: string | null])[];
}

const list = (bad: string): Pick<Row, "text" | "files"> => ({ text: 'net a = file "l.txt" max 9\ndeny from a', files: { "l.txt": bad } });
const expose = (clauses: string): string => `expose web on tcp 443 { backend 127.0.0.1:8080 allow from any ${clauses} }`;

const ROWS: readonly Row[] = [
  { what: "a no-break space", text: "net\u00a0a = any", expected: [["ING101 p:2:4", /^U\+00A0 \(no-break space\)/, " "]] },
  {
    what: "several blanks of other scripts",
    text: "net\u3000\u2003a = any",
    expected: [["ING101 p:2:4", /^U\+3000 \(ideographic space\) and U\+2003 is no blank/, " "]],
  },
  {
    what: "a Cyrillic letter in a name, which is read as what it looks like",
    text: "net \u043effice = any\ndeny from office",
    expected: [["ING101 p:2:5", /U\+043E \(a Cyrillic letter\), which looks like `o`.*write `office`/s, "o"]],
  },
  { what: "two of them in one name", text: "net \u043effi\u0441e = any", expected: [["ING101 p:2:5", /U\+043E for `o`, U\+0441 for `c`/, "offic"]] },
  {
    what: "a zero width space in a name",
    text: "net off\u200bice = any\ndeny from office",
    expected: [["ING101 p:2:8", /^U\+200B \(zero width space\) can't be seen.*write `office`/s, ""]],
  },
  { what: "a right-to-left override", text: "net a = any \u202e", expected: [["ING101 p:2:13", /^U\+202E \(right-to-left override\) can't be seen/, ""]] },
  { what: "a soft hyphen in an address", text: "net a = 10.0.\u00ad0.0/8", expected: [["ING101 p:2:14", /^U\+00AD \(soft hyphen\)/, ""]] },
  {
    what: "fullwidth digits and signs",
    text: "net a = \uff11\uff10.0.0.0/8\uff0c 192.0.2.1",
    expected: [
      ["ING101 p:2:9", /U\+FF11 for `1`, U\+FF10 for `0`/, "10"],
      ["ING101 p:2:19", /U\+FF0C/, ","],
    ],
  },
  { what: "a bold letter outside of the first plane", text: "net \u{1d41a}b = any\ndeny from ab", expected: [["ING101 p:2:5", /U\+1D41A/, "a"]] },
  { what: "a dash in a range of ports", text: "ports a = 80\u201390", expected: [["ING101 p:2:13", /U\+2013 \(a dash\), which looks like `-`/, "-"]] },
  {
    what: "typographic quotes",
    text: "hosts h = \u201cwww.example.com\u201d",
    expected: [["ING101 p:2:11", /U\+201C \(a typographic quote\) and does not begin a text/, '"www.example.com"']],
  },
  {
    what: "a letter that is none of ASCII, in one piece with its word",
    text: "net b\u00fcro = any\ndeny from b\u00fcro",
    expected: [
      ["ING101 p:2:6", /U\+00FC/, null],
      ["ING101 p:3:12", /U\+00FC/, null],
    ],
  },
  { what: "no letter at all", text: "net a = any \u{1f600}", expected: [["ING101 p:2:13", /U\+1F600, is not a character/, null]] },
  {
    what: "in comments and in texts they are left alone",
    text: '# \u043e\u00a0\u200b\ntest "\u043e \u00e9" { from 1.2.3.4 to tcp 1 => deny policy } # \u201c',
    expected: [],
  },
  { what: "a mark that turns the direction of a text", text: 'test "a\u202eb" { }', expected: [["ING103 p:2:6", /U\+202E \(right-to-left override\)/, null]] },
  {
    what: "a look-alike in a host name is no A-label by itself",
    text: 'hosts h = "www.ex\u0430mple.com"',
    expected: [["ING315 p:2:11", /U\+0430 for `a`.*`www\.example\.com`, or `www\.xn--/s, null]],
  },
  {
    what: "a zero width space in a host name",
    text: 'hosts h = "www\u200b.example.com"',
    expected: [["ING315 p:2:11", /holds U\+200B \(zero width space\)/, '"www.example.com"']],
  },
  {
    what: "a look-alike in the path of a list",
    text: 'net a = file "l\u0456st.txt" max 9',
    expected: [["ING501 p:2:14", /\(with U\+0456 for `i`\) does not exist/, null]],
  },

  {
    what: "a no-break space in a list",
    ...list("192.0.2.1\n192.0.2.2\u00a0\n"),
    expected: [["ING502 l.txt:2:1", /holds U\+00A0 \(no-break space\).*write `192\.0\.2\.2`/s, "192.0.2.2"]],
  },
  { what: "a mark of direction in a list", ...list("\u200e192.0.2.2"), expected: [["ING502 l.txt:1:1", /holds U\+200E \(left-to-right mark\)/, "192.0.2.2"]] },
  {
    what: "a fullwidth digit in a list",
    ...list("\uff1192.0.2.2"),
    expected: [["ING502 l.txt:1:1", /\(with U\+FF11 for `1`\) is not an address/, "192.0.2.2"]],
  },
  { what: "a line of a list that has only invisible characters", ...list("192.0.2.1\n\u200b\n"), expected: [["ING502 l.txt:2:1", /holds U\+200B/, ""]] },
  { what: "comments of a list begin with `#` or `;`", ...list("; Spamhaus\n198.51.100.0/24 ; SBL1\n192.0.2.1;x\n  ;\n192.0.2.2 # y ; z\n;\n"), expected: [] },
  {
    what: "what is behind a word and no comment",
    ...list("198.51.100.0/24 , SBL1"),
    expected: [["ING502 l.txt:1:17", /more than one entry.*`#` or `;`/s, null]],
  },

  {
    what: "a range",
    text: "net a = 10.0.0.10-10.0.0.20",
    expected: [
      [
        "ING307 p:2:9",
        /is a range.*`10\.0\.0\.10\/31`, `10\.0\.0\.12\/30`, `10\.0\.0\.16\/30`, `10\.0\.0\.20`/s,
        "10.0.0.10/31, 10.0.0.12/30, 10.0.0.16/30, 10.0.0.20",
      ],
    ],
  },
  {
    what: "a range with the dash of a word processor",
    text: "net a = 10.0.0.0\u201310.0.0.3",
    expected: [
      ["ING101 p:2:17", /U\+2013/, "-"],
      ["ING307 p:2:9", /`10\.0\.0\.0\/30`/, "10.0.0.0/30"],
    ],
  },
  {
    what: "a range that ends before it begins",
    text: "net a = 10.0.0.3-10.0.0.0",
    expected: [["ING309 p:2:9", /ends before it begins.*other way round it is `10\.0\.0\.0\/30`/s, null]],
  },
  { what: "a range of both families", text: "net a = 10.0.0.3-2001:db8::", expected: [["ING307 p:2:9", /begins in one family/, null]] },
  { what: "a long range", text: "net a = 2001:db8::1-2001:db8::ffff:ffff:ffff:fffe", expected: [["ING307 p:2:9", /`2001:db8::1`.* and \d+ more$/s, "long"]] },
  {
    what: "a range where one address is wanted",
    text: 'test "t" { from 10.0.0.0-10.0.0.3 to tcp 1 => deny policy }',
    expected: [["ING307 p:2:17", /`10\.0\.0\.0\/30`/, null]],
  },
  {
    what: "a range as an argument of a template, which is one member",
    text: "template t($a) { net x = $a }\nuse t(10.0.0.1-10.0.0.2)",
    expected: [["ING307 p:3:7", /`10\.0\.0\.1`, `10\.0\.0\.2`/, null]],
  },
  {
    what: "ranges in a list, each prefix on a line of its own",
    ...list("10.0.0.1-10.0.0.2 # x\n10.0.0.8 - 10.0.0.9\n2001:db8::-2001:db8::1;"),
    expected: [
      ["ING502 l.txt:1:1", /`10\.0\.0\.1`, `10\.0\.0\.2`/, "10.0.0.1\n10.0.0.2"],
      ["ING502 l.txt:2:1", /`10\.0\.0\.8\/31`/, "10.0.0.8/31"],
      ["ING502 l.txt:3:1", /`2001:db8::\/127`/, "2001:db8::/127"],
    ],
  },

  { what: "a rate of nginx", text: expose("limit 10r/s per source"), expected: [["ING106 p:2:69", /write `10\/s`/, "10/s"]] },
  { what: "a rate of nginx with its name", text: expose("limit rate=5r/m burst 9 per source"), expected: [["ING106 p:2:69", /write `5\/m`/, "5/m"]] },
  { what: "requests a second", text: expose("limit 600rpm per source"), expected: [["ING106 p:2:69", /write `600\/m`/, "600/m"]] },
  { what: "a rate in two words", text: expose("limit 10 req/s per source"), expected: [["ING106 p:2:69", /write `10\/s`/, "10/s"]] },
  { what: "a rate in three words", text: expose("limit 10 per minute per source"), expected: [["ING106 p:2:69", /write `10\/m`/, "10/m"]] },
  { what: "a window of one unit", text: expose("limit 10/1h per source"), expected: [] },
  { what: "a unit in full", text: expose("limit 10/seconds per source"), expected: [["ING407 p:2:69", /`seconds` is not a unit/, "10/s"]] },
  { what: "a window of ten seconds", text: expose("limit 10/10s per source"), expected: [] },

  ...(
    [
      ["2099-03-01T00:00+01:00", "2099-02-28T23:00Z"],
      ["2099-02-28T23:30-05:00", "2099-03-01T04:30Z"],
      ["2099-12-31T23:59:30-00:30", "2100-01-01T00:29:30Z"],
      ["2096-03-01T05:29+0530", "2096-02-29T23:59Z"],
      ["2099-01-01T00:00+01", "2098-12-31T23:00Z"],
      ["2099-01-01T00:00+00:00", "2099-01-01T00:00Z"],
      ["2099-01-01t00:00:05+14:00", "2098-12-31T10:00:05Z"],
      ["2099-01-01T00:00:00.000Z", "2099-01-01T00:00Z"],
    ] as const
  ).map(([time, utc]): Row => ({
    what: `until ${time}`,
    text: expose(`until ${time}`),
    expected: [["ING313 p:2:69", new RegExp(`is not UTC.*write \`${utc}\``, "s"), utc]],
  })),
  { what: "no zone is so far off", text: expose("until 2099-01-01T00:00+15:00"), expected: [["ING313 p:2:69", /is not a time/, null]] },
  { what: "a day that is none has no UTC", text: expose("until 2099-02-30T00:00+01:00"), expected: [["ING313 p:2:69", /is not a time/, null]] },
  {
    what: "the time of a test",
    text: 'test "t" at 2099-01-01T00:00+01:00 { from 1.2.3.4 to tcp 1 => deny policy }',
    expected: [["ING313 p:2:13", /`2098-12-31T23:00Z`/, "2098-12-31T23:00Z"]],
  },

  {
    what: "a path of a list with backslashes",
    text: 'net a = file "lists\\bad.txt" max 9',
    expected: [["ING501 p:2:14", /has a `\\`, and paths use `\/`.*`lists\/bad\.txt`/s, '"lists/bad.txt"']],
  },
  {
    what: "a path of an import with backslashes",
    text: 'import "a\\b\\n.ingress" as n',
    expected: [["ING505 p:2:8", /`a\/b\/n\.ingress`/, '"a/b/n.ingress"']],
  },
  { what: "a path with a drive", text: 'net a = file "C:\\lists\\bad.txt" max 9', expected: [["ING501 p:2:14", /paths use `\/`.*relative/s, null]] },
  { what: "a path of a server", text: 'net a = file "\\\\host\\bad.txt" max 9', expected: [["ING501 p:2:14", /paths use `\/`.*relative/s, null]] },

  {
    what: "a missing `max` at the end of its line",
    text: 'net a = file "l.txt"\n\n# comment\n\nexpose web on tcp 1 { allow from a }',
    expected: [["ING106 p:2:21", /^expected `max`/, null]],
  },
  { what: "a missing number behind `max`", text: 'net a = file "l.txt" max\nnet b = any', expected: [["ING106 p:2:25", /^expected a number/, null]] },
  { what: "a missing member", text: "net a =\n\n\nnet b = any", expected: [["ING106 p:2:8", /^expected a member/, null]] },
  {
    what: "a missing word of a cap",
    text: "expose web on tcp 1 {\n  cap 9\n  allow from any\n}",
    expected: [["ING106 p:3:8", /^expected `connections`/, " connections"]],
  },
  { what: "an import without its name", text: 'import "n"\nnet b = any', expected: [["ING106 p:2:11", /^expected `as`/, null]] },
  { what: "a wrong word on the same line stays the place", text: 'net a = file "l.txt" maxx 5', expected: [["ING106 p:2:22", /^expected `max`/, "max"]] },

  {
    what: "a `min` before `max`",
    text: 'net a = file "l.txt" min 1 max 9',
    files: { "l.txt": "192.0.2.1" },
    expected: [["ING106 p:2:22", /write `min` after `max`/, "max 9 min 1"]],
  },
  { what: "a list at its `min`", text: 'net a = file "l.txt" max 9 min 2', files: { "l.txt": "192.0.2.1\n192.0.2.2\n" }, expected: [] },
  {
    what: "a list below its `min`",
    text: 'net a = file "l.txt" max 9 min 2',
    files: { "l.txt": "192.0.2.1\n" },
    expected: [["ING507 p:2:32", /has 1 entry, fewer than its `min` of 2/, null]],
  },
  {
    what: "an empty list of names",
    text: 'hosts h = file "l.txt" max 9 min 1',
    files: { "l.txt": "# nothing\n" },
    expected: [["ING507 p:2:34", /has no entries/, null]],
  },
  {
    what: "`min` by way of a template",
    text: 'template t($n) { net a = file "l.txt" max 9 min $n }\nuse t(3)',
    files: { "l.txt": "192.0.2.1\n" },
    expected: [["ING507 p:3:7", /fewer than its `min` of 3/, null]],
  },
  {
    what: "a list by way of a template's argument",
    text: 'template t($n) { net a = $n }\nuse t(file "l.txt" max 9 min 3)',
    files: { "l.txt": "192.0.2.1\n" },
    expected: [["ING507 p:3:30", /fewer than its `min` of 3/, null]],
  },
  {
    what: "two sizes of one list",
    text: 'net a = file "l.txt" max 9 min 1\nnet b = file "l.txt" max 9 min 2',
    files: { "l.txt": "192.0.2.1\n" },
    expected: [["ING507 p:3:32", /fewer/, null]],
  },
  { what: "`min` at `max`", text: 'net a = file "l.txt" max 1 min 1', files: { "l.txt": "192.0.2.1\n" }, expected: [] },
  {
    what: "`min` above `max`",
    text: 'net a = file "l.txt" max 1 min 2',
    files: { "l.txt": "192.0.2.1\n" },
    expected: [["ING310 p:2:32", /`min` is 1 to the `max`/, null]],
  },
  { what: "`min` without a number", text: 'net a = file "l.txt" max 1 min', expected: [["ING106 p:2:28", /^expected a number/, null]] },
  { what: "`min` as a name", text: "net min = any\ndeny from min", expected: [] },
];

for (const { what, text, files = {}, expected } of ROWS) {
  messages(what, () => {
    const { diagnostics } = front(`edition 1\n${text}\n`, filesOf(files), "p");
    const found = diagnostics.map((d) => {
      const { line, column } = positionOf(d.span.file, d.span.start);
      return { at: `${d.code} ${d.span.file.path}:${line}:${column}`, says: `${d.message}\n${d.help ?? ""}`, fix: d.fix?.text ?? null };
    });
    assert.equal(found.map(({ at }) => at).sort(), expected.map(([at]) => at).sort(), JSON.stringify(found));
    for (const [at, says, fix] of expected) {
      const one = found.find((f) => f.at === at && says.test(f.says));
      assert.ok(one !== undefined, `${at} ${String(says)}: ${JSON.stringify(found)}`);
      if (fix === "long") assert.ok((one?.fix ?? "").split(", ").length > 90);
      else assert.is(one?.fix, fix);
    }
  });
}

messages.run();
