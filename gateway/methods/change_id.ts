// The id of a prepared change among a method's parameters.

/** The schema has checked it. */
export function changeId(params: unknown): string {
  return typeof params === "object" && params !== null && "id" in params && typeof params.id === "string" ? params.id : "";
}
