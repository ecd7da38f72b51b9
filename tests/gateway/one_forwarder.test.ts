// The tests that only one forwarder can pass, each with its reason. Every other test of the gateway passes on both:
// TEST_FORWARDER=kernel and TEST_FORWARDER=node.
import { readFileSync } from "node:fs";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { sources } from "../house/sources.ts";

const test = suite("one forwarder");

const MOST = 10;

/** Test files that run on this forwarder whatever TEST_FORWARDER says. */
const ONE_FORWARDER: readonly (readonly [path: string, forwarder: "kernel" | "node", because: string])[] = [
  ["tests/gateway/flow_faults.test.ts", "kernel", "calls that a test makes fail: libuv makes Node's"],
  ["tests/gateway/kernel_faults.test.ts", "kernel", "calls that a test makes fail: libuv makes Node's"],
  ["tests/gateway/kernel_poller.test.ts", "kernel", "epoll by the poller itself"],
  ["tests/gateway/kernel_transport.test.ts", "kernel", "splice and its urgent marks, and calls that a test makes fail"],
  ["tests/gateway/threads.test.ts", "kernel", "several threads need the kernel's forwarder"],
  ["tests/gateway/without_koffi.test.ts", "node", "the kernel's calls need koffi"],
  ["tests/tls/openssl_conversations.test.ts", "kernel", "OpenSSL's engine serves on the kernel's forwarder alone"],
  ["tests/tls/openssl_faults.test.ts", "kernel", "OpenSSL's engine serves on the kernel's forwarder alone"],
  ["tests/tls/openssl_fuzz.test.ts", "kernel", "OpenSSL's engine serves on the kernel's forwarder alone"],
  ["tests/tls/openssl_turns.test.ts", "kernel", "OpenSSL's engine serves on the kernel's forwarder alone"],
];

test("the list has every test that makes the kernel's calls or starts without koffi, and at most ten", () => {
  const found = sources(".test.ts")
    .filter(({ path }) => path.startsWith("tests/") && !path.endsWith("one_forwarder.test.ts"))
    .filter(({ text }) => /\b(withoutKoffi|usableCalls|openCalls)\(|forwarder: "(kernel|node)"/.test(text) && !/ of (FORWARDERS|WAYS|ENGINES)\b/.test(text))
    .map(({ path }) => path);
  assert.equal(found.sort(), ONE_FORWARDER.map(([path]) => path).sort());
  assert.ok(ONE_FORWARDER.length <= MOST);
  for (const [path, , because] of ONE_FORWARDER) assert.ok(readFileSync(path, "utf8").length > 0 && because !== "", path);
});

test.run();
