// The wall clock for `until` and other ends: within one run it never goes back.

/**
 * A system clock that is set back would put an expired rule back into force. The returned clock therefore repeats the
 * latest time that it has read until the system clock has passed that time.
 */
export function monotonicWall(read: () => number): () => number {
  let latest = 0;
  return () => {
    const now = read();
    if (now > latest) latest = now;
    return latest;
  };
}
