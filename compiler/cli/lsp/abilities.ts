// The abilities of an editor, as it says at the start. A server that sends more breaks editors that read it strictly.
import type { DocumentSymbol, Hover, InitializeParams, SymbolInformation } from "vscode-languageserver/node";

export interface Abilities {
  /** Other places of a diagnostic. */
  readonly related: boolean;
  /** The version of the text that diagnostics are about. */
  readonly versions: boolean;
  /** Diagnostics of what nothing uses. */
  readonly tags: boolean;
  readonly snippets: boolean;
  /** Code actions that have an edit; else it knows commands alone. */
  readonly edits: boolean;
  readonly markdown: boolean;
  /** Symbols inside of symbols. */
  readonly nestedSymbols: boolean;
  readonly refreshesLenses: boolean;
  readonly registersWatching: boolean;
  readonly foldersChange: boolean;
}

export const NO_ABILITIES: Abilities = {
  related: false,
  versions: false,
  tags: false,
  snippets: false,
  edits: false,
  markdown: false,
  nestedSymbols: false,
  refreshesLenses: false,
  registersWatching: false,
  foldersChange: false,
};

export function abilitiesOf({ capabilities: { textDocument, workspace } }: InitializeParams): Abilities {
  const diagnostics = textDocument?.publishDiagnostics;
  return {
    related: diagnostics?.relatedInformation === true,
    versions: diagnostics?.versionSupport === true,
    tags: diagnostics?.tagSupport?.valueSet.includes(UNNECESSARY) === true,
    snippets: textDocument?.completion?.completionItem?.snippetSupport === true,
    edits: textDocument?.codeAction?.codeActionLiteralSupport !== undefined,
    markdown: textDocument?.hover?.contentFormat?.includes("markdown") === true,
    nestedSymbols: textDocument?.documentSymbol?.hierarchicalDocumentSymbolSupport === true,
    refreshesLenses: workspace?.codeLens?.refreshSupport === true,
    registersWatching: workspace?.didChangeWatchedFiles?.dynamicRegistration === true,
    foldersChange: workspace?.workspaceFolders === true,
  };
}

// The number of the protocol; its library is loaded by the server alone.
const UNNECESSARY = 1;

/** Without the fences and backticks of Markdown. */
export function plainHover(hover: Hover | null): Hover | null {
  if (hover === null || typeof hover.contents === "string" || Array.isArray(hover.contents)) return hover;
  const value = hover.contents.value.replace(/^```.*\n?/gm, "").replaceAll("`", "");
  return { ...hover, contents: { kind: "plaintext", value } };
}

/** In one list; each names the one that it is in. */
export function flatSymbols(uri: string, symbols: readonly DocumentSymbol[], containerName?: string): SymbolInformation[] {
  return symbols.flatMap(({ name, kind, range, children = [] }) => [
    { name, kind, location: { uri, range }, ...(containerName === undefined ? {} : { containerName }) },
    ...flatSymbols(uri, children, name),
  ]);
}
