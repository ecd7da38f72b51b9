// docs/os.md states the same bounds, calls and lines as the code.
import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as n from "../../runtime/os/net/layout.ts";

const test = suite("docs/os.md");
const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const page = read("docs/os.md");

test("docs/os.md has the bounds of the network half", () => {
  const rows: readonly (readonly [what: string, value: string])[] = [
    ["open ports", `${n.PORT_COUNT}`],
    ["connections; handshakes under way", `${n.CONNECTION_COUNT}; ${n.HALF_OPEN_COUNT}, a new one replaces the oldest of its port`],
    ["life of a connection of which one half has ended", `${n.HALF_CLOSED_MS} ms`],
    ["bytes each way of one connection that wait", `${n.RING_BYTES}`],
    ["stretches out of order that one connection keeps", `${n.STRETCH_COUNT}`],
    ["time for the ClientHello", `${n.HELLO_MS} ms`],
    ["silence of a connection", `${n.IDLE_MS} ms`],
    ["SYN-ACK", `sent ${n.SYN_TRIES + 1} times, given up after ${(n.RETRANSMIT_MS * (2 ** (n.SYN_TRIES + 1) - 1)) / 1000} s`],
    ["data and FIN", `sent again after ${n.RETRANSMIT_MS} ms, then after twice the time, at most ${n.RETRANSMIT_MOST_MS} ms, ${n.RETRANSMIT_TRIES} times`],
    ["after an end that this side sent first", `${n.TIME_WAIT_MS} ms`],
    ["challenge acknowledgements", `${n.CHALLENGES_PER_SECOND} a second of one connection; none of a handshake`],
    ["frame", `${n.FRAME_BYTES} bytes`],
    ["frames before timers and services have their turn", `${n.FRAMES_PER_TURN}`],
  ];
  for (const [what, value] of rows) assert.ok(page.includes(`\n| ${what} | ${value} |\n`), what);
});

test("docs/os.md has how often the long forms try", () => {
  // The file, and how many tries one of the number in its `atLength` is.
  const rows: readonly (readonly [what: string, file: string, constant: string, times: number, unit: string])[] = [
    ["damaged frames, in Node", "tests/os/frames.test.ts", "FRAMES", 1, ""],
    ["policies with changed bits and words, under sanitizers", "tests/os/tables.check.ts", "THOUSANDS", 1_000, ""],
    ["blind resets, and blind injections, with ten times the segments that succeeded before: in Node", "tests/os/off_path.test.ts", "RUNS", 1, " runs of each"],
    ["the same under QEMU", "tests/os/attacks.check.ts", "OFF_PATH_RUNS", 1, " runs of each"],
  ];
  const tries = (file: string, constant: string): readonly number[] => {
    const [, long = "", short = ""] = new RegExp(`^const ${constant} = atLength\\(([\\d_]+), ([\\d_]+)\\)`, "m").exec(read(file)) ?? [];
    return [short, long].map((text) => Number(text.replaceAll("_", "")));
  };
  for (const [what, file, constant, times, unit] of rows) {
    const cells = tries(file, constant).map((n) => `${(n * times).toLocaleString("en")}${n === 1 ? unit.replace("runs", "run") : unit}`);
    assert.ok(page.includes(`\n| ${what} | ${cells.join(" | ")} | `), `${what}: ${cells.join(" | ")}`);
  }
  const [runs = [], batches = []] = ["FUZZ_RUNS", "FUZZ_BATCHES"].map((constant) => tries("tests/os/image.check.ts", constant));
  const frames = runs.map((n, i) => (20 * n * (batches[i] ?? 0)).toLocaleString("en"));
  assert.ok(page.includes(`\n| damaged frames, under QEMU | ${frames.join(" | ")} | `), frames.join(" | "));
});

test("docs/os.md has the number of every call", () => {
  const list = /enum \{([^}]*)\}/.exec(read("runtime/os/image/calls.h"))?.[1] ?? "";
  const names = [...list.matchAll(/CALL_(\w+)(?: = (\d+))?/g)].map(([, name = "", number]) => ({
    name: name.toLowerCase().replace("_", " "),
    number: number === undefined ? null : Number(number),
  }));
  let next = 0;
  const numbered = names.map(({ name, number }) => ({ name, number: (next = (number ?? next) + 1) - 1 }));
  const common = numbered.filter(({ number }) => number < 16);
  const said = [...page.matchAll(/^\| (\d+)(?:, (\d+))? \| (\w+)(?:, (\w+))? \|/gm)].flatMap(([, a, b, x, y]) => [
    { name: x, number: Number(a) },
    ...(b === undefined ? [] : [{ name: y, number: Number(b) }]),
  ]);
  assert.equal(said, common);
  const own = numbered.filter(({ number }) => number >= 16);
  assert.ok(
    page.includes(
      `| ${own[0]?.number} to ${own.at(-1)?.number} | ingressd's own: ${own
        .map(({ name }) => name)
        .join(", ")
        .replace("end in", "end")} |`,
    ),
  );
});

test("docs/os.md has every line that the kernel prints", () => {
  const printed = ["markers.c", "selftest.c", "process.c", "power.c"].flatMap((file) =>
    [...read(`runtime/os/image/${file}`).matchAll(/print\("([a-zA-Z-]+: [^"\\(]*)/g)].map(([, text = ""]) => text.trim()),
  );
  assert.ok(printed.length >= 7, `${printed.length}`);
  for (const line of printed) assert.ok(page.includes(`\`${line}`), line);
});

test.run();
