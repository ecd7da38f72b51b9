// The commands of ingressc with a backend on another host.
import * as assert from "uvu/assert";
import { suite } from "../suite.ts";
import { folder, ingresscHere } from "./programs.ts";

const test = suite("remote backends in ingressc");

const POLICY = `edition 1
template on_host($at) { backend remote $at }
expose web on tcp 443 { backend remote 10.0.3.7:8080 proxy v2 allow from 192.0.2.0/24 }
expose dns on udp 53 { backend 127.0.0.1:5353, remote [2001:db8::7]:53 amplify 1 allow from any }
expose api on tcp 444 { use on_host(10.0.3.8:80) allow from any }
expose own on tcp 445 { backend 127.0.0.1:80 allow from any }
`;

async function ran(...words: readonly string[]): Promise<string> {
  const dir = folder();
  dir.write("p.ingress", POLICY);
  const built = await ingresscHere(["build", "p.ingress"], dir.path);
  assert.is(built.code, 0, built.out + built.err);
  const { out, err } = await ingresscHere(words, dir.path);
  return out + err;
}

test("explain names the address, and says what else has to allow it", async () => {
  const there = /on another host, in plain, and only where `backends\.networks` of the configuration has its address/;
  for (const [request, backend] of [
    ["from 192.0.2.1 to web", /backend +remote 10\.0\.3\.7:8080 proxy v2\n/],
    ["from 192.0.2.1 to api", /backend +remote 10\.0\.3\.8:80\n/],
    ["from 192.0.2.1 to dns", /backend +127\.0\.0\.1:5353, remote \[2001:db8::7\]:53\n +the one with the fewest open flows/],
  ] as const) {
    for (const file of ["p.ingress", "p.wasm"]) {
      const said = await ran("explain", file, request);
      assert.match(said, backend, file);
      assert.match(said, there, file);
    }
  }
  for (const request of ["from 198.51.100.1 to web", "from 192.0.2.1 to own", "bind ingressd on 0.0.0.0:443"])
    assert.not.match(await ran("explain", "p.wasm", request), there, request);
});

test("inspect names it, in a module and as JSON", async () => {
  assert.match(await ran("inspect", "p.wasm"), /web +tcp 443, backend remote 10\.0\.3\.7:8080 proxy v2, at most/);
  assert.match(await ran("explain", "p.wasm", "from 192.0.2.1 to web", "--json"), /"backends":\["remote 10\.0\.3\.7:8080"\]/);
});

test("fmt and export keep it", async () => {
  assert.match(await ran("export", "p.ingress"), /"remote": ?"10\.0\.3\.7:8080"/);
  const dir = folder();
  dir.write("f.ingress", "edition 1\nexpose web on tcp 443 { backend   remote   10.0.3.7:8080,remote 10.0.3.8:80\nallow from any }\n");
  assert.is((await ingresscHere(["fmt", "f.ingress"], dir.path)).code, 0);
  assert.is((await ingresscHere(["fmt", "--check", "f.ingress"], dir.path)).code, 0);
  assert.is((await ingresscHere(["check", "f.ingress"], dir.path)).code, 0);
});

test("the next clause is not taken for the address, and the word alone is an error with the form", async () => {
  const dir = folder();
  for (const clause of [
    "backend remote",
    "backend remote\nallow from any",
    'backend remote "10.0.3.7:80"',
    "backend remote db",
    "backend 10.0.3.7:80 remote",
    "backend remote unix",
  ]) {
    dir.write("f.ingress", `edition 1\nexpose web on tcp 443 { ${clause} }\n`);
    const { code, err } = await ingresscHere(["check", "f.ingress"], dir.path);
    assert.is(code, 3, clause);
    assert.match(err, /ING1\d\d|ING4\d\d/, clause);
  }
  dir.write("f.ingress", "edition 1\nexpose web on tcp 443 { backend remote\nallow from any }\n");
  const { err } = await ingresscHere(["check", "f.ingress"], dir.path);
  assert.match(err, /`127\.0\.0\.1:PORT`, `unix "PATH"` or `remote ADDRESS:PORT`/);
});

test.run();
