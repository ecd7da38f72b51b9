// The gateway's folders import each other in one direction, so that each can be read by itself.
import { posix } from "node:path";
import ts from "typescript";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { sources } from "./sources.ts";

const house = suite("gateway folders");

/** Each may import those before it, and no other. */
const ORDER = [
  "tls",
  "forward",
  "audit",
  "blocks",
  "connection",
  "listen",
  "datagram",
  "kernel",
  "threads",
  "config",
  "intents",
  "admit",
  "control",
  "reload",
  "source",
  "takeover",
  "methods",
  "client",
  "cli",
];

interface Arrow {
  readonly from: string;
  readonly to: string;
}

const files = sources(".ts", ".mjs").filter(({ path }) => path.startsWith("gateway/"));
const arrows: readonly Arrow[] = files.flatMap(({ path, text }) => arrowsOf(path, text));

function arrowsOf(path: string, text: string): Arrow[] {
  return ts
    .preProcessFile(text, true, true)
    .importedFiles.filter(({ fileName }) => fileName.startsWith("."))
    .map(({ fileName }) => ({ from: path, to: posix.join(posix.dirname(path), fileName) }))
    .filter(({ to }) => to.startsWith("gateway/"));
}

/** The folder of a file; null for a file at the top of the gateway, which belongs to none of them. */
function folderOf(path: string): string | null {
  const parts = path.split("/");
  return parts.length > 2 ? (parts[1] ?? null) : null;
}

/** Every folder that a file imports, directly or through files at the top of the gateway. */
function reached(from: string, all: readonly Arrow[], seen = new Set<string>()): readonly string[] {
  return all
    .filter((arrow) => arrow.from === from)
    .flatMap(({ to }) => {
      const folder = folderOf(to);
      if (folder !== null) return [folder];
      if (seen.has(to)) return [];
      seen.add(to);
      return reached(to, all, seen);
    });
}

function wrong(path: string, all: readonly Arrow[]): readonly string[] {
  const own = folderOf(path);
  if (own === null) return [];
  return [...new Set(reached(path, all))].filter((folder) => ORDER.indexOf(folder) > ORDER.indexOf(own)).map((folder) => `${path} -> ${folder}`);
}

house("each folder imports only those before it", () => {
  assert.equal([...new Set(files.flatMap(({ path }) => folderOf(path) ?? []))].sort(), [...ORDER].sort());
  assert.ok(arrows.length > 400, `only ${arrows.length} imports`);
  assert.equal(
    files.flatMap(({ path }) => wrong(path, arrows)),
    [],
  );
});

house("an import that goes back is found, also through a file at the top of the gateway", () => {
  const rows: readonly (readonly [string, string])[] = [
    ["gateway/connection/stage.ts", "../admit/admit.ts"],
    ["gateway/tls/secure.ts", "../connection/table.ts"],
    ["gateway/audit/line.ts", "../reload/reload.ts"],
    ["gateway/reload/reload.ts", "../methods/status.ts"],
    ["gateway/clock.ts", "./connection/table.ts"],
  ];
  for (const [from, specifier] of rows) {
    const back = [...arrows, ...arrowsOf(from, `import "${specifier}";`)];
    assert.ok(
      files.some(({ path }) => wrong(path, back).length > 0),
      `${from} -> ${specifier} passes`,
    );
  }
});

house.run();
