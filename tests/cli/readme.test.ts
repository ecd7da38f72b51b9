// README claims only what runs: its policy, its commands, their output and its links.
import { existsSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { INGRESSC } from "../../compiler/cli/command_table.ts";
import { EXIT_CODES } from "../../runtime/shell/exit.ts";
import { folder, freePort, ingresscHere, INGRESSD, PROJECT, start } from "./programs.ts";
import { atEnd, suite } from "../suite.ts";

const readme = suite("README");
const text = readFileSync(join(PROJECT, "README.md"), "utf8");

/** The fenced blocks of a language, in their order. */
function blocks(language: string): readonly string[] {
  return [...text.matchAll(/^```(\w*)\n([^]*?)^```$/gm)].filter((m) => m[1] === language).map((m) => m[2] ?? "");
}

const policy = blocks("ingress")[0] ?? "";

readme("the policy has eight lines, compiles, and its tests pass", async () => {
  assert.is(policy.trimEnd().split("\n").length, 8);
  const dir = folder();
  dir.write("edge.ingress", policy);
  const commands = blocks("sh")
    .join("\n")
    .split("\n")
    .filter((l) => /^npx ingressc .*\bedge\.ingress\b/.test(l));
  assert.ok(commands.length >= 2);
  for (const line of commands) {
    const words = line.replace(/ *#.*/, "").split(" ").slice(2);
    const { code, out, err } = await ingresscHere(words, dir.path);
    assert.is(code, 0, `${line}\n${out}${err}`);
    assert.match(out, /2 lines of 1 test passed/);
  }
});

readme("the explanation is the one that explain gives", async () => {
  const dir = folder();
  dir.write("edge.ingress", policy);
  const [shown = ""] = blocks("console");
  const [command = "", ...output] = shown.split("\n");
  const [, file = "", request = ""] = /^\$ npx ingressc explain (\S+) '([^']+)'$/.exec(command) ?? [];
  const { code, out } = await ingresscHere(["explain", file, request], dir.path);
  assert.is(code, 0);
  assert.is(out, output.join("\n"));
});

readme("the markers are the ones that ingressd prints", async () => {
  const dir = folder();
  const port = await freePort();
  dir.write("edge.ingress", policy.replace("tcp 8443", `tcp ${port}`));
  assert.is((await ingresscHere(["build", "edge.ingress"], dir.path)).code, 0);
  const running = start(INGRESSD, ["--policy", "edge.wasm", "--control", dir.at("control.sock")], { cwd: dir.path });
  const [open = "", ready = "", deny = "", ...rest] = (blocks("")[0] ?? "").trimEnd().split("\n");
  assert.equal(rest, []);
  const exactly = (line: string): RegExp => new RegExp(`^${line.replace("8443", String(port)).replace(/[()]/g, "\\$&")}$`);
  await running.line(exactly(open));
  await running.line(exactly(ready));
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => socket.destroy());
  atEnd(() => socket.destroy());
  await running.line(exactly(deny));
});

readme("every command and exit code is named, and every link leads somewhere", () => {
  for (const name of Object.keys(INGRESSC.commands)) assert.match(text, new RegExp(`\`ingressc ${name} `));
  for (const code of Object.values(EXIT_CODES)) assert.match(text, new RegExp(`[\\s,]${code} [a-z]`));
  const links = [...text.matchAll(/\]\(([^)#]+)\)/g)].map((m) => m[1] ?? "");
  assert.ok(links.length > 5);
  assert.equal(
    links.filter((link) => !existsSync(join(PROJECT, link))),
    [],
  );
});

readme.run();
