// The published schema of the configuration, from the rows of keys.ts.
import { isNeeded, type Field, type Keys, type Schema } from "./field.ts";
import { NAMED, TABLES, TOP, type NamedTable, type Table, type TableRules } from "./keys.ts";

/** schemas/config/ingressd.schema.json; `npm run docs` writes it. */
export function configSchema(): Schema {
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    $id: "ingressd/config/ingressd.schema.json",
    title: "ingressd configuration",
    description: "The file given with --config (TOML). Every key is optional.",
    type: "object",
    additionalProperties: false,
    properties: {
      ...mapped(TOP, ofField),
      ...mapped<Table<Keys>>(TABLES, (table) => ({ description: table.says, default: {}, ...ofTable(table) })),
      ...mapped<NamedTable<Keys>>(NAMED, (table) => ({
        description: table.says,
        type: "object",
        default: {},
        propertyNames: { description: table.name.says, pattern: table.name.pattern },
        additionalProperties: { description: table.entry, ...ofTable(table) },
      })),
    },
  };
}

function ofTable({ keys, without, someOf }: TableRules & { readonly keys: Keys }): Schema {
  const required = Object.entries(keys)
    .filter(([, field]) => isNeeded(field))
    .map(([key]) => key);
  return {
    type: "object",
    additionalProperties: false,
    ...(required.length > 0 && { required }),
    ...(someOf !== undefined && { anyOf: someOf.map((key) => ({ required: [key] })) }),
    ...(without !== undefined && { dependentRequired: mapped(without, (key) => [key]) }),
    properties: mapped(keys, ofField),
  };
}

function ofField({ says, schema }: Field<unknown>): Schema {
  return { description: says, ...schema };
}

function mapped<V>(rows: Readonly<Record<string, V>>, of: (value: V) => unknown): Schema {
  return Object.fromEntries(Object.entries(rows).map(([key, value]) => [key, of(value)]));
}
