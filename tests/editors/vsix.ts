// The extension for VS Code, packed by vsce.
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { must } from "../package/packed.ts";

export const EXTENSION = fileURLToPath(new URL("../../docs/editors/vscode/", import.meta.url));

export function packExtension(archive: string): void {
  if (!existsSync(join(EXTENSION, "node_modules/@vscode/vsce"))) must("npm", ["ci", "--ignore-scripts", "--prefer-offline"], { cwd: EXTENSION });
  // esbuild's own script only looks at its binary, which npm has put beside it.
  rmSync(join(EXTENSION, "dist"), { recursive: true, force: true });
  must("npm", ["run", "--silent", "package", "--", "--out", archive], { cwd: EXTENSION });
}
