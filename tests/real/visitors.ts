// Runs inside a network namespace in which every address is local (connections.check.ts makes
// it): starts ingressd, lets each visitor connect from its own source address, and writes what
// each of them got. Arguments: the folder with job.json, policy.wasm and config.toml.
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** Another process reads it back as JSON. */
export interface Visitor {
  readonly source: string;
  readonly host: string;
  readonly port: number;
}

export interface Visits {
  /** `body`: the whole answer came; `closed`: closed without a byte; else what went wrong. */
  readonly outcomes: readonly string[];
  readonly markers: readonly string[];
  readonly exitCode: number | null;
}

const AT_A_TIME = 40;
const PATIENCE_MS = 15_000;

function visit({ source, host, port }: Visitor, body: string): Promise<string> {
  return new Promise((done) => {
    const chunks: Buffer[] = [];
    let trouble: string | null = null;
    const socket = connect({ host, port, localAddress: source });
    socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error("silent")));
    socket.on("connect", () => socket.write("GET / HTTP/1.0\r\n\r\n"));
    socket.on("data", (chunk) => chunks.push(chunk));
    socket.on("error", (error: NodeJS.ErrnoException) => {
      // A refusal may arrive as a reset, and a write into it as a broken pipe.
      if (error.code !== "ECONNRESET" && error.code !== "EPIPE") trouble = error.code ?? error.message;
    });
    socket.on("close", () => {
      const text = Buffer.concat(chunks).toString("latin1");
      if (trouble !== null) done(trouble);
      else if (text === "") done("closed");
      else done(text.startsWith("HTTP/1.1 200 ") && text.endsWith(`\r\n\r\n${body}`) ? "body" : `unexpected: ${text.slice(0, 80)}`);
    });
  });
}

async function main(folder: string): Promise<void> {
  const job = JSON.parse(readFileSync(join(folder, "job.json"), "utf8")) as { readonly visitors: readonly Visitor[]; readonly body: string };
  const gateway = fileURLToPath(new URL("../../gateway/ingressd.mjs", import.meta.url));
  const child = spawn(process.execPath, [gateway, "--policy", join(folder, "policy.wasm"), "--config", join(folder, "config.toml")], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = new Promise<number | null>((done) => child.on("exit", done));
  const markers: string[] = [];
  const ready = new Promise<void>((done, fail) => {
    child.on("error", fail);
    child.on("exit", (code) => {
      fail(new Error(`ingressd ended with ${String(code)} before it was ready`));
    });
    createInterface({ input: child.stdout }).on("line", (line) => {
      markers.push(line);
      if (line === "ingressd: ready") done();
    });
  });
  await ready;
  const outcomes: string[] = [];
  const queue = [...job.visitors.entries()];
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [i, visitor] = next;
      outcomes[i] = await visit(visitor, job.body);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
  child.kill("SIGTERM");
  const exitCode = await exited;
  const visits: Visits = { outcomes, markers, exitCode };
  writeFileSync(join(folder, "visits.json"), JSON.stringify(visits));
}

await main(process.argv[2] ?? "");
