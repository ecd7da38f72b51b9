// The how-to pages: their configurations are read by the programs that they are for. A program that is not installed is a SKIP.
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readConfig } from "../../gateway/config/read.ts";
import { folder } from "../cli/programs.ts";
import { skip } from "../skip.ts";

const test = suite("how to");
const page = (name: string): string => readFileSync(new URL(`../../docs/how_to/${name}.md`, import.meta.url), "utf8");
const blocks = (name: string, language: string): readonly string[] =>
  [...page(name).matchAll(/^ *```(\w*)\n([^]*?)^ *```$/gm)].filter((m) => m[1] === language).map((m) => m[2] ?? "");
/** The sentences about a configuration, none where ingressd would take it. */
function problemsOf(text: string): readonly string[] {
  const read = readConfig({ file: { name: "page.toml", text }, env: {}, sets: [], flags: [] });
  return read.ok ? [] : read.error.map((problem) => JSON.stringify(problem));
}
const here = (program: string): boolean => spawnSync(program, ["--version"]).error === undefined;

for (const name of [
  "systemd",
  "certbot",
  "containers",
  "kubernetes",
  "logrotate",
  "prometheus",
  "upgrading",
  "shared_address",
  "merge_requests",
  "../services",
]) {
  for (const [i, block] of blocks(name, "toml").entries()) {
    test(`${name}: configuration ${i + 1} has only keys that ingressd knows`, () => assert.equal(problemsOf(block), []));
  }
  for (const [i, block] of blocks(name, "sh").entries()) {
    test(`${name}: shell block ${i + 1} parses`, () => {
      const { status, stderr } = spawnSync("sh", ["-n"], { input: block, encoding: "utf8" });
      assert.is(status, 0, stderr);
    });
  }
}

test("a configuration with an unknown key is noticed", () => {
  assert.is.not(problemsOf("[timers]\nidle = 1\n").length, 0);
});

test("systemd: the unit beside a service is the same on both pages", () => {
  const [[ofServices = ""], [ofHowTo = ""]] = [blocks("../services", "ini"), blocks("systemd", "ini")];
  const lines = (unit: string): readonly string[] => unit.split("\n").filter((line) => !/^(#|Description=|$)/.test(line));
  assert.ok(lines(ofHowTo).length > 8);
  assert.equal(lines(ofServices), lines(ofHowTo));
});

if (!here("systemd-analyze")) skip("how to: systemd", "systemd-analyze is not installed");
else
  test("systemd: the unit beside a service is accepted", () => {
    const dir = folder();
    const [unit = ""] = blocks("systemd", "ini");
    // The units and the user that it names are the reader's.
    const path = dir.write(
      "web-exposed.service",
      unit
        .replace(/^BindsTo=.*\n/m, "")
        .replace(/^After=.*\n/m, "")
        .replace("User=web", "User=root"),
    );
    const { status, stdout, stderr } = spawnSync("systemd-analyze", ["verify", "--man=no", path], {
      encoding: "utf8",
      env: { ...process.env, SYSTEMD_LOG_LEVEL: "warning" },
    });
    assert.is(status, 0, stdout + stderr);
    assert.not.match(stderr, /web-exposed\.service:\d+: Unknown/);
    dir.remove();
  });

if (!here("logrotate")) skip("how to: logrotate", "logrotate is not installed");
else
  test("logrotate: the configuration is accepted, and the postrotate command is the one that runs", () => {
    const dir = folder();
    dir.write("audit.jsonl", "{}\n");
    const user = execFileSync("id", ["-un"], { encoding: "utf8" }).trim();
    const group = execFileSync("id", ["-gn"], { encoding: "utf8" }).trim();
    const [block = ""] = blocks("logrotate", "");
    const text = block.replace("/var/log/ingressd", dir.path).replaceAll("ingressd ingressd", `${user} ${group}`);
    const path = dir.write("logrotate.conf", text);
    chmodSync(path, 0o644);
    chmodSync(dir.path, 0o755);
    const { status, stderr } = spawnSync("logrotate", ["-d", "-f", "-s", dir.at("state"), path], { encoding: "utf8" });
    assert.is(status, 0, stderr);
    assert.not.match(stderr, /error/i);
    assert.match(stderr, /ingressd reopen --control/);
    dir.remove();
  });

test("certbot: the deploy hook puts both files in place with their modes", () => {
  const dir = folder();
  const lineage = dir.at("lineage");
  mkdirSync(lineage);
  writeFileSync(`${lineage}/privkey.pem`, "key\n", { mode: 0o600 });
  writeFileSync(`${lineage}/fullchain.pem`, "chain\n");
  const hook = blocks("certbot", "sh").find((text) => text.startsWith("#!/bin/sh")) ?? "";
  const group = execFileSync("id", ["-gn"], { encoding: "utf8" }).trim();
  const env = { ...process.env, RENEWED_LINEAGE: lineage, INGRESSD_CERTS: dir.at("certs"), INGRESSD_GROUP: group };
  const path = dir.write("hook", hook);
  for (const round of [1, 2]) {
    const { status, stderr } = spawnSync("sh", [path], { env, encoding: "utf8" });
    assert.is(status, 0, `round ${round}: ${stderr}`);
  }
  assert.is(readFileSync(dir.at("certs/web/privkey.pem"), "utf8"), "key\n");
  assert.is(statSync(dir.at("certs/web/privkey.pem")).mode & 0o777, 0o640);
  assert.is(readFileSync(dir.at("certs/web/fullchain.pem"), "utf8"), "chain\n");
  dir.remove();
});

test("prometheus: every metric that an alert or graph uses is one that ingressd has", () => {
  const source = ["metrics", "traffic_metrics", "process_metrics"]
    .map((name) => readFileSync(new URL(`../../gateway/methods/${name}.ts`, import.meta.url), "utf8"))
    .join("");
  const used = [...page("prometheus").matchAll(/\bingressd_[a-z_]+/g)].map(([name]) => name);
  assert.ok(used.length > 8);
  assert.equal(
    used.filter((name) => !source.includes(name)),
    [],
  );
});

if (!here("promtool")) skip("how to: prometheus", "promtool is not installed");
else
  test("prometheus: promtool accepts both files", () => {
    const dir = folder();
    const [scrape = "", rules = ""] = blocks("prometheus", "yaml");
    copyFileSync(dir.write("rules.yml", rules), dir.at("copy.yml"));
    for (const words of [
      ["check", "config", "--syntax-only", dir.write("prometheus.yml", scrape)],
      ["check", "rules", dir.at("rules.yml")],
    ]) {
      const { status, stdout, stderr } = spawnSync("promtool", words, { encoding: "utf8" });
      assert.is(status, 0, stdout + stderr);
    }
    dir.remove();
  });

const lacking =
  !here("keepalived") ? "keepalived is not installed"
  : spawnSync("unshare", ["--net", "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth2"]).status === 0 ? null
  : "no network namespace with an interface can be made";
if (lacking !== null) skip("how to: shared address", lacking);
else
  test("shared address: keepalived accepts the configuration", () => {
    const dir = folder();
    const [conf = ""] = blocks("shared_address", "");
    const path = dir.write("keepalived.conf", conf);
    chmodSync(path, 0o644);
    const checkOf = (file: string) =>
      spawnSync(
        "unshare",
        ["--net", "sh", "-c", 'ip link add eth0 type veth peer name eth2 && exec keepalived --config-test --log-console --use-file "$0"', file],
        { encoding: "utf8" },
      );
    const { status, stdout, stderr } = checkOf(path);
    assert.equal([status, /SECURITY|Unknown|ignor/i.exec(stdout + stderr)?.[0]], [0, undefined], stdout + stderr);
    assert.is.not(checkOf(dir.write("wrong.conf", conf.replace("eth0", "eth1"))).status, 0);
    dir.remove();
  });

test.run();
