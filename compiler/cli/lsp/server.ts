// The language server over standard input and output: what each request and notification of the protocol does. Only the protocol is on
// standard output. The process ends with its editor.
import type { Connection, DocumentSymbol, InitializeParams, InitializeResult, MessageType, ResponseError, SymbolInformation } from "vscode-languageserver/node";
import { packageVersion } from "../../../runtime/package/files.ts";
import type { Timers } from "../../../runtime/shell/clock.ts";
import { count } from "../outcome.ts";
import { abilitiesOf, flatSymbols, NO_ABILITIES, plainHover, type Abilities } from "./abilities.ts";
import { actions, FIX_ALL, QUICK_FIX } from "./actions.ts";
import { completions, definition, formatting, hover, lenses, references, rename, renameable, RUN_TEST, symbols, withoutSnippets } from "./answers.ts";
import { diagnosticOf } from "./diagnostics.ts";
import { Documents, type Editor, type OpenDocument } from "./documents.ts";
import { pathOf } from "./uris.ts";

export interface Streams {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
}

/** Never returns: the connection ends the process, with 0 after a `shutdown` and with 1 without one. `program`: as WorkThread has it. */
export async function serve({ input, output }: Streams, timers: Timers, program?: URL): Promise<never> {
  const { createConnection, ResponseError, TextDocument, TextDocuments } = await import("./library.ts");
  const connection = createConnection(input, output);
  let can = NO_ABILITIES;
  const documents: Documents = new Documents(
    editorOf(
      connection,
      () => can,
      (path): string => documents.uri(path),
    ),
    timers,
    program,
  );
  const texts = new TextDocuments(TextDocument);
  connection.onInitialize((params) => {
    can = abilitiesOf(params);
    documents.workspace.setFolders(foldersOf(params));
    return ABILITIES;
  });
  connection.onInitialized(() => watch(connection, documents, can));
  texts.onDidOpen(({ document }) => documents.open(document.uri, document.languageId, document.version, document.getText()));
  // An opened text is reported as changed too.
  texts.onDidChangeContent(({ document }) => {
    const known = documents.get(document.uri);
    const text = document.getText();
    // Some editors number no versions.
    if (known?.version !== document.version || known.file.text !== text) documents.change(document.uri, document.version, text);
  });
  texts.onDidClose(({ document: { uri } }) => documents.close(uri));
  texts.onDidSave(() => documents.diskChanged());
  connection.onDidChangeWatchedFiles(() => documents.diskChanged());
  connection.onShutdown(() => documents.stop());
  answerRequests(
    connection,
    documents,
    () => can,
    (says) => new ResponseError<void>(INVALID_PARAMS, says),
  );
  texts.listen(connection);
  connection.listen();
  return new Promise<never>(() => undefined);
}

// The numbers of the protocol; its library is loaded when the server starts.
const INCREMENTAL = 2;
const INVALID_PARAMS = -32_602;
const ERROR: MessageType = 1;
const WARNING: MessageType = 2;
const INFO: MessageType = 3;

const ABILITIES: InitializeResult = {
  capabilities: {
    positionEncoding: "utf-16",
    textDocumentSync: { openClose: true, change: INCREMENTAL, save: { includeText: false } },
    completionProvider: { triggerCharacters: ["@", "."] },
    hoverProvider: true,
    definitionProvider: true,
    referencesProvider: true,
    renameProvider: { prepareProvider: true },
    documentSymbolProvider: true,
    documentFormattingProvider: true,
    codeActionProvider: { codeActionKinds: [QUICK_FIX, FIX_ALL] },
    codeLensProvider: {},
    executeCommandProvider: { commands: [RUN_TEST] },
    workspace: { workspaceFolders: { supported: true, changeNotifications: true } },
  },
  serverInfo: { name: "ingressc", version: packageVersion() },
};

function foldersOf({ workspaceFolders, ...older }: InitializeParams): readonly string[] {
  const uris = workspaceFolders?.map(({ uri }) => uri) ?? [];
  // Editors of older versions of the protocol name one folder.
  const one = "rootUri" in older && typeof older.rootUri === "string" ? [older.rootUri] : [];
  return (uris.length > 0 ? uris : one).flatMap((uri) => pathOf(uri) ?? []);
}

const WATCHING = {
  id: "files",
  method: "workspace/didChangeWatchedFiles",
  registerOptions: { watchers: [{ globPattern: "**/*.ingress" }, { globPattern: "**/*.txt" }] },
};

function watch(connection: Connection, documents: Documents, can: Abilities): void {
  if (can.registersWatching) settled(connection, connection.sendRequest("client/registerCapability", { registrations: [WATCHING] }));
  if (!can.foldersChange) return;
  const folders = async (): Promise<void> => {
    const now = await connection.workspace.getWorkspaceFolders();
    documents.workspace.setFolders((now ?? []).flatMap(({ uri }) => pathOf(uri) ?? []));
    documents.diskChanged();
  };
  connection.workspace.onDidChangeWorkspaceFolders(() => settled(connection, folders()));
}

function editorOf(connection: Connection, can: () => Abilities, uriOf: (path: string) => string): Editor {
  return {
    publish(uri, version, findings) {
      const diagnostics = findings.map((finding) => diagnosticOf(finding, uriOf, can()));
      settled(connection, connection.sendDiagnostics({ uri, ...(version === null || !can().versions ? {} : { version }), diagnostics }));
    },
    testsRan() {
      if (can().refreshesLenses) settled(connection, connection.sendRequest("workspace/codeLens/refresh"));
    },
    failed: (text) => connection.console.error(`an internal error of ingressc, which is a defect of it and not of your policy: ${text}`),
  };
}

function answerRequests(connection: Connection, documents: Documents, can: () => Abilities, refusal: (says: string) => ResponseError<void>): void {
  const about = <T>(uri: string, none: T, answer: (document: OpenDocument) => T): T => {
    const document = documents.get(uri);
    return document?.isPolicy === true ? answer(document) : none;
  };
  connection.onCompletion(({ textDocument: { uri }, position }) =>
    about(uri, [], (document) => {
      const items = completions(documents, document, position);
      return can().snippets ? items : withoutSnippets(items);
    }),
  );
  connection.onHover(({ textDocument: { uri }, position }) =>
    about(uri, null, async (document) => {
      const found = await hover(documents, document, position);
      return can().markdown ? found : plainHover(found);
    }),
  );
  connection.onDefinition(({ textDocument: { uri }, position }) => about(uri, [], (document) => definition(documents, document, position)));
  connection.onReferences(({ textDocument: { uri }, position, context }) =>
    about(uri, [], (document) => references(documents, document, position, context.includeDeclaration)),
  );
  connection.onPrepareRename(({ textDocument: { uri }, position }) => about(uri, null, (document) => renameable(documents, document, position)));
  connection.onRenameRequest(({ textDocument: { uri }, position, newName }) =>
    about(uri, null, (document) => {
      const edit = rename(documents, document, position, newName);
      return edit.ok ? edit.value : refusal(edit.error);
    }),
  );
  connection.onDocumentSymbol(({ textDocument: { uri } }) =>
    about<DocumentSymbol[] | SymbolInformation[]>(uri, [], (document) => {
      const found = symbols(documents, document);
      return can().nestedSymbols ? found : flatSymbols(uri, found);
    }),
  );
  connection.onDocumentFormatting(({ textDocument: { uri } }) => about(uri, null, formatting));
  connection.onCodeAction(({ textDocument: { uri }, range, context }) =>
    about(uri, null, (document) => (can().edits ? actions(documents, document, range, context.only ?? null, can()) : null)),
  );
  connection.onCodeLens(({ textDocument: { uri } }) => about(uri, [], (document) => lenses(documents, document)));
  connection.onExecuteCommand(async ({ command, arguments: given = [] }) => {
    const [uri, name] = given as readonly unknown[];
    if (command !== RUN_TEST || typeof uri !== "string" || typeof name !== "string")
      return refusal(`\`${command}\` takes the URI of a text and the title of a test in it`);
    return runTest(connection, documents, uri, name);
  });
}

async function runTest(connection: Connection, documents: Documents, uri: string, name: string): Promise<unknown> {
  const path = documents.get(uri)?.path ?? null;
  const run = path === null ? null : await documents.test(path, name);
  if (run === null) {
    show(connection, WARNING, `"${name}" did not run: the policy has errors, or it has no such test`);
    return null;
  }
  const failed = run.failures.length;
  if (failed > 0) show(connection, ERROR, `"${name}": ${failed} of ${count(run.lines, "line")} failed`);
  else show(connection, INFO, `"${name}": ${count(run.lines, "line")} passed`);
  return { name, lines: run.lines, failed };
}

function show(connection: Connection, type: MessageType, message: string): void {
  settled(connection, connection.sendNotification("window/showMessage", { type, message }));
}

/** An editor may refuse a request, or be gone. */
function settled(connection: Connection, sent: Promise<unknown>): void {
  sent.catch((error: unknown) => connection.console.warn(`the editor refused a message: ${String(error)}`));
}
