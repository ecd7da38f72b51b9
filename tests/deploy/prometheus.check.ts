// A real Prometheus scrapes a gateway, loads the alerts, and has a series for every query of the dashboard.
import { spawn, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { fieldsOf } from "../../runtime/shell/rpc_client.ts";
import { skip } from "../skip.ts";
import { atEnd, suite } from "../suite.ts";
import { registryOf, serve, stored } from "../distribution/server.ts";
import { newState } from "../gateway/state_under_test.ts";
import { backend, freePort, moduleOf, probe, running, temporaryFolder } from "../gateway/gateway_under_test.ts";
import { tokenFile } from "../gateway/token_file.ts";

const test = suite("prometheus");
const TOKEN = "0123456789abcdef";
const MOST_TRIES = 20_000;
const DEPLOY = fileURLToPath(new URL("../../docs/deploy/", import.meta.url));

function promtool(words: readonly string[], input?: string): void {
  const { status, stdout, stderr } = spawnSync("promtool", words, { encoding: "utf8", cwd: DEPLOY, ...(input !== undefined && { input }) });
  assert.is(status, 0, stdout + stderr);
}

/** Of a dashboard: the expression of every target. */
function expressions(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(expressions);
  const fields = fieldsOf(value);
  if (fields === null) return [];
  return Object.entries(fields).flatMap(([key, inner]) => (key === "expr" && typeof inner === "string" ? [inner] : expressions(inner)));
}

const lacks = ["prometheus", "promtool"].find((name) => spawnSync(name, ["--version"]).status !== 0);
if (lacks !== undefined) skip("prometheus", `${lacks} is not installed`);
else {
  test("promtool accepts the alerts, and each fires where it should and nowhere else", () => {
    promtool(["check", "rules", "alerts.yml"]);
    promtool(["test", "rules", "alerts_test.yml"]);
    const names = (file: string): readonly string[] =>
      [...readFileSync(join(DEPLOY, file), "utf8").matchAll(/alert(?:name)?: (\w+)/g)].map(([, name = ""]) => name).sort();
    assert.equal(names("alerts_test.yml"), names("alerts.yml"));
  });

  test("a real Prometheus scrapes the gateway and answers every query of the dashboard", async () => {
    const folder = temporaryFolder();
    const [http, port, listen] = [await freePort(), await freePort(), await freePort()];
    const behind = await backend("hello");
    const state = newState();
    const module = moduleOf(`edition 1\nexpose web on tcp ${port} { backend 127.0.0.1:${behind.port} allow named local from 127.0.0.1 }`);
    const source = await serve(registryOf(stored(state.sign(module, 1))), null);
    await running({
      config: `state_dir = "${state.directory}"\n[policy]\nsource = "oci://${source.host}/policies/edge:stable"\ntrusted_keys = ["${state.keyPath}"]\n[metrics]\nlisten = "127.0.0.1:${http}"\ntoken_file = "${tokenFile(TOKEN)}"\n`,
    });
    assert.equal([await probe(port), await probe(port, "127.0.0.2")], ["allow", "deny"]);
    const text = await (await fetch(`http://127.0.0.1:${http}/metrics`, { headers: { authorization: `Bearer ${TOKEN}` } })).text();
    promtool(["check", "metrics"], text);
    writeFileSync(
      join(folder, "prometheus.yml"),
      `global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: ["${join(DEPLOY, "alerts.yml")}"]
scrape_configs:
  - job_name: ingressd
    authorization: {credentials_file: "${tokenFile(TOKEN)}"}
    static_configs: [{targets: ["127.0.0.1:${http}"]}]
`,
    );
    const child = spawn(
      "prometheus",
      [`--config.file=${join(folder, "prometheus.yml")}`, `--storage.tsdb.path=${join(folder, "data")}`, `--web.listen-address=127.0.0.1:${listen}`],
      { stdio: "ignore" },
    );
    const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    atEnd(async () => {
      child.kill("SIGTERM");
      await exited;
    });
    const results = async (query: string): Promise<readonly unknown[]> => {
      const answer = await fetch(`http://127.0.0.1:${listen}/api/v1/query?query=${encodeURIComponent(query)}`).catch(() => null);
      if (answer?.ok !== true) return [];
      const data = fieldsOf(fieldsOf(await answer.json())?.["data"])?.["result"];
      return Array.isArray(data) ? data.map((one: unknown) => one) : [];
    };
    /** Each try is a request, so it takes the time that the other process needs. */
    const eventually = async (query: string): Promise<void> => {
      let tries = 0;
      while ((await results(query)).length === 0) assert.ok(++tries < MOST_TRIES, `no series: ${query}`);
    };
    await eventually('up{job="ingressd"} == 1');
    await eventually("count_over_time(ingressd_ready[1m]) > 2");
    const certificates = /ingressd_certificate_not_after_seconds/;
    const all = expressions(JSON.parse(readFileSync(join(DEPLOY, "grafana.json"), "utf8")));
    assert.ok(all.length > 10);
    for (const expression of all) {
      const query = expression.replaceAll("$instance", ".*").replaceAll("$__rate_interval", "1m");
      // Without a certificate there is no such series, and every other query has one.
      if (!certificates.test(query)) await eventually(query);
    }
    assert.equal(await results('ALERTS{alertstate="firing"}'), []);
  });
}

test.run();
