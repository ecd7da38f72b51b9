// Confines a guarded program away from the processes outside: chooses the domain that the kernel has for it, and the
// message, or the refusal, where it has none.
import { LANDLOCK_REFER, LANDLOCK_SIGNALS, landlockVersion } from "./domain.mjs";
import { failed, ok, type Result } from "../result/result.ts";
import type { Libc } from "../shell/libc.ts";

/** `signals`: none can be sent to processes outside either. Null where there is no domain. */
export type Domain = { readonly signals: boolean } | null;

export interface Confinement {
  readonly domain: Domain;
  /** A warning for the user, or null. */
  readonly sentence: string | null;
}

/** The error is one sentence. `direct`: the program may get ports under tokens, which have to close when its guard is stopped or killed. `root`: the guard is. */
export function confinement(libc: Pick<Libc, "func">, direct: boolean, root: boolean): Result<Confinement, string> {
  const version = landlockVersion((prototype) => libc.func(prototype));
  const signals = version >= LANDLOCK_SIGNALS;
  if (direct && !signals && !root) {
    return failed(
      "`--ingressd` is not possible here: the program could stop its guard and keep a port for ever, since this kernel has no Landlock that blocks signals (Linux 6.12); start the guard as root and let the program give up root, as in `-- setpriv --reuid=dns --regid=dns --clear-groups named -f`",
    );
  }
  const domain = version >= LANDLOCK_REFER ? { signals: direct && signals } : null;
  const sentences = [
    ...(domain === null ? ["this kernel has no Landlock: the program can write into processes outside that run as its user"] : []),
    ...(direct && !signals ? ["this kernel has no Landlock that blocks signals: a program that stays root can stop its guard and keep a port"] : []),
  ];
  return ok({ domain, sentence: sentences.length === 0 ? null : sentences.join("; ") });
}
