// How a process of this package ends. The classes and their numbers are the interface of scripts and service managers: one
// list for all programs, whose rows never change.

/** Exit codes by class. */
export const EXIT_CODES = {
  ok: 0,
  /** The answer is no: a test of the policy failed, a module is not signed by a trusted key. */
  no: 1,
  usage: 2,
  /** The input was read and refused: a policy, a module or a configuration. */
  reject: 3,
  /** A package, a program or a feature of the kernel that is needed is missing. */
  missing: 4,
  /** Another party failed: the file system, a busy port, a gateway that does not answer, a closed pipe. */
  delegate: 5,
  unsupported: 6,
  internal: 7,
} as const;

export type ExitClass = keyof typeof EXIT_CODES;

/** The meaning of each class, for the help and the manual pages. */
export const EXIT_MEANINGS: Readonly<Record<ExitClass, string>> = {
  ok: "ok",
  no: "the answer is no",
  usage: "usage",
  reject: "rejected",
  missing: "missing dependency",
  delegate: "something outside the program failed",
  unsupported: "unsupported",
  internal: "internal error",
};

/** The class that ends a process with `code`; `internal` for a number that no class has. */
export function exitClass(code: number): ExitClass {
  return EXIT_CLASSES.find((name) => EXIT_CODES[name] === code) ?? "internal";
}

const EXIT_CLASSES: readonly ExitClass[] = ["ok", "no", "usage", "reject", "missing", "delegate", "unsupported", "internal"];
