// Sends datagrams from forged sources, all of them addresses of this namespace (a local route): PORT, datagrams a second, seconds.
import { setTimeout as pause } from "node:timers/promises";
import { AF_INET, openCalls, SOCK_DGRAM } from "../../gateway/kernel/calls.ts";
import { Messages } from "../../gateway/kernel/messages.ts";
import { familyOf, internetAddress } from "../../gateway/kernel/sockaddr.ts";
import { chance } from "../oracle/random.ts";

const TICK_MS = 5;
const BATCH = 50;
/** 198.18.0.0/15 */
const FIRST = 0xc6120000;
const SOURCES = 131_072;

const [port = 0, perSecond = 0, seconds = 0] = process.argv.slice(2).map(Number);
const calls = openCalls();
if (calls === null) throw new Error("koffi is not installed");
const fd = calls.socket(AF_INET, SOCK_DGRAM);
const near = internetAddress("0.0.0.0", 40_000, calls);
const target = internetAddress("10.9.0.1", port, calls);
if (near === null || target === null || familyOf(target) !== AF_INET || calls.bind(fd, near) < 0) throw new Error("no socket");
const random = chance(1);
const messages = new Messages(calls, BATCH);
const info = Buffer.alloc(12);
let sent = 0;
const start = performance.now();
for (;;) {
  const elapsed = performance.now() - start;
  if (elapsed >= seconds * 1000) break;
  while (sent < (elapsed / 1000) * perSecond) {
    for (let i = 0; i < BATCH; i++) {
      info.writeUInt32BE(FIRST + random.below(SOURCES), 4);
      messages.put(i, target, info, Buffer.from("forged"));
    }
    const count = messages.send(fd, 0, BATCH);
    sent += Math.max(count, 1);
  }
  await pause(TICK_MS);
}
process.stdout.write(`${sent}\n`);
calls.close(fd);
