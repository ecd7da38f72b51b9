// Says its process number, waits until its supervisor is gone, then binds and writes what came of it.
import { readFileSync, writeFileSync } from "node:fs";
import { bind, socket } from "./raw.mjs";

const [result] = process.argv.slice(2);
const supervisor = process.ppid;
const alive = () => {
  try {
    return readFileSync(`/proc/${process.pid}/stat`, "latin1").split(") ")[1].split(" ")[1] === String(supervisor);
  } catch {
    return false;
  }
};
console.log("here");
while (alive())
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
writeFileSync(result, String(bind(socket(2, 1), Buffer.from("02000000" + "7f000001" + "0000000000000000", "hex"))));
