// Which addresses a backend on another host may have: none that leads to anything but one other host, none outside of the
// operator's networks, and none of this host's, whatever the host's addresses become.
import { Socket } from "node:net";
import * as assert from "uvu/assert";
import { parseConfig } from "../../gateway/config/read.ts";
import { canonicalBackend, keyedBackend, remoteBackend, tcpBackend, unixBackend, type BackendAddress } from "../../gateway/forward/backend.ts";
import { Backends, type NearEnd } from "../../gateway/forward/backends.ts";
import { Networks } from "../../gateway/forward/networks.ts";
import { keepingLast } from "../../gateway/listen/addresses.ts";
import { staticExposures } from "../../gateway/reload/exposures.ts";
import type { BackendInfo } from "../../runtime/host/module.ts";
import { parseAddress, type Address } from "../../runtime/net/address.ts";
import { notRemote, type NotRemote } from "../../runtime/net/remote.ts";
import { engineOf } from "../host/compiled.ts";
import { suite } from "../suite.ts";

const test = suite("networks");

function addressOf(text: string): Address {
  const address = parseAddress(text);
  if (address === null) throw new Error(`${text} is no address`);
  return address;
}

function remote(host: string, port = 80): BackendAddress {
  const backend = remoteBackend(host, port);
  if (typeof backend === "string") throw new Error(backend);
  return backend;
}

/** The first and the last address of each range, and the ones beside it. */
const KINDS: readonly (readonly [text: string, kind: NotRemote | null])[] = [
  ["0.0.0.0", "unspecified"],
  ["0.255.255.255", "unspecified"],
  ["1.0.0.0", null],
  ["126.255.255.255", null],
  ["127.0.0.0", "loopback"],
  ["127.255.255.255", "loopback"],
  ["128.0.0.0", null],
  ["169.253.255.255", null],
  ["169.254.0.0", "link_local"],
  ["169.254.169.254", "link_local"],
  ["169.254.255.255", "link_local"],
  ["169.255.0.0", null],
  ["223.255.255.255", null],
  ["224.0.0.0", "multicast"],
  ["239.255.255.255", "multicast"],
  ["240.0.0.0", "reserved"],
  ["255.255.255.255", "reserved"],
  ["10.0.3.7", null],
  ["100.100.100.199", null],
  ["100.100.100.200", "metadata"],
  ["192.0.0.192", "metadata"],
  ["168.63.129.16", "metadata"],
  ["168.63.129.17", null],
  ["::", "unspecified"],
  ["::1", "loopback"],
  ["::2", "reserved"],
  ["::a00:307", "reserved"],
  ["::ffff:127.0.0.1", "loopback"],
  ["::ffff:169.254.169.254", "link_local"],
  ["::ffff:10.0.3.7", null],
  ["fe7f:ffff::1", null],
  ["fe80::1", "link_local"],
  ["febf:ffff::1", "link_local"],
  ["fec0::1", null],
  ["feff::1", null],
  ["ff00::", "multicast"],
  ["ff02::1", "multicast"],
  ["2001:db8::7", null],
  ["fd00:ec2::254", "metadata"],
  ["fd00:ec2::23", "metadata"],
  ["fd00:ec2:ffff:ffff:ffff:ffff:ffff:ffff", "metadata"],
  ["fd00:ec1::254", null],
  ["fd00:ec3::254", null],
  ["fd20:ce::254", "metadata"],
  ["fd20:ce::253", null],
  ["fd20:ce::1:0:254", null],
  ["fd20:ce:0:1::254", null],
  ["fd00:42::42", "metadata"],
  ["fd00:42::41", null],
  ["fd00:42::254", null],
  // Those that a translator or a relay on the way makes an IPv4 address of.
  ["64:ff9b::a00:307", null],
  ["64:ff9b::7f00:1", "loopback"],
  ["64:ff9b::a9fe:a9fe", "link_local"],
  ["64:ff9b::6464:64c8", "metadata"],
  ["64:ff9b:1::a00:307", null],
  ["64:ff9b:1:fffe::a9fe:a9fe", "link_local"],
  ["64:ff9b:2::a9fe:a9fe", null],
  // The lengths of a prefix below 64:ff9b:1::/48, each with an address of another host and one that is none.
  ["64:ff9b:1:a00:3:700::", null],
  ["64:ff9b:1:7f00:0:100::", "loopback"],
  ["64:ff9b:1:a9fe:a9:fe00::", "link_local"],
  ["64:ff9b:1:a9ff:aa:fe00::", null],
  ["64:ff9b:1:6464:64:c800::", "metadata"],
  ["64:ff9b:1:e000:0:100::", "multicast"],
  ["64:ff9b:1:1200:a:3:700:0", null],
  ["64:ff9b:1:127f:0:1::", "loopback"],
  ["64:ff9b:1:12a9:fe:a9fe::", "link_local"],
  ["64:ff9b:1:12a9:ff:a9fe::", null],
  ["64:ff9b:1:1234:a:3:700:0", null],
  ["64:ff9b:1:1234:7f:0:100:0", "loopback"],
  ["64:ff9b:1:1234:a9:fea9:100:0", "link_local"],
  ["64:ff9b:1:1234:64:6464:c800:0", "metadata"],
  ["64:ff9b:1:fffe::a00:307", null],
  ["64:ff9b:1:fffe::f000:1", "reserved"],
  ["64:ff9b:1::", "unspecified"],
  ["64:ff9b:1::5", "unspecified"],
  ["64:ff9b:1:fffe::", "unspecified"],
  ["::ffff:0:a00:307", null],
  ["::ffff:0:7f00:1", "loopback"],
  ["::ffff:0:a9fe:a9fe", "link_local"],
  ["2002:a00:307::1", null],
  ["2002:7f00:1::1", "loopback"],
  ["2002:a9fe:a9fe::1", "link_local"],
];

test("addresses that another host can't have", () => {
  for (const [text, kind] of KINDS) assert.is(notRemote(addressOf(text)), kind, text);
});

test("a remote backend is a literal address with a port, and its key leads to it again", () => {
  for (const [text, kind] of KINDS) assert.is(typeof remoteBackend(text, 80) === "string", kind !== null, text);
  for (const [host, port] of [
    ["db.internal", 80],
    ["10.0.3", 80],
    ["", 80],
    ["10.0.3.7%eth0", 80],
    ["10.0.3.7", 0],
    ["10.0.3.7", 65_536],
    ["10.0.3.7", 1.5],
  ] as const)
    assert.type(remoteBackend(host, port), "string", `${host} ${port}`);
  for (const key of ["10.0.3.7:80", "[2001:db8::7]:65535", "127.0.0.1:80", "[::1]:80", "unix:/run/app.sock"]) {
    const backend = keyedBackend(key);
    assert.is(typeof backend === "string" ? backend : backend.key, key);
  }
  for (const key of ["169.254.169.254:80", "10.0.3.7", "10.0.3.7:0", "10.0.3.7:99999", "db.internal:80", "unix:x", ""])
    assert.type(keyedBackend(key), "string", key);
});

test("nothing else takes one: not a registration, not allowed_backends, not the place of the HTTP port", () => {
  for (const text of ["10.0.3.7:80", "remote 10.0.3.7:80", "[2001:db8::7]:80"]) assert.type(canonicalBackend(text), "string", text);
  assert.type(tcpBackend("10.0.3.7", 80), "string", "of a module that was made by hand");
});

interface World {
  networks: readonly string[];
  upcoming: readonly string[];
  host: readonly Address[];
  nowMs: number;
}

function world(networks: readonly string[]): { readonly w: World; readonly checks: Networks } {
  const w: World = { networks, upcoming: networks, host: [addressOf("10.0.3.1")], nowMs: 0 };
  const checks = new Networks({ networks: () => w.networks, upcoming: () => w.upcoming, hostAddresses: () => w.host, monoMs: () => w.nowMs });
  return { w, checks };
}

test("only what is in a network, and the ends of each are in it", () => {
  const rows: readonly (readonly [networks: readonly string[], host: string, isIn: boolean])[] = [
    [[], "10.0.3.7", false],
    [["10.0.3.0/24"], "10.0.3.0", true],
    [["10.0.3.0/24"], "10.0.3.255", true],
    [["10.0.3.0/24"], "10.0.2.255", false],
    [["10.0.3.0/24"], "10.0.4.0", false],
    [["10.0.3.7/32"], "10.0.3.7", true],
    [["10.0.3.7/32"], "10.0.3.6", false],
    [["192.0.2.0/24", "10.0.0.0/8"], "10.255.255.255", true],
    [["0.0.0.0/0"], "10.0.3.7", true],
    [["0.0.0.0/0"], "2001:db8::7", false],
    // The one form of all addresses has IPv4 in `::/0`.
    [["::/0"], "10.0.3.7", false],
    [["::/0"], "2001:db8::7", true],
    [["2001:db8:3::/64"], "2001:db8:3::ffff", true],
    [["2001:db8:3::/64"], "2001:db8:3:1::", false],
    // A text that can't be read allows nothing.
    [["10.0.3.7", "10.0.3.7/8", "x"], "10.0.3.7", false],
  ];
  for (const [networks, host, isIn] of rows) {
    const { checks } = world(networks);
    const name = `${host} in ${networks.join(", ")}`;
    assert.is(checks.isOutside(remote(host)), !isIn, name);
    assert.is(checks.fault(remote(host)) === null, isIn, name);
    assert.is(checks.refusal(remote(host)) === null, isIn, name);
  }
  assert.match(world([]).checks.fault(remote("10.0.3.7")) ?? "", /^10\.0\.3\.7:80 is in none of backends\.networks$/);
  assert.match(world([]).checks.refusal(remote("10.0.3.7")) ?? "", /backend 10\.0\.3\.7:80 is on another host, .*: add its network to the configuration$/);
});

test("a policy is looked at under the networks to come, a connection under those in force", () => {
  const { w, checks } = world(["10.0.3.0/24"]);
  w.upcoming = ["10.0.4.0/24"];
  assert.is(checks.fault(remote("10.0.3.7")), null);
  assert.not(checks.refusal(remote("10.0.3.7")) === null);
  assert.is(checks.refusal(remote("10.0.4.7")), null);
  assert.not(checks.fault(remote("10.0.4.7")) === null);
  w.networks = w.upcoming;
  assert.is(checks.isOutside(remote("10.0.3.7")), true);
  assert.is(checks.isOutside(remote("10.0.4.7")), false);
});

test("an address of this host is none of another, at any port, also one that comes later", () => {
  const { w, checks } = world(["10.0.0.0/8"]);
  for (const port of [1, 80, 65_535]) assert.match(checks.fault(remote("10.0.3.1", port)) ?? "", /is an address of this host$/);
  assert.is(checks.fault(remote("10.0.3.7")), null);
  w.host = [...w.host, addressOf("10.0.3.7")];
  w.nowMs = 999;
  assert.is(checks.fault(remote("10.0.3.7")), null, "the host is looked at once a second");
  w.nowMs = 1_000;
  assert.match(checks.fault(remote("10.0.3.7")) ?? "", /is an address of this host$/);
  assert.is(checks.isOutside(remote("10.0.3.7")), false, "its streams led to another host, and stay");
  w.host = [...w.host, addressOf("10.0.3.8")];
  assert.is(checks.fault(remote("10.0.3.8")), null);
  checks.hostChanged();
  assert.match(checks.fault(remote("10.0.3.8")) ?? "", /is an address of this host$/, "at once, where it is known that they changed");
  w.host = [];
  w.nowMs = 2_000;
  assert.is(checks.fault(remote("10.0.3.7")), null);
});

test("where the host's addresses can't be read, any may be one of them, until they can", () => {
  let isLacking = true;
  let nowMs = 0;
  let reads = 0;
  const networks: readonly string[] = ["10.0.0.0/8"];
  const checks = new Networks({
    networks: () => networks,
    upcoming: () => networks,
    hostAddresses: () => {
      reads++;
      if (isLacking) throw new Error("EMFILE");
      return [addressOf("10.0.3.1")];
    },
    monoMs: () => nowMs,
  });
  const unknown = /^10\.0\.3\.7:80 may be an address of this host, whose addresses can't be read$/;
  const there = remote("10.0.3.7");
  for (const said of [
    checks.fault(there),
    checks.owner(there, null),
    checks.owner(there, "10.0.3.1"),
    checks.verify({ fd: 3, localAddress: "10.0.3.1", localPort: 1 }, there),
  ])
    assert.match(said ?? "", unknown);
  assert.is(reads, 1, "it is tried once a second, too");
  isLacking = false;
  nowMs = 999;
  assert.match(checks.fault(there) ?? "", unknown);
  nowMs = 1_000;
  assert.is(checks.fault(there), null);
  isLacking = true;
  nowMs = 2_000;
  assert.match(checks.fault(there) ?? "", unknown);
});

test("addresses that were read last count while they can't be read, which is said once", () => {
  let isLacking = true;
  const said: string[] = [];
  let host: readonly Address[] = [addressOf("10.0.3.1")];
  const kept = keepingLast(
    () => {
      if (isLacking) throw new Error("EMFILE");
      return host;
    },
    (sentence) => said.push(sentence),
  );
  assert.throws(kept, /^EMFILE$/, "none were ever read");
  isLacking = false;
  assert.is(kept(), host);
  for (let time = 1; time <= 2; time++) {
    isLacking = true;
    assert.equal([kept(), kept()], [host, host]);
    assert.equal(said.length, time);
    assert.match(said.at(-1) ?? "", /addresses of this host can't be read: EMFILE/);
    isLacking = false;
    host = [addressOf(`10.0.3.${time + 1}`)];
    assert.is(kept(), host);
  }
});

test("an address that a translator may send back to this host is one of this host's", () => {
  const { w, checks } = world(["64:ff9b::/64", "64:ff9b:1::/48", "2002::/16", "::ffff:0:0:0/96"]);
  w.host = [addressOf("10.0.3.1"), addressOf("2001:db8::1")];
  for (const [host, isOwn] of [
    ["64:ff9b::a00:301", true],
    ["64:ff9b::a00:307", false],
    ["64:ff9b:1:fffe::a00:301", true],
    ["64:ff9b:1:a00:3:100::", true],
    ["64:ff9b:1:120a:0:301::", true],
    ["64:ff9b:1:1234:a:3:100:0", true],
    ["64:ff9b:1:1234:a:3:700:0", false],
    ["2002:a00:301::1", true],
    ["2002:a00:307::1", false],
    ["::ffff:0:a00:301", true],
    ["::ffff:0:a00:307", false],
  ] as const) {
    const said = checks.fault(remote(host));
    if (isOwn) assert.match(said ?? "", /is an address of this host$/, host);
    else assert.is(said, null, host);
  }
});

test("when it is connected, its near end is looked at: a connection of this host to itself is none", () => {
  const { w, checks } = world(["10.0.0.0/8"]);
  const near = (localAddress?: string): NearEnd => ({ fd: 3, ...(localAddress !== undefined && { localAddress }), localPort: 40_000 });
  const rows: readonly (readonly [near: NearEnd, due: RegExp | null])[] = [
    [near("10.0.3.1"), null],
    [near("::ffff:10.0.3.1"), null],
    [near("10.0.3.7"), /^10\.0\.3\.7:80 is an address of this host$/],
    [near("::ffff:10.0.3.7"), /is an address of this host$/],
    [near(), /^its near end is not known$/],
    [near("lo"), /^its near end is not known$/],
    [new Socket(), /^its near end is not known$/],
  ];
  for (const [end, due] of rows) {
    const said = checks.verify(end, remote("10.0.3.7"));
    if (due === null) assert.is(said, null);
    else assert.match(said ?? "", due);
  }
  w.networks = [];
  assert.match(checks.verify(near("10.0.3.1"), remote("10.0.3.7")) ?? "", /in none of backends\.networks/, "narrowed while it connected");
});

test("a flow is checked before it has a socket, and then by the near end of that, which no reload ends a second time", () => {
  const { w, checks } = world(["10.0.0.0/8"]);
  const there = remote("10.0.3.7");
  for (const [near, due] of [
    [null, null],
    ["10.0.3.1", null],
    ["10.0.3.7", /^10\.0\.3\.7:80 is an address of this host$/],
    ["::ffff:10.0.3.7", /is an address of this host$/],
    ["", /^its near end is not known$/],
    ["0.0.0.0.0", /^its near end is not known$/],
  ] as const) {
    const said = checks.owner(there, near);
    if (due === null) assert.is(said, null, String(near));
    else assert.match(said ?? "", due);
  }
  w.networks = [];
  assert.match(checks.owner(there, null) ?? "", /in none of backends\.networks/, "no flow begins");
  assert.is(checks.owner(there, "10.0.3.1"), null, "one that lasts is ended by the recheck, which records why");
  w.host = [addressOf("10.0.3.7")];
  checks.hostChanged();
  assert.match(checks.owner(there, "10.0.3.1") ?? "", /is an address of this host$/);
});

test("they say nothing of a backend on this host, and without them no other host is reached", () => {
  const { checks } = world([]);
  const local = [tcpBackend("127.0.0.1", 80), unixBackend("/run/app.sock")];
  for (const one of local) {
    if (typeof one === "string") throw new Error(one);
    for (const said of [checks.fault(one), checks.refusal(one), checks.owner(one, null), checks.owner(one, ""), checks.verify({ fd: 3 }, one)])
      assert.is(said, null);
    assert.is(checks.isOutside(one), false);
  }
  const { remote: nowhere } = new Backends(() => null);
  assert.not(nowhere.fault(remote("10.0.3.7")) === null);
  assert.not(nowhere.refusal(remote("10.0.3.7")) === null);
  assert.is(nowhere.isOutside(remote("10.0.3.7")), true);
});

test("of a service with a uid, a backend on another host has this check and not that of its owner", () => {
  const { checks } = world(["10.0.3.0/24"]);
  const checked: string[] = [];
  const note = (_service: string, { key }: BackendAddress) => {
    checked.push(key);
    return () => "not its own";
  };
  const backends = new Backends(
    () => null,
    note,
    note,
    () => "46001",
    checks,
  );
  const there = backends.named("web", remote("10.0.3.7"));
  assert.is(there.verify?.({ fd: 3, localAddress: "10.0.3.1", localPort: 1 }, there.address), null);
  assert.is(backends.namedUdp("web", remote("10.0.3.7")).owner?.(remote("10.0.3.7"), null), null);
  assert.is(backends.namedUdp("web", remote("10.0.4.7")).owner?.(remote("10.0.4.7"), null), "10.0.4.7:80 is in none of backends.networks");
  assert.equal(checked, []);
});

test("a module that was made by hand is refused where its backend is none that the policy could have", () => {
  const engine = engineOf("edition 1\nexpose e on tcp 1 bind 127.0.0.1 { backend 127.0.0.1:9 allow from any }");
  const rows: readonly (readonly [backend: BackendInfo, because: RegExp])[] = [
    [{ kind: "remote", host: "127.0.0.1", port: 9 }, /^expose `e`: it is no address that another host can have$/],
    [{ kind: "remote", host: "169.254.169.254", port: 80 }, /^expose `e`: it is no address that another host can have$/],
    [{ kind: "remote", host: "db.internal", port: 80 }, /^expose `e`: the host must be a literal address: names are never looked up$/],
    [{ kind: "tcp", host: "10.0.3.7", port: 80 }, /^expose `e`: a backend must be a loopback address/],
  ];
  const { checks } = world(["0.0.0.0/0"]);
  for (const [backend, because] of rows) {
    const info = { ...engine.info, listeners: engine.info.listeners.map((l) => ({ ...l, backends: [backend] })) };
    const made = new Proxy(engine, { get: (target, key): unknown => (key === "info" ? info : Reflect.get(target, key, target)) });
    const answer = staticExposures(made, new Backends(() => null, undefined, undefined, undefined, checks), [], 10);
    assert.match(answer.ok ? "served" : answer.error, because, backend.kind);
  }
});

test("256 networks, and not one more", () => {
  const networks = (count: number): string => Array.from({ length: count }, (_, i) => `"10.${i >> 8}.${i & 255}.0/24"`).join(", ");
  const most = parseConfig(`backends.networks = [${networks(256)}]`, "c.toml");
  assert.is(most.ok && most.value.backends.networks.length, 256);
  const more = parseConfig(`backends.networks = [${networks(257)}]`, "c.toml");
  assert.match(more.ok ? "" : more.error.message, /must be a list of 0 to 256 different values/);
});

test.run();
