// Some of a file's tests: INGRESSD_GUARD_ONLY is a part of their names. The check of the mutants runs
// the one test that has to notice each.
export const chosen = (name: string): boolean => name.includes(process.env["INGRESSD_GUARD_ONLY"] ?? "");
