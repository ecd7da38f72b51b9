// An editor for tests: the built `ingressc lsp` over its standard input and output, spoken to with vscode-languageserver-protocol.
import { spawn, type ChildProcess } from "node:child_process";
import { pathToFileURL } from "node:url";
import {
  createProtocolConnection,
  StreamMessageReader,
  StreamMessageWriter,
  type ClientCapabilities,
  type Diagnostic,
  type InitializeResult,
  type Position,
  type ProtocolConnection,
  type PublishDiagnosticsParams,
} from "vscode-languageserver-protocol/node";
import { folder, INGRESSC, type Folder } from "../cli/programs.ts";
import { atEnd } from "../suite.ts";

export interface Editor {
  readonly child: ChildProcess;
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
  /** The exit code after `shutdown` and `exit`. */
  stop(): Promise<number | null>;
  readonly ended: Promise<number | null>;
  readonly errors: () => string;
  readonly messages: readonly { readonly method: string; readonly params: unknown }[];
}

export const CAPABILITIES: ClientCapabilities = {
  textDocument: {
    publishDiagnostics: { relatedInformation: true },
    completion: { completionItem: { snippetSupport: true } },
  },
  workspace: { codeLens: { refreshSupport: true }, workspaceFolders: true },
};

export interface Settings {
  readonly capabilities?: ClientCapabilities;
  /** Whether the folder is one of the editor's. */
  readonly inFolder?: boolean;
}

export async function editor(settings: Settings = {}, dir = folder()): Promise<Editor> {
  const child = spawn(process.execPath, [...INGRESSC, "lsp"], { cwd: dir.path, stdio: ["pipe", "pipe", "pipe"] });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  atEnd(() => child.kill("SIGKILL"));
  const connection = createProtocolConnection(new StreamMessageReader(child.stdout), new StreamMessageWriter(child.stdin));
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
    processId: process.pid,
    rootUri: inFolder ? rootUri : null,
    workspaceFolders: inFolder ? [{ uri: rootUri, name: "policies" }] : null,
    capabilities: settings.capabilities ?? CAPABILITIES,
  });
  await connection.sendNotification("initialized", {});
  return {
    child,
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
    async stop() {
      await connection.sendRequest("shutdown");
      await connection.sendNotification("exit");
      return ended;
    },
    ended,
    errors: () => errors,
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
