// Starts `ingressc lsp` when a policy is opened, and again when the setting changes or the user wants it. Everything that is known
// about policies is in the server.
const { homedir } = require("node:os");
const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");
const { findServer, notFound, whyNoServer } = require("./server.js");

const SETTING = "ingressd.server.path";
const RESTART = "ingressd.restart";
const OPEN_SETTINGS = "Open settings";
const TRY_AGAIN = "Try again";

/** @type {LanguageClient | null} */
let client = null;
/** Starts and stops happen one after the other. */
let turn = Promise.resolve();

async function start() {
  const program = vscode.workspace.getConfiguration().get(SETTING, "ingressc");
  const command = findServer(program, process.env.PATH ?? "");
  if (command === null) {
    report(notFound(program));
    return;
  }
  const why = await whyNoServer(command);
  if (why !== null) {
    report(why);
    return;
  }
  // Without `transport`, the client speaks over standard input and output and adds no argument. Its own
  // folder for the program would be the one that is open, where a relative part of PATH would find the folder's programs.
  const server = { command, args: ["lsp"], options: { cwd: homedir() } };
  const documentSelector = ["file", "untitled"].map((scheme) => ({ language: "ingress", scheme }));
  client = new LanguageClient("ingressd", "ingressd", server, { documentSelector });
  try {
    await client.start();
  } catch (error) {
    client = null;
    report(`\`${command} lsp\` did not start: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function stop() {
  const running = client;
  client = null;
  await running?.dispose();
}

/** Nothing waits for the answer. */
function report(message) {
  vscode.window.showErrorMessage(message, TRY_AGAIN, OPEN_SETTINGS).then((choice) => {
    if (choice === TRY_AGAIN) return restart();
    if (choice === OPEN_SETTINGS) return openSettings();
  });
}

/** With a remote machine (SSH, WSL, a container) the program is there, and so is the setting. */
function openSettings() {
  const [command, given] = vscode.env.remoteName === undefined ? ["openSettings", SETTING] : ["openRemoteSettings", { query: SETTING }];
  return vscode.commands.executeCommand(`workbench.action.${command}`, given);
}

function restart() {
  turn = turn.then(stop, stop).then(start);
  return turn;
}

/** @param {vscode.ExtensionContext} context */
function activate(context) {
  context.subscriptions.push(
    vscode.commands.registerCommand(RESTART, restart),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration(SETTING)) void restart();
    }),
  );
  turn = start();
  return turn;
}

function deactivate() {
  return turn.then(stop, stop);
}

module.exports = { activate, deactivate };
