// Runs the flood test unchanged; its output lines are the figures.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const LINE = /\bflood: (\S.*?): (\d+) of (\d+) newcomers served, abuser (\d+) of at most (\d+), (\d+) places$/gm;

export function run() {
  const test = fileURLToPath(new URL("../../engine/flood.test.ts", import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--import", import.meta.resolve("tsx"), test], { encoding: "utf8" });
  const floods = [...stdout.matchAll(LINE)].map(([, name, ...numbers]) => {
    const [served, asked, abuser, due, places] = numbers.map(Number);
    return { name, served, asked, abuser, due, places };
  });
  if (status !== 0 || floods.length === 0)
    throw new Error(`the flood test ${status === 0 ? "prints no figures" : "fails"}: ${(stdout + stderr).trim().slice(-300)}`);
  return floods;
}
