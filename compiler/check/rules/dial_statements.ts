// `dial S on udp`: the service may use udp as a client does. It opens a port of the kernel's choice, at which anybody
// can answer, so a policy has to permit it and to give a reason.
import type { DialNode } from "../../ast/nodes.ts";
import { MAX_SERVICE_BYTES } from "../../source/bounds.ts";
import { MAX_DIALERS } from "../../../runtime/abi/layout.ts";
import { checkAnnotations } from "./annotations.ts";
import { noteHostOnly } from "./host_only.ts";
import { mayDeclare } from "../names/declarations.ts";
import type { CheckedDial } from "../../policy/policy.ts";
import type { CheckContext } from "./context.ts";

/** Null where it is wrong. */
export function checkDial(context: CheckContext, { service, proto, annotations, broken, span }: DialNode): CheckedDial | null {
  const { report } = context;
  const wrong = report.diagnostics.length;
  const said = checkAnnotations(report, annotations);
  if (!mayDeclare(report, service, "service")) return null;
  if (service.text.length > MAX_SERVICE_BYTES) {
    report.say("ING205", { name: service.text, of: "service" }, service.span);
  }
  if (proto?.proto === "tcp") {
    report.say("ING424", null, proto.span);
  }
  if (!broken && said.why === null && !annotations.some((a) => a.name === "why")) {
    report.say("ING416", { statement: "dial" }, service.span);
  }
  noteHostOnly(context.hostOnly, "dial", `dial ${service.text}`, span);
  return broken || proto === null || report.diagnostics.length > wrong ? null : { service: service.text, annotations: said, span };
}

export function checkDials(context: CheckContext, nodes: readonly DialNode[]): readonly CheckedDial[] {
  const beyond = nodes[MAX_DIALERS];
  if (beyond !== undefined) context.report.say("ING605", { statement: "dial" }, beyond.span);
  return nodes.flatMap((node) => checkDial(context, node) ?? []);
}
