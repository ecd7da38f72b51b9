// A file with the token of /metrics, for tests.
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "./gateway_under_test.ts";

export function tokenFile(text: string, mode = 0o600): string {
  const path = join(temporaryFolder(), "token");
  writeFileSync(path, text, { mode });
  chmodSync(path, mode);
  return path;
}
