/** The program, once it is installed. */
export const ENVOY: string;

/** Installs it where it isn't there; undefined, or why it can't be had. */
export function installEnvoy(settings: { readonly download: boolean }): string | undefined;
