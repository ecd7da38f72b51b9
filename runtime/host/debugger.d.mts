/** Arguments with which Node never opens a debugger on a signal, however early the signal comes. */
export function withoutDebugger(): readonly string[];
/** Closes a debugger that a signal opened before the program's first line. */
export function closeDebugger(): Promise<void>;
