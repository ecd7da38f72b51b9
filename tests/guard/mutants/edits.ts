// The form of a mutant of the guard: edits of its sources, and the test with a real process that has to notice.

export interface Edit {
  /** In runtime/guard. */
  readonly file: string;
  readonly text: string;
  readonly instead: string;
}

export interface Mutant {
  readonly without: string;
  readonly edits: readonly Edit[];
  /** A file of tests/guard, and a part of the test's name. */
  readonly noticedBy: readonly [file: string, name: string];
  /** The test runs as root alone. */
  readonly asRoot?: true;
}

export const edit = (file: string, text: string, instead: string): Edit => ({ file, text, instead });
export const TABLE = ["guard.test", "a program binds what the policy allows"] as const;
export const OTHERS = ["whole.check", "rings, other processes"] as const;

/** Where the address has been read, and is about to be judged. */
export const BEFORE_JUDGEMENT = "// AF_UNSPEC would be taken for any IPv4 address.";
export const bindsAtOnce = (condition: string): Edit =>
  edit("broker.ts", BEFORE_JUDGEMENT, `if (local !== null && ${condition}) return kernel.bind(fd, bytes);\n  ${BEFORE_JUDGEMENT}`);
const NOTIFIED = "...[numbers.bind, numbers.listen, LANDLOCK_CREATE_RULESET, LANDLOCK_RESTRICT_SELF].flatMap(";
export const withoutNotification = (gone: string): Edit =>
  edit("filter.ts", NOTIFIED, NOTIFIED.replace(new RegExp(`(?:, )?${gone}\\b`), "").replace("[, ", "["));

/** As on a kernel without Landlock, whose domain refuses the same once more. */
export const withoutDomain = edit(
  "confinement.ts",
  "const domain = version >= LANDLOCK_REFER ? { signals: direct && signals } : null;",
  "const domain = null;",
);
