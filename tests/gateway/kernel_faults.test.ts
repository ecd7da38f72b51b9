// Every call of the kernel's forwarder fails in turn, at every step of a connection, with each error that it may have: in
// plain tcp, where a hello is read first and comes in pieces, at a backend on a unix socket, and under TLS that OpenSSL ends.
// kernel_faults_identity.test.ts does the same where the client's address or identity is read first.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { usableCalls } from "../../gateway/kernel/self_test.ts";
import type { KernelCalls } from "../../gateway/kernel/calls.ts";
import { skip } from "../skip.ts";
import { atEnd, suite } from "../suite.ts";
import { authority, dns, leaf } from "../tls/certificates.ts";
import { put } from "../tls/tls_under_test.ts";
import { ANSWER, answering, exchange, exchangeTls, QUESTION, testsOf, type Exchange, type Got, type Scene } from "./fault_scene.ts";
import { FaultyCalls, OF_STREAMS, type Named } from "./faulty_calls.ts";
import { backend, freePort, running, temporaryFolder } from "./gateway_under_test.ts";
import { helloWith, records, serverName } from "./hello_bytes.ts";

const test = suite("kernel faults");
const usable = await usableCalls();
/** In an ordinary run; with `--at-length` each step of every call. */
const [FIRST_STEPS, FIRST_STEPS_OF_MODES] = [2, 1];

async function plain(real: KernelCalls): Promise<Scene> {
  const faulty = new FaultyCalls(real);
  const got: Got = { bytes: [], ended: false };
  const behind = await backend("", answering(got));
  const at = await freePort();
  const gateway = await running({
    calls: faulty.calls,
    policy: `edition 1\nexpose web on tcp ${at} { backend 127.0.0.1:${behind.port} allow from 127.0.0.1 }`,
  });
  return {
    faulty,
    gateway,
    behind,
    got,
    question: QUESTION,
    served: () => exchange(at, "127.0.0.1", QUESTION),
    refused: () => exchange(at, "127.0.0.2", Buffer.from("never")),
  };
}

/** A hello of three records. */
const hello = (name: string): Buffer => records(helloWith(serverName(name)), 5, 40);

async function passthrough(real: KernelCalls): Promise<Scene> {
  const faulty = new FaultyCalls(real);
  const got: Got = { bytes: [], ended: false };
  const behind = await backend("", answering(got));
  const at = await freePort();
  const gateway = await running({
    calls: faulty.calls,
    policy: `edition 1\nexpose web on tcp ${at} as passthrough { backend 127.0.0.1:${behind.port} allow from any sni "www.example.com" }`,
  });
  const [good, bad] = [hello("www.example.com"), hello("other.example.com")];
  return {
    faulty,
    gateway,
    behind,
    got,
    question: Buffer.concat([good, QUESTION]),
    served: () => exchange(at, "127.0.0.1", good.subarray(0, 3), good.subarray(3, 60), good.subarray(60), QUESTION),
    refused: () => exchange(at, "127.0.0.1", bad.subarray(0, 30), bad.subarray(30)),
  };
}

/** A process of its own: the gateway never connects to a socket of its own process. It answers and waits until nothing is open. */
const BACKEND = `const net = require("node:net"), answer = require("node:fs").readFileSync(process.argv[2]);
let accepted = 0, bytes = [], ended = false, isAsked = false;
const open = new Set();
const say = () => {
  if (!isAsked || open.size > 0) return;
  process.send({ accepted, open: open.size, bytes: Buffer.concat(bytes), ended });
  [bytes, ended, isAsked] = [[], false, false];
};
process.on("message", () => { isAsked = true; say(); });
net.createServer({ allowHalfOpen: true }, (socket) => {
  accepted++;
  open.add(socket);
  socket.on("error", () => 0).on("data", (chunk) => bytes.push(chunk)).on("close", () => { open.delete(socket); say(); });
  socket.on("end", () => { ended = true; socket.end(answer); });
}).listen(process.argv[1], () => process.send("listens"));`;

interface Said {
  readonly accepted: number;
  readonly open: number;
  readonly bytes: Uint8Array;
  readonly ended: boolean;
}

function isSaid(value: unknown): value is Said {
  return typeof value === "object" && value !== null && "accepted" in value && "open" in value;
}

async function unix(real: KernelCalls): Promise<Scene> {
  const faulty = new FaultyCalls(real);
  const got: Got = { bytes: [], ended: false };
  const folder = temporaryFolder();
  const path = join(folder, "web.sock");
  writeFileSync(join(folder, "answer"), ANSWER);
  const child = spawn(process.execPath, ["-e", BACKEND, path, join(folder, "answer")], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    serialization: "advanced",
  });
  atEnd(() => child.kill("SIGKILL"));
  await once(child, "message");
  const behind = { accepted: 0, sockets: { size: 0 } };
  const current = async (): Promise<void> => {
    const heard = once(child, "message");
    child.send("what came?");
    const [said] = (await heard) as unknown[];
    if (!isSaid(said)) throw new Error("no answer");
    [behind.accepted, behind.sockets.size, got.bytes, got.ended] = [said.accepted, said.open, [...got.bytes, Buffer.from(said.bytes)], said.ended];
  };
  const at = await freePort();
  const gateway = await running({
    calls: faulty.calls,
    policy: `edition 1\nexpose web on tcp ${at} { backend unix "${path}" allow from 127.0.0.1 }`,
  });
  return {
    faulty,
    gateway,
    behind,
    got,
    question: QUESTION,
    isUnix: true,
    async served() {
      const came = await exchange(at, "127.0.0.1", QUESTION);
      await current();
      return came;
    },
    refused: () => exchange(at, "127.0.0.2", Buffer.from("never")),
  };
}

async function tls(real: KernelCalls): Promise<Scene> {
  const faulty = new FaultyCalls(real);
  const got: Got = { bytes: [], ended: false };
  const behind = await backend("", answering(got));
  const [at, folder, root] = [await freePort(), temporaryFolder(), authority("site root")];
  put(folder, "web", leaf(root, { names: [dns("www.example.com")] }));
  const gateway = await running({
    calls: faulty.calls,
    engine: "openssl",
    policy: `edition 1\nexpose web on tcp ${at} as tls { backend 127.0.0.1:${behind.port} cert "web" allow from any sni "www.example.com" }`,
    config: `[certs.web]\ncert = "${folder}/web.pem"\nkey = "${folder}/web.key"\n`,
  });
  const exchanged = (servername: string): Promise<Exchange> => exchangeTls(at, { ca: root.pem, servername });
  return { faulty, gateway, behind, got, question: QUESTION, served: () => exchanged("www.example.com"), refused: () => exchanged("other.example.com") };
}

if (usable.ok) {
  const { value } = usable;
  const ofNone: readonly Named[] = ["getOption", "getsockname", "eventfd"];
  // OpenSSL makes its own calls at the client, and what is decrypted can't be spliced.
  const ofPlain: readonly Named[] = ["splice", "pipe", "setPipeSize"];
  // No connect fails, a backend has no owner to look at, and a reserve is there.
  testsOf(test, "tcp", () => plain(value), { names: OF_STREAMS, never: ofNone, steps: FIRST_STEPS });
  testsOf(test, "passthrough", () => passthrough(value), { names: OF_STREAMS, never: ofNone, steps: FIRST_STEPS_OF_MODES });
  testsOf(test, "unix", () => unix(value), { names: OF_STREAMS, never: ["getOption", "eventfd"], steps: FIRST_STEPS_OF_MODES });
  testsOf(test, "tls", () => tls(value), {
    names: OF_STREAMS.filter((name) => ![...ofNone, ...ofPlain].includes(name)),
    never: [],
    steps: FIRST_STEPS_OF_MODES,
  });
} else skip("kernel faults", usable.error.because);

test.run();
