// ingressc explain: why a request is allowed or denied, answered by the module itself.
import { isRefusal, loadPolicy } from "../../../runtime/host/load.ts";
import type { LoadedPolicy, RuleInfo } from "../../../runtime/host/module.ts";
import type { Command } from "../command.ts";
import { compileFile, isNotCompiled } from "../compiled.ts";
import { explainRequest, type Explanation, type Step } from "../explanation.ts";
import { looksLikeModule, readModule } from "../modules.ts";
import type { Outcome } from "../outcome.ts";
import { isRequest, parseRequest } from "../request.ts";
import { rows, type Paint } from "../terminal.ts";
import { codeSays, ruleText } from "../testReport.ts";

export const explain = {
  summary: "say why a request is allowed or denied",
  operands: ["FILE", "REQUEST"],
  flags: {},
  manual: [
    "FILE is a policy or a compiled module. REQUEST is written as in a test line:",
    "",
    "  ingressc explain policies/demo.ingress 'from 203.0.113.9 to web'",
    "  ingressc explain demo.wasm 'from 203.0.113.9 to tcp 22'",
    "  ingressc explain demo.wasm 'bind web on 0.0.0.0:443'",
    "",
    "Each phase is shown with the rule that decides it and the rules that it overrides. Exits 0",
    "whatever the verdict is.",
  ].join("\n"),
  async run(args) {
    const [file = "", text = ""] = args.operands;
    const subject = subjectOf(file);
    if ("class" in subject) return subject;
    const { module, loaded, root } = subject;
    const request = parseRequest(text, loaded.info.listeners.map((l) => l.name));
    if (!isRequest(request)) return request;
    const explanations = explainRequest(module, loaded, request);
    const words = [...new Set(explanations.map(verdictOf))];
    return {
      class: "ok",
      code: "policy.explained",
      message: words.join("; "),
      data: { request: text.trim(), answers: explanations.map(explanationJson) },
      report: (p) => explanations.map((e) => explanationText(text.trim(), e, root, p)).join("\n\n"),
    };
  },
} as const satisfies Command;

interface Subject {
  readonly module: Uint8Array;
  readonly loaded: LoadedPolicy;
  /** Where paths of the source map are relative to; null for a module alone. */
  readonly root: string | null;
}

function subjectOf(file: string): Subject | Outcome {
  if (file.endsWith(".wasm") || startsLikeModule(file)) {
    const bytes = readModule(file);
    if (!(bytes instanceof Uint8Array)) return bytes;
    const loaded = loadPolicy(bytes);
    if (!isRefusal(loaded)) return { module: bytes, loaded, root: null };
    return {
      class: "reject",
      code: `policy.${loaded.code}`,
      message: `\`${file}\` is refused: ${loaded.message}`,
      help: "build the policy again with `ingressc build`",
    };
  }
  const compiled = compileFile(file);
  if (isNotCompiled(compiled)) return compiled.outcome;
  const loaded = loadPolicy(compiled.module);
  if (!isRefusal(loaded)) return { module: compiled.module, loaded, root: compiled.disk.root };
  return { class: "internal", code: `policy.${loaded.code}`, message: `the compiled module does not load: ${loaded.message}` };
}

function startsLikeModule(file: string): boolean {
  const bytes = readModule(file);
  return bytes instanceof Uint8Array && looksLikeModule(bytes);
}

function verdictOf({ decision }: Explanation): string {
  return decision.allowed ? "allow" : `deny (reason=${decision.reason})`;
}

function explanationText(request: string, e: Explanation, root: string | null, p: Paint): string {
  const verdict = e.decision.allowed ? p.good(p.bold("allow")) : p.bad(p.bold(verdictOf(e)));
  return [
    p.bold(request),
    "",
    rows(e.steps.flatMap((s) => stepRows(s, root, p))),
    "",
    `  ${verdict}`,
  ].join("\n");
}

function stepRows(s: Step, root: string | null, p: Paint): readonly (readonly [string, string])[] {
  const word = s.verdict === "allow" ? p.good("allow") : p.bad(`deny ${s.reason ?? ""}`);
  return [
    [s.phase, s.what],
    ["", s.phase === "limits" && s.verdict === "allow" ? `${word}: within all of them` : `${word}: ${codeSays(s.code)}`],
    ...(s.rule === null ? [] : [["", `by ${ruleText(s.rule, root)}`] as const]),
    ...s.overrides.map((r) => ["", `overrides ${ruleText(r, root)}`] as const),
  ];
}

function explanationJson(e: Explanation): unknown {
  return {
    listener: e.listener?.name ?? null,
    verdict: e.decision.allowed ? "allow" : "deny",
    reason: e.decision.allowed ? null : e.decision.reason,
    code: e.decision.code,
    phases: e.steps.map((s) => ({ ...s, rule: s.rule === null ? null : ruleJson(s.rule), overrides: s.overrides.map(ruleJson) })),
  };
}

function ruleJson({ id, action, listener, names, origins }: RuleInfo): unknown {
  return { id, action, listener, names, origins };
}
