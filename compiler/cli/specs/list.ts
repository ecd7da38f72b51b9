// The row of `ingressc list` in the command table. commands/list.ts runs it.
import type { CommandSpec } from "../../../runtime/shell/command_table.ts";
import { LIST_FORMATS, STDIN_NAME_FLAG } from "../flags.ts";

export const list = {
  summary: "turn a published list of prefixes into a list file",
  operands: ["FILE"],
  flags: {
    output: { short: "o", value: "FILE", says: "where the list is written (default: standard output)" },
    only: { short: null, value: "WORD", says: "only the entries of a service, region, key or country", many: true },
    format: { short: null, value: "FORMAT", says: "of FILE (default: recognised by its form)", oneOf: LIST_FORMATS },
    source: { short: null, value: "TEXT", says: "what the header calls the source (default: the name of FILE)" },
    "stdin-name": STDIN_NAME_FLAG,
  },
  manual: [
    "FILE is a list as AWS, Google Cloud, Azure, GitHub and Fastly publish it (JSON), a geofeed (CSV), a list",
    "of Spamhaus (text or JSON), a netset, or text with one prefix a line; `-` is standard input. The result has",
    "one prefix a line, merged and sorted, below a header with source, SHA-256 and count. `net NAME =",
    'file "PATH" max N min M` reads it. Nothing is written if an entry is no prefix, or if there is none.',
    "",
    "  ingressc list ip-ranges.json --only CLOUDFRONT -o lists/cloudfront.txt",
    "  curl -s https://api.github.com/meta | ingressc list - --only hooks --source https://api.github.com/meta",
  ].join("\n"),
} as const satisfies CommandSpec;
