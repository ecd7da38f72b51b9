// npm start: runs the shipped ingressc and ingressd with policies/demo.ingress in front of a small backend on
// loopback. It makes and explains one allowed and one denied connection, then serves until Ctrl-C (`--once` exits
// instead). All state is in a temporary folder.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { end, killAll, run, start, Trouble } from "./processes.mjs";

const file = (path) => relative(process.cwd(), fileURLToPath(new URL(path, import.meta.url)));
const INGRESSC = file("../../compiler/cli/ingressc.mjs");
const INGRESSD = file("../../gateway/ingressd.mjs");
const BACKEND = file("backend.mjs");
const POLICY = file("../demo.ingress");
const HERE = "127.0.0.1";
const GUEST = "127.0.0.2";

const unknown = process.argv.slice(2).find((word) => word !== "--once");
if (unknown !== undefined) {
  console.error(`demo: unknown option \`${unknown}\`; the only option is \`--once\` (npm start -- --once)`);
  process.exit(2);
}
const once = process.argv.includes("--once");

const color = process.stdout.isTTY && !process.env.NO_COLOR && process.env.TERM !== "dumb";
const sgr = (n, text) => (color ? `\x1b[${n}m${text}\x1b[0m` : text);
const say = (text = "") => console.log(text);
const heading = (n, word, text) => say(`\n${sgr(1, `${n}  ${word.padEnd(9)}`)}${text}`);
const detail = (text) => say(`   ${text}`);

// The reader of the output has closed it (`| head`), so there is nothing left to do.
process.stdout.on("error", () => process.exit(0));
const folder = mkdtempSync(join(tmpdir(), "ingressd-demo-"));
const children = [];
let stopping = false;
const stopped = new Promise((resolve) => {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      stopping = true;
      resolve();
    });
  }
});
// No child process and no file remains, even after an unexpected error.
process.on("exit", () => {
  killAll();
  rmSync(folder, { recursive: true, force: true });
});

try {
  await Promise.race([demo(), stopped]);
} catch (error) {
  // A child that ends during shutdown is not an error.
  if (!stopping) {
    if (!(error instanceof Trouble)) throw error;
    process.exitCode = 1;
    console.error(`\ndemo: ${error.message}`);
  }
}
await Promise.all(children.map(end));
process.exit();

async function demo() {
  say(sgr(1, "ingressd: nothing is reachable unless a policy says so"));

  heading(1, "compile", `ingressc build ${POLICY}`);
  const module = join(folder, "demo.wasm");
  const built = await run("ingressc build", [INGRESSC, "build", POLICY, "-o", module]);
  for (const line of built.slice(1)) detail(line.trimStart());
  const [inspected] = await run("ingressc inspect", [INGRESSC, "inspect", module, "--json"]);
  const { listeners } = JSON.parse(inspected).data;
  const web = place(listeners, "web");
  const staff = place(listeners, "console");
  const [backend] = web.listener.backends;
  for (const port of new Set([web.port, staff.port])) await mustBeFree(port, "the policy");
  await mustBeFree(backend.port, "the demo's backend");

  heading(2, "serve", `ingressd --policy demo.wasm, in front of a backend on ${backend.host}:${backend.port}`);
  const behind = start("the backend", [BACKEND, backend.host, String(backend.port)]);
  children.push(behind);
  await behind.line("out", (line) => line === "backend: ready");
  const config = join(folder, "ingressd.toml");
  writeFileSync(config, '[audit]\nfile = "-"\n\n[timers]\ndrain_ms = 500\n', { mode: 0o600 });
  const gateway = start("ingressd", [INGRESSD, "--policy", module, "--config", config, "--control", join(folder, "control.sock")]);
  children.push(gateway);
  for (const port of [staff.port, web.port]) {
    detail(await gateway.line("out", (line) => line === `ingressd: port open (port=${port}, proto=tcp)`));
  }
  detail(await gateway.line("out", (line) => line === "ingressd: ready"));

  heading(3, "allowed", `from ${HERE} to port ${web.port}`);
  const page = await get(web.port, HERE);
  if (page.failed !== null) throw new Trouble(`the allowed connection failed: ${page.failed}`);
  detail(`the backend answers: ${page.status} ${JSON.stringify(page.body.trim())}`);
  await explain(module, gateway, HERE, "web", "allow");

  // Where a machine has no second loopback address, the console denies the first one.
  const guest = (await hasAddress(GUEST)) ? { source: GUEST, name: "web", port: web.port } : { source: HERE, name: "console", port: staff.port };
  heading(4, "denied", `from ${guest.source} to port ${guest.port}`);
  const refused = await get(guest.port, guest.source);
  if (refused.failed === null) throw new Trouble(`the policy denies ${guest.source}, but it was served`);
  detail(`closed before the backend saw it (the client sees ${refused.failed})`);
  detail(await gateway.line("out", (line) => line.startsWith("ingressd: deny ")));
  await explain(module, gateway, guest.source, guest.name, "deny");

  if (once) return;
  say(`\n${sgr(1, "try it")}`);
  detail(`http://${HERE}:${web.port}/            allowed: open it in a browser or with curl`);
  detail(`http://${HERE}:${staff.port}/            denied: the console is for the office`);
  detail(`npx ingressc explain ${POLICY} 'from ${guest.source} to ${guest.name}'`);
  detail("Ctrl-C ends it");
  say(`\n${sgr(1, "decisions")} as they are made`);
  await serve(gateway);
}

/** Shows each decision until the demo is ended. */
async function serve(gateway) {
  gateway.follow((stream, line) => {
    if (stream === "out") return detail(line);
    if (!line.startsWith("{")) return detail(line);
    const { op, decision, source, listener, at, code } = JSON.parse(line);
    if (op === "accept") detail(`${decision.padEnd(5)}  ${source} to ${listener}  (${code}${at === undefined ? "" : `, ${at}`})`);
  });
  const { code } = await gateway.ended;
  throw new Trouble(`ingressd ended with exit code ${code}`);
}

/** Prints the audit record of the decision, then the output of `explain` for the same connection. */
async function explain(module, gateway, source, listener, decision) {
  const record = await gateway.line("err", (line) => {
    const fields = line.startsWith("{") ? JSON.parse(line) : {};
    return fields.op === "accept" && fields.decision === decision && fields.source?.startsWith(`${source}:`) ? fields : undefined;
  });
  const [answer] = await run("ingressc explain", [INGRESSC, "explain", module, `from ${source} to ${listener}`, "--json"]);
  const accept = JSON.parse(answer).data.answers[0].phases.find((phase) => phase.phase === "accept");
  detail(`audit    ${record.decision}, code ${record.code}, at ${record.at ?? "no rule"}`);
  detail(`explain  ${accept.rule === null ? "no rule matches the source" : ruleText(accept.rule)}`);
  for (const rule of accept.overrides) detail(`         overrides ${ruleText(rule)}`);
}

function ruleText({ action, names, origins: [at] }) {
  return `${[action, ...names.map((name) => `named ${name}`)].join(" ")}, ${POLICY}:${at.line}:${at.column}`;
}

function place(listeners, name) {
  const listener = listeners.find((l) => l.name === name);
  if (listener?.backends?.[0]?.kind !== "tcp") throw new Trouble(`the demo needs \`expose ${name}\` with a \`backend ADDR:PORT\` in ${POLICY}`);
  return { listener, port: listener.ports[0].first };
}

function mustBeFree(port, who) {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", ({ code }) => {
      const cause = code === "EADDRINUSE" ? "is in use by another program" : `can't be opened (${code})`;
      reject(new Trouble(`port ${port} ${cause}, and ${who} needs it: end that program, or write another port into ${POLICY}`));
    });
    probe.listen(port, HERE, () => probe.close(resolve));
  });
}

/** Sends one request over a new connection from `source`. */
function get(port, source) {
  return new Promise((resolve) => {
    const sent = request({ host: HERE, port, localAddress: source, agent: false, timeout: 10_000 }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text) => {
        body += text;
      });
      response.on("end", () => resolve({ failed: null, status: response.statusCode, body }));
      response.on("error", ({ code }) => resolve({ failed: code }));
    });
    sent.on("timeout", () => sent.destroy(Object.assign(new Error("no answer"), { code: "no answer" })));
    sent.on("error", ({ code }) => resolve({ failed: code }));
    sent.end();
  });
}

function hasAddress(host) {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(0, host, () => probe.close(() => resolve(true)));
  });
}
