// Whole numbers as messages show them.

/**
 * `1,234,567`: a whole number with a comma after every three digits. `toLocaleString` gives the same and loads the
 * locale's tables for it, which takes a sixth of the time that `ingressc check` has.
 */
export function grouped(n: number): string {
  return String(n).replace(/\B(?=(?:\d{3})+$)/g, ",");
}
