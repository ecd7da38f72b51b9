// The guard's word to its keeper, and when a keeper takes its guard for stopped.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { isSilent, SILENT_TICKS } from "../../runtime/guard/keeper.ts";
import { decodeWord, encodeWord, type KeptSocket } from "../../runtime/guard/keeping.ts";

const test = suite("guard keeping");
const sockets: readonly KeptSocket[] = [
  { proto: "tcp", name: { cookie: 2n ** 63n + 1n, inode: 7 } },
  { proto: "udp", name: { cookie: 1n, inode: 8 } },
];

for (const [binding, held, holds] of [
  [false, [], false],
  [true, [], true],
  [false, sockets, true],
] as const) {
  test(`a word with ${held.length} sockets, ${binding ? "and one that may be bound" : "and none to come"}`, () => {
    assert.equal(decodeWord(encodeWord(binding, held)), { active: holds, sockets: held });
  });
}
for (const line of ["", "1", "null", "{}", '{"holds":true}', '{"holds":true,"sockets":[1]}']) {
  test(`no word: ${line}`, () => assert.throws(() => decodeWord(line)));
}
for (const [holds, silentTicks, silent] of [
  [true, SILENT_TICKS - 1, false],
  [true, SILENT_TICKS, true],
  [false, SILENT_TICKS + 1, false],
] as const) {
  test(`${silentTicks} ticks without a word, ${holds ? "with" : "without"} a socket`, () =>
    assert.is(isSilent({ word: { active: holds, sockets: [] }, silentTicks }), silent));
}

test.run();
