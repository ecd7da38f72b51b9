// The clauses that a target can't have, each with its place; and those that the output omits because the user said so, or because they
// decide nothing about who is admitted.
import { portsMeet } from "../analysis/permitted.ts";
import { diagnostic, type Diagnostic } from "../diagnostics/diagnostic.ts";
import { grouped } from "../../runtime/text/number.ts";
import type { Span } from "../source/source.ts";
import type { Backend, CheckedExpose, CheckedPolicy, CheckedRule } from "../policy/policy.ts";
import type { Emitter } from "./emitter.ts";
import type { LeftOut } from "./plan.ts";
import { portTexts } from "./ranges.ts";

/** The part of a target that decides what is refused. */
type Judging = Pick<Emitter, "name" | "can">;

export interface Without {
  readonly caps: boolean;
  readonly limits: boolean;
}

export interface Judged {
  readonly refused: readonly Diagnostic[];
  readonly leftOut: readonly LeftOut[];
}

/** `timed`: one moment was chosen. */
export function judged(policy: CheckedPolicy, target: Judging, without: Without, timed: boolean): Judged {
  const parts = policy.exposes.map((expose) => judgedExpose(expose, target, without, timed));
  const taken = target.can.direct === "left out" ? takenPorts(policy.exposes, target) : [];
  const dryruns = policy.denies.filter(({ dryrun }) => dryrun).length;
  return {
    refused: [...parts.flatMap(({ refused }) => refused), ...taken, ...identities(policy, target)],
    leftOut: [
      ...parts.flatMap(({ leftOut }) => leftOut),
      ...(dryruns > 0 ? [{ what: "dryrun", of: "", says: `${rules(dryruns)} at top level that refuse nobody` }] : []),
      ...policy.dials.map(({ service }) => ({ what: "dial", of: service, says: "a client's use of udp is no exposure" })),
    ],
  };
}

const MODE_WHY: Readonly<Record<string, string>> = {
  passthrough: "it refuses bytes that are no TLS hello, and the target looks at addresses and ports alone",
  tls: "ingressd ends TLS with its own choice of certificates and versions, which this target is not given",
  mtls: "ingressd ends TLS and reads the names of the client's certificate, which this target is not given",
};

const VIA_WHY: Readonly<Record<string, string>> = {
  haproxy: "it takes PROXY headers that ingressd refuses, and clients would be judged by what these say",
};

function judgedExpose(expose: CheckedExpose, target: Judging, without: Without, timed: boolean): Judged {
  const { name, mode, proto, span } = expose;
  const { can } = target;
  if (mode === "direct" && can.direct === "left out")
    return { refused: [], leftOut: [{ what: "direct", of: name, says: "the service binds its port itself, and this target has no part in it" }] };
  const refused: Diagnostic[] = [];
  const at = { target: target.name };
  if (!can.modes.has(mode)) refused.push(diagnostic("ING900", { ...at, clause: `as ${mode}`, why: MODE_WHY[mode] ?? "it has no such mode" }, span));
  if (proto === "udp" && !can.udp)
    refused.push(diagnostic("ING901", { ...at, clause: `on udp ${portTexts(expose.ports).join(", ")}`, why: "it forwards tcp alone" }, span));
  if (expose.alpn.length > 0 && can.modes.has(mode))
    refused.push(diagnostic("ING910", { ...at, clause: "alpn", why: "it serves a client that offers none of the protocols, and ingressd refuses it" }, span));
  if (expose.via !== null)
    refused.push(diagnostic("ING902", { ...at, clause: "via", why: VIA_WHY[target.name] ?? "it would take the load balancer for the client" }, span));
  if (expose.bind !== null && !can.bind) refused.push(diagnostic("ING905", { ...at, clause: "bind", why: "it has no local addresses to choose from" }, span));
  const bounds = boundsOf(expose, target, without);
  const moments = can.times || timed ? [] : rulesOf(expose).filter(({ after, until, dryrun }) => !dryrun && (after !== null || until !== null));
  for (const rule of moments)
    refused.push(diagnostic("ING904", { ...at, clause: rule.until === null ? "after" : "until", why: "it has no clock in its rules" }, rule.span));
  const backends = can.backends === "own" ? ownBackend(expose, target) : forwarded(expose, target);
  return { refused: [...refused, ...bounds.refused, ...backends.refused], leftOut: [...bounds.leftOut, ...backends.leftOut, ...dryrunOf(expose)] };
}

/** The target listens at every address of a port, so that no service can bind it at one of them. */
function takenPorts(exposes: readonly CheckedExpose[], target: Judging): readonly Diagnostic[] {
  const own = exposes.filter(({ mode, proto }) => mode === "direct" && proto === "tcp");
  return exposes.flatMap((expose) => {
    if (expose.mode === "direct" || expose.proto !== "tcp") return [];
    const other = own.find(({ ports }) => ports.some((x) => expose.ports.some((y) => x.first <= y.last && y.first <= x.last)));
    if (other === undefined) return [];
    const clause = `on tcp ${portTexts(expose.ports).join(", ")}`;
    return [
      diagnostic(
        "ING905",
        { target: target.name, clause, why: `it listens at every address, and the service of \`${other.name}\` binds the port itself` },
        expose.span,
      ),
    ];
  });
}

/** Lists of a certificate's names of which one has to fit: nothing there refuses a name that fits beside others. */
function identities({ exposes, denies }: CheckedPolicy, target: Judging): readonly Diagnostic[] {
  const own = exposes.filter(({ mode }) => mode === "mtls" && target.can.modes.has(mode));
  const at = { target: target.name, why: "it admits a certificate with one of the names, whatever the others are" };
  const refused = (clause: string, { span }: CheckedRule): Diagnostic => diagnostic("ING909", { ...at, clause }, span);
  const enforced = ({ client, dryrun }: CheckedRule): boolean => client !== null && !dryrun;
  const applying = denies.filter(({ on }) => on === null || own.some(({ proto, ports }) => on.proto === proto && portsMeet(on.ports, ports)));
  return [
    ...(own.length === 0 ? [] : applying.filter(enforced).map((rule) => refused("deny client", rule))),
    ...own.flatMap((expose) => expose.denies.filter(enforced).map((rule) => refused("deny client", rule))),
    ...own.flatMap(({ allows }) =>
      allows.filter((rule) => enforced(rule) && rule.client?.words.some((word) => word.startsWith("!"))).map((rule) => refused("except", rule)),
    ),
  ];
}

function rulesOf({ allows, denies }: CheckedExpose): readonly CheckedRule[] {
  return [...allows, ...denies];
}

/** Caps and limits: no target refuses exactly the connections that ingressd does. */
function boundsOf({ name, mode, cap, limits, amplify, span }: CheckedExpose, target: Judging, without: Without): Judged {
  if (mode === "direct") return { refused: [], leftOut: [] };
  const at = { target: target.name, why: "its counters don't refuse the same connections as those of ingressd" };
  const refused: Diagnostic[] = [];
  const leftOut: LeftOut[] = [];
  const capText = cap.span === null ? "" : writtenText(cap.span);
  // A second `cap` has its own place.
  const others = cap.perSource.length + Number(cap.perIdentity !== null) > [...capText.matchAll(/ per (?:source|identity)\b/g)].length;
  if (cap.span === null) leftOut.push({ what: "cap", of: name, says: `the default of ${grouped(cap.connections)} connections` });
  else if (without.caps) leftOut.push({ what: "cap", of: name, says: `\`${capText}\`${others ? " and its other shares" : ""}` });
  else refused.push(diagnostic("ING903", { ...at, flag: "caps", clause: capText }, cap.span));
  for (const { span: place } of limits) {
    const clause = writtenText(place);
    if (without.limits) leftOut.push({ what: "limit", of: name, says: `\`${clause}\`` });
    else refused.push(diagnostic("ING903", { ...at, flag: "limits", clause }, place));
  }
  if (typeof amplify === "number") {
    const clause = `amplify ${grouped(amplify)}`;
    if (without.limits) leftOut.push({ what: "amplify", of: name, says: `\`${clause}\`` });
    else refused.push(diagnostic("ING903", { ...at, flag: "limits", clause }, span));
  }
  return { refused, leftOut };
}

/** The words of the policy, on one line without comments. */
function writtenText({ file, start, end }: Span): string {
  return file.text.slice(start, end).replace(/#.*$/gm, "").replace(/\s+/g, " ").trim();
}

function dryrunOf({ name, dryrun, ...expose }: CheckedExpose): readonly LeftOut[] {
  const count = [...expose.allows, ...expose.denies].filter((rule) => rule.dryrun).length;
  const bounds = dryrun.perSource.length + dryrun.limits.length + Number(dryrun.connections !== null) + Number(dryrun.perIdentity !== null);
  return [
    ...(count > 0 ? [{ what: "dryrun", of: name, says: `${rules(count)} that decide nothing` }] : []),
    ...(bounds > 0 ? [{ what: "dryrun", of: name, says: "caps or limits that refuse nobody" }] : []),
  ];
}

function rules(count: number): string {
  return count === 1 ? "1 rule" : `${grouped(count)} rules`;
}

function backendText(backend: Backend): string {
  if (backend.kind === "unix") return `unix "${backend.path}"`;
  const host = backend.host.includes(":") ? `[${backend.host}]` : backend.host;
  return `${backend.kind === "remote" ? "remote " : ""}${host}:${backend.port}`;
}

/** The service listens at the port of the expose itself, on this host. */
function ownBackend({ name, proto, ports, backends, proxy, span }: CheckedExpose, target: Judging): Judged {
  const refused: Diagnostic[] = [];
  const refuse = (clause: string, why: string): void => void refused.push(diagnostic("ING906", { target: target.name, clause, why }, span));
  const [first] = backends;
  const all = `backend ${backends.map(backendText).join(", ")}`;
  if (backends.length > 1) refuse(all, "it passes packets on and chooses between no services");
  else if (first !== undefined && first.kind !== "tcp") refuse(all, "it passes packets on to the service, which has no port here");
  if (proxy !== null) refuse(`proxy ${proxy}`, "it adds no bytes to a connection; the service sees the client's own address");
  if (refused.length > 0 || first?.kind !== "tcp") return { refused, leftOut: [] };
  const isSame = ports.length === 1 && ports[0]?.first === first.port && ports[0].last === first.port;
  const says =
    target.name === "kubernetes" ? null : `the service itself has to listen at ${proto} ${portTexts(ports).join(", ")}, not at ${backendText(first)}`;
  return { refused, leftOut: isSame || says === null ? [] : [{ what: "backend", of: name, says }] };
}

/** HAProxy reads `$`, quotes and other characters of a path in its own way. */
const PLAIN_PATH = /^[A-Za-z0-9_.+,@/-]+$/;

function forwarded({ name, mode, backends, proxy, span }: CheckedExpose, target: Judging): Judged {
  const refuse = (clause: string, why: string): Diagnostic => diagnostic("ING906", { target: target.name, clause, why }, span);
  if (backends.length === 0) return { refused: [refuse(`expose ${name}`, "its port opens when its service registers with ingressd")], leftOut: [] };
  const odd = backends.filter((backend) => backend.kind === "unix" && !PLAIN_PATH.test(backend.path));
  const header = proxy === "v2" && mode !== "tcp" && target.can.proxyV2 === "without names";
  return {
    refused: [
      ...odd.map((backend) => refuse(backendText(backend), "a path there has only letters, digits and `_.+,@/-`")),
      ...(header ? [refuse("proxy v2", "its header lacks the server name and the certificate, which that of ingressd has; `proxy v1` is the same there")] : []),
    ],
    leftOut: [],
  };
}
