// The kernel's flows (runtime/os/image/flows.c) with the engine's native code, on this machine: everything that
// a compromised ingressd could try. The expected answers are written by hand.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { buildPolicy } from "../../scripts/os/build.ts";
import { skip } from "../skip.ts";
import { called, HOSTED, missing, writeEngine } from "./compiled.ts";
import { ownFolder, suite } from "../suite.ts";

const check = suite("flows");
const root = fileURLToPath(new URL("../..", import.meta.url));

const DUE = `deny 1
before a policy: 0
1001010010000
peek without a frame: 0
admit without a frame: 0
peek of another source: 0
admit of another source: 0
admit at another port: 0
peek: 1
admit: 1
admit by the same frame: 0
peek by the same frame: 0
deny 1
peek without its service: 0
deny 1
admit without its service: 0
counted without its service: 0
admit by a frame that is too short: 0
admit after the last frame: 0
0101010101
connect before the name: 0
pass in before the name: -2
deny 3
a name that is refused: 0
another name after it: 0
connect after a refusal: 0
pass in after a refusal: -2
connect what was given back: 0
a name for what was given back: 0
deny 3
no hello that can be read: 0
connect after that: 0
counted: 0
the name: 1
connect without a service: 0
connect: 1
connect twice: 0
served before it was taken: 0
taken by another: 0
taken: 1
taken twice: 0
served by another: 0
served: 1
pass in: 2047
the last that fits: 1
one more: 0
read: 2048
pass in after its end: -2
read the end: -1
answer: 3
pass out: 3
served whole: 1
pass in after the close: -2
served twice: 1
a number that is none: 0
deny 1
at a port that is not open: 0
flows: 32
counted: 32
counted after ingressd's end: 0
kernel: stopped (subject=web cause=fault)
pass in to a service that was stopped: -2
out of it: -2
deny 1
connect to it: 0
`;

/** Two exposes of one port. */
const SHARED = `edition 1
deny from 203.0.113.0/24
expose web on tcp 8443 for "www.example.com" as passthrough { limit 2/h per source allow from any }
expose shop on tcp 8443 for "*.shop.example.com" as passthrough { cap 1 connections allow from 198.51.100.0/24 }
`;

const DUE_SHARED = `deny 1
before a policy: 0
counted before the names: shop 0, web 0
connect before the name: 0
the name of web: 1
counted after it: shop 0, web 1
connect: 1
taken by shop: 0
taken by web: 1
a name of shop: 1
connect: 1
taken by web: 0
taken by shop: 1
deny 4
one more than the cap of shop: 0
connect what the cap refused: 0
a name of web after it: 0
deny 3
a name that no expose has: 0
connect without an expose: 0
deny 2
a source that shop refuses: 0
deny 3
no name: 0
counted after the refusals: shop 1, web 1
counted after their ends: shop 1, web 1
counted after the end of the one of shop: shop 0, web 1
deny 1
a name of shop without its service: 0
counted without its service: shop 0, web 1
a name of shop: 1
deny 3
no hello that can be read: 0
counted after ingressd's end: shop 0, web 0
deny 2
a source that every expose refuses: 0
the name of web: 1
deny 4
one more than the limit of web: 0
`;

const lacks = missing(HOSTED);
if (lacks !== null) skip("flows", lacks);
else {
  const folder = ownFolder("ingressd-flows-");
  writeEngine(folder);
  const put = (name: string, text: string): void => {
    const policy = buildPolicy(`${name}.ingress`, text);
    writeFileSync(join(folder, `${name}.bin`), policy.data);
    writeFileSync(join(folder, `${name}.manifest`), policy.manifest);
  };
  const os = join(root, "runtime/os");
  const flags = [
    "-std=gnu11",
    "-O1",
    "-g",
    "-fsanitize=undefined",
    "-fno-sanitize-recover=all",
    "-fno-strict-aliasing",
    "-w",
    "-I",
    folder,
    "-I",
    os,
    "-I",
    join(os, "image"),
  ];
  called(
    HOSTED.cc,
    [...flags, "engine.c", join(os, "host.c"), join(os, "image/flows.c"), join(os, "image/process.c"), join(root, "tests/os/native/flows.c"), "-o", "flows"],
    folder,
  );

  check("whatever calls ingressd makes, only bytes that the module has allowed pass", () => {
    // With larger caps, so that the number of flows is the bound.
    const shipped = readFileSync(join(root, "policies/os_image.ingress"), "utf8");
    put("policy", shipped.replace(/budget \{[^}]*\}/, "").replaceAll(/cap \d+ connections/g, "cap 128 connections"));
    assert.is(called(join(folder, "flows"), ["policy.bin", "policy.manifest"], folder), DUE);
  });

  check("at a shared port the name leads to a service, and its caps and limits are charged then", () => {
    put("shared", SHARED);
    assert.is(called(join(folder, "flows"), ["shared.bin", "shared.manifest", "shared"], folder), DUE_SHARED);
  });
}

check.run();
