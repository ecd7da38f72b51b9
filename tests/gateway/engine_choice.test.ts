// Which engine of TLS serves: the key, when the self-test is made, what a start does where OpenSSL's can't serve, and who
// says which it is and why.
import { join } from "node:path";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { openCalls } from "../../gateway/kernel/calls.ts";
import { openOpenssl } from "../../gateway/kernel/openssl.ts";
import { chooseEngine } from "../../gateway/kernel/tls_choice.ts";
import { failed, ok } from "../../runtime/result/result.ts";
import { skip } from "../skip.ts";
import { authority, dns, leaf } from "../tls/certificates.ts";
import { call, put, SERVED, GREETING } from "../tls/tls_under_test.ts";
import { backend, FORWARDERS, freePort, moduleOf, running, temporaryFolder, type Under } from "./gateway_under_test.ts";
import { launch, place, withoutKoffi } from "./ingressd_process.ts";

const test = suite("engine choice");
const ON_NODE = "it needs the kernel's forwarder, and Node's serves";
const SENTENCE = /Node's TLS serves in place of OpenSSL's calls: /;

interface Served {
  readonly folder: string;
  readonly port: number;
  readonly site: ReturnType<typeof authority>;
  readonly policy: string;
  readonly tables: string;
}

async function served(): Promise<Served> {
  const [folder, port, behind, site] = [temporaryFolder(), await freePort(), await backend(GREETING), authority("site root")];
  put(folder, "web", leaf(site, { names: [dns("www.example.com")] }));
  return {
    folder,
    port,
    site,
    policy: `edition 1\nexpose web on tcp ${port} as tls { backend 127.0.0.1:${behind.port} cert "web" allow from any }`,
    tables: `\n[certs.web]\ncert = "${join(folder, "web.pem")}"\nkey = "${join(folder, "web.key")}"\n`,
  };
}

async function answerOf(gateway: Under, method: string): Promise<unknown> {
  const control = await gateway.control();
  const reply: unknown = await control.call(method, {});
  control.close();
  return typeof reply === "object" && reply !== null && "result" in reply ? reply.result : reply;
}

/** The `tls` of a status. */
async function tlsOf(gateway: Under): Promise<unknown> {
  const status = await answerOf(gateway, "status");
  return typeof status === "object" && status !== null && "tls" in status ? status.tls : status;
}

async function metricOf(gateway: Under): Promise<string> {
  const reply = await answerOf(gateway, "metrics");
  return (
    JSON.stringify(reply)
      .replace(/\\"/g, '"')
      .match(/ingressd_tls_engine_info\{[^}]*\} \d/)?.[0] ?? ""
  );
}

type Row = readonly [wanted: "auto" | "openssl" | "node", engine: "openssl" | "node", because: string | null];
const ROWS: Readonly<Record<"kernel" | "node", readonly Row[]>> = {
  kernel: [
    ["auto", "openssl", null],
    ["openssl", "openssl", null],
    ["node", "node", null],
  ],
  node: [
    ["auto", "node", ON_NODE],
    ["node", "node", null],
  ],
};
for (const forwarder of FORWARDERS) {
  for (const [wanted, engine, because] of ROWS[forwarder]) {
    test(`forwarder = "${forwarder}", tls.engine = "${wanted}": ${engine} serves, and status, metric and log say so`, async () => {
      const s = await served();
      const gateway = await running({
        policy: s.policy,
        config: `tls.engine = "${wanted}"
${s.tables}`,
        forwarder,
      });
      assert.is((await call(s)).got, SERVED);
      assert.equal(await tlsOf(gateway), { engine, because });
      assert.is(await metricOf(gateway), `ingressd_tls_engine_info{engine="${engine}",because="${because ?? ""}"} 1`);
      const sentences = gateway.said.filter((line) => SENTENCE.test(line));
      assert.equal(sentences, because === null ? [] : [`Node's TLS serves in place of OpenSSL's calls: ${because}`]);
      gateway.place(moduleOf(`${s.policy} # again`));
      await gateway.daemon.reload();
      assert.is(gateway.said.filter((line) => SENTENCE.test(line)).length, sentences.length, "it is said once");
    });
  }
}

test("nothing is said where no TLS ends here, and it is once a policy has it", async () => {
  const s = await served();
  const plain = `edition 1\nexpose web on tcp ${s.port} { backend 127.0.0.1:1 allow from any }`;
  const gateway = await running({ policy: plain, config: `forwarder = "node"\ntls.engine = "auto"\n${s.tables}` });
  assert.equal(await tlsOf(gateway), { engine: "node", because: ON_NODE }, "status says it all the same");
  assert.not.ok(gateway.said.some((line) => SENTENCE.test(line)));
  gateway.place(moduleOf(s.policy));
  assert.ok((await gateway.daemon.reload()).ok);
  assert.is(gateway.said.filter((line) => SENTENCE.test(line)).length, 1);
});

test("a process without koffi: auto serves by Node's TLS with one sentence of its own; openssl ends the start with exit 6", async () => {
  const s = await served();
  place(s.folder, moduleOf(s.policy));
  const it = withoutKoffi(s.folder, `forwarder = "auto"\ntls.engine = "auto"\n${s.tables}`);
  await it.line("ingressd: ready");
  assert.is((await call(s)).got, SERVED);
  assert.is(it.err().split(SENTENCE).length, 2, it.err());
  assert.match(it.order("status").out, new RegExp(`^TLS engine +node \\(${ON_NODE}\\)$`, "m"));
  it.child.kill("SIGTERM");
  await it.exit;
  const refused = withoutKoffi(s.folder, `forwarder = "auto"\ntls.engine = "openssl"\n${s.tables}`);
  assert.is(await refused.exit, 6);
  assert.match(
    refused.err(),
    /`tls\.engine` is "openssl", and that can't serve here: it needs the kernel's forwarder, and Node's serves; "auto" takes Node's there\n$/,
  );
  assert.is(refused.out(), "");
});

const [kernel, openssl] = [openCalls(), openOpenssl()];
if (kernel === null || !openssl.ok) skip("engine choice", "koffi is not installed");
else {
  test("a self-test that fails: auto takes Node's and has the reason, openssl refuses; it is made once, and not before it is needed", () => {
    let tries = 0;
    const refuses = (): ReturnType<typeof failed<string>> => (tries++, failed("a wrong certificate is not refused"));
    const auto = chooseEngine("auto", kernel, refuses);
    assert.ok(auto.ok);
    assert.is(tries, 0, "not before it is needed");
    const node = { name: "node", native: null, calls: null, because: "a wrong certificate is not refused" };
    assert.equal([auto.value(), auto.value(), tries], [node, node, 1]);
    const strict = chooseEngine("openssl", kernel, refuses);
    assert.equal(!strict.ok && strict.error, {
      exitCode: 6,
      message: '`tls.engine` is "openssl", and that can\'t serve here: a wrong certificate is not refused; "auto" takes Node\'s there',
    });
    tries = 0;
    const requested = chooseEngine("node", kernel, refuses);
    assert.equal([requested.ok && requested.value(), tries], [{ name: "node", native: null, calls: null, because: null }, 0]);
    const good = chooseEngine("auto", kernel, () => (tries++, ok(openssl.value)));
    assert.ok(good.ok && good.value().native !== null && good.value() === good.value());
    assert.is(tries, 1);
    const without = chooseEngine("auto", null, refuses);
    assert.equal([without.ok && without.value().because, tries], [ON_NODE, 1]);
  });

  test("a process as it is shipped takes OpenSSL's by itself, without a word on standard error", async () => {
    const s = await served();
    place(s.folder, moduleOf(s.policy));
    const it = launch(s.folder, `forwarder = "kernel"\ntls.engine = "auto"\n${s.tables}`);
    await it.line("ingressd: ready");
    assert.is((await call(s)).got, SERVED);
    assert.match(it.order("status").out, /^TLS engine +openssl$/m);
    assert.not.match(it.err(), /TLS/);
  });
}

test.run();
