// ING873 to ING879: files of other programs. The importer that finds a fault has its words, because each format has its own.
import type { WordsOf } from "./sentence.ts";

interface Fault {
  readonly says: string;
  readonly help: string;
}

export interface ImportData {
  ING873: Fault;
  ING874: Fault;
  ING875: Fault;
  ING877: Fault;
}

const words = ({ says, help }: Fault): { readonly message: string; readonly help: string } => ({ message: says, help });

export const IMPORT_WORDS: WordsOf<ImportData> = { ING873: words, ING874: words, ING875: words, ING877: words };
