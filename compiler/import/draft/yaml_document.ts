// Documents of YAML as `document.ts` has them of JSON. YAML is read so that no reader of it can mean something else: a text that one
// reader takes for a number and another for something else is refused, and so are merge keys and tags.
import { isAlias, isMap, isScalar, isSeq, parseAllDocuments, type Alias, type Node, type ParsedNode, type YAMLMap, type YAMLSeq } from "yaml";
import { MAX_SOURCE_BYTES } from "../../source/bounds.ts";
import type { Context, Stretch } from "./context.ts";
import type { Doc } from "./document.ts";

/** Values of a file, those that aliases repeat included. */
export const MAX_YAML_VALUES = 200_000;
/** Collections around a value. */
const MAX_DEPTH = 200;
const WHOLE = "give the whole output of the program, unchanged";

const NULL = /^(?:~|null|Null|NULL|)$/;
/** Of YAML 1.1 too: Kubernetes reads `no` as false. */
const TRUE = /^(?:y|Y|yes|Yes|YES|true|True|TRUE|on|On|ON)$/;
const FALSE = /^(?:n|N|no|No|NO|false|False|FALSE|off|Off|OFF)$/;
const DECIMAL = /^[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$/;
/** YAML 1.1 or 1.2 takes these for numbers, each in its own way. */
const OTHER_NUMBER =
  /^[-+]?(?:0[0-9_]+|0o[0-7_]+|0b[01_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*_[0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*|[0-9][0-9_]*\.|\.(?:inf|Inf|INF))$|^\.(?:nan|NaN|NAN)$/;

/** The documents of a file that are not empty; null after a fault. */
export function readYaml(context: Context): readonly Doc[] | null {
  const { text } = context.file;
  if (text.length > MAX_SOURCE_BYTES)
    return context.fault("ING877", { at: 0, end: 1 }, "a file of YAML may have 4 MiB", "give it as JSON, or import a part of it");
  try {
    // Words stay texts, and a map may have a key twice: both are decided here.
    const documents = parseAllDocuments<ParsedNode>(text, { schema: "failsafe", uniqueKeys: false, prettyErrors: false, logLevel: "silent" });
    const reader = new Reader(context);
    const found: Doc[] = [];
    for (const { contents, errors } of documents) {
      const [error] = errors;
      if (error !== undefined) {
        const [at, end] = error.pos;
        return context.fault("ING873", { at, end: Math.max(at, end) }, `this is not YAML: ${error.message.split("\n")[0] ?? ""}`, WHOLE);
      }
      if (contents === null || (isScalar(contents) && contents.value === "" && contents.tag === undefined)) continue;
      const doc = reader.document(contents);
      if (doc === null) return null;
      found.push(doc);
    }
    return found;
  } catch (error) {
    // The parser calls itself for each collection in another one.
    if (!(error instanceof RangeError)) throw error;
    return context.fault("ING877", { at: 0, end: 1 }, `more than ${MAX_DEPTH} collections are in each other`, WHOLE);
  }
}

class Reader {
  readonly #context: Context;
  #values = 0;
  /** Of the document that is read: the last node of each anchor, and what each alias means. */
  #anchors = new Map<string, Node>();
  #targets = new Map<Alias, Node>();

  constructor(context: Context) {
    this.#context = context;
  }

  document(node: Node): Doc | null {
    this.#anchors = new Map();
    this.#targets = new Map();
    return this.#value(node, [], null);
  }

  /** `around`: the nodes that are open. `alias`: the place of the alias that repeats this node. */
  #value(node: Node | null, around: readonly Node[], alias: Stretch | null): Doc | null {
    const place = alias ?? stretchOf(node);
    if (++this.#values > MAX_YAML_VALUES)
      return this.#context.fault(
        "ING877",
        place,
        `the file has more than ${MAX_YAML_VALUES} values, with those that aliases repeat`,
        "import a part of it, or give it as JSON",
      );
    if (around.length > MAX_DEPTH) return this.#context.fault("ING877", place, `more than ${MAX_DEPTH} collections are in each other here`, WHOLE);
    if (node === null) return { kind: "word", value: null, ...place };
    if (isAlias(node)) return this.#alias(node, around, alias);
    if (node.tag !== undefined && !/^tag:yaml\.org,2002:(?:str|map|seq)$/.test(node.tag))
      return this.#context.fault("ING873", place, `the tag \`${node.tag}\` is not read`, "write the value without a tag");
    if (around.includes(node)) return this.#context.fault("ING873", place, "this value contains itself", "write it without the alias");
    if ("anchor" in node && typeof node.anchor === "string" && alias === null) this.#anchors.set(node.anchor, node);
    if (isMap(node)) return this.#map(node, [...around, node], place, alias);
    if (isSeq(node)) return this.#list(node, [...around, node], place, alias);
    if (!isScalar(node)) return this.#context.fault("ING873", place, "this value is not read", WHOLE);
    const text = String(node.value);
    return node.type === "PLAIN" && node.tag === undefined ? this.#word(text, place) : { kind: "text", value: text, ...place };
  }

  #alias(node: Alias, around: readonly Node[], alias: Stretch | null): Doc | null {
    const place = alias ?? stretchOf(node);
    const target = this.#targets.get(node) ?? this.#anchors.get(node.source);
    if (target === undefined) return this.#context.fault("ING873", place, `there is no anchor \`${node.source}\` before this alias`, WHOLE);
    this.#targets.set(node, target);
    return this.#value(target, around, place);
  }

  #map(node: YAMLMap, around: readonly Node[], place: Stretch, alias: Stretch | null): Doc | null {
    const entries = new Map<string, Doc>();
    for (const { key, value } of node.items) {
      const keyNode = isNode(key) ? key : null;
      const at = alias ?? stretchOf(keyNode ?? node);
      if (!isScalar(keyNode) || keyNode.tag !== undefined) return this.#context.fault("ING873", at, "this key is no text", "write a text as the key");
      const name = String(keyNode.value);
      if (name === "<<") return this.#context.fault("ING873", at, "merge keys are not read", "write out what it merges");
      if (entries.has(name)) return this.#context.fault("ING873", at, "this key appears twice in one object", "keep one of them");
      const read = this.#value(isNode(value) ? value : null, around, alias ?? (isNode(value) ? null : at));
      if (read === null) return null;
      entries.set(name, read);
    }
    return { kind: "object", entries, ...place };
  }

  #list(node: YAMLSeq, around: readonly Node[], place: Stretch, alias: Stretch | null): Doc | null {
    const items: Doc[] = [];
    for (const item of node.items) {
      const read = this.#value(isNode(item) ? item : null, around, alias);
      if (read === null) return null;
      items.push(read);
    }
    return { kind: "list", items, ...place };
  }

  #word(text: string, place: Stretch): Doc | null {
    if (NULL.test(text)) return { kind: "word", value: null, ...place };
    if (TRUE.test(text) || FALSE.test(text)) return { kind: "word", value: TRUE.test(text), ...place };
    if (DECIMAL.test(text)) return { kind: "number", value: Number(text), ...place };
    if (OTHER_NUMBER.test(text))
      return this.#context.fault(
        "ING873",
        place,
        `programs read the number \`${text}\` in different ways`,
        "write it in decimal digits, or in quotes if it is a text",
      );
    return { kind: "text", value: text, ...place };
  }
}

function isNode(value: unknown): value is Node {
  return isAlias(value) || isMap(value) || isSeq(value) || isScalar(value);
}

function stretchOf(node: Node | null): Stretch {
  const [at = 0, end = at] = node?.range ?? [];
  return { at, end };
}
