// On SIGUSR1 Node opens a debugger at 127.0.0.1:9229, and whoever reaches that port can run code in the
// process. Every program of this package takes the signal in its first line. Before that line Node runs
// for some ten milliseconds in which only its own options help: programs that this package starts, and
// the shell line at the head of each executable, give them. Where neither did, as with
// `node gateway/ingressd.mjs`, a debugger that was opened in that time is closed here.

/** An address that no interface has: Node says that it can't listen there, and runs on. */
const NOWHERE = "--inspect-port=240.0.0.1:9229";

/** Node's arguments for a program in which no signal is to open a debugger, however early it comes. */
export const WITHOUT_DEBUGGER = [process.allowedNodeEnvironmentFlags.has("--disable-sigusr1") ? "--disable-sigusr1" : NOWHERE];

/** Whether somebody asked for a debugger by an option. */
function isAskedFor() {
  const given = [...process.execArgv, ...(process.env.NODE_OPTIONS ?? "").split(/\s+/)];
  return given.some((option) => /^--inspect(?:-brk|-wait)?(?:=|$)/.test(option));
}

/** Closes what a signal opened before the program's first line. */
export async function closeDebugger() {
  // With this option no signal opens one, so there is nothing to look at.
  if (isAskedFor() || process.execArgv.includes("--disable-sigusr1")) return;
  // A Node without an inspector has no such module.
  const inspector = await import("node:inspector").catch(() => null);
  const close = () => {
    if (inspector?.url() !== undefined) inspector.close();
  };
  close();
  // The thread that waits for the signal may not have come to it yet.
  setImmediate(close);
  setTimeout(close, 50).unref();
}
