// Where a module is to run. `host`: under ingressd, with the memory that its tables ask for. `os`:
// in a constrained OS build, where native code is made of it. A module says its profile in its
// source map; one that says nothing is of the profile `host`.

export const PROFILES = ["host", "os"] as const;
export type Profile = (typeof PROFILES)[number];

/** Memory of a module of the profile `os`, least and most, in 64 KiB pages. */
export const OS_PAGES = 1;
/** The most that its code section holds, in bytes. */
export const OS_CODE_BYTES = 16384;

export function isProfile(word: unknown): word is Profile {
  return PROFILES.some((profile) => profile === word);
}
