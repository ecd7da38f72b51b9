// The manual pages: current, clean for man, and with everything that the command table has.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { ProgramSpec } from "../../runtime/shell/command_table.ts";
import { manPage } from "../../runtime/shell/man_page.ts";
import { PROGRAMS } from "../../scripts/programs.ts";
import { skip } from "../skip.ts";

const test = suite("man page");
const fileOf = ({ name, section }: ProgramSpec): string => fileURLToPath(new URL(`../../docs/deploy/man/${name}.${section}`, import.meta.url));

/** Macros that groff's and mandoc's man have both. */
const MACROS = new Set(["TH", "SH", "SS", "PP", "TP", "B", "br", "nf", "fi"]);
/** Escapes of groff_char that both have. */
const ESCAPES = /\\(?:-|e|&|\(aq|\(ga|\(dq)/g;
const SECTIONS = ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "COMMANDS", "NOTES", "EXIT STATUS", "SEE ALSO"];

for (const program of PROGRAMS) {
  const { name, section } = program;
  const page = readFileSync(fileOf(program), "utf8");

  test(`${name}.${section} is current: else run \`npm run docs\``, () => assert.is(page, manPage(program)));

  test(`${name}.${section} has its structure`, () => {
    const lines = page.trimEnd().split("\n");
    assert.match(lines[0] ?? "", /^\.\\" /);
    assert.match(lines[1] ?? "", new RegExp(`^\\.TH [A-Z\\\\-]+ ${section} "" ingressd "ingressd manual"$`));
    assert.equal(
      lines.filter((line) => line.startsWith(".SH ")).map((line) => line.slice(4)),
      SECTIONS,
    );
    let isFilled = true;
    lines.forEach((line, i) => {
      if (i === 0) return;
      const macro = /^\.(\w+)/.exec(line)?.[1];
      assert.is(line.startsWith("'"), false, line);
      if (line.startsWith(".")) assert.ok(macro !== undefined && MACROS.has(macro), line);
      if (macro === "nf" || macro === "fi") {
        assert.is(isFilled, macro === "nf", `line ${i + 1}`);
        isFilled = macro === "fi";
      }
      // A tag and what it names.
      if (macro === "TP") assert.ok(lines[i + 1] !== undefined && lines[i + 2]?.startsWith(".") === false, `line ${i + 1}`);
      if (isFilled) assert.not.match(line, /^$/, `line ${i + 1} is empty`);
      assert.not.match(line.replaceAll(ESCAPES, ""), i === 1 ? /\\/ : /[\\'`"]|[^\x20-\x7e]/, line);
    });
    assert.ok(isFilled);
  });

  test(`${name}.${section} has every command, flag and exit code`, () => {
    const shown = page.replaceAll("\\-", "-");
    for (const [command, spec] of [["", program.bare] as const, ...Object.entries(program.commands)]) {
      if (command !== "") assert.ok(shown.includes(`\n.SS ${name} ${command}`), command);
      for (const [flag, { value }] of Object.entries(spec?.flags ?? {}))
        assert.ok(shown.includes(`--${flag}${value === null ? "" : ` ${value}`}\n`), `${command} --${flag}`);
    }
    for (const code of [0, 1, 2, 3, 4, 5, 6, 7, ...program.exits.map(([number]) => number)]) assert.ok(shown.includes(`\n.TP\n${code}\n`), String(code));
  });

  for (const [formatter, words] of [
    ["man", ["--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z"]],
    ["groff", ["-man", "-ww", "-z", "-Tutf8"]],
    ["mandoc", ["-Tlint", "-Wwarning"]],
  ] as const) {
    if (spawnSync(formatter, [formatter === "mandoc" ? "-V" : "--version"]).error !== undefined)
      skip(`${name}.${section} for ${formatter}`, `${formatter} is not installed`);
    else
      test(`${name}.${section} is clean for ${formatter}`, () => {
        const { status, stderr, stdout } = spawnSync(formatter, [...words, fileOf(program)], { encoding: "utf8" });
        if (formatter !== "mandoc") return assert.equal([status, stderr], [0, ""]);
        // A date would make the page differ from one release to the next where nothing of it has changed.
        const warnings = stdout
          .trimEnd()
          .split("\n")
          .map((line) => line.replace(/^.*?:(?=\d+:)/, ""));
        assert.match(warnings.join("\n"), /^2:\d+: WARNING: missing date, using "": TH$/);
        assert.equal([status, stderr], [2, ""]);
      });
  }
}

test.run();
