// Inside a network namespace of its own: a gateway, its backend, a forger, clients whose flows are proven, and new clients.
// Prints what became of them as JSON. The arguments are the forwarder and how many datagrams are forged per second.
import { spawn } from "node:child_process";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { program } from "../ready.ts";
import { moduleOf, temporaryFolder } from "../gateway/gateway_under_test.ts";

const PORT = 5_300;
const BACKEND = 5_301;
const CAP = 4_000;
const CLIENTS = 1_000;
const PROVEN = 20;
const SECONDS = 25;
const PER_SECOND = Number(process.argv[3] ?? 20_000);
/** As stub resolvers do. */
const TRIES = 3;
const TRY_MS = 1_000;
const APART_MS = 10;

const folder = temporaryFolder();
writeFileSync(
  join(folder, "policy.wasm"),
  moduleOf(`edition 1
expose dns on udp ${PORT} { backend 127.0.0.1:${BACKEND} amplify 1 cap ${CAP} connections allow from any }`),
);
writeFileSync(join(folder, "config.toml"), `forwarder = "${process.argv[2] ?? "kernel"}"\n[audit]\nfile = "${join(folder, "audit.jsonl")}"\n`);

const echo = spawn(
  process.execPath,
  [
    "-e",
    `const s = require("dgram").createSocket({ type: "udp4", recvBufferSize: 4194304 }); s.on("message", (m, f) => s.send(m, f.port, f.address)); s.bind(${BACKEND}, "127.0.0.1", () => console.log("up"))`,
  ],
  { stdio: ["ignore", "pipe", "inherit"] },
);
await once(echo.stdout, "data");
const gateway = spawn(
  process.execPath,
  [
    ...program("gateway/ingressd.mjs"),
    "--policy",
    join(folder, "policy.wasm"),
    "--config",
    join(folder, "config.toml"),
    "--control",
    join(folder, "run", "control.sock"),
  ],
  { stdio: ["ignore", "pipe", "inherit"] },
);
await new Promise<void>((resolve) =>
  gateway.stdout.on("data", (chunk: Buffer) => {
    if (chunk.toString().includes("ingressd: ready")) resolve();
  }),
);

async function client(address: string): Promise<Socket> {
  const socket = createSocket("udp4");
  await new Promise<void>((resolve) => socket.bind(0, address, resolve));
  return socket;
}

/** Whether an answer came within one of so many tries. */
async function queried(socket: Socket, tries: number): Promise<boolean> {
  for (let i = 0; i < tries; i++) {
    const answer = once(socket, "message").then(() => true);
    socket.send("query", PORT, "10.9.0.1");
    if (await Promise.race([answer, pause(TRY_MS).then(() => false)])) return true;
  }
  return false;
}

const proven = await Promise.all(Array.from({ length: PROVEN }, (_, i) => client(`10.9.1.${i + 1}`)));
for (const socket of proven) for (let i = 0; i < 2; i++) await queried(socket, TRIES);

const forger = spawn(
  process.execPath,
  ["--import", "tsx", fileURLToPath(new URL("udp_forger.ts", import.meta.url)), String(PORT), String(PER_SECOND), String(SECONDS)],
  { stdio: ["ignore", "pipe", "inherit"] },
);
let forged = "";
forger.stdout.on("data", (chunk: Buffer) => (forged += chunk.toString()));
const forgerOver = once(forger, "close");
let isFlooding = true;
void forgerOver.then(() => (isFlooding = false));
await pause(1_000);

/** Of the gateway; the cap is full long before the first sample. */
const samples: { readonly descriptors: number; readonly anonKib: number }[] = [];
const sampled = setInterval(() => {
  const status = readFileSync(`/proc/${gateway.pid}/status`, "utf8");
  samples.push({ descriptors: readdirSync(`/proc/${gateway.pid}/fd`).length, anonKib: Number(/^RssAnon:\s+(\d+)/m.exec(status)?.[1]) });
}, 1_000);

let [answered, first, duringFlood, provenSent, provenAnswered] = [0, 0, 0, 0, 0];
const keptUp = (async () => {
  while (isFlooding) {
    await Promise.all(
      proven.map(async (socket) => {
        provenSent++;
        if (await queried(socket, TRIES)) provenAnswered++;
      }),
    );
    await pause(500);
  }
})();
const due: Promise<void>[] = [];
for (let i = 0; i < CLIENTS; i++) {
  if (isFlooding) duringFlood++;
  due.push(
    (async () => {
      const socket = await client(`10.9.${2 + Math.floor(i / 250)}.${1 + (i % 250)}`);
      const at = performance.now();
      if (await queried(socket, TRIES)) answered++;
      if (performance.now() - at < TRY_MS) first++;
      socket.close();
    })(),
  );
  await pause(APART_MS);
}
await Promise.all([...due, keptUp, forgerOver]);
clearInterval(sampled);
/** Of the second quarter and the last one. */
const [early, late] = [samples.slice(Math.floor(samples.length / 4), Math.floor(samples.length / 2)), samples.slice(Math.floor((3 * samples.length) / 4))].map(
  (part) => Math.max(...part.map(({ anonKib }) => anonKib)),
);
const records = readFileSync(join(folder, "audit.jsonl"), "utf8").split("\n");
/** Seconds of processor time: hundredths in fields 14 and 15 behind the name. */
const cpuOf = (pid: number | undefined): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
};
const began = proven.map((socket) => records.filter((line) => line.includes(`"source":"10.9.1.`) && line.includes(`:${socket.address().port}"`)).length);
console.log(
  JSON.stringify({
    forged: Number(forged),
    clients: CLIENTS,
    duringFlood,
    answered,
    first,
    provenSent,
    provenAnswered,
    provenFlows: began.reduce((sum, n) => sum + n, 0),
    provenClients: PROVEN,
    gatewayCpuS: cpuOf(gateway.pid),
    backendCpuS: cpuOf(echo.pid),
    forgerSeconds: SECONDS,
    cap: CAP,
    mostDescriptors: Math.max(...samples.map(({ descriptors }) => descriptors)),
    anonMib: samples.map(({ anonKib }) => Math.round(anonKib / 1024)),
    grownMib: Math.round((late ?? 0) - (early ?? 0)) / 1024,
  }),
);
for (const socket of proven) socket.close();
gateway.kill("SIGKILL");
echo.kill();
