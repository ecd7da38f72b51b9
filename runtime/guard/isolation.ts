// `--isolate`: checks that the program can have a network namespace of its own and that there is a folder
// for the sockets that lead into it, and keeps these while it runs.
import { join, resolve } from "node:path";
import { failed, ok, type Result } from "../result/result.ts";
import { openEntrySockets, prepareFolder, type EntrySockets } from "./entry_sockets.ts";
import type { Kernel } from "./kernel.ts";
import type { Inside } from "./launch.ts";
import { kernelInside, namespaceHere } from "./namespace.ts";
import { guardsFolder, preparePrivate } from "./private_folder.ts";

export interface Isolation {
  readonly inside: Inside;
  /** Null before the launch. */
  entrySockets(): EntrySockets | null;
  /** The kernel for what runs inside: no socket of another namespace is bound. */
  kernel(outer: Kernel, refused: () => void): Kernel;
}

export interface Impossible {
  /** A precondition is missing, or what was given is refused. */
  readonly because: "missing" | "refused";
  readonly sentence: string;
}

export interface IsolationSetup {
  readonly service: string;
  /** Null: in the guards' own folder. */
  readonly sockets: string | null;
  readonly say: (sentence: string) => void;
  readonly lost: () => void;
}

export function prepareIsolation({ service, sockets, say, lost }: IsolationSetup): Result<Isolation, Impossible> {
  const namespace = namespaceHere();
  if (typeof namespace !== "string") return failed({ because: "missing", sentence: `\`--isolate\` is not possible here: ${namespace.missing}` });
  const given = sockets !== null;
  const base = guardsFolder(process.env, process.geteuid?.() ?? 0);
  const folder = given ? resolve(sockets) : join(base, service);
  const refused = (given ? null : preparePrivate(base)) ?? prepareFolder(folder, given);
  if (refused !== null) return failed({ because: "refused", sentence: refused });
  let entrySockets: EntrySockets | null = null;
  return ok({
    inside: {
      namespace,
      async ready(launcher) {
        const opened = await openEntrySockets({ folder, given, namespace, inside: launcher, say, lost });
        if (typeof opened === "string") return opened;
        entrySockets = opened;
        return null;
      },
    },
    entrySockets: () => entrySockets,
    kernel: (kernel, counted) =>
      entrySockets === null ? kernel : (
        kernelInside({
          kernel,
          cookie: entrySockets.cookie,
          listening: (local) => entrySockets?.open(local),
          foreign() {
            counted();
            say("a socket of another network namespace is neither bound nor listened on here");
          },
        })
      ),
  });
}
