// A terminal shows the phases of a command at work: with a clock that the test moves, and on a real
// pseudo terminal.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { PHASES } from "../../compiler/compile.ts";
import { PHASE_WORDS, progressOn, wantsProgress, type Progress } from "../../compiler/cli/progress.ts";
import { answer } from "../../compiler/cli/session.ts";
import { compileAndTest } from "../../compiler/cli/tested.ts";
import { skip } from "../skip.ts";
import { record } from "./audit_records.ts";
import { INGRESSC, folder, ingressc } from "./programs.ts";

const progress = suite("progress");
const CLEAR = "\r\x1b[K";

/** A terminal with a clock that stops until the test moves it. */
function terminal(): { readonly on: Progress; readonly written: string[]; readonly clock: { ms: number } } {
  const clock = { ms: 5_000 };
  const written: string[] = [];
  return { clock, written, on: progressOn({ write: (text) => written.push(text) }, () => clock.ms) };
}

progress("a phase of less than a second is not shown", () => {
  const { on, written, clock } = terminal();
  on.begin("reading");
  clock.ms += 999;
  on.step(1_999_999);
  on.begin("checking");
  on.end();
  assert.equal(written, []);
});

progress("a phase that begins a second after the first is shown, and erased at the end", () => {
  const { on, written, clock } = terminal();
  on.begin("reading");
  clock.ms += 1_000;
  on.begin("checking");
  clock.ms += 1_500;
  on.begin("writing");
  on.end();
  assert.equal(written, [`${CLEAR}ingressc: checking, 1 s`, `${CLEAR}ingressc: writing, 2 s`, CLEAR]);
});

progress("a step shows the phase, at most five times a second", () => {
  const { on, written, clock } = terminal();
  on.begin("running the tests");
  for (const ms of [999, 1, 199, 1, 100, 100]) {
    clock.ms += ms;
    on.step();
  }
  assert.equal(
    written,
    Array.from({ length: 3 }, () => `${CLEAR}ingressc: running the tests, 1 s`),
  );
});

progress("a large policy's progress is shown from its first phase on", () => {
  const { on, written } = terminal();
  on.step(2_000_000);
  on.begin("reading");
  assert.equal(written, [`${CLEAR}ingressc: reading`]);
});

progress("a phase after an end starts a new count", () => {
  const { on, written, clock } = terminal();
  on.begin("reading");
  on.step(3_000_000);
  clock.ms += 2_000;
  on.begin("checking");
  on.end();
  written.length = 0;
  on.end();
  clock.ms += 9_000;
  on.step();
  on.begin("reading");
  clock.ms += 999;
  on.begin("checking");
  on.end();
  assert.equal(written, []);
});

progress("progress is shown only on a terminal that can erase a line", () => {
  assert.ok(wantsProgress({ isTTY: true }, { TERM: "xterm", NO_COLOR: "1" }));
  assert.ok(wantsProgress({ isTTY: true }, {}));
  assert.not(wantsProgress({ isTTY: true }, { TERM: "dumb" }));
  assert.not(wantsProgress({ isTTY: false }, {}));
  assert.not(wantsProgress({}, {}));
});

/** A policy that is large by its text alone, so that no time has to go by. */
const LARGE = {
  "p.ingress":
    'edition 1\nnet a = file "l" max 9\nexpose web on tcp 443 { backend 127.0.0.1:1\n allow from a }\ntest "t" { from 192.0.2.1 to web => allow\n from 10.0.0.1 to web => deny cidr }\n',
  l: `192.0.2.1\n${`# ${"x".repeat(998)}\n`.repeat(2_000)}`,
};

progress("each phase, each file and each test line is reported when it begins", () =>
  inLarge(async (cwd) => {
    const heard: string[] = [];
    const on: Progress = { begin: (what) => heard.push(what), step: (read = 0) => heard.push(`${read}`), end: () => heard.push("end") };
    assert.ok(compileAndTest(join(cwd, "p.ingress"), "host", undefined, on).ok);
    const [read, check, ...rest] = PHASES.map((phase) => PHASE_WORDS[phase]);
    assert.equal(heard, [`${LARGE["p.ingress"].length}`, read, check, `${LARGE.l.length}`, ...rest, "checking the module", "running the tests", "0", "0"]);
  }),
);

progress("each command says what it does, behind the phases of what it compiles", () =>
  inLarge(async (cwd) => {
    const heardOf = async (...words: readonly string[]): Promise<readonly string[]> => {
      const heard: string[] = [];
      const on: Progress = { begin: (what) => heard.push(what), step: () => undefined, end: () => undefined };
      const surroundings = { stop: new AbortController().signal, wallSeconds: 1_780_315_200, progress: on, show: () => undefined };
      const { class: kind, message } = await answer(
        words.map((word) => (word.startsWith("./") ? join(cwd, word) : word)),
        surroundings,
      );
      assert.ok(kind === "ok" || kind === "no", `${words.join(" ")}: ${message}`);
      return heard.map((what) => what.replace(`${cwd}/`, ""));
    };
    writeFileSync(join(cwd, "a.conf"), "listen f\n bind :80\n server s 127.0.0.1:81\n");
    writeFileSync(join(cwd, "audit.jsonl"), record({ source: "192.0.2.1:40000" }));
    const phases = PHASES.map((phase) => PHASE_WORDS[phase]);
    const request = "from 192.0.2.1 to web";
    const rows: readonly (readonly [words: readonly string[], heard: readonly string[]])[] = [
      [
        ["build", "./p.ingress", "-o", "./p.wasm"],
        [...phases, "checking the module", "running the tests"],
      ],
      [
        ["check", "./p.ingress"],
        // It needs no module.
        [...phases.slice(0, -2), "looking for rules without effect"],
      ],
      [
        ["diff", "./p.ingress", "./p.wasm"],
        // The analysis needs the texts of the module alone.
        [...phases.slice(0, -1), "checking the module", "comparing who is admitted"],
      ],
      [
        ["who", "./p.ingress", "to", "web"],
        [...phases.slice(0, -1), "computing who is admitted"],
      ],
      [
        ["prove", "./p.ingress"],
        [...phases, "proving the invariants"],
      ],
      [
        ["test", "./p.ingress"],
        [...phases, "checking the module", "running the tests"],
      ],
      [
        ["explain", "./p.ingress", request],
        [...phases, "checking the module", "explaining the request"],
      ],
      [
        ["explain", "./p.wasm", request],
        ["checking the module", "explaining the request"],
      ],
      [
        ["replay", "./p.ingress", "./audit.jsonl"],
        [...phases, "checking the module", "replaying, 0 lines"],
      ],
      [
        ["replay", "./p.wasm", "./audit.jsonl"],
        ["checking the module", "replaying, 0 lines"],
      ],
      [
        ["learn", "./audit.jsonl"],
        ["learning, 0 lines", "writing the policy"],
      ],
      [
        ["fmt", "./p.ingress", "./p.ingress"],
        ["formatting p.ingress", "formatting p.ingress"],
      ],
      [["fmt", "--check", "./p.ingress"], ["formatting p.ingress"]],
      [["export", "./p.ingress"], ["exporting the policy"]],
      [["inspect", "./p.wasm"], ["checking the module"]],
      [["keygen", "./k"], []],
      [
        ["sign", "./p.wasm", "--key", "./k.key", "--revision", "1"],
        ["checking the module", "signing the module"],
      ],
      [["verify", "./p.wasm", "--key", "./k.pub"], ["checking the module"]],
      [
        ["list", "./l"],
        ["reading the list", "merging its entries"],
      ],
    ];
    for (const [words, heard] of rows) assert.equal(await heardOf(...words), heard, words.join(" "));
    assert.is((await heardOf("import", "--from", "haproxy", "./a.conf")).at(-1), "writing the policy");
  }),
);

progress("explain shows a phase that begins a second after the first", () =>
  inLarge(async (cwd) => {
    // A small policy: only the clock makes it a long one.
    writeFileSync(join(cwd, "small.ingress"), "edition 1\nexpose web on tcp 443 { backend 127.0.0.1:1 allow from any }\n");
    for (const [ms, shown] of [
      [100, []],
      // The eighth phase begins when seven have taken 999 ms, or a second.
      [999 / 7, []],
      [1_000 / 7, ["explaining the request, 1 s"]],
      [1_000, [...PHASES.slice(1).map((phase) => PHASE_WORDS[phase]), "checking the module", "explaining the request"].map((what, i) => `${what}, ${i + 1} s`)],
    ] as const) {
      const { on, written, clock } = terminal();
      const slow: Progress = {
        ...on,
        begin(what) {
          on.begin(what);
          clock.ms += ms;
        },
      };
      const surroundings = { stop: new AbortController().signal, wallSeconds: 1_780_315_200, progress: slow, show: () => undefined };
      assert.is((await answer(["explain", join(cwd, "small.ingress"), "from 192.0.2.1 to web"], surroundings)).message, "allow");
      assert.equal(
        written,
        shown.map((text) => `${CLEAR}ingressc: ${text}`),
        String(ms),
      );
    }
  }),
);

progress("a pipe gets no progress", () =>
  inLarge(async (cwd) => {
    for (const words of [
      ["build", "p.ingress"],
      ["check", "p.ingress", "--json"],
    ]) {
      const { code, err } = await ingressc(words, { cwd });
      assert.equal({ code, err }, { code: 0, err: "" });
    }
  }),
);

/** Runs `f` in a folder with the large policy. */
async function inLarge<T>(f: (path: string) => Promise<T>): Promise<T> {
  const { path, write, remove } = folder();
  for (const [name, text] of Object.entries(LARGE)) write(name, text);
  try {
    return await f(path);
  } finally {
    remove();
  }
}

/** All that a command writes to a terminal. */
function onTerminal(cwd: string, words: string): string {
  const log = join(cwd, "log");
  const env = { ...process.env, TERM: "xterm", NO_COLOR: "1" };
  spawnSync("script", ["-qefc", `${[process.execPath, ...INGRESSC].map((word) => `'${word}'`).join(" ")} ${words}`, log], { cwd, env, stdio: "ignore" });
  return readFileSync(log, "utf8");
}

if (spawnSync("script", ["--version"]).status !== 0) skip("progress on a pseudo terminal", "util-linux script");
else {
  progress("a terminal shows progress, and only the answer in the end", () =>
    inLarge(async (cwd) => {
      const log = onTerminal(cwd, "build p.ingress");
      const lines = log.split(CLEAR);
      // On a busy machine the first phases take their second, too, and some are drawn again.
      const shown = lines
        .slice(1, -1)
        .map((line) => line.replace(/, \d+ s$/, ""))
        .filter((line, i, all) => line !== all[i - 1]);
      const large = [...PHASES.slice(2).map((phase) => PHASE_WORDS[phase]), "checking the module", "running the tests"];
      assert.equal(
        shown.slice(-large.length),
        large.map((what) => `ingressc: ${what}`),
      );
      assert.match(lines.at(-1) ?? "", /^built p\.wasm/);
    }),
  );

  progress("with --json a terminal has the envelope alone", () =>
    inLarge(async (cwd) => {
      assert.not.match(onTerminal(cwd, "check p.ingress --json"), "ingressc:");
    }),
  );
}

progress.run();
