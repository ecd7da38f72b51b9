// `replay` and `learn` of a million lines beside JSON.parse of those lines plus one decision each, in alternating processes.
import { spawnSync } from "node:child_process";
import { createWriteStream, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROUNDS = 3;
const INGRESSC = fileURLToPath(new URL("../../../../compiler/cli/ingressc.mjs", import.meta.url));
const BASE = fileURLToPath(new URL("../parse_and_decide.ts", import.meta.url));
/** Measures the process itself: its CPU time and its memory. */
const METER = fileURLToPath(new URL("../meter.mjs", import.meta.url));

const POLICY = `edition 1
net office = 198.51.100.0/24, 10.0.0.0/8
expose web on tcp 443 { allow from any deny from 203.0.113.0/28 }
expose console on tcp 9443 { allow from office }
`;

let made = null;
async function files(lines) {
  if (made !== null) return made;
  const folder = mkdtempSync(join(tmpdir(), "ingressd-traffic-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const [policy, audit, module] = ["edge.ingress", "audit.jsonl", "edge.wasm"].map((name) => join(folder, name));
  writeFileSync(policy, POLICY);
  const built = spawnSync(process.execPath, [INGRESSC, "build", policy, "-o", module], { encoding: "utf8" });
  if (built.status !== 0) throw new Error(built.stderr);
  const out = createWriteStream(audit);
  let state = 1;
  const random = (n) => (state = (state * 48_271) % 2_147_483_647) % n;
  for (let i = 0; i < lines; i++) {
    const time = new Date(Date.UTC(2026, 10, 1) + i * 20).toISOString();
    const isWeb = random(10) > 0;
    // 16,384 hosts of 65,536 come again and again.
    const source = isWeb ? `203.${random(4)}.${random(64)}.${random(64)}` : `10.0.${random(4)}.${random(256)}`;
    const line = `{"time":"${time}","generation":1,"op":"accept","decision":"allow","reason":"none","code":"allowed","rule_id":1,"at":"edge.ingress:3","listener":"${isWeb ? "web" : "console"}","service":"${isWeb ? "web" : "console"}","local":"0.0.0.0:${isWeb ? 443 : 9443}","source":"${source}:${1024 + random(60_000)}","backend":"127.0.0.1:8080","connection":${i % 10_000}}\n`;
    if (!out.write(line)) await once(out, "drain");
  }
  out.end();
  await once(out, "finish");
  made = { policy, audit, module };
  return made;
}

/** CPU milliseconds and bytes of one process. */
function measured(words, meter) {
  const { status, stderr } = spawnSync(process.execPath, [...meter, ...words], { encoding: "utf8", maxBuffer: 256 * 1024 ** 2 });
  const found = /METER (\d+) (\d+)\s*$/.exec(stderr);
  if ((status !== 0 && status !== 1) || found === null) throw new Error(`${words.join(" ")}: ${status} ${stderr}`);
  return { ms: Number(found[1]), memory: Number(found[2]) };
}

async function compared(lines, command) {
  const { audit, module } = await files(lines);
  const rounds = [];
  let memory = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const base = measured(["--import", "tsx", BASE, module, audit], []);
    const own = measured(command({ audit, module }), ["--import", METER]);
    rounds.push({ own: own.ms, base: base.ms });
    memory = Math.max(memory, own.memory);
  }
  return { rounds, memory, nodes: null, says: "", isWhole: true };
}

export function rows(quick) {
  const lines = quick ? 10_000 : 1_000_000;
  const of = `${lines.toLocaleString("en")} lines`;
  const most = { ratio: 3, ms: null };
  return [
    { task: "replay", of, most, measure: () => compared(lines, ({ audit, module }) => [INGRESSC, "replay", module, audit]) },
    { task: "learn", of, most, measure: () => compared(lines, ({ audit }) => [INGRESSC, "learn", audit]) },
  ];
}
