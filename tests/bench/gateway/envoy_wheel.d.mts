/** Undefined, or why it can't be had. */
export function installEnvoy(options: { readonly download: boolean }): string | undefined;
