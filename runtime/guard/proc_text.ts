// What /proc has, or nothing: a process may end, or be another's, at any moment.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

export function read(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

export function namesIn(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

export function target(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}
