// The part of the protocol's libraries that the server calls, loaded by it alone.
export { createConnection, ResponseError, TextDocuments } from "vscode-languageserver/node";
export { TextDocument } from "vscode-languageserver-textdocument";
