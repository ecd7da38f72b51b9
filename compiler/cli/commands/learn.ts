// ingressc learn: a policy that allows what was allowed, and nobody else.
import { grouped } from "../../../runtime/text/number.ts";
import { failed, ok, type Result } from "../../../runtime/result/result.ts";
import type { Arguments } from "../../../runtime/shell/command_line.ts";
import { compile } from "../../compile.ts";
import { isEmpty, size, subtract } from "../../check/sets/intervals.ts";
import { format } from "../../format/format.ts";
import { countAddresses } from "../../lower/order.ts";
import { MAX_SOURCE_BYTES } from "../../source/bounds.ts";
import type { SourceFile } from "../../source/source.ts";
import { sizeText } from "../../wording/sources_text.ts";
import type { Surroundings } from "../command.ts";
import { count, usage, type Outcome } from "../outcome.ts";
import { STANDARD_INPUT } from "../standard_input.ts";
import { readAuditLines } from "../traffic/audit_lines.ts";
import { readAuditLine } from "../traffic/audit_record.ts";
import { Learner, MOST_SOURCES } from "../traffic/learned.ts";
import { policyText, type PolicyText } from "../traffic/learned_policy.ts";
import type { Rounding } from "../traffic/prefix_set.ts";
import { total } from "../traffic/replay_report.ts";
import { countLine, countTooLong, newTally, type Tally } from "../traffic/tally.ts";
import { noRecords } from "./replay.ts";
import { realPaths, writeModule } from "../write.ts";

const LINES_PER_STEP = 65_536;
const DEFAULT_MIN = 8;
/** The shortest prefixes to which sources are widened. */
const LEAST_V4 = 8;
const LEAST_V6 = 16;

export async function run(args: Arguments, { progress }: Surroundings): Promise<Outcome> {
  const wanted = readRounding(args);
  if (!wanted.ok) return wanted.error;
  const { rounding, files } = wanted.value;
  if (files.filter((file) => file === STANDARD_INPUT).length > 1)
    return usage("input_twice", "standard input can be read once, and `-` is written twice", "write `-` in place of one file");
  const learner = new Learner();
  const tally = newTally();
  let lines = 0;
  progress.begin("learning, 0 lines");
  let isFull = false;
  for (const path of files) {
    const trouble = await readAuditLines(path, {
      line(text, number) {
        if (isFull) return;
        const read = readAuditLine(text);
        if (read.kind !== "decision") countLine(tally, read, path, number);
        else if (!learner.add(read)) isFull = true;
        if (++lines % LINES_PER_STEP === 0) progress.begin(`learning, ${grouped(lines)} lines`);
      },
      tooLong: (number) => countTooLong(tally, path, number),
    });
    if (trouble !== null) return trouble;
    if (isFull) return tooMany();
  }
  if (learner.decisions === 0) return noRecords(files, tally.unread[0]);
  progress.begin("writing the policy");
  return written(args.flags.get("output") ?? null, files, learner, rounding, tally);
}

function tooMany(): Outcome {
  return {
    class: "reject",
    code: "policy.too_many_sources",
    message: `the records have more than ${grouped(MOST_SOURCES)} sources apart from each other`,
    help: "learn from fewer records: a policy for so many sources is `allow from any` with caps and limits",
  };
}

interface Wanted {
  readonly rounding: Rounding | null;
  readonly files: readonly string[];
}

/** `--round /24 /48`: the second length is written like a file, which no audit file is called. */
function readRounding({ flags, operands }: Arguments): Result<Wanted, Outcome> {
  const round = flags.get("round");
  const min = flags.get("min");
  if (round === undefined) {
    if (min !== undefined) return failed(usage("min", "`--min` is for `--round`", "write `--round /24 /48 --min 8`, or omit `--min`"));
    return ok({ rounding: null, files: operands });
  }
  const lengths = operands.filter((word) => LENGTH.test(word));
  const words = [...round.split(/[ ,]+/), ...lengths];
  const files = operands.filter((word) => !LENGTH.test(word));
  const [v4, v6] = words.map((word) => (LENGTH.test(word) ? Number(word.slice(1)) : Number.NaN));
  const isGood = words.length <= 2 && v4 !== undefined && v4 >= LEAST_V4 && v4 <= 32 && (v6 === undefined || (v6 >= LEAST_V6 && v6 <= 128));
  if (!isGood)
    return failed(
      usage(
        "round",
        `\`--round ${words.join(" ")}\` is not the lengths of prefixes`,
        `write \`--round /24 /48\`: of IPv4 from /${LEAST_V4} to /32, then perhaps of IPv6 from /${LEAST_V6} to /128`,
      ),
    );
  if (files.length === 0) return failed(usage("missing_operand", "`ingressc learn` needs AUDIT", "write `ingressc learn AUDIT...`"));
  const least = Number(min ?? DEFAULT_MIN);
  if (!/^[1-9][0-9]{0,8}$/.test(min ?? String(DEFAULT_MIN))) return failed(usage("min", `\`--min ${min ?? ""}\` is not a number from 1 on`, "write `--min 8`"));
  return ok({ rounding: { v4, v6: v6 ?? null, min: least }, files });
}

const LENGTH = /^\/[0-9]{1,3}$/;

async function written(out: string | null, files: readonly string[], learner: Learner, rounding: Rounding | null, tally: Tally): Promise<Outcome> {
  // An address of a backend may be one that this policy exposes: then services register.
  const made = checked(learner, rounding, tally, true) ?? checked(learner, rounding, tally, false);
  if (made === null)
    return {
      class: "internal",
      code: "policy.learned_defect",
      message: "the policy that was learned does not pass `check`",
      help: "please report it with the audit file",
    };
  if ("class" in made) return made;
  const { policy, text } = made;
  if (policy.exposes === 0)
    return {
      class: "no",
      code: "policy.nothing_learned",
      message: "no record shows a connection that was allowed, so nothing was learned",
      help: "learn from the audit of a gateway whose policy allows what is to be learned, for example with `allow from any`",
      data: dataOf(learner, policy, tally, null),
    };
  const message = `${count(policy.exposes, "expose")} from ${count(learner.learned, "record")}`;
  const outcome: Outcome = { class: "ok", code: "policy.learned", message, data: dataOf(learner, policy, tally, text) };
  if (out === null || out === "-") return { ...outcome, report: () => text, document: true, exact: true };
  const trouble = await writeModule(out, Buffer.from(text), await realPaths(files.filter((file) => file !== STANDARD_INPUT)));
  return trouble ?? { ...outcome, report: () => [...summary(learner, policy, tally, rounding), ...unreadPlaces(tally), `wrote ${out}: ${message}`].join("\n") };
}

interface Made {
  readonly policy: PolicyText;
  readonly text: string;
}

/** Null where the text does not pass `check`. */
function checked(learner: Learner, rounding: Rounding | null, tally: Tally, withBackends: boolean): Made | Outcome | null {
  const policy = policyText(learner, rounding, withBackends);
  const head = summary(learner, policy, tally, rounding).map((line) => `# ${line}\n`);
  const entry: SourceFile = { path: "learned.ingress", text: `${head.join("")}${policy.text}` };
  if (Buffer.byteLength(entry.text) > MAX_SOURCE_BYTES)
    return {
      class: "reject",
      code: "policy.learned_too_large",
      message: `the sources make a policy of more than 4 MiB (${count(size(policy.allowed), "range")} of addresses)`,
      help: "widen them to prefixes with `--round /24 /48`, or learn from fewer records",
    };
  const formatted = format(entry);
  if (!formatted.ok) return null;
  const text = formatted.value;
  const { diagnostics } = compile({ ...entry, text }, { read: () => failed("missing") });
  return diagnostics.length === 0 ? { policy, text } : null;
}

/** Numbers alone: nothing of a record is in it. */
function summary(learner: Learner, policy: PolicyText, tally: Tally, rounding: Rounding | null): readonly string[] {
  const { widened, spared, unwritten } = policy;
  const denied = learner.denied.set();
  const added = subtract(policy.allowed, policy.seen);
  const unread = unreadLines(tally);
  return [
    `learned by ingressc from ${count(learner.learned, "connection")} that were allowed`,
    ...(isEmpty(policy.seen) ? [] : [`sources: ${sizeText(policy.seen)}`]),
    ...(rounding === null ? [] : [`widened: ${prefixes(widened)}, which adds ${isEmpty(added) ? "no address" : sizeText(added)}`]),
    ...(spared === 0 ? [] : [`not widened: ${prefixes(spared)} with a source that a deny refuses`]),
    ...(isEmpty(denied) ? [] : [`left out: ${sizeText(denied)} that a deny refuses`]),
    ...(total(learner.leftOut) + unwritten === 0 ?
      []
    : [`not learned: ${count(total(learner.leftOut), "record")} and ${count(unwritten, "kind")} of clients that a policy can't name beside the others`]),
    ...(unread === 0 ? [] : [`${count(unread, "line")} could not be read`]),
  ];
}

function unreadLines({ torn, tooLong, foreign }: Tally): number {
  return torn + tooLong + total(foreign);
}

function unreadPlaces(tally: Tally): readonly string[] {
  const more = unreadLines(tally) - tally.unread.length;
  return [...tally.unread.map(({ file, line, what }) => `  ${file}:${line}: ${what}`), ...(more > 0 ? [`  and ${more} more`] : [])];
}

function prefixes(n: number): string {
  return `${grouped(n)} prefix${n === 1 ? "" : "es"}`;
}

function dataOf(learner: Learner, policy: PolicyText, tally: Tally, text: string | null): unknown {
  return {
    policy: text,
    exposes: policy.exposes,
    learned: learner.learned,
    others: learner.others,
    leftOut: Object.fromEntries(learner.leftOut),
    unwritten: policy.unwritten,
    addresses: String(countAddresses(policy.seen)),
    added: String(countAddresses(subtract(policy.allowed, policy.seen))),
    widened: policy.widened,
    spared: policy.spared,
    denied: String(countAddresses(learner.denied.set())),
    unreadable: { torn: tally.torn, tooLong: tally.tooLong, foreign: total(tally.foreign), first: tally.unread },
  };
}
