// Where a module runs. Profile `host` runs under ingressd, with as much memory as its tables need. Profile
// `os` is compiled to native code for a constrained OS build. A module names its profile in its source map;
// without one, the profile is `host`.

export const PROFILES = ["host", "os"] as const;
export type Profile = (typeof PROFILES)[number];

/** Memory of a module of the profile `os`, least and most, in 64 KiB pages. */
export const OS_PAGES = 1;
/** Maximum size of its code section, in bytes. */
export const OS_CODE_BYTES = 16384;
/** Maximum size of engine, host and `memcpy` as rv64imac code: 1 KiB more since exposes share ports, which adds a look-up and a charge after the name. */
export const OS_NATIVE_BYTES = 17408;

/** Connections that the image of docs/os.md serves at once, half of them reserved in equal parts for its open ports, of which it has at most OS_PORTS. */
export const OS_PLACES = 32;
export const OS_PORTS = 16;

export function isProfile(word: unknown): word is Profile {
  return PROFILES.some((profile) => profile === word);
}
