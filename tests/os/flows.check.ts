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
connect to it: 0
`;

const lacks = missing(HOSTED);
if (lacks !== null) skip("flows", lacks);
else {
  check("whatever calls ingressd makes, only bytes that the module has allowed pass", () => {
    const folder = ownFolder("ingressd-flows-");
    writeEngine(folder);
    const path = "policies/os_image.ingress";
    const policy = buildPolicy(path, readFileSync(join(root, path), "utf8"));
    writeFileSync(join(folder, "policy.bin"), policy.data);
    writeFileSync(join(folder, "manifest"), policy.manifest);
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
    assert.is(called(join(folder, "flows"), ["policy.bin", "manifest"], folder), DUE);
  });
}

check.run();
