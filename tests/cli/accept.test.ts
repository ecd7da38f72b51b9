// ingressc diff --accept, --git and --format sarif: openings that are accepted, and files that are wrong.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { Ajv } from "ajv";
import * as assert from "uvu/assert";
import { suite } from "../suite.ts";
import { envelope, folder, ingresscHere, type Folder } from "./programs.ts";

const test = suite<{ dir: Folder }>("accept");
test.before((context) => {
  const dir = folder();
  context.dir = dir;
  dir.write("a.ingress", OLD);
  dir.write("b.ingress", NEW);
});
test.after(({ dir }) => dir.remove());

const OLD = `edition 1
net vpn = 10.8.0.0/16
expose ssh on tcp 2222 { backend 127.0.0.1:22 allow from vpn }
expose web on tcp 443 as passthrough { backend 127.0.0.1:8443 allow from any sni "www.example.com" }
`;
const NEW = OLD.replace("10.8.0.0/16", "10.8.0.0/15")
  .replace('"www.example.com"', '"www.example.com", "api.example.com"')
  .replace("127.0.0.1:22 ", "127.0.0.1:23 ");

const entry = (fields: Readonly<Record<string, string>>): string =>
  `[[opening]]\n${Object.entries({ owner: '"net team"', until: "2026-07-01", why: '"OPS-7"', ...fields })
    .map(([key, value]) => `${key} = ${value}\n`)
    .join("")}`;
const SSH = entry({ listener: '"ssh"' });
const SSH_NET = entry({ listener: '"ssh"', from: '"10.9.0.0/16"' });
const WEB = entry({ listener: '"web"', sni: '"*.example.com"' });

/** The time of these tests is 2026-06-01T12:00Z. */
const ROWS: readonly (readonly [what: string, toml: string, openings: number, accepted: number, out: RegExp])[] = [
  ["nothing", "", 3, 0, /^\+ ssh/m],
  [
    "the whole listener",
    SSH,
    1,
    2,
    /^~ ssh \(tcp 2222\): may now be reached from 10\.9\.0\.0\/16[^]*\n {4}accepted by net team until 2026-07-01T00:00Z: OPS-7$/m,
  ],
  ["requests alone, and not the backend", SSH_NET, 2, 1, /^\+ ssh \(tcp 2222\): backend is another one/m],
  ["a wider net", entry({ listener: '"ssh"', from: '["10.0.0.0/8", "192.0.2.1"]' }), 2, 1, /^~ ssh/m],
  ["a built-in net", entry({ listener: '"ssh"', from: '"private"' }), 2, 1, /^~ ssh/m],
  ["half of it", entry({ listener: '"ssh"', from: '"10.9.0.0/17"' }), 3, 0, /^\+ ssh/m],
  ["both halves", entry({ listener: '"ssh"', from: '"10.9.0.0/17"' }) + entry({ listener: '"ssh"', from: '"10.9.128.0/17"' }), 2, 1, /^~ ssh/m],
  ["names", WEB, 2, 1, /^~ web \(tcp 443\)/m],
  [
    "another name",
    entry({ listener: '"web"', sni: '"www.example.com"' }),
    3,
    0,
    /^! the accepted opening of web by net team is not needed: nothing of it opens \(acc\.toml:1\)$/m,
  ],
  ["names of some sources", entry({ listener: '"web"', sni: '"*.example.com"', from: '"any4"' }), 3, 0, /^\+ web/m],
  ["everything", SSH + WEB, 0, 3, /^0 openings, 0 closings, 3 accepted$/m],
  ["another listener", entry({ listener: '"sss"' }), 3, 0, /not needed/],
  ["the last second", entry({ listener: '"ssh"', until: "2026-06-01T12:00:01Z" }), 1, 2, /^~ ssh/m],
  [
    "an end that has come",
    entry({ listener: '"ssh"', until: "2026-06-01T12:00:00Z" }),
    3,
    0,
    /^! the accepted opening of ssh by net team ended at 2026-06-01T12:00Z \(acc\.toml:1\)$/m,
  ],
  ["a time of the language", entry({ listener: '"ssh"', until: '"2026-06-02T00:00Z"' }), 1, 2, /^~ ssh/m],
];

for (const [what, toml, openings, accepted, out] of ROWS) {
  test(`accepted: ${what}`, async ({ dir }) => {
    dir.write("acc.toml", toml);
    const args = ["diff", "a.ingress", "b.ingress", "--accept", "acc.toml"];
    const ended = await ingresscHere(args, dir.path);
    assert.is(ended.code, openings > 0 ? 1 : 0, ended.out + ended.err);
    assert.match(`${ended.out}${ended.err}`, out);
    const { data } = envelope(await ingresscHere([...args, "--json"], dir.path)) as { data: { openings: number; accepted: number } };
    assert.equal([data.openings, data.accepted], [openings, accepted]);
  });
}

const WRONG: readonly (readonly [toml: string, place: string | null, message: RegExp])[] = [
  ["[[opening]\n", "1:11", /is not TOML/],
  ["opening = 1\n", "1", /no list of tables/],
  ["\nother = 1\n", "2", /has the key `other`, which is unknown/],
  [SSH + entry({ listener: "3" }), "10", /whose `listener` is no text/],
  [entry({}), "1", /without `listener`/],
  [entry({ listener: '" "' }), "5", /whose `listener` is no text/],
  [entry({ listener: '"ssh"', owner: '""' }), "2", /whose `owner` is no text/],
  ['[[opening]]\nlistener = "ssh"\nowner = "a"\nwhy = "b"\n', "1", /without `until`/],
  [entry({ listener: '"ssh"', until: "true" }), "3", /whose `until` is no time/],
  [entry({ listener: '"ssh"', until: '"soon"' }), "3", /whose `until` is no time/],
  [entry({ listener: '"ssh"', from: '"vpn"' }), "6", /`vpn`, which is no prefix/],
  [entry({ listener: '"ssh"', from: "[]" }), "6", /neither a text nor a list/],
  [entry({ listener: '"ssh"', from: '["10.0.0.0/8", 3]' }), "6", /neither a text nor a list/],
  [entry({ listener: '"ssh"', sni: '"a..b"' }), "6", /`a\.\.b`/],
  [entry({ listener: '"ssh"', expires: "1" }), "6", /the key `expires`/],
  ["opening = [3]\n", null, /no table/],
];

for (const [toml, place, message] of WRONG) {
  test(`refused: ${String(message)}`, async ({ dir }) => {
    dir.write("bad.toml", toml);
    const args = ["diff", "a.ingress", "b.ingress", "--accept", "bad.toml"];
    const ended = await ingresscHere(args, dir.path);
    assert.is(ended.code, 3, ended.out);
    assert.match(ended.err, message);
    assert.match(ended.err, /\nhelp: /);
    const { code, data } = envelope(await ingresscHere([...args, "--json"], dir.path)) as { code: string; data: { place: string | null } };
    assert.equal([code, data.place], ["policy.accept_file", place]);
  });
}

test("other mistakes of the command line", async ({ dir }) => {
  const rows: readonly (readonly [args: string, exit: number, err: RegExp])[] = [
    ["a.ingress b.ingress --accept none.toml", 2, /there is no file `none\.toml`/],
    ["a.ingress b.ingress --accept .", 3, /can't be read/],
    ["a.ingress b.ingress --accept a.ingress --equivalent", 2, /accepts no difference/],
    ["a.ingress", 2, /expected two files, found 1/],
    ["a.ingress b.ingress a.ingress", 2, /expected two files, found 3/],
    ["--git HEAD a.ingress b.ingress", 2, /expected one file with `--git`, found 2/],
    ["a.ingress b.ingress --format xml", 2, /xml/],
  ];
  for (const [args, exit, err] of rows) {
    const ended = await ingresscHere(["diff", ...args.split(" ")], dir.path);
    assert.is(ended.code, exit, `${args}: ${ended.out}${ended.err}`);
    assert.match(ended.err, err, args);
  }
});

/** The rules of SARIF 2.1.0 for the parts that are written. */
const SARIF = {
  type: "object",
  required: ["version", "runs"],
  properties: {
    $schema: { type: "string" },
    version: { const: "2.1.0" },
    runs: {
      type: "array",
      items: {
        type: "object",
        required: ["tool", "results"],
        additionalProperties: false,
        properties: {
          tool: {
            type: "object",
            required: ["driver"],
            properties: {
              driver: {
                type: "object",
                required: ["name"],
                properties: {
                  name: { type: "string" },
                  rules: {
                    type: "array",
                    uniqueItems: true,
                    items: { type: "object", required: ["id"], properties: { shortDescription: { type: "object", required: ["text"] } } },
                  },
                },
              },
            },
          },
          columnKind: { enum: ["utf16CodeUnits", "unicodeCodePoints"] },
          properties: { type: "object" },
          results: {
            type: "array",
            items: {
              type: "object",
              required: ["message"],
              additionalProperties: false,
              properties: {
                ruleId: { type: "string" },
                ruleIndex: { type: "integer", minimum: 0 },
                level: { enum: ["none", "note", "warning", "error"] },
                message: { type: "object", required: ["text"], properties: { text: { type: "string" } } },
                locations: {
                  type: "array",
                  items: {
                    type: "object",
                    properties: {
                      physicalLocation: {
                        type: "object",
                        required: ["artifactLocation"],
                        properties: {
                          artifactLocation: { type: "object", properties: { uri: { type: "string", pattern: "^[^ \\\\]+$" } } },
                          region: { type: "object", properties: { startLine: { type: "integer", minimum: 1 } } },
                        },
                      },
                    },
                  },
                },
                suppressions: {
                  type: "array",
                  uniqueItems: true,
                  items: {
                    type: "object",
                    required: ["kind"],
                    properties: {
                      kind: { enum: ["inSource", "external"] },
                      status: { enum: ["accepted", "underReview", "rejected"] },
                      justification: { type: "string" },
                    },
                  },
                },
              },
            },
          },
        },
      },
    },
  },
};

interface Sarif {
  readonly runs: readonly {
    readonly properties?: { readonly omitted: number };
    readonly results: readonly {
      readonly ruleId: string;
      readonly level: string;
      readonly message: { readonly text: string };
      readonly suppressions?: readonly unknown[];
      readonly locations: readonly unknown[];
    }[];
  }[];
}

interface SarifRules {
  readonly runs: readonly {
    readonly tool: { readonly driver: { readonly rules: readonly { readonly id: string }[] } };
    readonly results: readonly { readonly ruleId: string; readonly ruleIndex: number }[];
  }[];
}

function sarifOf(out: string): Sarif {
  const document: unknown = JSON.parse(out);
  const valid = new Ajv({ strict: false }).compile(SARIF);
  assert.ok(valid(document), JSON.stringify(valid.errors));
  return JSON.parse(out) as Sarif;
}

test("SARIF has an error for each opening, suppressed where it is accepted, and its place", async ({ dir }) => {
  dir.write("acc.toml", SSH);
  const ended = await ingresscHere(["diff", "a.ingress", "b.ingress", "--format", "sarif", "--accept", "acc.toml"], dir.path);
  assert.is(ended.code, 1);
  const [run] = sarifOf(ended.out).runs;
  assert.equal(
    run?.results.map(({ ruleId, level, suppressions = [] }) => [ruleId, level, suppressions.length]),
    [
      ["opened", "error", 0],
      ["opened", "error", 1],
      ["changed", "error", 1],
    ],
  );
  assert.equal(run?.results[0]?.locations, [{ physicalLocation: { artifactLocation: { uri: "b.ingress" }, region: { startLine: 4 } } }]);
  assert.match(run?.results[0]?.message.text ?? "", /^web \(tcp 443\): may now be reached .*; for example: from .* sni "api\.example\.com"$/);
  const same = await ingresscHere(["diff", "a.ingress", "a.ingress", "--format", "sarif"], dir.path);
  assert.equal([same.code, sarifOf(same.out).runs[0]?.results], [0, []]);
});

test("SARIF has at most 65,536 characters, and says how many results it omits", async ({ dir }) => {
  const exposes = Array.from({ length: 400 }, (_, i) => `expose e${i} on tcp ${10_000 + i} { backend 127.0.0.1:8080 allow from any }\n`).join("");
  dir.write("many.ingress", `${OLD}${exposes}`);
  const ended = await ingresscHere(["diff", "a.ingress", "many.ingress", "--format", "sarif"], dir.path);
  assert.ok(ended.out.length <= 65_537 && ended.out.length > 60_000, String(ended.out.length));
  const [run] = sarifOf(ended.out).runs;
  assert.is((run?.results.length ?? 0) + (run?.properties?.omitted ?? 0), 400);
});

test("each result has its rule in SARIF's table", async ({ dir }) => {
  dir.write(
    "counts.ingress",
    NEW.replace("allow from vpn", "dryrun limit 5/s per source allow from vpn").replace("expose web", '@why "time" dial far on udp\nexpose other'),
  );
  const { out } = await ingresscHere(["diff", "a.ingress", "counts.ingress", "--format", "sarif"], dir.path);
  sarifOf(out);
  const { runs } = JSON.parse(out) as SarifRules;
  const found = runs.flatMap(({ tool, results }) => results.map(({ ruleId, ruleIndex }) => [ruleId, tool.driver.rules[ruleIndex]?.id]));
  assert.ok(found.some(([id]) => id === "dryrun_changed") && found.some(([id]) => id === "dial"), out);
  for (const [id, rule] of found) assert.is(rule, id);
});

test("the place of a listener whose file has a space is a reference", async ({ dir }) => {
  dir.write("with space.ingress", NEW);
  const ended = await ingresscHere(["diff", "a.ingress", "with space.ingress", "--format", "sarif"], dir.path);
  assert.match(ended.out, /"uri":"with%20space\.ingress"/);
  sarifOf(ended.out);
});

test("--git reads a policy with its imports and lists from a revision", async ({ dir }) => {
  const git = (...words: readonly string[]): void => {
    const ended = spawnSync("git", ["-C", dir.at("repo"), "-c", "user.name=t", "-c", "user.email=t@t.example", ...words], { encoding: "utf8" });
    assert.is(ended.status, 0, ended.stderr);
  };
  const policy = 'edition 1\nimport "nets/nets.ingress" as nets\nexpose web on tcp 443 { backend 127.0.0.1:8443 allow from nets.office }\n';
  dir.write("repo/sub/edge.ingress", policy);
  dir.write("repo/sub/nets/nets.ingress", 'edition 1\nnet office = file "office.txt" max 10\n');
  dir.write("repo/sub/nets/office.txt", "192.0.2.0/24\n");
  git("init", "-q");
  git("add", "-A");
  git("commit", "-qm", "first");
  const same = await ingresscHere(["diff", "--git", "HEAD", "repo/sub/edge.ingress"], dir.path);
  assert.equal([same.code, same.out], [0, "`HEAD:repo/sub/edge.ingress` and `repo/sub/edge.ingress` are equivalent\n"], same.err);
  dir.write("repo/sub/nets/office.txt", "192.0.2.0/23\n");
  const wider = await ingresscHere(["diff", "--git", "HEAD", "edge.ingress"], dir.at("repo/sub"));
  assert.is(wider.code, 1, wider.err);
  assert.match(wider.out, /may now be reached from 192\.0\.3\.0\/24/);
  git("add", "-A");
  git("commit", "-qm", "second");
  assert.is((await ingresscHere(["diff", "--git", "HEAD", "edge.ingress"], dir.at("repo/sub"))).code, 0);
  assert.is((await ingresscHere(["diff", "--git", "HEAD~1", "edge.ingress"], dir.at("repo/sub"))).code, 1);
  const rows: readonly (readonly [rev: string, file: string, exit: number, err: RegExp])[] = [
    ["nowhere", "edge.ingress", 2, /`nowhere` is no revision .*\nhelp: .*git fetch origin main/],
    ["--upload-pack=x", "edge.ingress", 2, /./],
    ["HEAD", "new.ingress", 2, /there is no file `HEAD:new\.ingress`\nhelp: .*a policy that is new opens all that it admits/],
    ["HEAD", "gone/new.ingress", 2, /there is no file `gone\/new\.ingress`\nhelp: check the path/],
  ];
  dir.write("repo/sub/new.ingress", policy);
  for (const [rev, file, exit, err] of rows) {
    const ended = await ingresscHere(["diff", `--git=${rev}`, file], dir.at("repo/sub"));
    assert.is(ended.code, exit, `${rev}: ${ended.out}${ended.err}`);
    assert.match(ended.err, err);
  }
  // A file above the folder is not read, as on a disk.
  dir.write("repo/secret.ingress", "edition 1\nnet x = 10.0.0.0/8\n");
  dir.write("repo/sub/out.ingress", 'edition 1\nimport "../secret.ingress" as s\nexpose web on tcp 443 { backend 127.0.0.1:8443 allow from s.x }\n');
  git("add", "-A");
  git("commit", "-qm", "third");
  assert.is((await ingresscHere(["diff", "--git", "HEAD", "out.ingress"], dir.at("repo/sub"))).code, 3);
  assert.match((await ingresscHere(["diff", "--git", "HEAD", "a.ingress"], dir.path)).err, /is no revision of the git repository/);
});

test("a repository that git does not trust, because another user owns it: a code, the place and the remedy", async ({ dir }) => {
  const git = repository(dir, "foreign");
  dir.write("foreign/edge.ingress", "edition 1\n");
  git("add", "-A");
  git("commit", "-qm", "first");
  // As git itself is tested: every repository seems to be of another user.
  const own = { GIT_TEST_ASSUME_DIFFERENT_OWNER: "1", GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" };
  Object.assign(process.env, own);
  try {
    const ended = await ingresscHere(["diff", "--git", "HEAD", "edge.ingress"], dir.at("foreign"));
    assert.is(ended.code, 2, ended.out);
    assert.match(ended.err, /git does not read the repository of `edge\.ingress`, because another user owns it\nhelp: .*safe\.directory/);
  } finally {
    for (const name of Object.keys(own)) delete process.env[name];
  }
});

/** A repository in a folder of its own; the words of git are run in it. */
function repository(dir: Folder, name: string): (...words: readonly string[]) => void {
  const git = (...words: readonly string[]): void => {
    const all = ["-C", dir.at(name), "-c", "user.name=t", "-c", "user.email=t@t.example", "-c", "protocol.file.allow=always", ...words];
    const ended = spawnSync("git", all, { encoding: "utf8" });
    assert.is(ended.status, 0, ended.stderr);
  };
  mkdirSync(dir.at(name), { recursive: true });
  git("init", "-q");
  return git;
}

test("--git reads a module from a revision, and compares it with a module or a policy", async ({ dir }) => {
  const git = repository(dir, "modules");
  const policy = "edition 1\nexpose web on tcp 443 { backend 127.0.0.1:8443 allow from 10.0.0.0/9 }\n";
  dir.write("modules/edge.ingress", policy);
  const build = async (): Promise<void> => {
    assert.is((await ingresscHere(["build", "edge.ingress", "-o", "edge.wasm"], dir.at("modules"))).code, 0);
  };
  await build();
  git("add", "-A");
  git("commit", "-qm", "first");
  const diff = (file: string): ReturnType<typeof ingresscHere> => ingresscHere(["diff", "--git", "HEAD", file], dir.at("modules"));
  const same = await diff("edge.wasm");
  assert.is(same.code, 0, same.err);
  assert.match(same.out, /^! HEAD:edge\.wasm is a module, .*\n! edge\.wasm is a module, .*\n`HEAD:edge\.wasm` and `edge\.wasm` are equivalent\n$/);
  dir.write("modules/edge.ingress", policy.replace("/9", "/8"));
  await build();
  const wider = await diff("edge.wasm");
  assert.is(wider.code, 1, wider.err);
  assert.match(wider.out, /^\+ web \(tcp 443\): may now be reached from 10\.128\.0\.0\/9 /);
  // A revision's module is refused as one on the disk.
  for (const [bytes, err] of [
    [Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0), /`HEAD:cut\.wasm` is refused \(module_/],
    [Uint8Array.of(1, 2, 3), /HEAD:cut\.wasm/],
  ] as const) {
    dir.write("modules/cut.wasm", bytes);
    git("add", "-A");
    git("commit", "-qm", "cut");
    const cut = await diff("cut.wasm");
    assert.is(cut.code, 3, cut.out + cut.err);
    assert.match(cut.err, err);
  }
});

const CLOSED = "edition 1\nexpose db on tcp 5432 { backend 127.0.0.1:5433 allow from 10.8.0.0/16 }\n";
const OPEN = CLOSED.replace("10.8.0.0/16", "any");

test("--git refuses a file that a change replaced by a link, in each place of its path", async ({ dir }) => {
  const git = repository(dir, "links");
  const put = (name: string, text: string): string => dir.write(`links/${name}`, text);
  put("policies/prod/db.ingress", CLOSED);
  put("policies/prod/deep/db.ingress", CLOSED);
  put("policies/dev/db.ingress", OPEN);
  put("policies/dev/deep/db.ingress", OPEN);
  put("policies/shop.ingress", OPEN);
  put("policies/db.ingress", CLOSED);
  put("db.ingress", OPEN);
  git("add", "-A");
  git("commit", "-qm", "first");
  const at = (name: string): string => dir.at(`links/${name}`);
  const rows: readonly (readonly [what: string, place: string, target: string, file: string])[] = [
    ["the file", "policies/db.ingress", "shop.ingress", "policies/db.ingress"],
    ["its folder", "policies/prod", "dev", "policies/prod/db.ingress"],
    ["a folder above", "policies/prod", "dev", "policies/prod/deep/db.ingress"],
    ["the whole repository in a folder's place", "policies", ".", "policies/db.ingress"],
    ["a link before `..`", "policies/prod", "../policies/dev/deep", "policies/prod/../db.ingress"],
  ];
  for (const [what, place, target, file] of rows) {
    rmSync(at(place), { recursive: true });
    symlinkSync(target, at(place));
    const ended = await ingresscHere(["diff", "--git", "HEAD", file], dir.at("links"));
    assert.is(ended.code, 2, `${what}: ${ended.out}${ended.err}`);
    assert.match(ended.err, /leads through a symbolic link of the working tree/, what);
    git("checkout", "-q", "--", ".");
    git("clean", "-qfd");
  }
  // A link outside of the repository is the user's own.
  symlinkSync(dir.at("links"), dir.at("elsewhere"));
  assert.is((await ingresscHere(["diff", "--git", "HEAD", "elsewhere/policies/db.ingress"], dir.path)).code, 0);
  // A policy that is gone is still no file.
  rmSync(at("policies/db.ingress"));
  assert.is((await ingresscHere(["diff", "--git", "HEAD", "policies/db.ingress"], dir.at("links"))).code, 2);
});

test("--git refuses a submodule in the place of the policy's folder", async ({ dir }) => {
  const other = repository(dir, "other");
  dir.write("other/db.ingress", OPEN);
  other("add", "-A");
  other("commit", "-qm", "open");
  const git = repository(dir, "outer");
  dir.write("outer/policies/db.ingress", CLOSED);
  git("add", "-A");
  git("commit", "-qm", "first");
  git("rm", "-rq", "policies");
  git("submodule", "--quiet", "add", dir.at("other"), "policies");
  const ended = await ingresscHere(["diff", "--git", "HEAD", "policies/db.ingress"], dir.at("outer"));
  assert.is(ended.code, 2, ended.out);
  assert.match(ended.err, /is in the submodule `.*policies`/);
});

/** `policies` of a repository with a closed policy, opened by a change that commits a bare repository, with an open one, around it. */
function embedded(dir: Folder, name: string, config: readonly string[]): void {
  const inner = repository(dir, `${name}_open`);
  dir.write(`${name}_open/db.ingress`, OPEN);
  inner("add", "-A");
  inner("commit", "-qm", "open");
  inner("update-ref", "refs/remotes/origin/main", "HEAD");
  const git = repository(dir, name);
  dir.write(`${name}/policies/db.ingress`, CLOSED);
  git("add", "-A");
  git("commit", "-qm", "first");
  git("update-ref", "refs/remotes/origin/main", "HEAD");
  for (const part of ["HEAD", "config", "objects", "refs"])
    cpSync(dir.at(`${name}_open/.git/${part}`), dir.at(`${name}/policies/${part}`), { recursive: true });
  dir.write(`${name}/policies/db.ingress`, OPEN);
  for (const line of config) git("config", "-f", dir.at(`${name}/policies/config`), ...line.split("="));
  git("add", "-A");
  git("commit", "-qm", "change");
}

test("--git takes no files of the change for a repository", async ({ dir }) => {
  const rows: readonly (readonly [name: string, config: readonly string[]])[] = [
    ["bare", ["core.bare=true"]],
    ["with_a_work_tree", ["core.bare=false", "core.worktree=.."]],
    ["with_no_work_tree", ["core.bare=false"]],
  ];
  for (const [name, config] of rows) {
    embedded(dir, name, config);
    const ended = await ingresscHere(["diff", "--git", "origin/main", "policies/db.ingress"], dir.at(name));
    assert.is(ended.code, 2, `${name}: ${ended.out}`);
    assert.match(ended.err, /`origin\/main` is no revision of the git repository of/);
  }
});

test("--git reads the repository around the policy, whatever the environment names, and replaces no object", async ({ dir }) => {
  const other = repository(dir, "named");
  dir.write("named/db.ingress", OPEN);
  other("add", "-A");
  other("commit", "-qm", "open");
  const git = repository(dir, "around");
  dir.write("around/db.ingress", CLOSED);
  git("add", "-A");
  git("commit", "-qm", "closed");
  git("tag", "closed");
  dir.write("around/db.ingress", OPEN);
  git("commit", "-qam", "open");
  const names = ["GIT_DIR", "GIT_COMMON_DIR", "GIT_WORK_TREE", "GIT_OBJECT_DIRECTORY"] as const;
  const values = [dir.at("named/.git"), dir.at("named/.git"), dir.at("named"), dir.at("named/.git/objects")];
  const opens = async (what: string): Promise<void> => {
    const ended = await ingresscHere(["diff", "--git", "closed", "db.ingress"], dir.at("around"));
    assert.is(ended.code, 1, `${what}: ${ended.out}${ended.err}`);
    assert.match(ended.out, /^\+ db/, what);
  };
  for (const [i, name] of names.entries()) {
    process.env[name] = values[i];
    try {
      await opens(name);
    } finally {
      Reflect.deleteProperty(process.env, name);
    }
  }
  git("replace", "closed^{commit}", "HEAD");
  await opens("a replaced commit");
});

test.run();
