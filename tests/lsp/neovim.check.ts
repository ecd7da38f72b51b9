// `ingressc lsp` in Neovim without a screen: what the editor shows of a policy, by its own client of the protocol.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { folder, PROJECT } from "../cli/programs.ts";
import { suite } from "../suite.ts";

const test = suite("lsp in neovim");

const POLICY = `edition 1

net office = 198.51.100.0/24

expose web on tcp 443 {
  backend 127.0.0.1:8080
  allow from ofice
}
`;

/** Runs in Neovim, and writes what it sees as JSON. */
const SCRIPT = `
local out = {}
local function wait(what, ready)
  if not vim.wait(20000, ready, 20) then out.missing = what end
end
vim.cmd("edit " .. vim.env.POLICY)
local buffer = vim.api.nvim_get_current_buf()
local client = vim.lsp.start_client({ name = "ingressc", cmd = { vim.env.NODE, vim.env.INGRESSC, "lsp" }, root_dir = vim.env.FOLDER })
vim.lsp.buf_attach_client(buffer, client)
wait("a diagnostic", function() return #vim.diagnostic.get(buffer) > 0 end)
out.before = vim.tbl_map(function(d) return { d.lnum, d.col, d.end_col, d.message } end, vim.diagnostic.get(buffer))
local function request(method, line, character, more)
  local params = vim.tbl_extend("force", { textDocument = vim.lsp.util.make_text_document_params(buffer), position = { line = line, character = character } }, more or {})
  local answers = vim.lsp.buf_request_sync(buffer, method, params, 20000) or {}
  return answers[client] and answers[client].result
end
vim.api.nvim_buf_set_text(buffer, 6, 13, 6, 18, { "office" })
wait("no diagnostics", function() return #vim.diagnostic.get(buffer, { severity = vim.diagnostic.severity.ERROR }) == 0 end)
out.definition = request("textDocument/definition", 6, 15)[1].range.start
out.hover = request("textDocument/hover", 6, 15).contents.value
local edit = request("textDocument/rename", 6, 15, { newName = "hq" })
vim.lsp.util.apply_workspace_edit(edit, "utf-16")
out.text = table.concat(vim.api.nvim_buf_get_lines(buffer, 0, -1, true), "\\n") .. "\\n"
out.labels = vim.tbl_map(function(item) return item.label end, request("textDocument/completion", 8, 0))
vim.lsp.stop_client(client)
wait("the end of the server", function() return vim.lsp.client_is_stopped(client) end)
local file = io.open(vim.env.OUT, "w")
file:write(vim.fn.json_encode(out))
file:close()
vim.cmd("qall!")
`;

interface Seen {
  readonly missing?: string;
  readonly before: readonly (readonly [line: number, start: number, end: number, message: string])[];
  readonly definition: unknown;
  readonly hover: string;
  readonly text: string;
  readonly labels: readonly string[];
}

test("diagnostics, definition, hover, rename and completion", () => {
  const dir = folder();
  const [policy, script, out] = [dir.write("a.ingress", POLICY), dir.write("look.lua", SCRIPT), dir.at("out.json")];
  const env = { ...process.env, HOME: dir.path, XDG_STATE_HOME: dir.path, NODE: process.execPath, INGRESSC: join(PROJECT, "compiler/cli/ingressc.mjs") };
  const ran = spawnSync("nvim", ["--clean", "--headless", "-n", "-S", script], {
    env: { ...env, POLICY: policy, FOLDER: dir.path, OUT: out },
    timeout: 60_000,
    killSignal: "SIGKILL",
  });
  // Neovim is not skipped where it is missing.
  assert.is(ran.error, undefined);
  assert.is(ran.status, 0, String(ran.stderr));
  const seen = JSON.parse(readFileSync(out, "utf8")) as Seen;
  assert.is(seen.missing, undefined);
  assert.equal(
    seen.before.map(([line, start, end]) => [line, start, end]),
    [[6, 13, 18]],
  );
  assert.match(seen.before[0]?.[3] ?? "", /did you mean `office`/);
  assert.equal(seen.definition, { line: 2, character: 4 });
  assert.match(seen.hover, /256 addresses/);
  assert.is(seen.text, POLICY.replace("net office", "net hq").replace("ofice", "hq"));
  assert.ok(seen.labels.includes("expose"), seen.labels.join(" "));
});

test.run();
