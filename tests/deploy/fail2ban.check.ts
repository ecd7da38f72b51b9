// The real fail2ban, with the action of docs/deploy: a ban is a block, and its end ends the block.
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { skip } from "../skip.ts";
import { atEnd, suite } from "../suite.ts";
import { backend, freePort, moduleOf, probe, temporaryFolder } from "../gateway/gateway_under_test.ts";
import { launch } from "../gateway/ingressd_process.ts";
import { program } from "../ready.ts";

const test = suite("fail2ban");
const ACTION = new URL("../../docs/deploy/fail2ban/ingressd.conf", import.meta.url);

if (spawnSync("fail2ban-client", ["--version"]).status !== 0) skip("fail2ban", "fail2ban is not installed");
else
  test("a ban of the real fail2ban refuses the source, and its end admits it", async () => {
    const folder = temporaryFolder();
    const behind = await backend("hello");
    const port = await freePort();
    writeFileSync(join(folder, "policy.wasm"), moduleOf(`edition 1\nexpose web on tcp ${port} { backend 127.0.0.1:${behind.port} allow from any }`));
    const gateway = launch(folder, "");
    await gateway.line("ingressd: ready");

    const config = join(folder, "fail2ban");
    for (const part of ["action.d", "filter.d", "jail.d"]) mkdirSync(join(config, part), { recursive: true });
    copyFileSync(ACTION, join(config, "action.d", "ingressd.conf"));
    writeFileSync(join(config, "filter.d", "web.conf"), "[Definition]\nfailregex = ^login failed from <HOST>$\n");
    writeFileSync(join(folder, "web.log"), "");
    writeFileSync(
      join(config, "fail2ban.conf"),
      `[Definition]\nloglevel = DEBUG\nlogtarget = ${join(folder, "fail2ban.log")}\nsyslogsocket = auto\nsocket = ${join(folder, "f.sock")}\npidfile = ${join(folder, "f.pid")}\ndbfile = None\ndbpurgeage = 1d\nallowipv6 = auto\n`,
    );
    const command = [process.execPath, ...program("gateway/ingressd.mjs")].join(" ");
    writeFileSync(
      join(config, "jail.conf"),
      `[web]\nenabled = true\nbackend = polling\nlogpath = ${join(folder, "web.log")}\nbantime = 600\nmaxretry = 3\nfindtime = 600\nfilter = web\naction = ingressd[ingressd="${command}", flags="--control ${join(folder, "run", "control.sock")}"]\n`,
    );
    const client = (...words: string[]): string => {
      const { status, stdout, stderr } = spawnSync("fail2ban-client", ["-c", config, "-s", join(folder, "f.sock"), "-p", join(folder, "f.pid"), ...words], {
        encoding: "utf8",
      });
      assert.is(status, 0, `fail2ban-client ${words.join(" ")}: ${stdout}${stderr}`);
      return stdout;
    };
    client("start");
    atEnd(() => spawnSync("fail2ban-client", ["-c", config, "-s", join(folder, "f.sock"), "-p", join(folder, "f.pid"), "stop"]));
    client("set", "web", "banip", "127.0.0.2");
    // The action runs behind the answer.
    let listed = "";
    for (let i = 0; i < 100 && !listed.includes("127.0.0.2/32"); i++) listed = gateway.order("blocks").out;
    assert.match(listed, /prefix=127\.0\.0\.2\/32 since=\S+ until=\S+ why=fail2ban: web/);
    assert.is(await probe(port, "127.0.0.2"), "deny");
    assert.is(await probe(port, "127.0.0.3"), "allow");
    client("set", "web", "unbanip", "127.0.0.2");
    for (let i = 0; i < 100 && listed.includes("127.0.0.2/32"); i++) listed = gateway.order("blocks").out;
    assert.is(await probe(port, "127.0.0.2"), "allow");
    client("set", "web", "bantime", "-1");
    client("set", "web", "banip", "2001:db8::5");
    for (let i = 0; i < 100 && !listed.includes("2001:db8::/64"); i++) listed = gateway.order("blocks").out;
    assert.match(listed, /prefix=2001:db8::\/64/);
  });

test.run();
