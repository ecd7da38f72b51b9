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
