// docs/operations.md has a row for every output and every input of the gateway.
import { ENDS } from "../../gateway/end.ts";
import { readFileSync } from "node:fs";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { CODES, REASON_NAMES } from "../../runtime/abi/names.ts";
import { auditLine } from "../../gateway/audit/line.ts";
import { METHODS } from "../../gateway/methods/methods.ts";
import { denial } from "../../runtime/host/decision.ts";
import { backend, freePort, probe, running } from "./gateway_under_test.ts";

const test = suite("docs");
const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const page = read("docs/operations.md");
/** Other sections have keys of the configuration by the same names. */
const statusSection = page.split("\n## Status and counters\n")[1]?.split("\n## ")[0] ?? "";

/** The cells of the row whose first cell is `head`. */
function row(head: string): readonly string[] {
  const line = page.split("\n").find((text) => text.startsWith(`| ${head} |`));
  assert.ok(line !== undefined, `docs/operations.md has no row ${head}`);
  return (line ?? "")
    .split("|")
    .slice(1, -1)
    .map((cell) => cell.trim());
}

test("every code has its row, and there is no other", () => {
  for (const [number, { name, reason, says }] of Object.entries(CODES)) {
    const line = `| ${number} | \`${name}\` | ${REASON_NAMES[reason]} | ${says} |`;
    assert.ok(page.split("\n").includes(line), `docs/operations.md lacks: ${line}`);
  }
  assert.is(page.split("\n").filter((line) => /^\| [0-9]+ \| `/.test(line)).length, Object.keys(CODES).length);
});

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly description?: string;
  readonly default?: unknown;
}

function isSchema(value: unknown): value is Schema {
  return typeof value === "object" && value !== null;
}

function keys(schema: Schema, prefix: string): [string, Schema][] {
  const nested = Object.entries(schema.properties ?? {}).flatMap(([name, inner]) => keys(inner, prefix === "" ? name : `${prefix}.${name}`));
  const { additionalProperties: any } = schema;
  const free = typeof any === "object" ? keys(any, `${prefix}.NAME`) : [];
  return nested.length + free.length > 0 ? [...nested, ...free] : [[prefix, schema]];
}

test("every configuration key has its row with its default and meaning", () => {
  const schema: unknown = JSON.parse(read("schemas/config/ingressd.schema.json"));
  assert.ok(isSchema(schema));
  if (!isSchema(schema)) return;
  const all = keys(schema, "");
  assert.ok(all.length > 20);
  for (const [key, inner] of all) {
    const [, fallback, , meaning] = row(`\`${key}\``);
    assert.is(fallback, inner.default === undefined ? "none" : `\`${JSON.stringify(inner.default)}\``, key);
    assert.is(meaning, inner.description, key);
  }
});

test("every audit field has its row", () => {
  const text = auditLine(
    {
      op: "accept",
      proto: "udp",
      decision: { ...denial(8), rule: 1 },
      generation: 1,
      listener: "l",
      service: "s",
      subject: "x",
      local: "l",
      source: "s",
      backend: "b",
      sni: "n",
      shadow: { verdict: "deny", reason: "sni", code: "deny_name", rule: 1 },
      would: "limit_source",
      connection: 1,
      detail: "d",
    },
    0,
    { rule: "r", at: "a" },
  );
  const record: unknown = JSON.parse(text);
  const fields = typeof record === "object" && record !== null ? Object.keys(record) : [];
  assert.is(fields.length, 21);
  for (const name of fields) row(`\`${name}\``);
});

test("every key of status, every end and every method is named", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const gateway = await running({ policy: `edition 1\nexpose web on tcp ${port} { backend 127.0.0.1:${behind.port} allow from any }` });
  await probe(port);
  const status = await gateway.daemon.status();
  const names = typeof status === "object" && status !== null ? Object.keys(status) : [];
  assert.ok(names.length > 10);
  for (const name of names) assert.ok(new RegExp(`^\\| [^|]*\`${name}\``, "m").test(statusSection), name);
  assert.ok(ENDS.length > 8);
  for (const end of ENDS) assert.ok(new RegExp(`^\\| [^|]*\`${end}\``, "m").test(statusSection), end);
  const table = page.slice(page.indexOf("| method | who | parameters |")).split("\n\n", 1)[0] ?? "";
  const methods = table.split("\n").flatMap((row) => [...(row.split("|")[1] ?? "").matchAll(/`([a-z_]+)`/g)].map(([, name]) => name));
  for (const method of Object.keys(METHODS)) assert.ok(methods.includes(method), method);
  await gateway.stop();
  behind.close();
});

test.run();
