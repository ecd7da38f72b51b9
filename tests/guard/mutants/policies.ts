// The policy that is followed, and the audit.
import { edit, type Mutant } from "./edits.ts";

export const POLICIES: readonly Mutant[] = [
  {
    without: "links on the policy's way",
    noticedBy: ["following.check", "a link to a folder"],
    edits: [edit("policy.ts", "paths: [path, ...trustedKeys]", "paths: trustedKeys")],
  },
  {
    without: "trusted keys",
    noticedBy: ["following.check", "with trusted keys"],
    edits: [edit("policy.ts", "trustedKeys: signatures?.trustedKeys,\n    keysOption", "trustedKeys: undefined, keysOption")],
  },
  {
    without: "revisions that only rise",
    noticedBy: ["following.check", "with trusted keys"],
    edits: [
      edit("policy.ts", 'keysOption: "--trusted-key",\n    revisions,', 'keysOption: "--trusted-key", revisions: null,'),
      edit("../shell/revision.ts", "if (why !== null) throw new Error(why);", ""),
    ],
  },
  {
    without: "a reload that outlives the lack of threads",
    noticedBy: ["following.check", "no thread can be started"],
    asRoot: true,
    edits: [
      edit(
        "../host/load_in_worker.ts",
        '    return refuse("module_selftest", `no thread',
        '    if (given !== null) process.exit(9);\n    return refuse("module_selftest", `no thread',
      ),
    ],
  },
  {
    without: "the watcher's word",
    noticedBy: ["following.check", "can't be watched"],
    asRoot: true,
    edits: [edit("../shell/watch.ts", "if (!said.has(sentence)) say(sentence);", "")],
  },
  { without: "an audit that is no link", noticedBy: ["audit.check", "an audit that is a link"], edits: [edit("audit_file.ts", " | constants.O_NOFOLLOW", "")] },
  { without: "an audit that never waits", noticedBy: ["audit.check", "a full audit pipe"], edits: [edit("audit_file.ts", " | constants.O_NONBLOCK", "")] },
];
