// The state that one gateway hands to the next one is read with every field checked: what is not whole is no state.
import * as assert from "uvu/assert";
import { LIMITS_FORM, readState, STATE_FORMAT } from "../../gateway/takeover/handed_state.ts";
import { parseAddress } from "../../runtime/net/address.ts";
import { suite } from "../suite.ts";

const test = suite("handed state");

const PLACE = { local: "127.0.0.1:80", host: "127.0.0.1", port: 80, zone: "", listener: "web", service: "web", mode: "tcp", backend: "tcp://127.0.0.1:9" };
const CONNECTION = { row: 3, place: 0, source: "192.0.2.7", sourcePort: 40_000, zone: "", nameFault: null };
const KNOWN = { ...CONNECTION, words: ["spiffe://example/a"], ca: "inside" };

const OWN = { format: STATE_FORMAT, limitsForm: LIMITS_FORM, flows: [] };
const FLOW = { host: "0.0.0.0", port: 53, source: "192.0.2.7", sourcePort: 4_000, zone: "", to: "7f000001", fresh: true };

function stateOf(place: object, connection: object, more: object = {}): string {
  return JSON.stringify({ ...OWN, places: [place], connections: [connection], limits: "AAEC", ...more });
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

test("the peer that named the source goes over, with or without a destination", () => {
  const peer = { address: "10.0.0.5", port: 50_000 };
  const destination = { address: "2001:db8::1", port: 443 };
  const via = (more: object) => readState(stateOf(PLACE, { ...CONNECTION, ...more }))?.connections[0]?.facts.via;
  const from = { address: parseAddress(peer.address), port: 50_000 };
  assert.equal(via({}), undefined);
  assert.equal(via({ peer }), { peer: from, destination: null });
  assert.equal(via({ peer, destination }), { peer: from, destination: { address: parseAddress(destination.address), port: 443 } });
});

test("a flow is read", () => {
  const state = readState(stateOf(PLACE, CONNECTION, { flows: [FLOW] }));
  assert.equal(
    state?.flows.map(({ source, ...more }) => [[...source].at(-1), more.to, more.fresh]),
    [[0xc0000207, "7f000001", true]],
  );
});

const OTHER: readonly (readonly [what: string, text: string, limits: number | null, connections: number, unread: readonly number[]])[] = [
  ["the same fields", stateOf(PLACE, CONNECTION, { format: 9 }), 3, 1, []],
  ["more fields", stateOf({ ...PLACE, tenant: 7 }, { ...CONNECTION, weight: 1 }, { format: 9, more: {} }), 3, 1, []],
  ["no form at all", stateOf(PLACE, CONNECTION, { format: undefined }), 3, 1, []],
  ["no flows", stateOf(PLACE, CONNECTION, { format: 9, flows: undefined }), 3, 1, []],
  ["limits of another form", stateOf(PLACE, CONNECTION, { format: 9, limitsForm: LIMITS_FORM + 1 }), null, 1, []],
  ["limits without a form", stateOf(PLACE, CONNECTION, { format: 9, limitsForm: undefined }), null, 1, []],
  ["limits that are no text", stateOf(PLACE, CONNECTION, { format: 9, limits: [] }), null, 1, []],
  ["a source that is not known here", stateOf(PLACE, { ...CONNECTION, source: "quic:7" }, { format: 9 }), 3, 0, [3]],
  ["a place that is not known here", stateOf({ ...PLACE, port: "all" }, CONNECTION, { format: 9 }), 3, 0, [3]],
];
for (const [what, text, limits, connections, unread] of OTHER)
  test(`of another release: ${what}`, () => {
    const state = readState(text);
    assert.is(state?.limits?.length ?? null, limits);
    assert.is(state?.connections.length, connections);
    assert.equal(state?.unread, unread);
  });

const bad: readonly (readonly [what: string, text: string])[] = [
  ["no JSON", "{"],
  ["no object", "[]"],
  ["no places", JSON.stringify({ ...OWN, connections: [], limits: "" })],
  ["limits that are no text", stateOf(PLACE, CONNECTION, { limits: 7 })],
  ["a port above 65535", stateOf({ ...PLACE, port: 65_536 }, CONNECTION)],
  ["a place without its service", stateOf({ ...PLACE, service: undefined }, CONNECTION)],
  ["a place that is null", JSON.stringify({ ...OWN, places: [null], connections: [], limits: "" })],
  ["a place that is not there", stateOf(PLACE, { ...CONNECTION, place: 1 })],
  ["a row below 0", stateOf(PLACE, { ...CONNECTION, row: -1 })],
  ["a row that is no whole number", stateOf(PLACE, { ...CONNECTION, row: 0.5 })],
  ["a source that is no address", stateOf(PLACE, { ...CONNECTION, source: "192.0.2.256" })],
  ["a source port above 65535", stateOf(PLACE, { ...CONNECTION, sourcePort: 65_536 })],
  ["no zone", stateOf(PLACE, { ...CONNECTION, zone: undefined })],
  ["no flows", stateOf(PLACE, CONNECTION, { flows: undefined })],
  ["a flow without its port", stateOf(PLACE, CONNECTION, { flows: [{ ...FLOW, port: undefined }] })],
  ["a flow whose source is no address", stateOf(PLACE, CONNECTION, { flows: [{ ...FLOW, source: "x" }] })],
  ["a flow that is neither fresh nor proven", stateOf(PLACE, CONNECTION, { flows: [{ ...FLOW, fresh: 1 }] })],
  ["limits of another form in a state of this release", stateOf(PLACE, CONNECTION, { limitsForm: LIMITS_FORM + 1 })],
  ["of another release: no places", JSON.stringify({ format: 9, connections: [], limits: "" })],
  ["of another release: connections that are no list", JSON.stringify({ format: 9, places: [], connections: {} })],
  ["of another release: a connection that can't be named", stateOf(PLACE, { ...CONNECTION, row: "r", source: "odd" }, { format: 9 })],
  ["a name that is a number", stateOf(PLACE, { ...CONNECTION, name: 1 })],
  ["a peer without its port", stateOf(PLACE, { ...CONNECTION, peer: { address: "10.0.0.5" } })],
  ["a peer that is no address", stateOf(PLACE, { ...CONNECTION, peer: { address: "lb", port: 1 } })],
  ["a peer that is null", stateOf(PLACE, { ...CONNECTION, peer: null })],
  ["a destination that is no address", stateOf(PLACE, { ...CONNECTION, peer: { address: "10.0.0.5", port: 1 }, destination: { address: "", port: 1 } })],
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
