// The state that one gateway hands to the next one is read with every field checked: what is not whole is no state.
import * as assert from "uvu/assert";
import { readState } from "../../gateway/takeover/handed_state.ts";
import { suite } from "../suite.ts";

const test = suite("handed state");

const PLACE = { local: "127.0.0.1:80", host: "127.0.0.1", port: 80, zone: "", listener: "web", service: "web", backend: "tcp://127.0.0.1:9" };
const CONNECTION = { row: 3, place: 0, source: "192.0.2.7", sourcePort: 40_000, zone: "", nameFault: null };
const KNOWN = { ...CONNECTION, words: ["spiffe://example/a"], ca: "inside" };

function stateOf(place: object, connection: object, more: object = {}): string {
  return JSON.stringify({ places: [place], connections: [connection], limits: "AAEC", ...more });
}

test("a whole state is read, with its limits", () => {
  const state = readState(stateOf(PLACE, CONNECTION));
  assert.equal(state?.places, [PLACE]);
  assert.is(state?.connections[0]?.row, 3);
  assert.equal([...(state?.limits ?? [])], [0, 1, 2]);
});

test("an identity goes over with all its names and its authority", () => {
  const identity = readState(stateOf(PLACE, KNOWN))?.connections[0]?.facts.identity;
  assert.equal(identity?.identity.words, KNOWN.words);
  assert.is(identity?.ca, "inside");
});

const bad: readonly (readonly [what: string, text: string])[] = [
  ["no JSON", "{"],
  ["no object", "[]"],
  ["no places", JSON.stringify({ connections: [], limits: "" })],
  ["limits that are no text", stateOf(PLACE, CONNECTION, { limits: 7 })],
  ["a port above 65535", stateOf({ ...PLACE, port: 65_536 }, CONNECTION)],
  ["a place without its service", stateOf({ ...PLACE, service: undefined }, CONNECTION)],
  ["a place that is null", JSON.stringify({ places: [null], connections: [], limits: "" })],
  ["a place that is not there", stateOf(PLACE, { ...CONNECTION, place: 1 })],
  ["a row below 0", stateOf(PLACE, { ...CONNECTION, row: -1 })],
  ["a row that is no whole number", stateOf(PLACE, { ...CONNECTION, row: 0.5 })],
  ["a source that is no address", stateOf(PLACE, { ...CONNECTION, source: "192.0.2.256" })],
  ["a source port above 65535", stateOf(PLACE, { ...CONNECTION, sourcePort: 65_536 })],
  ["no zone", stateOf(PLACE, { ...CONNECTION, zone: undefined })],
  ["a name that is a number", stateOf(PLACE, { ...CONNECTION, name: 1 })],
  ["an unknown fault of the name", stateOf(PLACE, { ...CONNECTION, nameFault: "odd" })],
  ["an identity without its authority", stateOf(PLACE, { ...KNOWN, ca: undefined })],
  ["an identity with a name that is no text", stateOf(PLACE, { ...KNOWN, words: ["a", 1] })],
  ["an identity whose names are no list", stateOf(PLACE, { ...KNOWN, words: "a" })],
];
for (const [what, text] of bad)
  test(`refused: ${what}`, () => {
    assert.is(readState(text), null);
  });

test.run();
