// Keys that appear twice in one object of a JSON text: `JSON.parse` takes the last one silently, and
// another reader, who reviews it, perhaps the first.
import { positionOf } from "../source/source.ts";
import type { Trouble } from "./shape.ts";

interface Open {
  /** Null in a list. */
  readonly keys: Set<string> | null;
  /** Of the value that comes next, in an object. */
  key: string;
  /** In a list: how many commas were there. */
  index: number;
  wantsKey: boolean;
}

/** Of a text that `JSON.parse` has read; linear. */
export function repeatedKeys(json: string): Trouble[] {
  const file = { path: "", text: json };
  const troubles: Trouble[] = [];
  const open: Open[] = [];
  for (const { 0: token, index } of json.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:]/g)) {
    const top = open.at(-1);
    switch (token) {
      case "{":
      case "[":
        open.push({ keys: token === "{" ? new Set() : null, key: "", index: 0, wantsKey: token === "{" });
        break;
      case "}":
      case "]":
        open.pop();
        break;
      case ",":
        if (top === undefined) break;
        top.index++;
        top.wantsKey = top.keys !== null;
        break;
      case ":":
        break;
      default: {
        if (top === undefined || !top.wantsKey || top.keys === null) break;
        const key: unknown = JSON.parse(token);
        top.key = String(key);
        top.wantsKey = false;
        if (top.keys.has(top.key)) {
          troubles.push({
            pointer: pointerOf(open),
            message: `the key ${token} appears twice in one object`,
            help: "keep one of them",
            place: positionOf(file, index),
          });
        }
        top.keys.add(top.key);
      }
    }
  }
  return troubles;
}

function pointerOf(open: readonly Open[]): string {
  return open.map(({ keys, key, index }) => `/${keys === null ? index : key.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}
