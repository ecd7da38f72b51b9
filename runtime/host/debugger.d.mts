/** Node's arguments for a program in which no signal is to open a debugger, however early it comes. */
export const WITHOUT_DEBUGGER: readonly string[];
/** Closes what a signal opened before the program's first line. */
export function closeDebugger(): Promise<void>;
