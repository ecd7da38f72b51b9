// Each program as one file that Node alone runs: `npm run package:single` writes dist/single/NAME.mjs.
//
// A program starts parts of itself: the thread that checks a module, the process that becomes a guarded program, and the
// process that hands connections to a guarded program. All of them start the same file, which then looks at how it was
// started. koffi stays a package because it contains native code; a program uses it if a folder `node_modules` beside or
// above the file has it.
import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { ENTRIES } from "../build.mjs";
import { sourcesIn } from "../bundle.mjs";
import { DIST, manifest, ROOT } from "./project.ts";

export const SINGLE = join(DIST, "single");
export const PROGRAMS = ["ingressc", "ingressd", "ingress-guard"] as const;

const PARTS = `
export const LOAD_WORKER = new URL(import.meta.url);
export const THREAD_WORKER = LOAD_WORKER;
export const LAUNCHER = LOAD_WORKER;
export const DOORMAN = LOAD_WORKER;
export const INGRESSC = LOAD_WORKER;
export const packageVersion = () => VERSION;
`;

/** The Nodes that package.json names, as patterns of `case` in sh. */
export const NODES = "v20.19.*|v20.[2-9][0-9].*|v22.[3-9].*|v22.[1-9][0-9].*|v24.*|v2[6-9].*|v[3-9][0-9].*";

/**
 * The first lines. sh starts Node so that SIGUSR1 never opens a debugger (runtime/host/debugger.mjs), or names the Node
 * that is needed if Node is missing or too old.
 */
function head(program: string): string {
  const refuse = `echo "${program}: it needs Node 20 (from 20.19), 22 (from 22.3), 24, 26 or later, found \${v:-no node}" >&2; exit 4`;
  return `#!/bin/sh
":" //; o=--disable-sigusr1; v=$(node $o --version 2>/dev/null) || { o=--inspect-port=240.0.0.1:9229; v=$(node --version 2>/dev/null); }; case $v in ${NODES}) ;; *) ${refuse};; esac; exec node $o "$0" "$@"
process.on("SIGUSR1", () => undefined);`;
}

function entryOf(program: (typeof PROGRAMS)[number]): string {
  const parts =
    program === "ingress-guard" ?
      `else if (process.env.INGRESS_GUARD_START !== undefined) await import("./${ENTRIES.launcher}");
       else if (process.env.INGRESS_GUARD_DOORMAN !== undefined) await import("./${ENTRIES.doorman}");`
    : "";
  // A thread that serves connections, or an editor's, has data from its start; one that checks a module gets it by a message.
  const threads =
    program === "ingressd" ? `else await import("./${ENTRIES.thread_worker}");`
    : program === "ingressc" ? `else await (await import("./${ENTRIES.ingressc}")).main(["lsp"]);`
    : "";
  return `
    import { isMainThread, workerData } from "node:worker_threads";
    if (!isMainThread) {
      if (workerData?.given === undefined) await import("./${ENTRIES.load_worker}");
      ${threads}
    }
    ${parts}
    else {
      const { closeDebugger } = await import("./runtime/host/debugger.mjs");
      await closeDebugger();
      const { main } = await import("./${ENTRIES[program]}");
      await main(process.argv.slice(2));
    }`;
}

/** Writes the three files into `folder`, and returns it. */
export async function writeSingleFiles(folder = SINGLE): Promise<string> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const program of PROGRAMS) {
    const { outputFiles } = await build({
      stdin: { contents: entryOf(program), resolveDir: ROOT, sourcefile: `${program}.js`, loader: "js" },
      absWorkingDir: ROOT,
      bundle: true,
      write: false,
      format: "esm",
      platform: "node",
      target: "node20.19",
      external: ["koffi", "wabt"],
      plugins: [sourcesIn(ROOT, { "runtime/package/files.ts": `const VERSION = ${JSON.stringify(manifest.version)};${PARTS}` })],
      banner: { js: head(program) },
      tsconfigRaw: {},
      legalComments: "inline",
      logLevel: "error",
    });
    const file = join(folder, `${program}.mjs`);
    writeFileSync(file, outputFiles[0]?.contents ?? new Uint8Array(0));
    chmodSync(file, 0o755);
  }
  return folder;
}

if (process.argv[1]?.endsWith("single_file.ts") === true)
  console.log(`${(await writeSingleFiles()).slice(ROOT.length)}: ${PROGRAMS.map((name) => `${name}.mjs`).join(", ")}`);
