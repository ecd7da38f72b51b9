// Coverage of lines, from V8's own counts: each Node process of a test file, including the programs that it starts,
// writes them when it ends (NODE_V8_COVERAGE). They are read and removed when the file ends, so that the
// disk never has the counts of all files at the same time. A process that ends by SIGKILL, or that a test gives another environment, is not counted.
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";

/** Folders of the project that programs run from. The engine is AssemblyScript, and has mutants instead. */
const COUNTED = ["compiler", "gateway", "runtime"];
const NOT_COUNTED = ["runtime/engine/", "runtime/envoy/", "runtime/os/"];
const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/** Of a digit: the value's bits, and the mark of a further digit. */
const [VALUE_BITS, CONTINUES] = [5, 32];
/** Most files that a list names. */
const LOWEST = 15;

/** @param {string} project @param {readonly string[]} built folders of built files, with their source maps */
export function createCoverage(project, built) {
  const top = mkdtempSync(join(tmpdir(), "ingressd-coverage-"));
  /** Of each built file: where its mapped places are, and which of them ran. */
  const scripts = new Map();
  let folders = 0;
  const isCounted = (name) => COUNTED.some((folder) => name.startsWith(`${folder}/`)) && !NOT_COUNTED.some((folder) => name.startsWith(folder));
  const nameOf = (path) => relative(project, path).split(sep).join("/");

  const scriptOf = (url) => {
    if (!url.startsWith("file:")) return null;
    const path = fileURLToPath(url.replace(/\?.*$/, ""));
    if (!scripts.has(path)) scripts.set(path, built.some((folder) => path.startsWith(folder + sep)) || isCounted(nameOf(path)) ? placesOf(path) : null);
    return scripts.get(path);
  };

  const placesOf = (path) => {
    const text = readIfThere(path);
    if (text === null) return null;
    const map = readIfThere(`${path}.map`);
    const places = map === null ? ownLines(path, text) : mapped(path, text, JSON.parse(map));
    return { places, ran: new Uint8Array(places.length), now: new Uint8Array(places.length) };
  };

  /** A file that runs as it is. */
  const ownLines = (path, text) => {
    let offset = 0;
    return text.split("\n").flatMap((line, i) => {
      const at = offset + line.search(/\S|$/);
      offset += line.length + 1;
      return /^\s*(?:$|\/\/|\*|\/\*)/.test(line) ? [] : [{ offset: at, file: nameOf(path), line: i + 1 }];
    });
  };

  const mapped = (path, text, { sources, mappings }) => {
    const files = sources.map((source) => nameOf(resolve(dirname(path), source)));
    const places = [];
    let [source, line, start] = [0, 0, 0];
    const starts = text.split("\n").map((row) => {
      const at = start;
      start += row.length + 1;
      return at;
    });
    for (const [row, segments] of mappings.split(";").entries()) {
      let column = 0;
      for (const segment of segments === "" ? [] : segments.split(",")) {
        const [columns = 0, otherSource, lines = 0] = decoded(segment);
        column += columns;
        if (otherSource === undefined) continue;
        source += otherSource;
        line += lines;
        const file = files[source] ?? "";
        if (isCounted(file)) places.push({ offset: (starts[row] ?? 0) + column, file, line: line + 1 });
      }
    }
    return places;
  };

  /** Which places a process ran: a range counts for all in it that no later, inner range counts for. */
  const count = ({ places, ran, now }, functions) => {
    now.fill(0);
    for (const { ranges } of functions) {
      for (const { startOffset, endOffset, count: times } of ranges) now.fill(times > 0 ? 1 : 0, indexOf(places, startOffset), indexOf(places, endOffset));
    }
    for (const [i, times] of now.entries()) if (times > 0) ran[i] = 1;
  };

  return {
    /** A folder for the processes of one test file. */
    folder() {
      const folder = join(top, String(folders++));
      mkdirSync(folder);
      // Some programs run as another user.
      for (const path of [top, folder]) chmodSync(path, 0o777);
      return folder;
    },
    /** Reads what they wrote. */
    read(folder) {
      for (const name of readdirSync(folder)) {
        // A process that was killed has written half of it.
        const result = parsed(join(folder, name))?.result ?? [];
        for (const { url, functions } of result) {
          const script = scriptOf(url);
          if (script !== null) count(script, functions);
        }
      }
      rmSync(folder, { recursive: true });
    },
    /** Lines of the report; `lcov`, a path, gets every line in the format that editors and services read. */
    report(lcov) {
      const files = linesOf(scripts.values());
      const known = COUNTED.flatMap((folder) => sourcesBelow(join(project, folder)))
        .map(nameOf)
        .filter(isCounted);
      mkdirSync(dirname(lcov), { recursive: true });
      writeFileSync(
        lcov,
        [...files]
          .sort()
          .map(
            ([file, lines]) =>
              `SF:${file}\n${[...lines]
                .sort(([a], [b]) => a - b)
                .map(([line, ran]) => `DA:${line},${ran ? 1 : 0}\n`)
                .join("")}end_of_record\n`,
          )
          .join(""),
      );
      return summary(
        files,
        known.filter((file) => !files.has(file) && statements(join(project, file))),
      );
    },
    remove: () => rmSync(top, { recursive: true, force: true }),
  };
}

function readIfThere(path) {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
    return null;
  }
}

function parsed(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** The numbers of a source map's segment. */
function decoded(segment) {
  const numbers = [];
  let [value, shift] = [0, 0];
  for (const character of segment) {
    const digit = DIGITS.indexOf(character);
    value += (digit & (CONTINUES - 1)) << shift;
    shift += VALUE_BITS;
    if ((digit & CONTINUES) !== 0) continue;
    numbers.push((value & 1) === 1 ? -(value >> 1) : value >> 1);
    [value, shift] = [0, 0];
  }
  return numbers;
}

/** The first place that is not before an offset. */
function indexOf(places, offset) {
  let [low, high] = [0, places.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (places[middle].offset < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Of each file its lines with code, and whether some of it ran in some process. */
function linesOf(scripts) {
  const files = new Map();
  for (const script of scripts) {
    for (const [i, { file, line }] of (script?.places ?? []).entries()) {
      if (!files.has(file)) files.set(file, new Map());
      const lines = files.get(file);
      lines.set(line, lines.get(line) === true || script.ran[i] === 1);
    }
  }
  return files;
}

const sourcesBelow = (folder) =>
  (existsSync(folder) ? readdirSync(folder, { withFileTypes: true, recursive: true }) : [])
    .filter((entry) => entry.isFile() && /(?<!\.d)\.m?ts$|\.mjs$/.test(entry.name))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));

/** A file that has only types has no code. */
const statements = (path) => /^(?:export )?(?:const|let|function|class|async)\b|^[a-z]\w*\(/m.test(readFileSync(path, "utf8"));

function summary(files, never) {
  const share = (lines) => {
    const ran = lines.filter(Boolean).length;
    return `${((100 * ran) / Math.max(1, lines.length)).toFixed(1).padStart(5)} % of ${lines.length} lines`;
  };
  const rows = [...files].map(([file, lines]) => ({ file, lines: [...lines.values()] }));
  const lowest = rows
    .map(({ file, lines }) => ({ file, lines, part: lines.filter(Boolean).length / lines.length }))
    .filter(({ part }) => part < 1)
    .sort((a, b) => a.part - b.part)
    .slice(0, LOWEST);
  return [
    "coverage",
    ...COUNTED.map((folder) => `${share(rows.filter(({ file }) => file.startsWith(`${folder}/`)).flatMap(({ lines }) => lines))}  ${folder}`),
    ...(lowest.length === 0 ? [] : ["lowest"]),
    ...lowest.map(({ file, lines }) => `${share(lines)}  ${file}`),
    ...(never.length === 0 ? [] : [`never loaded: ${never.slice(0, LOWEST).join(", ")}${never.length > LOWEST ? `, and ${never.length - LOWEST} more` : ""}`]),
  ];
}
