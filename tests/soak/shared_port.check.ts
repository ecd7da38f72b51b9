// Names on one port as other programs see them: curl and openssl as clients, and a good client beside 2,000 silent ones of
// one source. `node tests/run.mjs tests/soak/shared_port --root tests/soak --suffix .check.ts`
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { FORWARDERS } from "../gateway/gateway_under_test.ts";
import { sharedPort, threeNames } from "../gateway/shared_port_under_test.ts";
import { besideSilentOnes, SILENT } from "./silent_clients.ts";

const test = suite("shared port, with other programs");

async function run(program: string, args: readonly string[], input = ""): Promise<{ readonly out: string; readonly status: number | null }> {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
  let out = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (out += chunk.toString("latin1")));
  child.stdin.end(input);
  const status = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { out, status };
}

for (const forwarder of FORWARDERS)
  test(`curl and openssl reach the expose of each name, and show the alerts: ${forwarder}`, async () => {
    const s = await sharedPort((words) => threeNames(words).replace('cert "www"', 'cert "www" alpn "h2", "http/1.1"'), { forwarder });
    const ca = join(s.gateway.folder, "site.pem");
    writeFileSync(ca, s.site.pem);
    const curl = (name: string, ...more: readonly string[]): ReturnType<typeof run> =>
      run("curl", ["-sSv", "--http0.9", "-m", "5", "--cacert", ca, "--resolve", `${name}:${s.port}:127.0.0.1`, ...more, `https://${name}:${s.port}/`]);
    assert.match((await curl("www.example.com", "--http1.1")).out, /server accepted http\/1\.1[\s\S]*www GET \/ HTTP\/1\.1/);
    assert.match((await curl("a.shop.example.com", "--no-alpn")).out, /shop GET \/ HTTP\/1\.1/);
    assert.match((await curl("mail.example.com")).out, /unrecognized name/);
    const client = (name: string, ...more: readonly string[]): ReturnType<typeof run> =>
      run(
        "openssl",
        ["s_client", "-connect", `127.0.0.1:${s.port}`, "-CAfile", ca, ...(name === "" ? ["-noservername"] : ["-servername", name]), ...more],
        "hello\n",
      );
    assert.match((await client("www.example.com", "-alpn", "http/1.1,h2")).out, /ALPN protocol: h2[\s\S]*Verify return code: 0 \(ok\)/);
    assert.match((await client("www.example.com", "-alpn", "spdy/3")).out, /no application protocol/);
    for (const name of ["mail.example.com", ""]) assert.match((await client(name)).out, /unrecognized name/, name);
    assert.match((await client("a.shop.example.com")).out, /subject=.*[\s\S]*Verify return code: 0 \(ok\)/);
  });

// `npm run bars` has the bar for the time.
for (const forwarder of FORWARDERS)
  test(`${SILENT} silent connections of one source have 32 places, and good clients beside them are served: ${forwarder}`, async () => {
    assert.ok((await besideSilentOnes(forwarder)) < Infinity);
  });

test.run();
