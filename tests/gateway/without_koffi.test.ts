// The shipped ingressd where koffi is not installed: what needs it is refused with a sentence, and
// the rest works.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { openConnection } from "../../gateway/client/connection.mjs";
import { backend, freePort, moduleOf, probe, temporaryFolder } from "./gateway_under_test.ts";
import { launch, place, type Running } from "./ingressd_process.ts";

const test = suite("without koffi");

function withoutKoffi(folder: string, config: string): Running {
  const hide = join(folder, "hide.cjs");
  writeFileSync(
    hide,
    `const { Module } = require("node:module");
const resolve = Module._resolveFilename;
Module._resolveFilename = function (name, ...rest) {
  if (name === "koffi") throw Object.assign(new Error("Cannot find module 'koffi'"), { code: "MODULE_NOT_FOUND" });
  return resolve.call(this, name, ...rest);
};
`,
  );
  return launch(folder, config, { node: ["--require", hide] });
}

test("a shared registration socket ends the start with exit 4 and the remedy; no port was open", async () => {
  const folder = temporaryFolder();
  const port = await freePort();
  place(folder, moduleOf(`edition 1\nexpose web on tcp ${port} { backend 127.0.0.1:9 allow from any }`));
  const it = withoutKoffi(folder, `[intents]\nsocket = "${join(folder, "intents.sock")}"`);
  assert.is(await it.exit, 4);
  assert.match(it.err(), /intents\.socket needs koffi, .*: npm install koffi, or give each service its own socket \(services\.NAME\.socket\)\n$/);
  assert.is(it.out(), "");
});

test("a service's own socket works, and no peer and no backend is identified by a uid", async () => {
  const folder = temporaryFolder();
  const behind = await backend("hello");
  const port = await freePort();
  place(folder, moduleOf(`edition 1\nexpose web on tcp ${port} { allow from any }`));
  const own = join(folder, "web.sock");
  const it = withoutKoffi(folder, `allowed_backends = ["127.0.0.1:${behind.port}"]\n[services.web]\nsocket = "${own}"\nuid = ${process.getuid?.() ?? 0}`);
  await it.line("ingressd: ready");
  assert.match(it.err(), /WARNING: koffi is not installed, so resets can't be read from the kernel, and a reset right after data may be passed on as an end\n/);
  const intent = (to: string): object => ({ service: "web", proto: "tcp", port, mode: "tcp", backend: to });
  const operator = await openConnection(join(folder, "run", "control.sock"));
  const asOperator = await operator.call("register", intent(`127.0.0.1:${behind.port}`));
  assert.match(JSON.stringify(asOperator), /koffi is not installed, so peers can't be distinguished here.*"code":"not_gateway"/);
  const service = await openConnection(own);
  const unix = await service.call("register", intent(`unix:${join(folder, "app.sock")}`));
  assert.match(JSON.stringify(unix), /koffi is not installed, so the owner of a unix socket can't be found.*"code":"no_backend"/);
  assert.is(await probe(port), "deny");
  assert.match(JSON.stringify(await service.call("register", intent(`127.0.0.1:${behind.port}`))), /"lease":"[0-9a-f]{32}"/);
  assert.is(await probe(port), "allow");
  operator.close();
  service.close();
  it.child.kill("SIGTERM");
  assert.is(await it.exit, 0);
  behind.close();
});

test.run();
