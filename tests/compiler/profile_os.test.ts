// The bounds of the profile `os`: what fits into its one page, the messages about what does not, and
// that the profile is about the module and not about the meaning. tests/cases/profile_os has the
// clauses that it refuses; tests/engine/profile_os.test.ts runs its modules.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as abi from "../../runtime/abi/layout.ts";
import { OS_CODE_BYTES } from "../../runtime/abi/profiles.ts";
import { readSections, SECTION_DATA, SECTION_MAP, SECTION_MEMORY, SECTION_POLICY, type Section } from "../../runtime/abi/sections.ts";
import { loadPolicy } from "../../runtime/host/load.ts";
import { compile, type CompileResult, type CompileStats } from "../../compiler/compile.ts";
import { positionOf, type SourceReader } from "../../compiler/source/source.ts";

const profiles = suite("profile os");
const times = (n: number, one: (i: number) => string): string => Array.from({ length: n }, (_, i) => one(i)).join(" ");
const list = (n: number, one: (i: number) => string): string => Array.from({ length: n }, (_, i) => one(i)).join(", ");
/** `file "N"` has N addresses with a gap between each. */
const lists: SourceReader = { read: (path) => ({ path, text: Array.from({ length: Number(path) }, (_, i) => `10.${i >> 7}.${(i & 127) * 2}.1\n`).join("") }) };
const os = (text: string): CompileResult => compile({ path: "os.ingress", text: `edition 1\n${text}` }, lists, "os");

function built(text: string): { readonly module: Uint8Array; readonly stats: CompileStats; readonly sections: readonly Section[] } {
  const { module, stats, diagnostics } = os(text);
  const sections = module === null ? null : readSections(module);
  if (module === null || stats === null || sections === null) throw new Error(diagnostics.map((d) => d.message).join("; "));
  return { module, stats, sections };
}

const section = (sections: readonly Section[], what: number | string): Uint8Array =>
  sections.find(({ id, name }) => (typeof what === "number" ? id === what : name === what))?.body ?? new Uint8Array(0);

/** Words of the header; data bodies begin with six bytes and their length, the tables with their magic. */
function header(sections: readonly Section[]): (field: number) => number {
  const body = section(sections, SECTION_DATA);
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const at = [7, 8, 9, 10, 11].find((i) => view.getUint32(i, true) === abi.TABLES_MAGIC);
  if (at === undefined) throw new Error("no tables");
  return (field) => view.getUint32(at + field, true);
}

profiles("one page, least and most, whatever the policy is", () => {
  for (const text of [
    "",
    "expose web on tcp 443 { allow from any }",
    "expose web on tcp 443 { cap 9 connections, 2 per source limit 5/s per source allow from any }",
  ]) {
    const { stats, sections, module } = built(text);
    assert.equal([...section(sections, SECTION_MEMORY)], [1, 1, 1, 1]);
    assert.is(stats.memoryBytes, 65_536);
    assert.ok(stats.usedBytes <= 65_536);
    assert.is(header(sections)(abi.H_MEMORY_END), stats.usedBytes);
    assert.ok(stats.codeBytes > 4_096 && stats.codeBytes <= OS_CODE_BYTES, String(stats.codeBytes));
    const loaded = loadPolicy(module);
    assert.ok(loaded.ok);
    if (loaded.ok) assert.equal([loaded.value.info.profile, loaded.value.info.memoryBytes], ["os", 65_536]);
  }
});

const LIMITED = "limit 5/s per source";
/** Limit entries, sketch cells a row, cap entries: written by hand from docs/abi.md. */
const SIZES: readonly (readonly [clauses: string, entries: number, cells: number, caps: number])[] = [
  ["", 0, 0, 0],
  ["limit 9/s per listener", 0, 0, 0],
  ["cap 1000000 connections", 0, 0, 0],
  [LIMITED, 1_024, 2_048, 0],
  ["cap 1 connections, 1 per source", 0, 0, 32],
  ["cap 16 connections, 1 per source", 0, 0, 64],
  ["cap 17 connections, 1 per source", 0, 0, 128],
  ["cap 1024 connections, 9 per source", 0, 0, 2_048],
  [`${LIMITED} cap 256 connections, 9 per source`, 1_024, 2_048, 512],
  [`${LIMITED} cap 257 connections, 9 per source`, 1_024, 1_024, 1_024],
  [`${LIMITED} cap 1024 connections, 9 per source`, 512, 1_024, 2_048],
];

for (const [clauses, entries, cells, caps] of SIZES) {
  profiles(`sizes with \`${clauses}\``, () => {
    const {
      stats: { sizes },
      sections,
    } = built(`expose web on tcp 443 { ${clauses} allow from any }`);
    assert.equal([sizes.limitSets * abi.WAYS, sizes.sketchCells, sizes.capEntries, sizes.scratchBytes], [entries, cells, caps, 1_024]);
    const head = header(sections);
    assert.equal(
      [head(abi.H_LIMIT_SETS) * abi.WAYS, head(abi.H_SKETCH_CELLS), head(abi.H_CAP_SETS) * abi.WAYS, head(abi.H_SCRATCH_BYTES)],
      [entries, cells, caps, 1_024],
    );
  });
}

const net = (n: number): string => `net lots = file "${n}" max ${n}\n`;
const limited = (n: number): string => `${net(n)}expose web on tcp 443 { ${LIMITED} allow from any deny from lots }`;
const plain = (n: number): string => `${net(n)}expose web on tcp 443 { allow from any deny from lots }`;

/** The largest number between the two for which `fits` is true. */
function most(fits: (n: number) => boolean, low: number, high: number): number {
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}

profiles("addresses up to the last that fits; limits per source take their least from what is left", () => {
  const fits = (text: string): boolean => os(text).module !== null;
  const alone = most((n) => fits(plain(n)), 1_000, 6_000);
  const beside = most((n) => fits(limited(n)), 1_000, 6_000);
  // Sixteen bytes an address; 8 KiB for 256 places and two rows of 256 cells.
  assert.ok(alone > 3_800 && alone < 4_000, String(alone));
  assert.ok(alone - beside >= 500 && alone - beside <= 520, `${alone} ${beside}`);
  const { stats } = built(limited(beside));
  assert.equal([stats.sizes.limitSets, stats.sizes.sketchCells], [64, 256]);
  assert.ok(stats.usedBytes > 65_536 - 64, String(stats.usedBytes));
  for (const text of [plain(alone + 1), limited(beside + 1)]) {
    const {
      diagnostics: [said, ...others],
    } = os(text);
    assert.equal([said?.code, others], ["ING806", []]);
    assert.match(
      said?.message ?? "",
      /needs 65,\d\d\d bytes of memory, and the profile `os` has one page of 65,536; the most, 6\d,\d\d\d|5\d,\d\d\d, go to addresses, of which the net `lots` has \d,\d\d\d ranges/,
    );
    assert.is(said?.span.file.text.slice(said.span.start, said.span.start + 8), "net lots");
  }
});

/** The largest part of a module that is too large, and the words at its place. */
const TOO_LARGE: readonly (readonly [name: string, text: string, says: RegExp, at: string])[] = [
  [
    "a rule's own addresses",
    `expose web on tcp 443 { allow from any deny from 192.0.2.1 deny named all from file "4200" max 4200 }`,
    /addresses, of which this rule has 4,200 ranges/,
    "deny named all from",
  ],
  [
    "host names",
    `hosts h = ${list(1_600, (i) => `"a${i}.b${i}.example"`)}\nexpose web on tcp 443 as passthrough { allow from any sni "one.example" allow from any sni h }`,
    /host names, of which this rule has 1,600$/,
    "allow from any sni h",
  ],
  [
    "ports",
    `expose few on tcp 2 {}\nexpose many on tcp ${list(2_500, (i) => String(2 * i + 3))} {}`,
    /ports and `bind`, of which `many` has 2,500 ranges/,
    "expose many",
  ],
  [
    "a bind",
    `${times(60, (i) => `expose e${i} on tcp ${i + 1} bind ${list(40, (j) => `10.${i}.${2 * j}.1`)} {}`)} expose much on tcp 99 bind ${list(900, (j) => `10.${128 + (j >> 7)}.${(j & 127) * 2}.1`)} {}`,
    /ports and `bind`, of which `much` has 901 ranges/,
    "expose much",
  ],
  [
    "exposes times sources",
    `${times(300, (i) => `expose e${i} on tcp ${i + 1} { allow from 10.0.${i >> 8}.${i & 255} }`)} expose most on tcp 999 { allow from 10.0.0.1 deny from 10.0.0.2 }`,
    /what 301 exposes do with 301 kinds of sources; the most rules are those of `most`/,
    "expose most",
  ],
  [
    "exposes and limits",
    `${times(220, (i) => `expose e${i} on tcp ${i + 1} { ${times(7, (j) => `limit ${j + 1}/s per listener`)} }`)} expose full on tcp 999 { ${times(8, (j) => `limit ${j + 1}/s per listener`)} }`,
    /221 exposes and their limits/,
    "expose full",
  ],
];

for (const [name, text, says, at] of TOO_LARGE) {
  profiles(`too large: ${name}`, () => {
    const {
      diagnostics: [said, ...others],
      module,
      policy,
    } = os(text);
    assert.equal([said?.code, others, module], ["ING806", [], null]);
    assert.ok(policy !== null);
    assert.match(said?.message ?? "", says);
    assert.ok((said?.help ?? "").length > 20);
    assert.is(said?.span.file.text.slice(said.span.start, said.span.start + at.length), at);
    // The same policy is nothing for the host to speak of.
    assert.equal(compile({ path: "os.ingress", text: `edition 1\n${text}` }, lists).diagnostics, []);
  });
}

profiles("caps per source: 1,024 connections at most, fewer beside tables or limits", () => {
  const caps = (first: number, second: number, before = ""): CompileResult =>
    os(
      `${before}expose a on tcp 1 { cap ${first} connections, 9 per source allow from any }\nexpose b on tcp 2 { cap ${second} connections, 9 per source allow from any }`,
    );
  assert.equal(caps(1_000, 24).diagnostics, []);
  const over = caps(1_000, 25).diagnostics;
  assert.equal(
    over.map((d) => [d.code, positionOf(d.span.file, d.span.start).line, d.related.length]),
    [["ING807", 2, 1]],
  );
  assert.match(over[0]?.message ?? "", /up to 1,025 at once, .* room to count 1,024$/);
  // Beside 2,200 addresses half as many fit.
  const lots = `${net(2_200)}deny from lots\n`;
  assert.equal(caps(500, 12, lots).diagnostics, []);
  assert.match(caps(500, 13, lots).diagnostics[0]?.message ?? "", /room to count 512$/);
});

profiles("the profile is about the module: meaning, tables and hash of the tree are the same", () => {
  const text = "edition 1\nnet lan = 10.0.0.0/8, fd00::/8\nexpose web on tcp 443 { limit 5/s per source cap 9 connections, 2 per source allow from lan }\n";
  const of = (profile: "host" | "os", said = text): { sections: readonly Section[]; tree: string; profile: string; module: Uint8Array } => {
    const { module } = compile({ path: "p.ingress", text: said }, { read: () => "missing" }, profile);
    const loaded = module === null ? null : loadPolicy(module);
    if (module === null || loaded === null || !loaded.ok) throw new Error(`does not compile for ${profile}`);
    return { sections: readSections(module) ?? [], tree: loaded.value.info.treeSha256, profile: loaded.value.info.profile, module };
  };
  const [host, small] = [of("host"), of("os")];
  assert.equal([host.profile, small.profile], ["host", "os"]);
  assert.is(small.tree, host.tree);
  assert.equal(section(small.sections, SECTION_POLICY), section(host.sections, SECTION_POLICY));
  assert.not.equal(section(small.sections, SECTION_MAP), section(host.sections, SECTION_MAP));
  assert.is(section(small.sections, SECTION_DATA).length, section(host.sections, SECTION_DATA).length);
  // The same bytes from the same text, and the same tables from the same policy in another order.
  assert.equal(of("os").module, small.module);
  const moved = of("os", text.replace("limit 5/s per source cap 9 connections, 2 per source", "cap 9 connections, 2 per source limit 5/s per source"));
  assert.equal(section(moved.sections, SECTION_DATA), section(small.sections, SECTION_DATA));
});

profiles.run();
