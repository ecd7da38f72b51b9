// A request has a local address that the gateway could bind. A test line at a `bind` that begins
// at 0.0.0.0 or `::` says what the gateway does, and costs what the policy has in listeners.
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { bindableAddress, listeningAddress } from "../../compiler/cli/bindable.ts";
import { listenersMeant } from "../../compiler/cli/evaluate.ts";
import { freshEngine } from "../../compiler/cli/policy_tests.ts";
import { formatAddress } from "../../runtime/net/address.ts";
import { parsePrefix } from "../../runtime/net/prefix.ts";
import { candidateAddresses } from "../../gateway/listen/addresses.ts";
import { loaded, moduleOf } from "../host/compiled.ts";
import { folder, ingresscHere } from "./programs.ts";

const bindable = suite("bindable");

const PREFIXES: readonly (readonly [prefix: string, address: string | null])[] = [
  ["0.0.0.0/0", "1.0.0.0"],
  ["0.0.0.0/7", "1.0.0.0"],
  ["0.0.0.0/8", null],
  ["0.0.0.0/32", null],
  ["1.0.0.0/8", "1.0.0.0"],
  ["10.0.0.0/8", "10.0.0.0"],
  ["192.0.2.7/32", "192.0.2.7"],
  ["127.0.0.0/8", "127.0.0.1"],
  ["127.0.0.0/32", "127.0.0.0"],
  ["126.0.0.0/7", "126.0.0.0"],
  ["224.0.0.0/4", null],
  ["192.0.0.0/2", "192.0.0.0"],
  ["224.0.0.0/3", "240.0.0.0"],
  ["240.0.0.0/4", "240.0.0.0"],
  ["255.255.255.255/32", null],
  ["255.255.255.254/31", "255.255.255.254"],
  ["::/0", "2000::"],
  ["::/1", "2000::"],
  ["::/128", null],
  ["::1/128", "::1"],
  ["::/127", "::1"],
  ["::/64", "::1"],
  ["2001:db8::/32", "2001:db8::"],
  ["fe80::/10", "fe80::"],
  ["ff00::/8", null],
  ["fe00::/7", "fe00::"],
  ["8000::/1", "8000::"],
];

for (const [text, due] of PREFIXES) {
  bindable(`the address that a request has in ${text} is ${due ?? "none"}`, () => {
    const prefix = parsePrefix(text);
    const address = prefix === null ? null : bindableAddress(prefix);
    assert.is(address === null ? null : formatAddress(address), due);
  });
}

const BINDS = [
  "any4",
  "any6",
  "internet",
  "private",
  "loopback",
  "linklocal",
  "any4 except 10.0.0.0/8",
  "0.0.0.0/1",
  "::/1",
  "0.0.0.0/8, 192.0.2.0/24",
  "any6 except 2000::/3",
  "any except 192.0.2.1",
  "any4, ::1",
  "128.0.0.0/1",
  "0.0.0.0/7",
];

for (const bind of BINDS) {
  bindable(`a request for a listener with \`bind ${bind}\` has an address where the gateway would listen`, () => {
    const policy = loaded(moduleOf(`edition 1\nexpose e on tcp 1-65535 bind ${bind} { allow from any }`));
    const [listener] = policy.info.listeners;
    if (listener === undefined) throw new Error("no listener");
    const address = listeningAddress(listener);
    assert.ok(address !== null);
    const engine = freshEngine(policy, null);
    assert.is(engine.listenerAt("tcp", 443, address), listener.id);
    assert.equal(candidateAddresses(listener, [address]), [address], "the gateway takes it where the host has it");
    assert.is(engine.bind({ subject: "ingressd", proto: "tcp", address, port: 443 }).allowed, true);
    for (const to of [
      { kind: "expose", name: "e" },
      { kind: "port", proto: "tcp", port: 65_535, local: null },
    ] as const) {
      assert.equal(
        listenersMeant(policy.info, engine, to).map(({ id }) => id),
        [listener.id],
      );
    }
  });
}

bindable("a target costs one lookup per listener, however many ports and prefixes there are", () => {
  const policy = loaded(
    moduleOf(`edition 1
expose a on tcp 1-65535 bind internet { allow from any }
expose b on tcp 1-65535 bind private { allow from any }
expose c on tcp 443 bind loopback { allow from any }
`),
  );
  const engine = freshEngine(policy, null);
  let calls = 0;
  const listenerAt = engine.listenerAt.bind(engine);
  engine.listenerAt = (...place) => {
    calls++;
    return listenerAt(...place);
  };
  for (const [to, names] of [
    [{ kind: "expose", name: "a" }, ["a"]],
    [{ kind: "port", proto: "tcp", port: 443, local: null }, ["a", "b", "c"]],
    [{ kind: "port", proto: "tcp", port: 444, local: null }, ["a", "b"]],
  ] as const) {
    calls = 0;
    assert.equal(
      listenersMeant(policy.info, engine, to).map(({ listener }) => listener?.name),
      names,
    );
    assert.is(calls, names.length);
  }
});

const LINES: readonly (readonly [line: string, passes: boolean])[] = [
  ["from 203.0.113.9 to console => deny policy", false],
  ["from 203.0.113.9 to console => allow", true],
  ["from 203.0.113.9 to tcp 9443 => allow", true],
  ["from 203.0.113.9 to tcp 9443 => deny policy", false],
  ["from 203.0.113.9 to tcp 9443 local 10.0.0.1 => allow", true],
  ["from 203.0.113.9 to tcp 9443 local ::1 => deny policy", true],
  ["from 203.0.113.9 to six => allow", true],
  ["from 203.0.113.9 to six => deny policy", false],
  ["from 203.0.113.9 to tcp 9443 local 1.0.0.0 => allow", true],
  ["repeat 2 in 1s from 203.0.113.9 to console => allow", true],
  ["repeat 2 in 1s from 203.0.113.9 to console => deny policy", false],
  ["bind ingressd on 0.0.0.0:9443 => deny policy", true],
  ["bind ingressd on 10.0.0.1:9443 => allow", true],
];

bindable("test lines at any4 and any6 say what the gateway does", async () => {
  const dir = folder();
  const policy = "edition 1\nexpose console on tcp 9443 bind any4 { allow from any }\nexpose six on tcp 9444 bind any6 { allow from any }\n";
  for (const [line, passes] of LINES) {
    dir.write("p.ingress", `${policy}test "it" { ${line} }\n`);
    const { code, out } = await ingresscHere(["test", "p.ingress"], dir.path);
    assert.is(code === 0, passes, `${line}\n${out}`);
  }
  for (const request of ["from 203.0.113.9 to console", "from 203.0.113.9 to six", "from 203.0.113.9 to tcp 9443"]) {
    dir.write("p.ingress", policy);
    const { out } = await ingresscHere(["explain", "p.ingress", request], dir.path);
    assert.match(out, /bind {4}ingressd on \S+\n +allow: ingressd binds what the policy exposes[^]*\n {2}allow\n$/, request);
  }
  dir.remove();
});

for (const local of ["0.0.0.0", "::", "::ffff:0.0.0.0", "0.1.2.3", "224.0.0.1", "ff02::1", "255.255.255.255"]) {
  bindable(`local ${local} is refused in a test line and by explain`, async () => {
    const dir = folder();
    const line = `from 203.0.113.9 to tcp 9443 local ${local}`;
    dir.write("p.ingress", `edition 1\nexpose console on tcp 9443 bind any4 { allow from any }\ntest "it" { ${line} => deny policy }\n`);
    const { err } = await ingresscHere(["check", "p.ingress"], dir.path);
    assert.match(err, /ING406/);
    assert.match(err, /omit `local`/);
    dir.write("p.ingress", "edition 1\nexpose console on tcp 9443 bind any4 { allow from any }\n");
    const calls = await ingresscHere(["explain", "p.ingress", line], dir.path);
    assert.is(calls.code, 2);
    assert.match(calls.err, /no connection arrives at/);
    dir.remove();
  });
}

for (const [local, name] of [
  ["1.0.0.0", "e"],
  ["223.255.255.255", "e"],
  ["240.0.0.1", "e"],
  ["127.0.0.1", "e"],
] as const) {
  bindable(`a test line may name local ${local}, which no default is`, async () => {
    const dir = folder();
    dir.write(
      "p.ingress",
      `edition 1\nexpose ${name} on tcp 9443 bind any4 { allow from any }\ntest "it" { from 203.0.113.9 to tcp 9443 local ${local} => allow }\n`,
    );
    const { code, out } = await ingresscHere(["test", "p.ingress"], dir.path);
    assert.is(code, 0, out);
    dir.remove();
  });
}

bindable.run();
