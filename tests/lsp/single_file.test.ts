// The program as one file (`npm run package:single`), which the Debian package and the image have too: its server's worker is the same
// file, and there is no folder of packages beside it.
import { join } from "node:path";
import { writeSingleFiles } from "../../scripts/package/single_file.ts";
import { ownFolder, suite } from "../suite.ts";
import { editor, worksWhole } from "./client.ts";

const test = suite("lsp as one file");

test("its worker checks, judges and runs tests", async () => {
  const folder = await writeSingleFiles(ownFolder("ingressd-single-"));
  await worksWhole(await editor({ command: ["sh", join(folder, "ingressc.mjs")] }));
});

test.run();
