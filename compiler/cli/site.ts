// Where the documentation is published.

/** Its base address, without a slash at the end; empty as long as there is none. */
export const SITE = "";

/** The address of the page about a diagnostic; null where nothing is published. */
export function diagnosticAddress(code: string, site = SITE): string | null {
  return site === "" ? null : `${site}/diagnostics/${code}`;
}
