/** Has Node keep and use the compiled code of what is imported from here on, where a folder for it is safe. */
export function useCompileCache(packageFolder: string): void;
/** The folder for the cache, which is made where it is missing; null where none is safe. */
export function compileCacheFolder(where: {
  /** Of the build, absolute. */
  readonly packageFolder: string;
  /** XDG_CACHE_HOME, "" where it is not set. */
  readonly cacheHome: string;
  /** TMPDIR, "" where it is not set. */
  readonly temporary: string;
  /** The effective user. */
  readonly uid: number;
}): string | null;
