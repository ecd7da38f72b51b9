// ingressc replay: which recorded decisions would be others under a policy.
import type { Arguments } from "../../../runtime/shell/command_line.ts";
import type { Surroundings } from "../command.ts";
import { grouped } from "../../../runtime/text/number.ts";
import { Replayer } from "../traffic/decide_again.ts";
import { STANDARD_INPUT } from "../standard_input.ts";
import { readAuditLines } from "../traffic/audit_lines.ts";
import { readAuditLine } from "../traffic/audit_record.ts";
import { changedCount, replayJson, replayMessage, replayText, total } from "../traffic/replay_report.ts";
import { readPolicyToRun } from "../traffic/subject.ts";
import { countDecision, countLine, countTooLong, newTally } from "../traffic/tally.ts";
import type { Outcome } from "../outcome.ts";

/** Lines between two looks at the clock of the progress line. */
const LINES_PER_STEP = 65_536;

export async function run(args: Arguments, { progress }: Surroundings): Promise<Outcome> {
  const [policy = "", ...files] = args.operands;
  const loaded = readPolicyToRun(policy, progress);
  if (!loaded.ok) return loaded.error;
  const { info } = loaded.value;
  const replayer = new Replayer(loaded.value);
  const tally = newTally();
  let lines = 0;
  progress.begin("replaying, 0 lines");
  for (const path of files) {
    const trouble = await readAuditLines(path, {
      line(text, number) {
        const read = readAuditLine(text);
        if (read.kind === "decision") countDecision(tally, read, () => replayer.of(read), path, number);
        else countLine(tally, read, path, number);
        if (++lines % LINES_PER_STEP === 0) progress.begin(`replaying, ${grouped(lines)} lines`);
      },
      tooLong: (number) => countTooLong(tally, path, number),
    });
    if (trouble !== null) return trouble;
  }
  if (replayer.isPoisoned)
    return {
      class: "reject",
      code: "policy.module_trap",
      message: `the module of \`${policy}\` failed while it decided, so that nothing is known`,
      help: "build the policy again with `ingressc build`",
    };
  if (tally.decisions === 0) return noRecords(files, tally.unread[0]);
  const no = changedCount(tally) > 0 || (args.flags.has("strict") && total(tally.undecidable) + tally.torn + tally.tooLong + total(tally.foreign) > 0);
  const message = replayMessage(tally);
  return {
    class: no ? "no" : "ok",
    code:
      changedCount(tally) > 0 ? "policy.replay_differs"
      : no ? "policy.replay_incomplete"
      : "policy.replay_same",
    message,
    report: (p) => [replayText(tally, info.rules, p), ...(no ? [] : [message])].join("\n"),
    data: replayJson(tally, info.rules),
  };
}

/** `first`: the first line that could not be read. */
export function noRecords(files: readonly string[], first: { readonly file: string; readonly line: number; readonly what: string } | undefined): Outcome {
  const names = files.map((file) => (file === STANDARD_INPUT ? "standard input" : `\`${file}\``)).join(", ");
  return {
    class: "reject",
    code: "policy.no_audit_records",
    message: `there is no decision in ${names}${first === undefined ? "" : `; line ${first.line} of it can't be read, because ${first.what}`}`,
    help: "name an audit file of ingressd (`audit.file` of its configuration) that has records",
  };
}
