// An editor for tests: the built `ingressc lsp` over its standard input and output, spoken to with vscode-languageserver-protocol.
import { spawn, type ChildProcess } from "node:child_process";
import { pathToFileURL } from "node:url";
import * as assert from "uvu/assert";
import {
  createProtocolConnection,
  StreamMessageReader,
  StreamMessageWriter,
  type ClientCapabilities,
  type CodeLens,
  type Diagnostic,
  type InitializeResult,
  type Position,
  type ProtocolConnection,
  type PublishDiagnosticsParams,
} from "vscode-languageserver-protocol/node";
import { folder, INGRESSC, type Folder } from "../cli/programs.ts";
import { atEnd } from "../suite.ts";

export interface Editor {
  readonly connection: ProtocolConnection;
  readonly started: InitializeResult;
  readonly dir: Folder;
  readonly uri: (name: string) => string;
  /** Opens a text under the name of a file of the folder. */
  open(name: string, text: string): Promise<void>;
  /** Replaces a part of the open text; without `range` the whole. */
  change(name: string, text: string, range?: { readonly start: Position; readonly end: Position }): Promise<void>;
  close(name: string): Promise<void>;
  /** The next diagnostics of a file that satisfy `wanted`, said since `since`, or to come. */
  diagnostics(name: string, wanted?: (found: readonly Diagnostic[]) => boolean, since?: number): Promise<readonly Diagnostic[]>;
  /** How many diagnostics were published. */
  count(): number;
  /** All diagnostics that were published since `since`. */
  published(since: number): readonly PublishDiagnosticsParams[];
  /** The messages of the server other than diagnostics and answers. */
  readonly messages: readonly { readonly method: string; readonly params: unknown }[];
}

export interface Process {
  readonly child: ChildProcess;
  /** The exit code after `shutdown` and `exit`. */
  stop(): Promise<number | null>;
  readonly ended: Promise<number | null>;
  readonly errors: () => string;
}

export const CAPABILITIES: ClientCapabilities = {
  textDocument: {
    publishDiagnostics: { relatedInformation: true, versionSupport: true, tagSupport: { valueSet: [1, 2] } },
    codeAction: { codeActionLiteralSupport: { codeActionKind: { valueSet: ["quickfix"] } } },
    hover: { contentFormat: ["markdown", "plaintext"] },
    documentSymbol: { hierarchicalDocumentSymbolSupport: true },
    completion: { completionItem: { snippetSupport: true } },
  },
  workspace: { codeLens: { refreshSupport: true }, workspaceFolders: true },
};

export interface Settings {
  readonly capabilities?: ClientCapabilities;
  /** Whether the folder is one of the editor's. */
  readonly inFolder?: boolean;
  /** The program with its words before `lsp`; without it, the built `ingressc`. */
  readonly command?: readonly [program: string, ...words: string[]];
  /** The process that the server ends with, beside its input. */
  readonly parent?: number;
}

/** The built program as a command. */
export const INGRESSC_LSP: readonly [program: string, ...words: string[]] = [process.execPath, ...INGRESSC, "lsp"];

/** The built program in a process of its own. */
export async function editor(settings: Settings = {}, dir = folder()): Promise<Editor & Process> {
  const [program, ...words] = settings.command ?? [process.execPath, ...INGRESSC];
  const child = spawn(program, [...words, "lsp"], { cwd: dir.path, stdio: ["pipe", "pipe", "pipe"] });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  atEnd(() => child.kill("SIGKILL"));
  const of = await connected({ from: child.stdout, to: child.stdin }, settings, dir);
  return {
    ...of,
    child,
    ended,
    errors: () => errors,
    async stop() {
      await of.connection.sendRequest("shutdown");
      await of.connection.sendNotification("exit");
      return ended;
    },
  };
}

export interface Streams {
  readonly from: NodeJS.ReadableStream;
  readonly to: NodeJS.WritableStream;
}

/** An editor at the other end of a server's streams, after `initialized`. */
export async function connected({ from, to }: Streams, settings: Settings = {}, dir = folder()): Promise<Editor> {
  const connection = createProtocolConnection(new StreamMessageReader(from), new StreamMessageWriter(to));
  const published: PublishDiagnosticsParams[] = [];
  const looks = new Set<() => void>();
  const messages: { method: string; params: unknown }[] = [];
  const versions = new Map<string, number>();
  connection.onNotification("textDocument/publishDiagnostics", (params: PublishDiagnosticsParams) => {
    published.push(params);
    for (const look of [...looks]) look();
  });
  connection.onUnhandledNotification((message) => messages.push({ method: message.method, params: message.params }));
  for (const method of ["workspace/codeLens/refresh", "client/registerCapability"])
    connection.onRequest(method, (params: unknown) => {
      messages.push({ method, params });
      return null;
    });
  connection.listen();
  const uri = (name: string): string => (name.includes(":") ? name : pathToFileURL(dir.at(name)).href);
  const rootUri = pathToFileURL(dir.path).href;
  const inFolder = settings.inFolder ?? true;
  const started = await connection.sendRequest<InitializeResult>("initialize", {
    processId: settings.parent ?? null,
    rootUri: inFolder ? rootUri : null,
    workspaceFolders: inFolder ? [{ uri: rootUri, name: "policies" }] : null,
    capabilities: settings.capabilities ?? CAPABILITIES,
  });
  await connection.sendNotification("initialized", {});
  return {
    connection,
    started,
    dir,
    uri,
    async open(name, text) {
      versions.set(name, 1);
      await connection.sendNotification("textDocument/didOpen", {
        textDocument: { uri: uri(name), languageId: name.endsWith(".txt") ? "plaintext" : "ingress", version: 1, text },
      });
    },
    async change(name, text, range) {
      const version = (versions.get(name) ?? 0) + 1;
      versions.set(name, version);
      const contentChanges = [range === undefined ? { text } : { range, text }];
      await connection.sendNotification("textDocument/didChange", { textDocument: { uri: uri(name), version }, contentChanges });
    },
    close: (name) => connection.sendNotification("textDocument/didClose", { textDocument: { uri: uri(name) } }),
    diagnostics: (name, wanted = () => true, since = 0) =>
      new Promise((resolve) => {
        const look = (): void => {
          const found = published.slice(since).find((params) => params.uri === uri(name) && wanted(params.diagnostics));
          if (found === undefined) return;
          looks.delete(look);
          resolve(found.diagnostics);
        };
        looks.add(look);
        look();
      }),
    count: () => published.length,
    published: (since) => published.slice(since),
    messages,
  };
}

/** `ING204 4:12-4:15` of each. */
export function shortly(found: readonly Diagnostic[]): readonly string[] {
  return found.map(({ code, range: { start, end }, source }) => {
    const place = `${start.line}:${start.character}-${end.line}:${end.character}`;
    return `${code ?? source ?? ""} ${place}`;
  });
}

/** Whether a code is among them. */
export function has(code: string): (found: readonly Diagnostic[]) => boolean {
  return (found) => found.some((d) => d.code === code);
}

export const GOOD = `edition 1

net office = 198.51.100.0/24

expose web on tcp 443 {
  backend 127.0.0.1:8080
  allow from office
}

test "office" {
  from 198.51.100.7 to web => allow
  from 203.0.113.7 to web => deny cidr
}
`;

/** Everything that only the server's worker does: an error of `check`, then a warning, and a test that a lens runs. */
export async function worksWhole(of: Editor & Process): Promise<void> {
  const uri = of.uri("a.ingress");
  await of.open("a.ingress", GOOD.replace("from office\n", "from ofice\n"));
  await of.diagnostics("a.ingress", has("ING201"));
  const since = of.count();
  await of.change("a.ingress", `${GOOD.replace("to web => allow", "to web => deny cidr")}\nnet unused = 10.0.0.0/8\n`);
  await of.diagnostics("a.ingress", (found) => has("ING828")(found) && found.some(({ source }) => source === "ingressc test"), since);
  const [lens] = await of.connection.sendRequest<CodeLens[]>("textDocument/codeLens", { textDocument: { uri } });
  const command = { command: lens?.command?.command, arguments: lens?.command?.arguments };
  assert.equal(await of.connection.sendRequest("workspace/executeCommand", command), { name: "office", lines: 2, failed: 1 });
  assert.is(await of.stop(), 0);
  assert.is(of.errors(), "");
}
