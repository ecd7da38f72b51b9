// Writes a world: no figure.
import { writeWorld } from "../worlds.mjs";

const { Answers } = await import("../answers.ts");

export function run({ folder, world }) {
  writeWorld(folder, world, { Answers });
  return {};
}
