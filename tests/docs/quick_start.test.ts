// docs/quick_start.md, block by block, with ports of this run: what the page shows is what the programs print.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { folder, freePort, INGRESSC, INGRESSD } from "../cli/programs.ts";

const test = suite("quick start");
const page = readFileSync(new URL("../../docs/quick_start.md", import.meta.url), "utf8");
const blocks = [...page.matchAll(/^```(\w*)\n([^]*?)^```$/gm)].map(([, language = "", text = ""]) => ({ language, text }));

/** `npx NAME` of the page is the program of this tree. */
function installPrograms(at: string): void {
  mkdirSync(at);
  const quoted = (words: readonly string[]): string => words.map((word) => `'${word}'`).join(" ");
  writeFileSync(
    join(at, "npx"),
    `#!/bin/sh
name=$1; shift
case $name in
  ingressc) exec ${quoted([process.execPath, ...INGRESSC])} "$@" ;;
  ingressd) exec ${quoted([process.execPath, ...INGRESSD])} "$@" ;;
esac
exit 127
`,
  );
  chmodSync(join(at, "npx"), 0o755);
}

test("every block runs, and prints what the page shows below it", async () => {
  const dir = folder();
  try {
    chmodSync(dir.path, 0o755);
    installPrograms(dir.at("bin"));
    const ports = { 8080: await freePort(), 8443: await freePort() };
    const here = (text: string): string => text.replace(/\b(8080|8443)\b/g, (port) => String(port === "8080" ? ports[8080] : ports[8443]));
    const [policy] = blocks.filter(({ language }) => language === "ingress");
    dir.write("edge.ingress", here(policy?.text ?? ""));
    // Marks separate the outputs; the programs that the page starts in the background end with the shell.
    const shell = blocks.filter(({ language }) => language === "sh").map(({ text }) => here(text));
    const script = [
      "pids=; trap 'kill $pids; wait' EXIT",
      ...shell.map((text) => `${text.replace(/ &$/gm, ' &\npids="$pids $!"')}printf '===\\n'`),
      "cat markers.txt",
    ].join("\n");
    const child = spawn("sh", ["-c", script], {
      cwd: dir.path,
      env: { ...process.env, PATH: `${dir.at("bin")}:${process.env["PATH"] ?? ""}`, NO_COLOR: "1" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let [out, err] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      err += text;
    });
    await once(child, "close");
    const outputs = out.split("===\n");
    const shown = blocks.filter(({ language }) => language === "").map(({ text }) => here(text));
    assert.is(shell.length, 5, err);
    assert.is(outputs.length, 6, out + err);
    assert.match(outputs[1] ?? "", /2 lines of 1 test passed/, err);
    assert.equal(
      [outputs[2], outputs[3]?.split("\n").at(-2), outputs[5]?.split("\n").slice(0, 2).join("\n")],
      [shown[0], shown[2]?.trim(), shown[1]?.trim()],
      out + err,
    );
    assert.match(outputs[4] ?? "", /by `deny named local`.*edge\.ingress:9:1/);
    assert.ok((outputs[4] ?? "").includes(String(ports[8443])));
  } finally {
    dir.remove();
  }
});

test.run();
