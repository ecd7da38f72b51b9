// The least that has to be done with an audit file: each line is parsed, and one decision is made about its source.
import { readFileSync } from "node:fs";
import { freshEngine } from "../../../compiler/cli/policy_tests.ts";
import { loadPolicy } from "../../../runtime/host/load.ts";
import { parseAddress } from "../../../runtime/net/address.ts";

const before = process.cpuUsage();
const [module = "", audit = ""] = process.argv.slice(2);
const loaded = loadPolicy(readFileSync(module));
if (!loaded.ok) throw new Error(loaded.error.message);
const engine = freshEngine(loaded.value, null);
const text = readFileSync(audit, "latin1");
let allowed = 0;
for (let from = 0; from < text.length;) {
  const end = text.indexOf("\n", from);
  const value: unknown = JSON.parse(text.slice(from, end));
  from = end + 1;
  if (typeof value !== "object" || value === null || !("source" in value) || typeof value.source !== "string") continue;
  const address = parseAddress(value.source.slice(0, value.source.indexOf(":")));
  if (address !== null && engine.accept(0, address).allowed) allowed++;
}
// Without the start of Node and the transpiling of these sources.
const { user, system } = process.cpuUsage(before);
process.stdout.write(`${allowed}\n`);
process.stderr.write(`METER ${Math.round((user + system) / 1_000)} ${process.resourceUsage().maxRSS * 1_024}\n`);
