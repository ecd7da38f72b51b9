// `via` in ingressc: tests with a peer that names the source, coverage, explain, inspect, and text to JSON and back.
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { envelope, folder, ingresscHere, type Folder } from "./programs.ts";

const test = suite<{ dir: Folder }>("ingressc and via");

// Lines are counted below: this text begins with line 1.
const POLICY = `edition 1

net lb = 10.0.0.5, 10.0.0.6

expose web on tcp 443 via lb {
  backend 127.0.0.1:8080
  allow named office from 198.51.100.0/24
}

expose bare on tcp 444 {
  backend 127.0.0.1:8081
  allow from any
}

test "clients" {
  from 198.51.100.7 via 10.0.0.5 to web     => allow by office
  from 203.0.113.9 via 10.0.0.5 to tcp 443  => deny cidr
  from 198.51.100.7 to web                  => allow by office
}
`;

test.before((context) => {
  context.dir = folder();
  context.dir.write("lb.ingress", POLICY);
});
test.after(({ dir }) => dir.remove());

test("tests pass, and coverage counts the peers that they name", async ({ dir }) => {
  const { out, code } = await ingresscHere(["test", "lb.ingress", "--coverage"], dir.path);
  assert.is(code, 0, out);
  assert.match(out, /members of sets {2}1 of 2 are met by a line \(50%\)\n[^]* {2}never met {3}`10\.0\.0\.6` of `net lb`, lb\.ingress:3:20\n/);
});

test("a repeat counts the named source", async ({ dir }) => {
  dir.write(
    "many.ingress",
    `edition 1
expose web on tcp 443 via 10.0.0.5 { backend 127.0.0.1:1 limit 2/s per source allow from any }
test "each client by itself" { repeat 5 in 0s from 203.0.113.9 via 10.0.0.5 to web => allow 2, deny rate 3 }
`,
  );
  const { code, out } = await ingresscHere(["test", "many.ingress"], dir.path);
  assert.is(code, 0, out);
});

test("explain answers for the source that a peer names, and for no header that is not read", async ({ dir }) => {
  const explain = (request: string): ReturnType<typeof ingresscHere> => ingresscHere(["explain", "lb.ingress", request], dir.path);
  const named = await explain("from 198.51.100.7 via 10.0.0.5 to web at unknown");
  assert.match(named.out, /the PROXY header of `10\.0\.0\.5` names the source/);
  assert.match(named.out, /\n {2}allow\n/);
  const peer = await explain("from 10.0.0.5 to web at unknown");
  assert.match(peer.out, /the answer is for one that names no client/);
  assert.match(peer.out, /deny \(reason=cidr\)/);
  for (const [request, says] of [
    ["from 224.0.0.1 via 10.0.0.5 to web", /no client can have this address, so that no PROXY header may name it/],
    ["from :: via 10.0.0.5 to web", /no client can have this address/],
    ["from 198.51.100.7 via 10.0.0.7 to web", /this peer is not in the `via` of `web`, so that its PROXY header is data/],
    ["from 198.51.100.7 via 10.0.0.5 to bare", /`bare` has no `via`/],
    ["from 198.51.100.7 via 10.0.0.5 to tcp 445", /nothing is exposed there/],
    ["from 198.51.100.7 via to web", /`to` is not an IPv4 or IPv6 address/],
    ["from 198.51.100.7 via", /`via` is followed by an address/],
    ["from 198.51.100.7 to web via 10.0.0.5", /`via` is one word too many/],
  ] as const) {
    const { code, err } = await explain(request);
    assert.is(code, 2, request);
    assert.match(err, says, request);
  }
});

test("a module has it, and so has its description", async ({ dir }) => {
  assert.is((await ingresscHere(["build", "lb.ingress", "-o", "lb.wasm"], dir.path)).code, 0);
  const { out } = await ingresscHere(["inspect", "lb.wasm"], dir.path);
  assert.match(out, /web {2,}tcp 443 via 10\.0\.0\.5\/32, 10\.0\.0\.6\/32, backend/);
  const json = JSON.stringify(envelope(await ingresscHere(["inspect", "--json", "lb.wasm"], dir.path)));
  assert.match(json, /"name":"web".*"via":\["10\.0\.0\.5\/32","10\.0\.0\.6\/32"\]/);
  assert.match(json, /"name":"bare".*"via":null/);
});

test("the profile os refuses it", async ({ dir }) => {
  const { code, err } = await ingresscHere(["build", "--profile", "os", "lb.ingress", "-o", "os.wasm"], dir.path);
  assert.is(code, 3);
  assert.match(err, /ING812/);
});

test("export and import give the text that fmt writes", async ({ dir }) => {
  const exported = await ingresscHere(["export", "lb.ingress"], dir.path);
  assert.match(exported.out, /"via": \{\s+"members": \[\s+"lb"/);
  assert.match(exported.out, /"via": "10\.0\.0\.5"/);
  dir.write("lb.json", exported.out);
  const imported = await ingresscHere(["import", "lb.json"], dir.path);
  dir.write("again.ingress", imported.out);
  assert.match(imported.out, /expose web on tcp 443 via lb \{/);
  assert.match(imported.out, /from 198\.51\.100\.7 via 10\.0\.0\.5 to web/);
  assert.is((await ingresscHere(["fmt", "--check", "again.ingress"], dir.path)).code, 0);
});

test.run();
