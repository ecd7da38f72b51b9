// Time as it may be used for what ends: it never goes back within one run.

/**
 * A wall clock that is set back would make an expired rule young again, so it is held at the
 * latest moment that was seen and goes on from there when the clock has caught up.
 */
export function heldWall(read: () => number): () => number {
  let latest = 0;
  return () => {
    const now = read();
    if (now > latest) latest = now;
    return latest;
  };
}
