// A guard that remembers no more than two sockets, and a clock that jumps a second at each look. Runs the program on its
// command line, and prints the codes of what it decided.
import { openKernel } from "../../../runtime/guard/kernel.ts";
import { architecture } from "../../../runtime/guard/filter.ts";
import { openLibc } from "../../../runtime/shell/libc.ts";
import { createLandlock } from "../../../runtime/guard/landlock.ts";
import { launch } from "../../../runtime/guard/launch.ts";
import { createMadeBinds } from "../../../runtime/guard/made_binds.ts";
import { socketInodes } from "../../../runtime/guard/sockets.ts";
import { serve } from "../../../runtime/guard/broker.ts";

const machine = architecture(process.arch);
const kernel = openKernel(openLibc(), machine);
const started = await launch(kernel, machine, process.argv[2], process.argv.slice(3), null);
if (!started.ok) throw new Error(JSON.stringify(started.error));
const {
  launched: { child, listener },
} = started.value;
let now = 0;
const codes = [];
await serve({
  kernel,
  architecture: machine,
  listener,
  direct: null,
  landlock: createLandlock(kernel),
  judge: () => ({ allowed: true, code: "loopback_bind" }),
  binds: createMadeBinds({ most: 2, inodes: socketInodes, monoMs: () => (now += 1_000) }),
  record: ({ call, decision }) => codes.push(`${call} ${decision.code}`),
});
console.log(JSON.stringify(codes));
if (child.exitCode === null) await new Promise((resolve) => child.once("exit", resolve));
process.exit(0);
