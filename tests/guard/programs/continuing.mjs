// A broker that makes the guard's central mistake: it looks at the address and lets the call through.
import koffi from "koffi";
import { architecture } from "../../../runtime/guard/filter.ts";
import { openKernel } from "../../../runtime/guard/kernel.ts";
import { openLibc } from "../../../runtime/shell/libc.ts";
import { launch } from "../../../runtime/guard/launch.ts";
import { readMemory } from "../../../runtime/guard/proc.ts";

const IOCTL_SEND = 0xc0182101;
const CONTINUE = 1;
const [library, machine] = [openLibc(), architecture(process.arch)];
const kernel = openKernel(library, machine);
const ioctl = koffi.load(null).func("int ioctl(int, unsigned long, void *)");
const started = await launch(kernel, machine, process.execPath, process.argv.slice(2), null);
if (!started.ok) throw new Error(JSON.stringify(started.error));
const {
  launched: { child, listener },
} = started.value;
child.once("exit", (code) => process.exit(code));
while (await kernel.waits(listener)) {
  const call = kernel.receive(listener);
  if (call === null) continue;
  const bytes = readMemory(call.thread, call.args[1], 16);
  const loopback = bytes !== null && bytes[4] === 127;
  const answer = Buffer.alloc(24);
  answer.writeBigUInt64LE(call.id, 0);
  if (loopback) answer.writeUInt32LE(CONTINUE, 20);
  else answer.writeInt32LE(-13, 16);
  ioctl(listener, IOCTL_SEND, answer);
}
