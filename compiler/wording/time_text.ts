// Moments as the language writes them.

/** Of UTC seconds: `2027-03-01T00:00Z`, with seconds where there are some. */
export function timeText(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(/(?::00)?\.000Z$/, "Z");
}
