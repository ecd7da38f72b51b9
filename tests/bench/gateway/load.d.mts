/** Builds the generator into `folder`; its path, or `{ missing }`. */
export function buildLoad(folder: string): { readonly path?: string; readonly missing?: string };
