// On SIGUSR1 Node opens a debugger at 127.0.0.1:9229, and anyone who reaches that port can run code in the process. Every
// program of this package handles the signal in its first line. Node runs for about ten milliseconds before that line, and
// in that time only Node's own options prevent the debugger. This package passes those options to the programs that it
// starts, and so does the shell line at the head of each executable. A program that was started without them, as by
// `node gateway/ingressd.mjs`, closes here a debugger that was opened in that time.

/** No interface has this address: Node reports that it can't listen there, and continues. */
const NOWHERE = "--inspect-port=240.0.0.1:9229";

/**
 * Arguments with which Node never opens a debugger on a signal, however early the signal comes. Node makes the list of its options
 * when it is first read, which a start of a program need not wait for.
 */
export function withoutDebugger() {
  return [process.allowedNodeEnvironmentFlags.has("--disable-sigusr1") ? "--disable-sigusr1" : NOWHERE];
}

/** Whether an option requests a debugger. */
function isRequested() {
  const given = [...process.execArgv, ...(process.env.NODE_OPTIONS ?? "").split(/\s+/)];
  return given.some((option) => /^--inspect(?:-brk|-wait)?(?:=|$)/.test(option));
}

/** Closes a debugger that a signal opened before the program's first line. */
export async function closeDebugger() {
  // With `--disable-sigusr1` no signal opens a debugger.
  if (isRequested() || process.execArgv.includes("--disable-sigusr1")) return;
  // A Node without an inspector has no such module.
  const inspector = process.getBuiltinModule("node:inspector");
  const close = () => {
    if (inspector?.url() !== undefined) inspector.close();
  };
  close();
  // Node's signal thread may not have opened the debugger yet.
  setImmediate(close);
  setTimeout(close, 50).unref();
}
