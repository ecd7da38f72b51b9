// 2,000 real source addresses through a real ingressd to a real nginx, in a network namespace in
// which every address is local: who is let in is what the oracle says, byte for byte, and the
// audit says the same.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { accept } from "../oracle/evaluate.ts";
import type { ModelExpose } from "../oracle/model.ts";
import { printPolicy } from "../oracle/print.ts";
import { chance } from "../oracle/random.ts";
import { sortedMembership } from "../oracle/sorted.ts";
import { addressText, edges, isV4, v4 } from "../oracle/space.ts";
import { skip } from "../skip.ts";
import { missingData, realLists } from "./lists.ts";
import type { Visitor, Visits } from "./visitors.ts";
import { ownFolder, suite } from "../suite.ts";

const real = suite("connections");
const VISITORS = 2_000;
const BODY = "from the backend, to those who may\n";
const ISOLATED = ["--net", "--pid", "--fork", "--mount-proc", "--kill-child"];

function missingTools(): string | null {
  const tried = spawnSync("unshare", [...ISOLATED, "sh", "-ec", "ip link set lo up; nginx -v; nft --version"], { encoding: "utf8" });
  return tried.status === 0 ? null : `a network namespace with ip and nginx: ${tried.error?.message ?? tried.stderr.trim()}`;
}

/** One host's own addresses that may be a client's: unicast, and not loopback. */
function canVisit(a: bigint): boolean {
  if (!isV4(a)) return a >> 125n === 1n;
  const first = Number((a >> 24n) & 255n);
  return first >= 1 && first <= 223 && first !== 127;
}

interface Guest extends Visitor {
  readonly at: bigint;
  readonly expose: ModelExpose;
}

function guests(): {
  readonly guests: readonly Guest[];
  readonly text: string;
  readonly files: ReadonlyMap<string, string>;
  readonly allowed: readonly boolean[];
} {
  const { lists, policy } = realLists();
  const c = chance(20_260_101);
  const ends = [...lists.values()].map((list) => c.shuffle(list.slice(0, 4_000)).slice(0, 200).flatMap(edges).filter(canVisit));
  const random = (): bigint => (c.oneIn(3) ? (1n << 125n) | (BigInt(c.word()) << 88n) | BigInt(c.word()) : v4(c.word()));
  const list: Guest[] = [];
  while (list.length < VISITORS) {
    const at = c.oneIn(4) ? random() : c.pick(c.pick(ends));
    const expose = c.pick(policy.exposes);
    if (!canVisit(at)) continue;
    const host = isV4(at) ? "198.18.0.1" : "2001:2::1";
    list.push({ at, expose, source: addressText(at), host, port: expose.ports[0]?.first ?? 0 });
  }
  const has = sortedMembership();
  const { text, files } = printPolicy(policy);
  return { guests: list, text, files, allowed: list.map((g) => accept(policy, g.expose, g.at, has).allowed) };
}

const NGINX = `worker_processes 1;
pid nginx.pid;
error_log nginx.log;
events { worker_connections 1024; }
http { access_log off; server { listen 127.0.0.1:8080; location / { return 200 "${BODY.replace("\n", "\\n")}"; } } }
`;

// INVARIANT: this runs only inside the namespaces that unshare made; they end with it.
const SCRIPT = `
ip link set lo up
ip route add local 0.0.0.0/0 dev lo
ip -6 route add local ::/0 dev lo
ip -batch addresses
nginx -p "$1" -c nginx.conf
exec "$2" --import "$3" "$4" "$1"
`;

function visitAll(folder: string, list: readonly Guest[], text: string, files: ReadonlyMap<string, string>): Visits {
  for (const [path, content] of files) writeFileSync(join(folder, path), content);
  writeFileSync(join(folder, "policy.ingress"), text);
  const built = spawnSync(
    process.execPath,
    [fileURLToPath(new URL("../../compiler/cli/ingressc.mjs", import.meta.url)), "build", join(folder, "policy.ingress"), "-o", join(folder, "policy.wasm")],
    { encoding: "utf8" },
  );
  assert.is(built.status, 0, `ingressc build: ${built.stdout}${built.stderr}`);
  writeFileSync(join(folder, "nginx.conf"), NGINX);
  writeFileSync(join(folder, "config.toml"), `[control]\nsocket = "${join(folder, "control.sock")}"\n[audit]\nfile = "${join(folder, "audit.jsonl")}"\n`);
  writeFileSync(join(folder, "job.json"), JSON.stringify({ body: BODY, visitors: list.map(({ source, host, port }) => ({ source, host, port })) }));
  // A socket can be bound to an IPv6 address only if the host has it.
  const own = new Set(list.filter((g) => !isV4(g.at)).map((g) => g.source));
  writeFileSync(join(folder, "addresses"), [...own].map((a) => `addr add ${a}/128 dev lo nodad\n`).join(""));
  const visitors = fileURLToPath(new URL("visitors.ts", import.meta.url));
  const ran = spawnSync("unshare", [...ISOLATED, "sh", "-ec", SCRIPT, "sh", folder, process.execPath, import.meta.resolve("tsx"), visitors], {
    cwd: folder,
    encoding: "utf8",
    timeout: 300_000,
  });
  assert.is(ran.status, 0, `${ran.error?.message ?? ""}${ran.stdout}${ran.stderr}`);
  return JSON.parse(readFileSync(join(folder, "visits.json"), "utf8")) as Visits;
}

const missing = missingData() ?? missingTools();
if (missing !== null) skip("real connections", missing);
else {
  real("ingressd admits and refuses 2,000 real sources exactly as the oracle does", () => {
    const folder = ownFolder("visitors-");
    const { guests: list, text, files, allowed } = guests();
    const { outcomes, markers, exitCode } = visitAll(folder, list, text, files);
    const wrong = list.flatMap((g, i) =>
      outcomes[i] === (allowed[i] === true ? "body" : "closed") ?
        []
      : [`${g.expose.name} from ${g.source}: ${outcomes[i] ?? "nothing"}, and the oracle says ${allowed[i] === true ? "allow" : "deny"}`],
    );
    const yes = allowed.filter((a) => a).length;
    console.log(
      `connections: ${list.length} sources (${list.filter((g) => isV4(g.at)).length} v4), ${yes} allowed, ${list.length - yes} denied, ${wrong.length} differ from the oracle`,
    );
    assert.equal(wrong.slice(0, 5), []);
    assert.ok(yes > 300 && list.length - yes > 300);
    assert.is(outcomes.length, VISITORS);
    assert.is(exitCode, 0);
    for (const port of new Set(list.map((g) => g.port))) assert.ok(markers.includes(`ingressd: port open (port=${port}, proto=tcp)`), `port ${port}`);
    const records = readFileSync(join(folder, "audit.jsonl"), "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { readonly op: string; readonly decision: string });
    const accepts = records.filter((r) => r.op === "accept");
    assert.equal([accepts.length, accepts.filter((r) => r.decision === "allow").length], [VISITORS, yes]);
  });
  real.run();
}
