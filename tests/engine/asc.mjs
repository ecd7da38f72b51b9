// AssemblyScript's compiler in this process. The types that it ships replace Node's own `console`, so TypeScript
// reads asc.d.mts instead.
import { main } from "assemblyscript/asc";

export async function compile(args, readFile) {
  let built = null;
  const { error } = await main(args, {
    readFile,
    writeFile(name, contents) {
      if (name.endsWith(".wasm")) built = Uint8Array.from(contents);
    },
    listFiles: () => null,
  });
  return error === null ? built : null;
}
