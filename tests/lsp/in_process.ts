// The language server in the process of a test, by a clock that the test moves. Its worker is a thread of the build.
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { pathToFileURL } from "node:url";
import { serve } from "../../compiler/cli/lsp/server.ts";
import { build } from "../../scripts/build.mjs";
import { PROJECT } from "../cli/programs.ts";
import { manualClock, type ManualClock } from "../manual_clock.ts";
import { atEnd } from "../suite.ts";
import { connected, type Editor } from "./client.ts";

export async function editorHere(): Promise<Editor & { readonly clock: ManualClock }> {
  const clock = manualClock();
  const program = pathToFileURL(join(PROJECT, "dist", (await build()).folder, "ingressc.mjs"));
  const [to, from] = [new PassThrough(), new PassThrough()];
  void serve({ input: to, output: from }, clock, program);
  const of = await connected({ from, to });
  // This ends the worker. After `exit`, or at the end of its input, the server would end the process.
  atEnd(() => of.connection.sendRequest("shutdown"));
  return { ...of, clock };
}
