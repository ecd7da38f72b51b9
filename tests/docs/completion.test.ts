// The completions, tried in the shells that they are for: what a user is offered after a Tab.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { INGRESSC } from "../../compiler/cli/command_table.ts";
import { readCommandLine } from "../../runtime/shell/command_line.ts";
import { PROGRAMS } from "../../scripts/programs.ts";
import { skip } from "../skip.ts";
import { ownFolder, suite } from "../suite.ts";

const test = suite("completion");
const at = (name: string): string => fileURLToPath(new URL(`../../docs/deploy/completion/${name}`, import.meta.url));
const folder = ownFolder("ingress-completion-");
for (const name of ["edge.ingress", "edge.wasm", "a key.key", "a.pub", "b.pub", "c.toml", "p.json", "notes.txt"]) writeFileSync(join(folder, name), "");
mkdirSync(join(folder, "sub"));

const COMPILER_WORDS = Object.keys(INGRESSC.commands).sort();

/** The line up to the cursor (a word that ends in a blank is whole), and all that is offered. */
const rows: readonly (readonly [line: string, offered: readonly string[]])[] = [
  ["ingressc ", COMPILER_WORDS],
  ["ingressc ch", ["check"]],
  ["ingressc exp", ["explain", "export"]],
  ["ingressc zz", []],
  ["ingressc --", ["--help", "--version"]],
  ["ingressc check ", ["edge.ingress", "sub"]],
  ["ingressc check --f", ["--fix"]],
  ["ingressc explain ", ["edge.ingress", "edge.wasm", "sub"]],
  ["ingressc explain edge.wasm ", []],
  ["ingressc diff ", ["edge.ingress", "edge.wasm", "sub"]],
  ["ingressc diff edge.wasm e", ["edge.ingress", "edge.wasm"]],
  ["ingressc diff --format ", ["json", "markdown", "sarif", "text"]],
  ["ingressc import ", ["p.json", "sub"]],
  ["ingressc inspect e", ["edge.wasm"]],
  ["ingressc fmt edge.ingress e", ["edge.ingress"]],
  ["ingressc build edge.ingress --profile ", ["host", "os"]],
  ["ingressc keygen ", []],
  ["ingressc sign edge.wasm --key ", ["a key.key", "sub"]],
  ["ingressc sign --revision 3 edg", ["edge.wasm"]],
  ["ingressc sign edge.wasm --rev", ["--revision"]],
  ["ingressc sign edge.wasm --revision ", []],
  ["ingressc verify edge.wasm --key a.pub --key b", ["b.pub"]],
  ["ingressd ", ["block", "blocks", "check-config", "explain", "expose", "reload", "reopen", "status", "unblock"]],
  ["ingressd --po", ["--policy"]],
  ["ingressd --policy ", ["edge.wasm", "sub"]],
  ["ingressd --policy edge.wasm --config ", ["c.toml", "sub"]],
  ["ingressd status --", ["--config", "--control", "--help", "--json", "--version", "--watch"]],
  ["ingressd expose --mode p", ["passthrough"]],
  ["ingressd expose --mode=", ["mtls", "passthrough", "tcp", "tls"]],
  ["ingressd expose --mode=tc", ["tcp"]],
  ["ingress-guard ", ["status"]],
  ["ingress-guard --po", ["--policy"]],
  ["ingress-guard --policy ", ["edge.wasm", "sub"]],
  ["ingress-guard --policy edge.wasm --trusted-key ", ["a.pub", "b.pub", "sub"]],
  ["ingress-guard status --j", ["--json"]],
];

/** `printed` has what each row offers, a line each, with `===` after every row. */
function checkAnswers(printed: string): void {
  const answers = printed
    .split("===\n")
    .slice(0, -1)
    .map((block) => block.split("\n").filter((word) => word !== ""));
  assert.is(answers.length, rows.length, printed);
  // The short forms of flags are left out here: zsh offers them only after one dash.
  rows.forEach(([line, offered], i) => assert.equal([...new Set(answers[i])].filter((word) => !/^-.$/.test(word)).sort(), offered, line));
}

/** As readline splits a line: `=` is a word of its own. */
function readlineWords(line: string): string[] {
  return line
    .split(" ")
    .flatMap((word) => word.split(/(=)/))
    .filter((word, i, all) => word !== "" || i === all.length - 1);
}

const here = (program: string): boolean => spawnSync(program, ["--version"]).status === 0;

if (here("bash")) {
  test("bash offers what is due", () => {
    const script = `cd "$1"; source ${at("ingressc.bash")}; source ${at("ingressd.bash")}; source ${at("ingress-guard.bash")}; shift
      while [ $# != 0 ]; do
        n=$1; shift; COMP_WORDS=("\${@:1:n}"); COMP_CWORD=$((n - 1)); shift "$n"; COMPREPLY=()
        "_\${COMP_WORDS[0]}"; printf '%s\\n' \${COMPREPLY[@]+"\${COMPREPLY[@]}"} ===
      done`;
    const words = rows.map(([line]) => readlineWords(line)).flatMap((list) => [String(list.length), ...list]);
    const { stdout, stderr } = spawnSync("bash", ["--norc", "--noprofile", "-c", script, "bash", folder, ...words], { encoding: "utf8" });
    assert.is(stderr, "");
    checkAnswers(stdout);
  });

  if (!here("script")) skip("completion in an interactive bash", "script (util-linux) is not installed");
  else
    test("an interactive bash completes a line after a Tab", () => {
      const rc = join(folder, ".rc");
      writeFileSync(rc, `source ${at("ingressc.bash")}\nPS1='$ '\nbind 'set enable-bracketed-paste off'\ningressc() { printf 'got:%s\\n' "$*"; }\n`);
      const typed = "ingressc insp\tedge.w\t\ningressc sign edge.wasm --k\ta\t\nexit\n";
      const { stdout } = spawnSync("script", ["-qec", `bash --noprofile --rcfile ${rc} -i`, "/dev/null"], {
        cwd: folder,
        input: typed,
        encoding: "utf8",
        timeout: 20_000,
      });
      assert.match(stdout, /got:inspect edge\.wasm/);
      assert.match(stdout, /got:sign edge\.wasm --key a key\.key/);
    });
} else {
  skip("completion in bash", "bash is not installed");
}

if (here("zsh")) {
  test("zsh offers what is due", () => {
    const out = join(folder, ".offered");
    writeFileSync(out, "");
    // Each match that zsh would offer goes through compadd, which notes it here.
    writeFileSync(
      join(folder, ".zshrc"),
      `
      PS1=READY; setopt no_beep; unset zle_bracketed_paste
      fpath=(${at("")} $fpath); autoload -Uz compinit; compinit -u -D
      bindkey -e; bindkey '^I' complete-word; zstyle ':completion:*' insert-tab false
      compadd() {
        if [[ \${@[1,(i)(-|--)]} == *-(O|A|D)\\ * ]]; then builtin compadd "$@"; return $?; fi
        local -a hits; builtin compadd -A hits "$@"; (( $#hits )) && print -rl -- \${(Q)hits} >>.offered; builtin compadd "$@"
      }
      done_() { print -r -- '===' >>.offered; comppostfuncs=(done_) }
      comppostfuncs=(done_)
    `,
    );
    const script = `zmodload zsh/zpty; cd $1; export ZDOTDIR=$1; zpty worker zsh -d -i; zpty -r -m worker REPLY '*READY*'
      for line in "\${@[2,-1]}"; do zpty -n -w worker "$line"$'\\t'$'\\C-u'; done
      zpty -w worker exit; while zpty -r worker; do :; done`;
    const { stderr } = spawnSync("zsh", ["-f", "-c", script, "zsh", folder, ...rows.map(([line]) => line)], { encoding: "utf8", timeout: 60_000 });
    assert.is(stderr, "");
    checkAnswers(readFileSync(out, "utf8"));
  });
} else {
  skip("completion in zsh", "zsh is not installed");
}

test("each program reads exactly the flags that its table gives each command", () => {
  for (const program of PROGRAMS) {
    const table = [...(program.bare === null ? [] : [[null, program.bare] as const]), ...Object.entries(program.commands)];
    const all = table.flatMap(([, { flags }]) => Object.entries(flags));
    for (const [command, spec] of table) {
      for (const [name, { value }] of all) {
        const operands = spec.flags[name]?.isOperand === true ? spec.operands.slice(0, -1) : spec.operands;
        const words = [...(command === null ? [] : [command]), `--${name}`, ...(value === null ? [] : ["x"]), ...operands.map(() => "x")];
        const parsed = readCommandLine(program, words);
        assert.is(
          parsed.ok && parsed.value.kind === "run" && parsed.value.command === command,
          Object.hasOwn(spec.flags, name),
          `${program.name} ${words.join(" ")}`,
        );
      }
    }
  }
});

test("a flag takes a value in all commands of a program or in none: the command is found by that", () => {
  for (const { bare, commands } of PROGRAMS) {
    const flags = [...Object.values(commands), ...(bare === null ? [] : [bare])].flatMap((spec) => Object.entries(spec.flags));
    const taking = new Set(flags.filter(([, { value }]) => value !== null).map(([name]) => name));
    assert.equal(
      flags.filter(([name, { value }]) => value === null && taking.has(name)),
      [],
    );
  }
});

test.run();
