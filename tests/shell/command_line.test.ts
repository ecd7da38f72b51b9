// The three command lines answer the same mistakes alike: the same wrong words, the same code, sentence, stream and exit.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { packageVersion } from "../../runtime/package/files.ts";
import { readCommandLine, synopsis } from "../../runtime/shell/command_line.ts";
import type { ProgramSpec } from "../../runtime/shell/command_table.ts";
import { EXIT_CODES, exitClass } from "../../runtime/shell/exit.ts";
import { helpText } from "../../runtime/shell/help_text.ts";
import { PROGRAMS } from "../../scripts/programs.ts";
import { texts } from "../../scripts/texts.ts";
import { atEnd, suite } from "../suite.ts";

const test = suite("command line");

const BINS: Readonly<Record<ProgramSpec["name"], string>> = {
  ingressc: "compiler/cli/ingressc.mjs",
  ingressd: "gateway/ingressd.mjs",
  "ingress-guard": "runtime/guard/ingress-guard.mjs",
};
const bin = (name: ProgramSpec["name"]): string => fileURLToPath(new URL(`../../${BINS[name]}`, import.meta.url));

/** A command of each that takes `--json`, what it needs, and a flag of it that takes a value. */
const USES: Readonly<
  Record<
    ProgramSpec["name"],
    { readonly command: string; readonly operands: readonly string[]; readonly valued: readonly [flag: string, value: string] | null }
  >
> = {
  ingressc: { command: "check", operands: ["x.ingress"], valued: ["--profile", "NAME"] },
  ingressd: { command: "status", operands: [], valued: ["--control", "PATH"] },
  "ingress-guard": { command: "status", operands: [], valued: null },
};

interface Row {
  readonly words: (command: string, operands: readonly string[], valued: readonly [string, string]) => readonly string[];
  readonly code: string;
  readonly message: (called: string, valued: readonly [string, string], name: string) => string;
  readonly help: RegExp;
}

const ROWS: Readonly<Record<string, Row>> = {
  "a flag that is misspelt": {
    words: (command, operands) => [command, ...operands, "--jsno"],
    code: "usage.unknown_flag",
    message: (called) => `\`${called}\` has no flag \`--jsno\``,
    help: /^did you mean `--json`\? `.* --help` lists its flags$/,
  },
  "a short flag that there is not": {
    words: (command, operands) => [command, ...operands, "-x"],
    code: "usage.unknown_flag",
    message: (called) => `\`${called}\` has no flag \`-x\``,
    help: /lists its flags$/,
  },
  "a flag before any command that there is not": {
    words: (command, operands) => ["--wrong", "x", command, ...operands],
    code: "usage.unknown_flag",
    message: () => "unknown flag `--wrong`",
    help: /--help` lists its flags$/,
  },
  "a switch with a value": {
    words: (command, operands) => [command, ...operands, "--json=yes"],
    code: "usage.flag_value",
    message: () => "`--json` takes no value",
    help: /^write `--json` alone$/,
  },
  "a switch twice": {
    words: (command, operands) => [command, "--json", ...operands, "--json"],
    code: "usage.flag_twice",
    message: () => "`--json` is given twice",
    help: /^remove one of them$/,
  },
  "a flag without its value": {
    words: (command, operands, [flag]) => [command, ...operands, flag],
    code: "usage.flag_value",
    message: (_called, [flag]) => `\`${flag}\` needs a value`,
    help: /^write `--\w+ [A-Z]+`$/,
  },
  "a flag with a flag for its value": {
    words: (command, operands, [flag]) => [command, ...operands, flag, "--json"],
    code: "usage.flag_value",
    message: (_called, [flag]) => `\`${flag}\` needs a value`,
    help: /^write `--\w+ [A-Z]+`$/,
  },
  "a flag with an empty value": {
    words: (command, operands, [flag]) => [command, ...operands, `${flag}=`],
    code: "usage.flag_value",
    message: (_called, [flag]) => `\`${flag}\` needs a value`,
    help: /^write `--\w+ [A-Z]+`$/,
  },
  "a flag with a value twice": {
    words: (command, operands, [flag]) => [command, ...operands, flag, "a", `${flag}=b`],
    code: "usage.flag_twice",
    message: (_called, [flag]) => `\`${flag}\` is given twice`,
    help: /^remove one of them$/,
  },
  "an operand too many": {
    words: (command, operands) => [command, ...operands, "more"],
    code: "usage.extra_operand",
    message: () => "`more` is one operand too many",
    help: /^write `ingress/,
  },
  "an operand too many after --": {
    words: (command, operands) => [command, ...operands, "--", "--json"],
    code: "usage.extra_operand",
    message: () => "`--json` is one operand too many",
    help: /^write `ingress/,
  },
  "a command that is misspelt": {
    words: (command) => [`${command}s`],
    code: "usage.unknown_command",
    message: (called, _valued, name) => `unknown command \`${called.slice(name.length + 1)}s\``,
    help: /^did you mean `\w+`\? `.* --help` lists the commands/,
  },
  "help for a command that there is not": {
    words: () => ["help", "constructor"],
    code: "usage.unknown_command",
    message: () => "unknown command `constructor`",
    help: /--help` lists the commands/,
  },
};

for (const [title, { words, code, message, help }] of Object.entries(ROWS)) {
  for (const program of PROGRAMS) {
    const { command, operands, valued } = USES[program.name];
    const values = valued ?? ["--none", "X"];
    const argv = words(command, operands, values);
    if (valued === null && argv.some((word) => word.startsWith("--none"))) continue;
    test(`${title}: ${program.name} ${argv.join(" ")}`, () => {
      const line = readCommandLine(program, argv);
      assert.ok(!line.ok);
      assert.equal([line.error.code, line.error.message], [code, message(`${program.name} ${command}`, values, program.name)]);
      assert.match(line.error.help, help);
    });
  }
}

/** The words after the program's name, and what the three of them mean by them. */
const MEANT: readonly (readonly [words: string, meant: string])[] = [
  ["--help", "help of null"],
  ["-h", "help of null"],
  ["help", "help of null"],
  ["--version", "version"],
  ["-V", "version"],
  ["--json --version", "version"],
  ["COMMAND --help", "help of COMMAND"],
  ["help COMMAND", "help of COMMAND"],
  ["--json COMMAND -h", "help of COMMAND"],
  ["COMMAND --wrong --help", "help of COMMAND"],
  ["COMMAND -V", "version"],
];
test("every program takes help and version alike, whatever other words follow", () => {
  for (const program of PROGRAMS) {
    const { command } = USES[program.name];
    for (const [words, meant] of MEANT) {
      const line = readCommandLine(program, words.replace("COMMAND", command).split(" "));
      assert.ok(line.ok && line.value.kind !== "run", `${program.name} ${words}`);
      assert.is(line.value.kind === "version" ? "version" : `help of ${line.value.command}`, meant.replace("COMMAND", command), `${program.name} ${words}`);
    }
    assert.is(readCommandLine(program, [command, ...USES[program.name].operands, "--", "--help"]).ok, false, "after `--` nothing is a flag");
  }
});

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function run(name: ProgramSpec["name"], words: readonly string[]): Ended {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin(name), ...words], { encoding: "utf8", env: { ...process.env, NO_COLOR: "1" } });
  return { code: status, out: stdout, err: stderr };
}

for (const program of PROGRAMS) {
  const { name } = program;
  const { command, operands } = USES[name];
  test(`${name} as a process: mistakes on standard error with exit 2, or an envelope on standard output`, () => {
    const words = [command, ...operands, "--jsno"];
    assert.equal(run(name, words), {
      code: 2,
      out: "",
      err: `${name}: \`${name} ${command}\` has no flag \`--jsno\`\nhelp: did you mean \`--json\`? \`${name} ${command} --help\` lists its flags\n`,
    });
    const { code, out, err } = run(name, [...words, "--json"]);
    assert.equal(
      [code, err, JSON.parse(out)],
      [
        2,
        "",
        {
          ok: false,
          class: "usage",
          code: "usage.unknown_flag",
          message: `\`${name} ${command}\` has no flag \`--jsno\``,
          help: `did you mean \`--json\`? \`${name} ${command} --help\` lists its flags`,
        },
      ],
    );
  });

  test(`${name} as a process: help and version on standard output with exit 0, from the build's text or the table`, () => {
    assert.equal(run(name, ["--version"]), { code: 0, out: `${name} ${packageVersion()}\n`, err: "" });
    for (const words of [["--help"], ["help", command], [command, "--wrong", "--help"]]) {
      const of = words.includes(command) ? command : null;
      assert.equal(run(name, words), { code: 0, out: `${helpText(program, of, packageVersion())}\n`, err: "" }, words.join(" "));
    }
    const { code, out } = run(name, ["--help", "--json"]);
    const envelope = JSON.parse(out) as { readonly ok: boolean; readonly data: { readonly help: string } };
    assert.equal([code, envelope.ok, envelope.data.help], [0, true, helpText(program, null, packageVersion())]);
  });

  for (const words of [["--help"], ["help", "constructor", "--json"]]) {
    test(`${name} ${words.join(" ")}: an output that takes nothing is no stack trace, exit 5`, async () => {
      // Writing to /dev/full fails, as writing to a closed pipe does.
      const piped = spawn("sh", ["-c", '{ "$0" "$@" 2>&3; echo "exit $?" >&3; } 3>&1 >"$FULL"', process.execPath, bin(name), ...words], {
        env: { ...process.env, FULL: "/dev/full" },
        stdio: ["ignore", "pipe", "inherit"],
      });
      atEnd(() => piped.kill("SIGKILL"));
      let text = "";
      piped.stdout.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      await once(piped, "close");
      assert.is(text, "exit 5\n");
    });
  }
}

test("the words of each text of the build print exactly that text", () => {
  for (const program of PROGRAMS) {
    for (const [words, text] of Object.entries(texts("1.2.3")[program.name] ?? {})) {
      const line = readCommandLine(program, words.split(" "));
      assert.ok(line.ok && line.value.kind !== "run", words);
      assert.is(text, line.value.kind === "version" ? `${program.name} 1.2.3` : helpText(program, line.value.command, "1.2.3"), words);
    }
  }
});

test("each help names every command, every flag and every exit code, in lines of at most 110 columns", () => {
  for (const program of PROGRAMS) {
    for (const command of [null, ...Object.keys(program.commands)]) {
      const spec = command === null ? program.bare : program.commands[command];
      const text = helpText(program, command, "1.2.3");
      for (const flag of Object.keys(spec?.flags ?? {})) assert.ok(text.includes(`--${flag}`), `${program.name} ${command}: --${flag}`);
      for (const line of text.split("\n")) assert.ok(line.length <= 110, line);
      assert.ok(text.includes(synopsis(program, command).split(" -- ")[0] ?? "") || command === null);
    }
    const overview = helpText(program, null, "1.2.3");
    for (const command of Object.keys(program.commands)) assert.match(overview, new RegExp(`\n {2}${command}\\b`));
    for (const code of [...Object.values(EXIT_CODES), ...program.exits.map(([number]) => number)]) assert.match(overview, new RegExp(`[ ,]${code} [a-z]`));
  }
});

test("an exit code has one class, and a number that has none is an internal error", () => {
  for (const [name, code] of Object.entries(EXIT_CODES)) assert.is(exitClass(code), name);
  assert.is(exitClass(8), "internal");
});

test.run();
