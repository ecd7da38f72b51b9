// Binds again and again under a timer that interrupts every millisecond, and counts the calls that failed.
import koffi from "koffi";
import { bind, close, socket } from "./raw.mjs";

const TIMES = Number(process.argv[2]);
const libc = koffi.load(null);
const setitimer = libc.func("int setitimer(int, void *, void *)");
let signals = 0;
process.on("SIGALRM", () => {
  signals++;
});
const timer = new BigInt64Array([0n, 1000n, 0n, 1000n]);
setitimer(0, timer, null);
const address = Buffer.from("02000000" + "7f000001" + "0000000000000000", "hex");
const failed = new Map();
for (let i = 0; i < TIMES; i++) {
  const fd = socket(2, 1);
  const result = bind(fd, address);
  if (result !== 0) failed.set(result, (failed.get(result) ?? 0) + 1);
  close(fd);
  if (i % 100 === 0)
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
}
setitimer(0, new BigInt64Array(4), null);
await new Promise((resolve) => {
  setImmediate(resolve);
});
console.log(JSON.stringify({ failed: [...failed], signals }));
