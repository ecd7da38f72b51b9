// Binds again and again while a thread turns the address in memory between loopback and any, and
// counts the sockets that were bound to any.
import { Worker } from "node:worker_threads";
import { bind, close, localOf, socket } from "./raw.mjs";

const TIMES = Number(process.argv[2]);
const shared = new SharedArrayBuffer(24);
const address = Buffer.from(shared, 0, 16);
address.writeUInt16LE(2, 0);
const flag = new Int32Array(shared, 16, 2);
const turner = new Worker(
  `
  const { workerData } = require("node:worker_threads");
  const words = new Int32Array(workerData, 4, 1);
  const flag = new Int32Array(workerData, 16, 2);
  Atomics.store(flag, 1, 1);
  Atomics.notify(flag, 1);
  while (Atomics.load(flag, 0) === 0) { words[0] = 0x0100007f; for (let i = 0; i < 40; i++) Atomics.load(flag, 0); words[0] = 0; }
`,
  { eval: true, workerData: shared },
);
Atomics.wait(flag, 1, 0, 10_000);
let [bound, refused, leaked, other] = [0, 0, 0, 0];
for (let i = 0; i < TIMES; i++) {
  const fd = socket(2, 1);
  const result = bind(fd, address);
  if (result === 0) {
    bound++;
    if (localOf(fd).slice(8, 16) !== "7f000001") leaked++;
  } else if (result === -13) refused++;
  else other++;
  close(fd);
}
Atomics.store(flag, 0, 1);
await turner.terminate();
console.log(JSON.stringify({ bound, refused, leaked, other }));
