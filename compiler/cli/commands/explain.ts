// ingressc explain: why a request is allowed or denied, answered by the module itself.
import { formatAddress } from "../../../runtime/net/address.ts";
import { failed, ok, type Result } from "../../../runtime/result/result.ts";
import type { Arguments } from "../../../runtime/shell/command_line.ts";
import type { Profile } from "../../../runtime/abi/profiles.ts";
import { loadPolicy } from "../../../runtime/host/load.ts";
import type { Annotations, ListenerInfo, LoadedPolicy, RuleInfo } from "../../../runtime/host/module.ts";
import { backendsText, backendText } from "../backends_text.ts";
import type { Surroundings } from "../command.ts";
import { compileFile } from "../compiled.ts";
import { unread } from "../evaluate.ts";
import { explainRequest, type Explanation, type Step } from "../explanation.ts";
import { impossible } from "../impossible_request.ts";
import { beginModule, looksLikeModule, readModule } from "../modules.ts";
import { timesText } from "../near_miss.ts";
import { timeText } from "../../wording/time_text.ts";
import { freshEngine } from "../policy_tests.ts";
import { usage, type Outcome } from "../outcome.ts";
import { readProfile } from "../profile.ts";
import type { Progress } from "../progress.ts";
import { parseRequest, type Request } from "../request.ts";
import { rows, type Paint } from "../terminal.ts";
import { explain as EXPLAIN } from "../specs/explain.ts";
import { isStandardInput } from "../standard_input.ts";
import { codeSays, ruleText } from "../test_report.ts";
import { readRecorded, recordedText, type Recorded } from "../traffic/recorded.ts";

export async function run(args: Arguments, { wallSeconds, progress }: Surroundings): Promise<Outcome> {
  const [file = "", written = ""] = args.operands;
  if (args.operands.length === 1 && EXPLAIN.alone.form.test(file)) return (await import("../diagnostic_page.ts")).explainCode(file);
  const line = args.flags.get("audit");
  if (line !== undefined && isStandardInput(line) && isStandardInput(file))
    return usage("input_twice", "standard input can be read once, and `-` is written twice", "give the record in single quotes behind `--audit`");
  const recorded = line === undefined ? null : readRecorded(line);
  if (recorded !== null && !recorded.ok) return recorded.error;
  const past = recorded === null ? null : recorded.value;
  const named = readProfile(args);
  if (!named.ok) return named.error;
  const profile = named.value;
  const subject = subjectOf(file, args.flags.has("profile") ? profile : null, progress);
  if (!subject.ok) return subject.error;
  const { module, loaded, root } = subject.value;
  const parsed = past === null ? parseRequest(written, [...new Set(loaded.info.listeners.map((l) => l.name))], wallSeconds) : ok(past.request);
  if (!parsed.ok) return parsed.error;
  const text = past === null ? written : past.text;
  const request = past === null ? parsed.value : asItIsRead(parsed.value, loaded);
  const refusal = impossible(loaded, request);
  if (refusal !== null) return refusal;
  progress.begin("explaining the request");
  const explanations = explainRequest(module, loaded, request);
  const words = [...new Set(explanations.map(verdictOf))];
  return {
    class: "ok",
    code: "policy.explained",
    message: words.join("; "),
    data: { request: text.trim(), ...timeJson(request), ...(past !== null && { recorded: recordedJson(past) }), answers: explanations.map(explanationJson) },
    report: (p) => explanations.map((e) => explanationText(text.trim(), request, e, root, p, past)).join("\n\n"),
  };
}

/** Where the policy does not read the header of a recorded load balancer, that is the client. */
function asItIsRead(request: Request, loaded: LoadedPolicy): Request {
  if (request.kind === "bind" || request.via === null || unread(loaded.info, freshEngine(loaded, null), request.to, request.via) === null) return request;
  return { ...request, source: request.via, via: null };
}

interface Subject {
  readonly module: Uint8Array;
  readonly loaded: LoadedPolicy;
  /** Where paths of the source map are relative to; null for a module alone. */
  readonly root: string | null;
}

/** `wanted`: the profile that the command line names, or null. */
function subjectOf(file: string, wanted: Profile | null, progress: Progress): Result<Subject, Outcome> {
  if (file.endsWith(".wasm") || startsLikeModule(file)) {
    const read = readModule(file);
    if (!read.ok) return read;
    beginModule(progress, read.value);
    const loaded = loadPolicy(read.value);
    if (loaded.ok) {
      const { profile } = loaded.value.info;
      if (wanted === null || wanted === profile) return ok({ module: read.value, loaded: loaded.value, root: null });
      return failed(
        usage("other_profile", `\`${file}\` is a module of the profile \`${profile}\``, "omit `--profile`, or name the policy that the module was built from"),
      );
    }
    return failed({
      class: "reject",
      code: `policy.${loaded.error.code}`,
      message: `\`${file}\` is refused: ${loaded.error.message}`,
      help: "build the policy again with `ingressc build`",
    });
  }
  const compiled = compileFile(file, wanted ?? "host", progress);
  if (!compiled.ok) return failed(compiled.error.outcome);
  const { module, disk } = compiled.value;
  progress.begin("checking the module");
  const loaded = loadPolicy(module);
  if (loaded.ok) return ok({ module, loaded: loaded.value, root: disk.root });
  return failed({ class: "internal", code: `policy.${loaded.error.code}`, message: `the compiled module does not load: ${loaded.error.message}` });
}

function startsLikeModule(file: string): boolean {
  const bytes = readModule(file);
  return bytes.ok && looksLikeModule(bytes.value);
}

function verdictOf({ decision }: Explanation): string {
  if (decision.code === "no_token") return "allow with a token";
  return decision.allowed ? "allow" : `deny (reason=${decision.reason})`;
}

function recordedJson({ record: { allowed, reason, code, at, listener, byRules }, notes }: Recorded): unknown {
  return { decision: allowed ? "allow" : "deny", reason, code, at, listener, byRules, notes };
}

function explanationText(text: string, request: Request, e: Explanation, root: string | null, p: Paint, past: Recorded | null): string {
  const verdict = e.decision.allowed || e.decision.code === "no_token" ? p.good(p.bold(verdictOf(e))) : p.bad(p.bold(verdictOf(e)));
  return [
    p.bold(text),
    "",
    rows([
      ...pastRows(past, e),
      ...timeRows(request),
      ...e.steps.flatMap((s) => stepRows(s, root, p, e.listener)),
      ...countRows(e),
      ...shadowRows(e, root),
      ...backendRows(e, request),
    ]),
    ...[...pastNotes(past, request), ...e.notes].map((note) => `  ${note}`),
    "",
    `  ${verdict}`,
    ...e.nearMisses.map(({ text, rule }) => `  ${text}${rule === null ? "" : `, by ${ruleText(rule, root)}`}`),
  ].join("\n");
}

type Row = readonly [string, string];

function pastNotes(past: Recorded | null, request: Request): readonly string[] {
  if (past === null) return [];
  const isPeer = request.kind === "from" && request.via === null && past.record.peer !== null;
  return [
    ...past.notes,
    ...(isPeer ? [`the policy reads no PROXY header of \`${formatAddress(request.source)}\`, which is the client therefore, and its header is data`] : []),
  ];
}

function pastRows(past: Recorded | null, { decision }: Explanation): readonly Row[] {
  return past === null ? [] : [["recorded", recordedText(past.record, decision.allowed)]];
}

/** No rule about a bind depends on the time. */
function timeRows(request: Request): readonly Row[] {
  if (request.kind === "bind") return [];
  return [["time", request.at === null ? "unknown: no allow with `after` or `until` applies" : `${timeText(request.at)}${request.isNow ? ", now" : ""}`]];
}

/** `at` null: no clock; a bind has neither. */
function timeJson(request: Request): object {
  return request.kind === "bind" ? {} : { at: request.at === null ? null : timeText(request.at), now: request.isNow };
}

function stepRows(s: Step, root: string | null, p: Paint, listener: ListenerInfo | null): readonly Row[] {
  const says = (s.phase === "limits" || s.phase === "identity limits") && s.verdict === "allow" ? "within all of them" : codeSays(s.code);
  const word = s.verdict === "open" ? says : `${s.verdict === "allow" ? p.good("allow") : p.bad(`deny ${s.reason ?? ""}`)}: ${says}`;
  const owner = s.phase === "bind" && listener !== null ? annotationText([listener.annotations]) : "";
  return [
    [s.phase, s.what],
    ["", word],
    ...(owner === "" || listener === null ? [] : [["", `\`${listener.name}\` has ${owner}`] as const]),
    ...(s.rule === null ? [] : byRows(s.rule, root)),
    ...s.overrides.map((r) => ["", `overrides ${ruleText(r, root)}`] as const),
  ];
}

function byRows(rule: RuleInfo, root: string | null): readonly Row[] {
  const about = [timesText(rule), annotationText(rule.annotations)].filter((text) => text !== "").join(", ");
  return [["", `by ${ruleText(rule, root)}`], ...(about === "" ? [] : [["", `   ${about}`] as const])];
}

/** Where there is a choice, or the connection goes to another host. */
function backendRows({ decision, listener }: Explanation, request: Request): readonly Row[] {
  if (request.kind === "bind" || !decision.allowed || listener === null) return [];
  const { backends, proto } = listener;
  const found: Row[] = [];
  if (backends.length > 1) found.push(["", `the one with the fewest open ${proto === "udp" ? "flows" : "connections"}; what fails is left out for a while`]);
  if (backends.some(({ kind }) => kind === "remote"))
    found.push(["", "on another host, in plain, and only where `backends.networks` of the configuration has its address"]);
  return found.length === 0 ? [] : [["backend", backendsText(listener)], ...found];
}

/** The caps and limits that count some sources alone, and those that refuse nothing; the others count every connection. */
function countRows({ counts }: Explanation): readonly Row[] {
  const shown = counts.filter(({ ofSome, dryrun }) => ofSome || dryrun);
  return shown.map(({ text, counts: has, dryrun, per }, i): Row => {
    const who =
      has ? "the source counts in"
      : per === "identity" ? "the client counts in"
      : "the source does not count in";
    return [i === 0 ? "counts" : "", `${who} \`${text}\`${dryrun ? ", which refuses nothing" : ""}`];
  });
}

function shadowRows({ shadow, decision }: Explanation, root: string | null): readonly Row[] {
  if (shadow === null) return [];
  const said = shadow.verdict === "deny" ? `deny ${shadow.reason}` : shadow.verdict;
  const same = said === (decision.allowed ? "allow" : `deny ${decision.reason}`);
  return [
    ["dryrun", "as if the rules that are tried out were enforced, caps and limits aside"],
    ["", `${said}${same ? ", which is the same" : ", which differs"}: ${codeSays(shadow.code)}`],
    ...(shadow.rule === null ? [] : byRows(shadow.rule, root)),
  ];
}

/** `owner "web", ticket "OPS-4411", why "public site"`; equal rules may have several. */
function annotationText(annotations: readonly Annotations[]): string {
  const words = annotations.flatMap((a) =>
    (["owner", "ticket", "why"] as const).flatMap((key) => (a[key] === null ? [] : [`${key} ${JSON.stringify(a[key])}`])),
  );
  return [...new Set(words)].join(", ");
}

function explanationJson(e: Explanation): unknown {
  return {
    listener: e.listener?.name ?? null,
    proto: e.listener?.proto ?? null,
    annotations: e.listener?.annotations ?? null,
    backends: e.listener?.backends.map(backendText) ?? [],
    verdict:
      e.decision.allowed ? "allow"
      : e.decision.code === "no_token" ? "token"
      : "deny",
    reason: e.decision.allowed || e.decision.code === "no_token" ? null : e.decision.reason,
    code: e.decision.code,
    phases: e.steps.map((s) => ({ ...s, rule: s.rule === null ? null : ruleJson(s.rule), overrides: s.overrides.map(ruleJson) })),
    dryrun: e.shadow === null ? null : { ...e.shadow, rule: e.shadow.rule === null ? null : ruleJson(e.shadow.rule) },
    capsAndLimits: e.counts.map(({ text, dryrun, per, counts }) => ({ text, dryrun, per, counts })),
    nearMisses: e.nearMisses.map((miss) => ({ ...miss, rule: miss.rule === null ? null : ruleJson(miss.rule) })),
    notes: e.notes,
  };
}

function ruleJson({ id, action, listener, proto, dryrun, after, until, names, origins, annotations }: RuleInfo): unknown {
  return { id, action, listener, proto, dryrun, after, until, names, origins, annotations };
}
