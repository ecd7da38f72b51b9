// Turns a validator's error into one sentence with key, value, reason and remedy.
import type { ErrorObject } from "ajv";
import type { Validator } from "./validators.mjs";

/** Null when `value` is valid (defaults are filled in then), else a sentence. */
export type Check = (value: unknown) => string | null;

export function schemaCheck(validate: Validator): Check {
  return (value) => {
    if (validate(value)) return null;
    // `anyOf` and `propertyNames` report their branches first and itself last; the last one is about the whole.
    const error = validate.errors?.at(-1);
    return error === undefined ? "is not valid" : sentence(error);
  };
}

function sentence(error: ErrorObject): string {
  const key = keyOf(error.instancePath);
  const parent: unknown = error.parentSchema;
  const meaning = describe(parent);
  switch (error.keyword) {
    case "additionalProperties": {
      const name = inner(error.params, "additionalProperty");
      const known = knownKeys(parent);
      const place = key === "" ? "" : ` in \`${key}\``;
      const remedy = known.length > 0 ? `: the keys here are ${known.join(", ")}` : "";
      return `unknown key \`${clip(name)}\`${place}${remedy}`;
    }
    case "required":
      return `key \`${join(key, inner(error.params, "missingProperty"))}\` is missing${meaning}`;
    case "dependentRequired":
      return `\`${join(key, inner(error.params, "property"))}\` has no effect without \`${join(key, inner(error.params, "missingProperty"))}\`: set that too, or omit it`;
    case "propertyNames":
      return `\`${key}\` can't have the name ${show(inner(error.params, "propertyName"))}${describe(error.schema)}`;
    case "anyOf":
      return `\`${key}\` lacks what it needs${meaning}`;
    case "enum": {
      const allowed: unknown = error.schema;
      const words = Array.isArray(allowed) ? allowed.map((w) => JSON.stringify(w)).join(" or ") : "one of its words";
      return `\`${key}\` = ${show(error.data)} must be ${words}${meaning}`;
    }
    case "const":
      return `\`${key}\` = ${show(error.data)} must be ${show(error.schema)}${meaning}`;
    default:
      return `\`${key === "" ? "the document" : key}\` = ${show(error.data)} ${error.message ?? "is not valid"}${meaning}`;
  }
}

/** `/timers/idle_ms` -> `timers.idle_ms` */
function keyOf(pointer: string): string {
  return pointer
    .slice(1)
    .split("/")
    .map((p) => p.replaceAll("~1", "/").replaceAll("~0", "~"))
    .join(".");
}

function join(key: string, name: string): string {
  return key === "" ? name : `${key}.${name}`;
}

function inner(params: Record<string, unknown>, name: string): string {
  const value = params[name];
  return typeof value === "string" ? value : "?";
}

function describe(schema: unknown): string {
  if (typeof schema !== "object" || schema === null || !("description" in schema)) return "";
  return typeof schema.description === "string" ? `; it is: ${schema.description}` : "";
}

function knownKeys(schema: unknown): string[] {
  if (typeof schema !== "object" || schema === null || !("properties" in schema)) return [];
  const { properties } = schema;
  return typeof properties === "object" && properties !== null ? Object.keys(properties) : [];
}

function show(value: unknown): string {
  return clip(JSON.stringify(value) ?? "undefined");
}

function clip(text: string): string {
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
