// Other ways to a socket: rings, other processes' memory, the network's packets, a thread, a child.
import { spawnSync } from "node:child_process";
import { createServer } from "node:net";
import { Worker } from "node:worker_threads";
import { NR, syscall } from "./raw.mjs";

const outcome = (run) =>
  new Promise((resolve) => {
    const server = createServer();
    server
      .once("error", (error) => resolve(error.code))
      .once("listening", () => {
        server.close();
        resolve("listening");
      });
    run(server);
  });
const SERVE =
  "const s = require('node:net').createServer(); s.once('error', (e) => { console.log(e.code); process.exit(); }); s.listen(0, '0.0.0.0', () => { console.log('listening'); process.exit(); });";
const rings = syscall(NR.io_uring_setup, 8, 0);
const trace = syscall(NR.ptrace, 16, process.ppid, 0);
const any = await outcome((server) => server.listen(0));
const loopback = await outcome((server) => server.listen(0, "127.0.0.1"));
const inThread = (address) =>
  new Promise((resolve) => {
    const worker = new Worker(
      `const { parentPort } = require('node:worker_threads'); const s = require('node:net').createServer();
    s.once('error', (e) => parentPort.postMessage(e.code)); s.listen(0, '${address}', () => parentPort.postMessage('listening'));`,
      { eval: true },
    );
    worker.once("message", (word) => {
      resolve(word);
      void worker.terminate();
    });
  });
const [thread, threadLoopback] = [await inThread("0.0.0.0"), await inThread("127.0.0.1")];
const child = spawnSync(process.execPath, ["-e", SERVE], { encoding: "utf8" }).stdout.trim();
const grandchild = spawnSync("sh", ["-c", '"$0" -e "$1"', process.execPath, SERVE], { encoding: "utf8" }).stdout.trim();
console.log(JSON.stringify({ rings, trace, any, loopback, thread, threadLoopback, child, grandchild }));
