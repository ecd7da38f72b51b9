// The tests that only one forwarder can pass, each with its reason. Every other test of the gateway passes on both:
// TEST_FORWARDER=kernel and TEST_FORWARDER=node.
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { sources } from "../house/sources.ts";

const test = suite("one forwarder");

/** Reasons for which a test runs on one forwarder whatever TEST_FORWARDER says. */
const MOST = 10;

/** `part`: only the tests of the file that name the forwarder; the others run on both. */
const ONE_FORWARDER: readonly {
  readonly forwarder: "kernel" | "node";
  readonly because: string;
  readonly files?: readonly string[];
  readonly part?: readonly string[];
}[] = [
  {
    forwarder: "kernel",
    because: "calls that a test makes fail: libuv makes Node's",
    files: [
      "tests/gateway/flow_faults.test.ts",
      "tests/gateway/kernel_faults.test.ts",
      "tests/gateway/kernel_faults_identity.test.ts",
      "tests/gateway/kernel_transport.test.ts",
    ],
  },
  { forwarder: "kernel", because: "calls that a test counts", files: ["tests/gateway/hello_peeks.test.ts"] },
  { forwarder: "kernel", because: "epoll by the poller itself", files: ["tests/gateway/kernel_poller.test.ts"] },
  {
    forwarder: "kernel",
    because: "several threads need the kernel's forwarder",
    files: ["tests/gateway/threads.test.ts", "tests/gateway/threads_process.test.ts", "tests/gateway/takeover_threads.test.ts"],
  },
  { forwarder: "node", because: "the kernel's calls need koffi", files: ["tests/gateway/without_koffi.test.ts"] },
  {
    forwarder: "kernel",
    because: "OpenSSL's engine serves on the kernel's forwarder alone",
    files: ["tests/tls/openssl_conversations.test.ts", "tests/tls/openssl_faults.test.ts", "tests/tls/openssl_fuzz.test.ts", "tests/tls/openssl_turns.test.ts"],
  },
  {
    forwarder: "kernel",
    because: "Node's sockets of udp can't be handed over, or stored",
    files: ["tests/gateway/takeover_udp.test.ts"],
    part: ["tests/gateway/several_backends_takeover.test.ts", "tests/gateway/service_manager.test.ts"],
  },
  {
    forwarder: "node",
    because: "a socket of udp at each address of the host, where the other one has the wildcard's",
    part: ["tests/gateway/datagrams.test.ts", "tests/gateway/replay.test.ts"],
  },
  { forwarder: "kernel", because: "a change to the other forwarder, and to more threads", part: ["tests/gateway/config_reload.test.ts"] },
];

const ONE = /\b(withoutKoffi|usableCalls|openCalls)\(|forwarder(: "|\s*= \\?")(kernel|node)/;
const BOTH = / of (FORWARDERS|WAYS|ENGINES)\b/;

test("the list has every test that makes the kernel's calls, starts without koffi or names a forwarder, and at most ten reasons", () => {
  const found = sources(".test.ts")
    .filter(({ path }) => path.startsWith("tests/") && !path.endsWith("one_forwarder.test.ts"))
    .filter(({ text }) => ONE.test(text) && !BOTH.test(text))
    .map(({ path }) => path);
  assert.equal(found.sort(), ONE_FORWARDER.flatMap(({ files = [], part = [] }) => [...files, ...part]).sort());
  assert.ok(ONE_FORWARDER.length <= MOST);
  for (const { because, files = [], part = [] } of ONE_FORWARDER) assert.ok(because !== "" && files.length + part.length > 0);
});

test.run();
