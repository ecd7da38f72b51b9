// Link-local clients for real: a host of its own (a network namespace) behind two links. The decision is
// about the bare address, the record names the interface, caps and limits count both; a policy's tests
// and explain say what the gateway then does.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { expose, ExposeError } from "../../gateway/client/expose.mjs";
import { peerOf } from "../../gateway/listen/peer.ts";
import { ConnectionTable, SOURCE_GONE, SOURCE_ODD } from "../../gateway/connection/table.ts";
import { MAX_ZONES, Zones } from "../../gateway/connection/zones.ts";
import { formatAddress } from "../../runtime/net/address.ts";
import { folder, ingresscHere } from "../cli/programs.ts";
import { skip } from "../skip.ts";
import { eventually, moduleOf, temporaryFolder } from "./gateway_under_test.ts";
import { launch, place } from "./ingressd_process.ts";

const test = suite("zones");

const APART = ["unshare", "-n", "sh", "-ec", 'ip link set lo up; exec "$@"', "sh"];
const [unshare = "unshare", ...argv] = APART;
const tried = spawnSync(unshare, [...argv, "sh", "-ec", "nsenter --version; ip link add va type veth peer name vb; ip addr add fe80::1/64 dev va nodad"], {
  encoding: "utf8",
});

/** Nothing else is in the namespaces. */
const POLICY = `edition 1
net chosen = fe80::/10 except fe80::bad
expose web on tcp 8443 {
  backend 127.0.0.1:9000
  limit 1/h burst 1 per source /24 /48
  allow from chosen, 2001:db8::/32, fec0::/10
}
expose lan on tcp 8444 bind linklocal { backend 127.0.0.1:9000 allow from linklocal }
expose leased on tcp 8447 { allow from chosen }
expose kept on tcp 8445 { backend 127.0.0.1:9000 cap 9 connections, 1 per source /24 /48 allow from any }
test "the clients of the links" {
  from fe80::b to web => allow
  from febf:ffff:ffff:ffff::b to web => allow
  from fec0::b to web => allow
  from fe80::bad to web => deny cidr
  from fe80::b to lan => allow
  from fec0::b to lan => deny cidr
}
`;

interface Visit {
  readonly port?: number;
  readonly to: string;
  readonly from: string;
  /** Stays open while the next ones come. */
  readonly stays?: true;
  readonly answer: "hello" | "refused";
  /** Of the record: the code, and the source without its port. */
  readonly code: string;
  readonly source: string;
}

const VISITS: readonly Visit[] = [
  { to: "fe80::a%vb", from: "fe80::b%vb", answer: "hello", code: "allowed", source: "[fe80::b%va]" },
  { to: "fe80::a%vb", from: "fe80::b%vb", answer: "refused", code: "limit_source", source: "[fe80::b%va]" },
  // The same address on the other link, and a neighbour, are others, though `/48` is written.
  { to: "fe80::a%vd", from: "fe80::b%vd", answer: "hello", code: "allowed", source: "[fe80::b%vc]" },
  { to: "fe80::a%vd", from: "fe80::b%vd", answer: "refused", code: "limit_source", source: "[fe80::b%vc]" },
  { to: "fe80::a%vb", from: "fe80::c%vb", answer: "hello", code: "allowed", source: "[fe80::c%va]" },
  { to: "fe80::a%vb", from: "fe80::bad%vb", answer: "refused", code: "no_match", source: "[fe80::bad%va]" },
  // The last network of fe80::/10, and the first beyond it, where `/48` applies.
  { to: "febf:ffff:ffff:ffff::a%vb", from: "febf:ffff:ffff:ffff::b%vb", answer: "hello", code: "allowed", source: "[febf:ffff:ffff:ffff::b%va]" },
  { to: "fec0::a", from: "fec0::b", answer: "hello", code: "allowed", source: "[fec0::b]" },
  { to: "fec0::a", from: "fec0::c", answer: "refused", code: "limit_source", source: "[fec0::c]" },
  { to: "2001:db8::a", from: "2001:db8::b", answer: "hello", code: "allowed", source: "[2001:db8::b]" },
  // A cap of one: given back under the key that it was taken with.
  { port: 8445, to: "fe80::a%vb", from: "fe80::b%vb", stays: true, answer: "hello", code: "allowed", source: "[fe80::b%va]" },
  { port: 8445, to: "fe80::a%vb", from: "fe80::b%vb", answer: "refused", code: "cap_source", source: "[fe80::b%va]" },
  { port: 8445, to: "fe80::a%vd", from: "fe80::b%vd", answer: "hello", code: "allowed", source: "[fe80::b%vc]" },
  { port: 8444, to: "fe80::a%vb", from: "fe80::b%vb", answer: "hello", code: "allowed", source: "[fe80::b%va]" },
  { port: 8444, to: "fe80::a%vd", from: "fe80::b%vd", answer: "hello", code: "allowed", source: "[fe80::b%vc]" },
];

const CLIENT = `
  const { connect } = require("node:net");
  const kept = [];
  (async () => {
    for (const { port = 8443, to, from, stays } of JSON.parse(process.argv[1])) {
      console.log(await new Promise((resolve) => {
        const socket = connect({ host: to, port, localAddress: from, family: 6 });
        socket.once("data", (chunk) => { resolve(String(chunk)); if (stays) kept.push(socket); else socket.destroy(); });
        socket.once("error", (error) => resolve(error.code === "ECONNRESET" ? "refused" : error.message));
        socket.once("end", () => resolve("ended"));
      }));
    }
    for (const socket of kept) socket.destroy();
  })();`;

/** Until its input ends. */
const STAYS = `
  const socket = require("node:net").connect({ host: "fe80::a%vb", port: 8445, localAddress: "fe80::b%vb", family: 6 });
  socket.on("data", (chunk) => console.log(String(chunk)));
  process.stdin.resume().on("end", () => process.exit());`;

if (tried.status === 0) {
  test("link-local clients are decided, recorded and counted by address and interface, as tests and explain say", async () => {
    const home = temporaryFolder();
    const sources = folder();
    sources.write("edge.ingress", POLICY);
    const built = await ingresscHere(["build", "edge.ingress"], sources.path);
    assert.is(built.code, 0, built.out + built.err);
    place(home, readFileSync(sources.at("edge.wasm")));
    const it = launch(home, `[timers]\ninterface_poll_ms = 100\n[services.leased]\nuid = ${process.getuid?.() ?? 0}`, { through: APART });
    await it.line("ingressd: ready");
    // A shell that waits for the end of its input: the namespace lives as long as it does.
    const client = spawn("unshare", ["-n", "sh", "-ec", "ip link set lo up; echo up; read -r _ || true"], { stdio: ["pipe", "pipe", "inherit"] });
    await once(client.stdout, "data");
    const inside = (pid: number | undefined, ...command: readonly string[]) =>
      spawnSync("nsenter", ["-t", String(pid), "-n", ...command], { encoding: "utf8", timeout: 20_000 });
    const links = inside(
      it.child.pid,
      "sh",
      "-ec",
      `
      for pair in "va vb" "vc vd"; do
        set -- $pair
        ip link add $1 type veth peer name $2 netns ${client.pid}
        ip addr add fe80::a/64 dev $1 nodad; ip link set $1 up
        nsenter -t ${client.pid} -n sh -ec "for a in fe80::b fe80::c fe80::bad; do ip addr add \\$a/64 dev $2 nodad; done; ip link set $2 up"
      done
      for a in febf:ffff:ffff:ffff:: fec0:: 2001:db8::; do
        ip addr add \${a}a/64 dev va nodad
        nsenter -t ${client.pid} -n sh -ec "for h in b c; do ip addr add $a\\$h/64 dev vb nodad; done"
      done`,
    );
    assert.is(links.status, 0, links.stderr);
    const audit = (): readonly string[] => readFileSync(join(home, "audit.jsonl"), "utf8").split("\n");
    const opened = (): number =>
      audit().filter((line) => line.includes('"op":"bind"') && line.includes('"listener":"lan"') && /"local":"\[fe80::a%v[ac]\]:8444"/.test(line)).length;
    await eventually(() => opened() >= 2, "it listens on the link-local address of each interface");
    const backend = spawn(
      "nsenter",
      [
        "-t",
        String(it.child.pid),
        "-n",
        process.execPath,
        "-e",
        'require("node:net").createServer((s) => s.on("error", () => {}).write("hello")).listen(9000, "127.0.0.1", () => console.log("up"))',
      ],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    await once(backend.stdout, "data");

    const visited = inside(client.pid, process.execPath, "-e", CLIENT, JSON.stringify(VISITS));
    assert.equal(
      visited.stdout.trim().split("\n"),
      VISITS.map(({ answer }) => answer),
      visited.stderr,
    );
    const records = audit()
      .filter((line) => line.includes('"op":"accept"'))
      .map((line) => /"code":"([a-z_]+)".*"source":"([^"]*):\d+"/.exec(line)?.slice(1));
    assert.equal(
      records,
      VISITS.map(({ code, source }) => [code, source]),
    );
    assert.match(it.order("status", "--json").out, /"source":"fe80::bad%va"/);
    // A place is taken and given back under one key, over a reload too.
    const stays = spawn("nsenter", ["-t", String(client.pid), "-n", process.execPath, "-e", STAYS], { stdio: ["pipe", "pipe", "inherit"] });
    await once(stays.stdout, "data");
    const visit = (from: string): string =>
      inside(client.pid, process.execPath, "-e", CLIENT, JSON.stringify([{ port: 8445, to: "fe80::a%vb", from }])).stdout.trim();
    assert.equal(["fe80::b%vb", "fe80::c%vb"].map(visit), ["refused", "hello"]);
    place(home, moduleOf(`${POLICY}expose more on tcp 8446 { backend 127.0.0.1:9000 allow from any }`));
    assert.is(it.order("reload").code, 0);
    assert.equal(["fe80::b%vb", "fe80::c%vb"].map(visit), ["refused", "hello"]);
    stays.stdin.end();
    await once(stays, "exit");
    await eventually(() => visit("fe80::b%vb") === "hello", "the place comes back");

    // A lease of one link-local address opens it on each interface that has it, and on no other.
    const lease = { service: "leased", port: 8447, backend: "127.0.0.1:9000", bind: "fe80::a", socket: join(home, "run", "control.sock") };
    const exposure = await expose(lease);
    assert.equal([...exposure.open].sort(), ["[fe80::a%va]:8447", "[fe80::a%vc]:8447"]);
    const leased = (to: string, from: string): string =>
      inside(client.pid, process.execPath, "-e", CLIENT, JSON.stringify([{ port: 8447, to, from }])).stdout.trim();
    assert.equal([leased("fe80::a%vb", "fe80::b%vb"), leased("fe80::a%vd", "fe80::b%vd"), leased("fe80::a%vb", "fe80::bad%vb")], ["hello", "hello", "refused"]);
    assert.match(leased("2001:db8::a", "2001:db8::b"), /ECONNREFUSED/);
    await exposure.close();
    assert.match(leased("fe80::a%vb", "fe80::b%vb"), /ECONNREFUSED/);
    const refused = async (bind: string): Promise<string> =>
      expose({ ...lease, bind }).then(
        () => "open",
        (error: unknown) => (error instanceof ExposeError ? `${error.code}: ${error.message}` : String(error)),
      );
    assert.match(await refused("fe80::d"), /^not_exposed: .*fe80::d/);
    assert.match(await refused("fe80::a%va"), /^bad_intent: .*without an interface/);
    assert.match(await refused("fe80::00a.0.0.1"), /^bad_intent: /);
    assert.match(readFileSync(join(home, "audit.jsonl"), "utf8"), /"local":"\[fe80::d\]:8447"/);

    for (const [request, verdict] of [
      ["from fe80::b to web", "allow"],
      ["from fe80::bad to web", "deny (reason=cidr)"],
      ["from fe80::b to lan", "allow"],
    ] as const) {
      const { out } = await ingresscHere(["explain", "edge.wasm", request], sources.path);
      assert.ok(out.includes(`\n  ${verdict}\n`), out);
      assert.match(out, /the source is link-local: every host on the link chooses its address/);
    }
    const { out } = await ingresscHere(["explain", "edge.wasm", "from fec0::b to web"], sources.path);
    assert.not.match(out, /link-local/);

    backend.kill("SIGTERM");
    client.stdin.end();
    it.child.kill("SIGTERM");
    assert.is(await it.exit, 0);
    sources.remove();
  });
} else {
  skip("link-local clients", "no network namespaces of one's own (root, unshare, ip, nsenter)");
}

const TEXTS: readonly (readonly [text: string | undefined, source: string])[] = [
  ["192.0.2.1", "192.0.2.1"],
  ["::ffff:192.0.2.1", "192.0.2.1"],
  ["2001:db8::1", "2001:db8::1"],
  ["fe80::1", "fe80::1"],
  ["fe80::1%eth0", "fe80::1 on eth0"],
  ["febf::1%eth0", "febf::1 on eth0"],
  ["fe80::1%a%b", "fe80::1 on a%b"],
  ["fe7f::1%eth0", "odd"],
  ["fec0::1%eth0", "odd"],
  ["2001:db8::1%eth0", "odd"],
  ["192.0.2.1%eth0", "odd"],
  ["::ffff:192.0.2.1%eth0", "odd"],
  ["fe80::1%", "odd"],
  ["%eth0", "odd"],
  ["", "odd"],
  ["fe80::01.2.3.4%eth0", "odd"],
  ["::ffff:010.0.0.1", "odd"],
  [undefined, "gone"],
];

for (const [text, due] of TEXTS) {
  test(`a peer that the kernel calls ${text ?? "nothing"} is ${due}`, () => {
    const { source, zone, port } = peerOf({ remoteAddress: text, remotePort: 7 });
    const said =
      source === SOURCE_ODD ? "odd"
      : source === SOURCE_GONE ? "gone"
      : formatAddress(source);
    assert.is(zone === "" ? said : `${said} on ${zone}`, due);
    assert.is(port, 7);
  });
}

test("a peer whose interface is gone has gone too", () => {
  const { source } = peerOf({
    get remoteAddress(): string {
      throw new Error("uv_if_indextoiid");
    },
    remotePort: 7,
  });
  assert.is(source, SOURCE_GONE);
});

test("interfaces are numbered once, up to the bound", () => {
  const zones = new Zones();
  assert.equal(
    ["", "a", "b", "a"].map((name) => zones.numberOf(name)),
    [0, 1, 2, 1],
  );
  for (let i = 3; i <= MAX_ZONES; i++) zones.numberOf(`v${i}`);
  assert.is(zones.nameOf(MAX_ZONES), `v${MAX_ZONES}`);
  assert.is(zones.numberOf("one more"), null);
  assert.equal(
    ["b", ""].map((name) => zones.numberOf(name)),
    [2, 0],
  );
  assert.equal(
    [1, 2, 0].map((number) => zones.nameOf(number)),
    ["a", "b", ""],
  );
});

test("a row forgets the interface of the peer before", () => {
  const table = new ConnectionTable();
  const row = table.take();
  table.setSource(row, [0xfe800000, 0, 0, 1], 40_000, "eth0");
  assert.equal([table.zone[row], table.hostOf(row), table.endpointOf(row)], [1, "fe80::1%eth0", "[fe80::1%eth0]:40000"]);
  table.setSource(row, [0, 0, 0xffff, 0x0a000001], 40_001);
  assert.equal([table.zone[row], table.hostOf(row), table.endpointOf(row)], [0, "10.0.0.1", "10.0.0.1:40001"]);
  table.setSource(row, SOURCE_ODD, 40_002);
  assert.equal([table.zone[row], table.hostOf(row), table.endpointOf(row)], [0, undefined, undefined]);
});

test.run();
