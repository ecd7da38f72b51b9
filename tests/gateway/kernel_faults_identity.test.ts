// Every call of the kernel's forwarder fails in turn, at every step of a connection, where the gateway reads who the client is
// before it decides: from the PROXY header of a load balancer, and from a certificate (kernel_faults.test.ts has the other modes).
import type { KernelCalls } from "../../gateway/kernel/calls.ts";
import { usableCalls } from "../../gateway/kernel/self_test.ts";
import { skip } from "../skip.ts";
import { suite } from "../suite.ts";
import { authority, dns, leaf } from "../tls/certificates.ts";
import { put } from "../tls/tls_under_test.ts";
import { answering, exchange, exchangeTls, QUESTION, testsOf, type Got, type Scene } from "./fault_scene.ts";
import { FaultyCalls, OF_STREAMS, type Named } from "./faulty_calls.ts";
import { backend, freePort, running, temporaryFolder } from "./gateway_under_test.ts";
import { four } from "./proxy_bytes.ts";
import { BALANCER } from "./via_under_test.ts";

const test = suite("kernel faults: identity");
const usable = await usableCalls();
/** In an ordinary run; with `--at-length` each step of every call. */
const FIRST_STEPS = 1;

async function via(real: KernelCalls): Promise<Scene> {
  const faulty = new FaultyCalls(real);
  const got: Got = { bytes: [], ended: false };
  const behind = await backend("", answering(got));
  const at = await freePort();
  const gateway = await running({
    calls: faulty.calls,
    policy: `edition 1\nexpose web on tcp ${at} via ${BALANCER} { backend 127.0.0.1:${behind.port} allow from 203.0.113.0/24 deny from 203.0.113.66 }`,
  });
  const [good, bad] = ["203.0.113.9", "203.0.113.66"].map((source) => four(source, "198.51.100.1", 40_000, at));
  if (good === undefined || bad === undefined) throw new Error("two headers");
  return {
    faulty,
    gateway,
    behind,
    got,
    question: QUESTION,
    served: () => exchange(at, BALANCER, good.subarray(0, 5), good.subarray(5, 20), good.subarray(20), QUESTION),
    refused: () => exchange(at, BALANCER, bad.subarray(0, 14), bad.subarray(14), Buffer.from("never")),
  };
}

async function mtls(real: KernelCalls): Promise<Scene> {
  const faulty = new FaultyCalls(real);
  const got: Got = { bytes: [], ended: false };
  const behind = await backend("", answering(got));
  const [at, folder, root, corp] = [await freePort(), temporaryFolder(), authority("site root"), authority("corp root")];
  put(folder, "web", leaf(root, { names: [dns("www.example.com")] }));
  put(folder, "corp", corp);
  const gateway = await running({
    calls: faulty.calls,
    engine: "openssl",
    policy: `edition 1\nexpose web on tcp ${at} as mtls { backend 127.0.0.1:${behind.port} cert "web" ca "corp" allow from any client dns "anna.example.com" }`,
    config: `[certs.web]\ncert = "${folder}/web.pem"\nkey = "${folder}/web.key"\n[cas.corp]\nfile = "${folder}/corp.pem"\n`,
  });
  const [anna, bert] = ["anna.example.com", "bert.example.com"].map((name) => leaf(corp, { names: [dns(name)] }));
  if (anna === undefined || bert === undefined) throw new Error("two certificates");
  const to = { ca: root.pem, servername: "www.example.com" };
  return {
    faulty,
    gateway,
    behind,
    got,
    question: QUESTION,
    served: () => exchangeTls(at, { ...to, shown: anna }),
    refused: () => exchangeTls(at, { ...to, shown: bert }),
  };
}

if (usable.ok) {
  const { value } = usable;
  const ofNone: readonly Named[] = ["getOption", "getsockname", "eventfd"];
  // OpenSSL makes its own calls at the client, and what is decrypted can't be spliced.
  const ofPlain: readonly Named[] = ["splice", "pipe", "setPipeSize"];
  testsOf(test, "via", () => via(value), { names: OF_STREAMS, never: ofNone, steps: FIRST_STEPS });
  testsOf(test, "mtls", () => mtls(value), { names: OF_STREAMS.filter((name) => ![...ofNone, ...ofPlain].includes(name)), never: [], steps: FIRST_STEPS });
} else skip("kernel faults: identity", usable.error.because);

test.run();
