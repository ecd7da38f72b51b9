// Starts `ingressc lsp` when a policy is opened, and again when the setting changes. Everything that is known about policies is
// in the server.
const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");
const { findServer, notFound } = require("./server.js");

const SETTING = "ingressd.server.path";
const OPEN_SETTINGS = "Open settings";

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
  // Without `transport`, the client speaks over standard input and output and adds no argument.
  const server = { command, args: ["lsp"] };
  client = new LanguageClient("ingressd", "ingressd", server, { documentSelector: [{ language: "ingress", scheme: "file" }] });
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
  vscode.window.showErrorMessage(message, OPEN_SETTINGS).then((choice) => {
    if (choice === OPEN_SETTINGS) return vscode.commands.executeCommand("workbench.action.openSettings", SETTING);
  });
}

/** @param {vscode.ExtensionContext} context */
function activate(context) {
  context.subscriptions.push(
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration(SETTING)) turn = turn.then(stop, stop).then(start);
    }),
  );
  turn = start();
  return turn;
}

function deactivate() {
  return turn.then(stop, stop);
}

module.exports = { activate, deactivate };
