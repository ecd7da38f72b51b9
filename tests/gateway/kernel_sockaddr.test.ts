// The kernel's socket addresses, as bytes: written and read back.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { AF_INET, AF_INET6, AF_UNIX } from "../../gateway/kernel/calls.ts";
import { backendAddress, familyOf, internetAddress, peerFrom, portOf } from "../../gateway/kernel/sockaddr.ts";
import { SOURCE_GONE, SOURCE_ODD } from "../../gateway/connection/table.ts";
import { unixBackend } from "../../gateway/forward/backend.ts";
import { parseAddress } from "../../runtime/net/address.ts";

const test = suite("kernel sockaddr");
const names = { interfaceNumber: (name: string) => (name === "eth7" ? 7 : 0), interfaceName: (number: number) => (number === 7 ? "eth7" : null) };

for (const [host, family, text, zone] of [
  ["192.0.2.7", AF_INET, "192.0.2.7", ""],
  ["0.0.0.0", AF_INET, "0.0.0.0", ""],
  ["2001:db8::1", AF_INET6, "2001:db8::1", ""],
  ["fe80::7%eth7", AF_INET6, "fe80::7", "eth7"],
] as const) {
  test(`${host} comes back`, () => {
    const bytes = internetAddress(host, 40_001, names);
    assert.ok(bytes !== null);
    if (bytes === null) return;
    assert.equal([familyOf(bytes), portOf(bytes)], [family, 40_001]);
    assert.equal(peerFrom(bytes, names), { source: parseAddress(text), port: 40_001, zone });
  });
}

test("a link-local peer whose interface is no more is gone, and a zone at another address is odd", () => {
  const local = internetAddress("fe80::7%eth7", 1, names);
  const global = internetAddress("2001:db8::1%eth7", 1, names);
  assert.ok(local !== null && global !== null);
  if (local === null || global === null) return;
  assert.is(peerFrom(local, { interfaceName: () => null }).source, SOURCE_GONE);
  assert.is(peerFrom(global, names).source, SOURCE_ODD);
});

test("text that is no address, and a zone without an interface, give none", () => {
  assert.equal(
    ["localhost", "fe80::7%eth8", ""].map((host) => internetAddress(host, 1, names)),
    [null, null, null],
  );
});

test("the path of a unix socket ends with a zero byte", () => {
  const backend = unixBackend("/run/a.sock");
  if (typeof backend === "string") throw new Error(backend);
  const bytes = backendAddress(backend, names);
  assert.is(bytes === null ? 0 : familyOf(bytes), AF_UNIX);
  assert.is(bytes?.toString("latin1", 2), "/run/a.sock\0");
});

test.run();
