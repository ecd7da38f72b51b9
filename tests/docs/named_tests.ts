// Documents and tables name tests; these say whether such a test is there.
import { existsSync, readFileSync } from "node:fs";

const root = new URL("../../", import.meta.url);

/** `path: name`; a name that is put together at run time is given up to where it varies. */
export function isMissing(named: string): string | null {
  const at = named.indexOf(": ");
  const [path, name] = [named.slice(0, at), named.slice(at + 2)];
  if (at < 0 || name.length < 4 || !/^tests\/[\w/.-]+\.(test|check)\.ts$/.test(path)) return `${named}: write tests/PATH: NAME`;
  if (!existsSync(new URL(path, root))) return `${named}: there is no such file`;
  const text = readFileSync(new URL(path, root), "utf8");
  return ['"', "`"].some((quote) => text.includes(`${quote}${name}`)) ? null : `${named}: the file has no test of that name`;
}
