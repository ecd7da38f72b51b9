// Every command of ingressc: its answer as text and as an envelope, with the exit code of its class. A command without a row fails.
import { readFileSync } from "node:fs";
import * as assert from "uvu/assert";
import { INGRESSC } from "../../compiler/cli/command_table.ts";
import { digestOf, EMPTY_CONFIG } from "../../runtime/distribution/manifest.ts";
import { EXIT_CODES, type ExitClass } from "../../runtime/shell/exit.ts";
import { registryOf, serve, stored } from "../distribution/server.ts";
import { suite } from "../suite.ts";
import { CODE_NO_MATCH } from "../../runtime/abi/verdicts.ts";
import { record } from "./audit_records.ts";
import { envelope, folder, ingresscHere, type Folder } from "./programs.ts";

const test = suite<{ dir: Folder }>("envelopes");
test.before((context) => {
  context.dir = folder();
});
test.after(({ dir }) => dir.remove());

const GOOD = `edition 1

expose web on tcp 443 {
  backend 127.0.0.1:8080
  allow from 198.51.100.0/24
}

invariant "nobody else" {
  never from 203.0.113.0/24 to web
}

test "web" {
  from 198.51.100.7 to web => allow
}
`;

type Row = readonly [args: string, expected: ExitClass, code: string];

/** In this order; a command that writes a file comes before those that read it. */
const ROWS: readonly Row[] = [
  ["check good.ingress", "ok", "policy.valid"],
  ["check good.ingress --deny-warnings --at never", "usage", "usage.time"],
  ["check warns.ingress --deny-warnings", "no", "policy.warnings"],
  ["check none.ingress", "usage", "usage.missing_file"],
  ["check bad.ingress", "reject", "policy.rejected"],
  ["build good.ingress -o good.wasm", "ok", "policy.built"],
  ["build fails.ingress", "no", "policy.test_failed"],
  ["build good.ingress -o none/x.wasm", "usage", "usage.output_folder"],
  ["build bad.ingress", "reject", "policy.rejected"],
  ["build good.ingress -o plain/x.wasm", "delegate", "policy.output_unwritable"],
  ["prove good.ingress", "ok", "policy.proven"],
  ["prove contradicts.ingress", "no", "policy.invariant_failed"],
  ["prove none.ingress", "usage", "usage.missing_file"],
  ["prove bad.ingress", "reject", "policy.rejected"],
  ["test good.ingress", "ok", "policy.tests_passed"],
  ["test fails.ingress", "no", "policy.test_failed"],
  ["test good.ingress --min-coverage 101", "usage", "usage.min_coverage"],
  ["test bad.ingress", "reject", "policy.rejected"],
  ["explain good.wasm REQUEST", "ok", "policy.explained"],
  ["explain good.ingress to", "usage", "usage.request"],
  ["explain bad.ingress REQUEST", "reject", "policy.rejected"],
  ["diff good.ingress good.wasm", "ok", "policy.equivalent"],
  ["diff fewer.ingress good.ingress", "no", "policy.opens"],
  ["diff good.ingress", "usage", "usage.operands"],
  ["diff good.ingress bad.ingress", "reject", "policy.rejected"],
  ["graph good.ingress", "ok", "policy.graphed"],
  ["graph fewer.ingress good.ingress -o change.svg", "ok", "policy.graphed"],
  ["graph good.ingress --nodes 1", "no", "policy.not_proven"],
  ["graph good.ingress good.wasm fewer.ingress", "usage", "usage.operands"],
  ["graph good.ingress bad.ingress", "reject", "policy.rejected"],
  ["who good.ingress to web", "ok", "policy.who"],
  ["who good.ingress to web --nodes 1", "no", "policy.not_proven"],
  ["who good.ingress to wbe", "usage", "usage.unknown_expose"],
  ["who bad.ingress to web", "reject", "policy.rejected"],
  ["drift good.ingress maps.txt --target haproxy", "ok", "policy.no_drift"],
  ["drift fewer.ingress maps.txt --target haproxy", "no", "policy.drift"],
  ["drift good.ingress maps.txt", "usage", "usage.drift_target"],
  ["drift good.ingress list.txt --target haproxy", "reject", "policy.running_unreadable"],
  ["replay good.ingress same.jsonl", "ok", "policy.replay_same"],
  ["replay good.ingress other.jsonl", "no", "policy.replay_differs"],
  ["replay good.ingress none.jsonl", "usage", "usage.missing_file"],
  ["replay good.ingress good.ingress", "reject", "policy.no_audit_records"],
  ["learn same.jsonl", "ok", "policy.learned"],
  ["learn denied.jsonl", "no", "policy.nothing_learned"],
  ["learn same.jsonl --min 8", "usage", "usage.min"],
  ["learn good.ingress", "reject", "policy.no_audit_records"],
  ["list list.txt", "ok", "policy.listed"],
  ["list list.txt --only x", "usage", "usage.unknown_group"],
  ["list bad.ingress", "reject", "policy.list_malformed"],
  ["inspect good.wasm", "ok", "policy.inspected"],
  ["inspect none.wasm", "usage", "usage.missing_file"],
  ["inspect good.ingress", "reject", "policy.module_malformed"],
  ["fmt good.ingress", "ok", "policy.formatted"],
  ["fmt --check loose.ingress", "no", "policy.not_formatted"],
  ["fmt none.ingress", "usage", "usage.missing_file"],
  ["fmt bad.ingress", "reject", "policy.rejected"],
  ["export good.ingress -o good.json", "ok", "policy.exported"],
  ["export none.ingress", "usage", "usage.missing_file"],
  ["export bad.ingress", "reject", "policy.rejected"],
  ["import good.json", "ok", "policy.imported"],
  ["import --from haproxy partly.cfg", "no", "policy.partly_imported"],
  ["import --from x good.json", "usage", "usage.bad_format"],
  ["import bad.ingress", "reject", "policy.document_refused"],
  ["init", "ok", "policy.initialized"],
  ["init -o good.ingress", "usage", "usage.output_exists"],
  ["lsp a.ingress", "usage", "usage.extra_operand"],
  ["keygen k", "ok", "policy.keys_made"],
  ["keygen none/k", "usage", "usage.output_folder"],
  ["sign good.wasm --key k.key --revision 1", "ok", "policy.signed"],
  ["sign good.wasm --key k.key --revision 0", "usage", "usage.flag_value"],
  ["sign good.ingress --key k.key --revision 2", "reject", "policy.module_malformed"],
  ["verify good.wasm --key k.pub", "ok", "policy.verified"],
  ["verify unsigned.wasm --key k.pub", "no", "policy.signature_missing"],
  ["verify good.wasm", "usage", "usage.missing_flag"],
  ["verify good.ingress --key k.pub", "reject", "policy.module_malformed"],
  ["push good.wasm REGISTRY --policy good.ingress", "ok", "policy.pushed"],
  ["push good.wasm REGISTRY --policy fails.ingress", "no", "policy.test_failed"],
  ["push good.wasm REGISTRY", "usage", "usage.missing_flag"],
  ["push unsigned.wasm REGISTRY --policy good.ingress", "reject", "policy.not_signed"],
  ["pull REGISTRY -o pulled.wasm --key k.pub", "ok", "policy.pulled"],
  ["pull REGISTRY", "usage", "usage.missing_flag"],
  ["pull REGISTRY -o pulled.wasm --key other.pub", "reject", "policy.signature_key"],
];

/** An OCI registry that has `good.wasm` as it is at that moment, and takes each manifest. */
async function registry(dir: Folder): Promise<string> {
  const { host } = await serve((request, response) => {
    if (request.method === "PUT") return void response.writeHead(201).end();
    const has = stored(readFileSync(dir.at("good.wasm")));
    has.blobs.set(digestOf(EMPTY_CONFIG), EMPTY_CONFIG);
    registryOf(has)(request, response);
  }, null);
  return `oci://${host}/policies/edge:canary`;
}

test("each command answers with its class, as text and as one envelope", async ({ dir }) => {
  dir.write("good.ingress", GOOD);
  dir.write("fewer.ingress", GOOD.replace("198.51.100.0/24", "198.51.100.0/25"));
  dir.write("loose.ingress", "edition 1\nnet a = 10.0.0.0/8\nnet b = any\n\n\n\nnet c = a\n");
  dir.write("bad.ingress", "edition 1\nexpose web on tcp 443 {\n");
  dir.write("fails.ingress", GOOD.replace("=> allow", "=> deny cidr"));
  dir.write("contradicts.ingress", GOOD.replace("203.0.113.0/24", "198.51.100.0/25"));
  dir.write("warns.ingress", `${GOOD}\nnet unused = 10.0.0.0/8\n`);
  dir.write("plain", "a file");
  dir.write("list.txt", "192.0.2.0/24\n");
  dir.write("maps.txt", "show map maps/tcp_443_v4.sources.map\n0x1 198.51.100.0/24 s0.\n");
  dir.write("partly.cfg", "listen f\n bind :80\n server s 127.0.0.1:81\nlisten g\n mode http\n bind :82\n server s 127.0.0.1:83\n");
  dir.write("same.jsonl", record({ source: "198.51.100.7:1" }));
  dir.write("other.jsonl", record({ source: "203.0.113.7:1" }));
  dir.write("denied.jsonl", record({ code: CODE_NO_MATCH }));
  await ingresscHere(["build", "good.ingress", "-o", "unsigned.wasm"], dir.path);
  await ingresscHere(["keygen", "other"], dir.path);
  const meant = new Map([
    ["REQUEST", "from 198.51.100.7 to web"],
    ["REGISTRY", await registry(dir)],
  ]);
  const words = (args: string): readonly string[] => args.split(" ").map((word) => meant.get(word) ?? word);
  const wrong: string[] = [];
  for (const [args, expected, code] of ROWS) {
    // A command that makes a file does so once.
    const once = args.startsWith("keygen k") || args.startsWith("sign good.wasm --key k.key --revision 1");
    const json = await ingresscHere([...words(args), "--json"], dir.path);
    const text = once ? json : await ingresscHere(words(args), dir.path);
    const found = envelope(json);
    const { class: kind, code: said, ok, message, help } = found;
    if (kind !== expected || said !== code) wrong.push(`${args}: ${String(kind)} ${String(said)}`);
    if (kind !== expected) continue;
    assert.equal([json.code, text.code], [EXIT_CODES[expected], EXIT_CODES[expected]], args);
    assert.equal([json.err, json.out.indexOf("\n")], ["", json.out.length - 1], args);
    assert.is(ok, expected === "ok", args);
    assert.equal(
      Object.keys(found).filter((key) => !["ok", "class", "code", "message", "help", "data"].includes(key)),
      [],
      args,
    );
    assert.ok(typeof message === "string" && /^[^A-Z].*[^.]$/s.test(message), `${args}: ${String(message)}`);
    if (expected !== "ok" && expected !== "no") assert.ok(typeof help === "string" || found["data"] !== undefined, `${args}: no remedy`);
    if (once) continue;
    // An answer goes to standard output, a complaint to standard error.
    const isAnswer = expected === "ok" || expected === "no";
    assert.equal([text.out !== "", text.err !== ""], [isAnswer, !isAnswer], `${args}: ${text.out}${text.err}`);
  }
  assert.equal(wrong, []);
});

test("every command has rows: for what is well, for a mistake of the command line, and for what it refuses", () => {
  const classes = new Map<string, Set<string>>();
  for (const [args, expected] of ROWS) {
    const [command = ""] = args.split(" ");
    classes.set(command, (classes.get(command) ?? new Set()).add(expected));
  }
  assert.equal([...classes.keys()].sort(), Object.keys(INGRESSC.commands).sort());
  // They read no file that could be wrong.
  const readNothing = ["init", "keygen", "lsp"];
  // It answers in the protocol of editors (tests/lsp).
  const otherProtocol = ["lsp"];
  for (const [command, has] of classes)
    assert.equal(
      [...(otherProtocol.includes(command) ? [] : ["ok"]), "usage", ...(readNothing.includes(command) ? [] : ["reject"])].filter((one) => !has.has(one)),
      [],
      command,
    );
});

test.run();
