// docs/editors.md as a new user follows it: its commands and settings in an empty home folder, in Debian's Vim and Neovim with this
// checkout's `ingressc`; and Helix' settings, which are read as TOML.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import * as assert from "uvu/assert";
import { read } from "../house/sources.ts";
import { must, PROJECT, run } from "../package/packed.ts";
import { ownFolder, stallsAfter, suite } from "../suite.ts";

const test = suite("docs/editors.md");
const page = read("docs/editors.md");

/** The blocks of a language below a heading. */
function blocks(heading: string, language: string): readonly string[] {
  const section = page.split(/^(?=## )/m).find((part) => part.startsWith(`## ${heading}\n`)) ?? "";
  const found = [...section.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, "gms"))].map(([, text = ""]) => text);
  if (found.length === 0) throw new Error(`${heading} has no block of ${language}`);
  return found;
}

interface Home {
  readonly at: (path: string) => string;
  readonly env: NodeJS.ProcessEnv;
}

/** A home folder after the commands of a section, with `ingressc` in PATH. */
function home(heading: string, commands: readonly string[] = blocks(heading, "sh")): Home {
  stallsAfter(120_000);
  const folder = ownFolder("ingressd-home-");
  const at = (path: string): string => join(folder, path);
  mkdirSync(at("bin"));
  symlinkSync(join(PROJECT, "compiler/cli/ingressc.mjs"), at("bin/ingressc"));
  const xdg = Object.fromEntries(["CONFIG", "DATA", "STATE", "CACHE"].map((name) => [`XDG_${name}_HOME`, undefined]));
  const env = { ...xdg, HOME: folder, PATH: `${at("bin")}:${dirname(process.execPath)}:${process.env["PATH"] ?? ""}` };
  for (const text of commands) must("sh", ["-eu", "-c", text], { env });
  return { at, env };
}

const POLICY = `edition 1

net office = 198.51.100.0/24

expose web on tcp 443 {
  backend 127.0.0.1:8080
  allow from ofice
}
`;

/** Runs an editor to its end and reads what its script has written. */
function seen<T>(program: string, words: readonly string[], { at, env }: Home): T {
  writeFileSync(at("a.ingress"), POLICY);
  const { status, stderr, stdout, error } = spawnSync(program, [...words, at("a.ingress")], {
    encoding: "utf8",
    env: { ...process.env, ...env, OUT: at("out.json") },
    input: "",
    timeout: 120_000,
  });
  if (error !== undefined) throw error;
  assert.is(status, 0, `${stdout}${stderr}`);
  assert.ok(existsSync(at("out.json")), `${stdout}${stderr}`);
  return JSON.parse(readFileSync(at("out.json"), "utf8")) as T;
}

/** Legacy Vim script, which both read: what a user sees of the text, and types. */
const LOOK = String.raw`
let g:out = {'filetype': &filetype, 'group': synIDattr(synID(1, 1, 1), 'name')}
silent make!
let g:out.errors = map(getqflist(), '[v:val.nr, v:val.lnum, v:val.col]')
setlocal foldmethod=indent
let g:out.folds = map(range(1, line('$')), 'foldlevel(v:val)')
setlocal nofoldenable
execute "normal Goexpose more on tcp 8443 {\<CR>backend 127.0.0.1:8081\<CR>allow from office\<CR>}\<CR># one\<CR>two"
let g:out.typed = getline(9, '$')
`;
interface Looked {
  readonly filetype: string;
  readonly group: string;
  readonly errors: readonly (readonly number[])[];
  readonly folds: readonly number[];
  readonly typed: readonly string[];
}
const LOOKED: Looked = {
  filetype: "ingress",
  group: "ingressStatement",
  errors: [[201, 7, 14]],
  folds: [0, 0, 0, 0, 0, 1, 1, 0],
  typed: ["expose more on tcp 8443 {", "  backend 127.0.0.1:8081", "  allow from office", "}", "# one", "# two"],
};

test("Vim: colours, `:make`, folds, indentation, comments and `ingressc fmt` as a filter", () => {
  const scene = home("Vim");
  writeFileSync(scene.at(".vimrc"), blocks("Vim", "vim").join("\n"));
  const filter = [...page.matchAll(/`:(%!ingressc [^`]+)`/g)].map(([, text = ""]) => text);
  assert.equal(filter, ["%!ingressc fmt -"]);
  writeFileSync(
    scene.at("look.vim"),
    `${LOOK}
edit!
call setline(1, map(getline(1, '$'), 'substitute(v:val, "ofice", "  office", "")'))
${filter[0] ?? ""}
let g:out.formatted = getline(1, '$')
call writefile([json_encode(g:out)], $OUT)
qall!
`,
  );
  const { formatted, ...looked } = seen<Looked & { readonly formatted: readonly string[] }>(
    "vim",
    ["-N", "-es", "-n", "-i", "NONE", "-u", scene.at(".vimrc"), "-c", `source ${scene.at("look.vim")}`],
    scene,
  );
  assert.equal(looked, LOOKED);
  assert.is(`${formatted.join("\n")}\n`, POLICY.replace("ofice", "office"));
});

/** The server's diagnostics, the syntax tree and the queries; Neovim renamed what reads them. */
const LOOK_NEOVIM = `
local out = {}
if not vim.wait(30000, function() return #vim.diagnostic.get(0) > 0 end, 20) then out.missing = "diagnostics" end
out.diagnostics = vim.tbl_map(function(d) return { d.lnum, d.col, d.message } end, vim.diagnostic.get(0))
local parser = vim.treesitter.get_parser(0, "ingress")
local root = parser:parse()[1]:root()
out.tree = { root:type(), root:has_error(), root:named_child_count() }
local get = vim.treesitter.query.get or vim.treesitter.query.get_query
out.captures = {}
for _, name in ipairs({ "highlights", "folds" }) do
  local query, seen = get("ingress", name), {}
  for id, node in query:iter_captures(root, 0, 0, -1) do seen[query.captures[id]] = (seen[query.captures[id]] or 0) + 1 end
  out.captures[name] = seen
end
vim.cmd("source " .. vim.env.HOME .. "/look.vim")
out.looked = vim.g.out
-- It takes the place of the syntax file.
vim.treesitter.highlighter.new(parser)
local file = io.open(vim.env.OUT, "w")
file:write(vim.json.encode(out))
file:close()
vim.cmd("qall!")
`;

test("Neovim: the server, the parser and the queries beside Vim's files", () => {
  const scene = home("Neovim");
  writeFileSync(scene.at(".config/nvim/init.lua"), blocks("Neovim", "lua").join("\n"));
  writeFileSync(scene.at("look.vim"), LOOK);
  writeFileSync(scene.at("look.lua"), LOOK_NEOVIM);
  const out = seen<{
    readonly missing?: string;
    readonly diagnostics: readonly unknown[];
    readonly tree: readonly unknown[];
    readonly captures: Readonly<Record<"highlights" | "folds", Readonly<Record<string, number>>>>;
    readonly looked: Looked;
  }>("nvim", ["--headless", "-n", "-i", "NONE", "-c", `luafile ${scene.at("look.lua")}`], scene);
  assert.is(out.missing, undefined);
  assert.equal(out.diagnostics, [[6, 13, "there is no net named `ofice`\nhelp: did you mean `office`?"]]);
  assert.equal(out.tree, ["policy", false, 3]);
  assert.is(out.captures.highlights["keyword"], 8);
  assert.equal(out.captures.folds, { fold: 1 });
  assert.equal(out.looked, LOOKED);
});

test("Neovim without `ingressc` has one message", () => {
  const scene = home("Neovim");
  rmSync(scene.at("bin/ingressc"));
  writeFileSync(scene.at(".config/nvim/init.lua"), blocks("Neovim", "lua").join("\n"));
  const script = 'call writefile([json_encode(split(execute("messages"), "\\n"))], $OUT) | qall!';
  const said = seen<readonly string[]>("nvim", ["--headless", "-n", "-i", "NONE", "-c", script], scene);
  assert.is(said.filter((line) => line.startsWith("Spawning language server with cmd: `ingressc` failed.")).length, 1, said.join("\n"));
  assert.equal(
    said.filter((line) => /error/i.test(line)),
    [],
  );
});

test("Helix: the settings name the server, a grammar and a query that are there", () => {
  const scene = home(
    "Helix",
    blocks("Helix", "sh").map((text) => text.replace("hx --grammar build\n", "")),
  );
  writeFileSync(scene.at("languages.toml"), blocks("Helix", "toml").join("\n"));
  const parse = "import json, sys, tomllib; print(json.dumps(tomllib.load(open(sys.argv[1], 'rb'))))";
  const settings = JSON.parse(must("python3", ["-c", parse, scene.at("languages.toml")])) as {
    readonly "language-server": Readonly<Record<string, { readonly command: string; readonly args: readonly string[] }>>;
    readonly language: readonly Readonly<Record<string, unknown>>[];
    readonly grammar: readonly { readonly name: string; readonly source: { readonly path: string } }[];
  };
  const [language, grammar] = [settings.language[0], settings.grammar[0]];
  assert.equal(language?.["language-servers"], Object.keys(settings["language-server"]));
  assert.is(language?.["name"], grammar?.name);
  assert.match(read("docs/editors/tree-sitter/grammar.js"), `name: "${grammar?.name ?? ""}"`);
  const { command = "", args = [] } = settings["language-server"]["ingressc"] ?? {};
  assert.match(must(command, [...args, "--help"], { env: scene.env }), /^ingressc lsp: /);
  assert.is(run("test", ["-f", join(PROJECT, (grammar?.source.path ?? "").replace("/path/to/ingressd/", ""), "src/parser.c")]).code, 0);
  assert.ok(existsSync(scene.at(".config/helix/runtime/queries/ingress/highlights.scm")));
});

test.run();
