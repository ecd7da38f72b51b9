// The gateway's own sockets are nobody's backend, by whatever path a policy reaches them.
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { freePort, probe, running, temporaryFolder } from "./gateway_under_test.ts";

const test = suite("own sockets");

const paths: readonly (readonly [name: string, path: (folder: string) => string])[] = [
  ["as it is", (folder) => join(folder, "run", "control.sock")],
  ["through a link", (folder) => {
    symlinkSync(join(folder, "run", "control.sock"), join(folder, "link.sock"));
    return join(folder, "link.sock");
  }],
  ["through /proc", (folder) => `/proc/self/root${join(folder, "run", "control.sock")}`],
];

for (const [name, path] of paths) {
  test(`the control socket ${name}`, async () => {
    const folder = temporaryFolder();
    const port = await freePort();
    const gateway = await running({ folder, policy: `edition 1\nexpose web on tcp ${port} { backend unix "${path(folder)}" allow from any }` });
    assert.is(await probe(port), "deny");
    assert.equal(gateway.records().filter(({ op }) => op === "accept").map(({ decision, code }) => [decision, code]), [["deny", "no_backend"]]);
    await gateway.stop();
  });
}

test.run();
