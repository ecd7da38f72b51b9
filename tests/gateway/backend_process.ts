// A backend that the kernel can distinguish from the gateway, which runs in the test's own process.
import { spawn } from "node:child_process";
import { once } from "node:events";

/**
 * A backend in a process of its own, which the kernel can distinguish from the gateway. `at` is a
 * loopback port or the path of a unix socket; it greets and ends. Null where that user can't
 * start this Node. With `repeats` it says back what it hears instead.
 */
export async function backendProcess(
  at: number | string,
  greeting: string,
  user: { readonly uid?: number; readonly repeats?: boolean } = {},
): Promise<{ stop(): Promise<void> } | null> {
  const listen = JSON.stringify(typeof at === "string" ? { path: at } : { host: "127.0.0.1", port: at });
  const serve = user.repeats === true ? "s.on('error', () => {}).pipe(s)" : `s.on("error", () => {}).end(${JSON.stringify(greeting)})`;
  const script = `require("net").createServer((s) => ${serve}).listen(${listen}, () => process.stdout.write("up"))`;
  // A folder that every user can enter.
  const child = spawn(process.execPath, ["-e", script], {
    cwd: "/",
    stdio: ["ignore", "pipe", "ignore"],
    ...(user.uid !== undefined && { uid: user.uid, gid: user.uid }),
  });
  const over = new Promise<void>((resolve) => {
    child.once("error", () => resolve());
    child.once("close", () => resolve());
  });
  const up = await Promise.race([once(child.stdout, "data").then(() => true), over.then(() => false)]);
  if (!up) return null;
  return {
    stop() {
      child.kill();
      return over;
    },
  };
}
