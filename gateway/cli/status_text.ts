// `status` for people: the gateway's answer as a few lines and tables. Names of a policy are
// shown with their control bytes escaped, since the policy's author chose them.
const RULES_SHOWN = 20;
const COLUMN_GAP = "  ";

export function statusText(status: unknown): string {
  const gone = at(status, "policy") === null;
  const paragraphs = [
    head(status),
    gone ? ["no policy is in force: everything is refused"] : [],
    table(["LISTENER", "SERVICE", "PORTS", "OPEN AT", "BACKEND", "CONNECTIONS", "WRITTEN AT"], listeners(status)),
    table(["HITS", "LISTENER", "RULE", "WRITTEN AT"], rules(status)),
    table(
      ["DENIED", "SOURCE"],
      rows(at(status, "top_denied")).map((row) => [text(at(row, "denials")), text(at(row, "source"))]),
    ),
    table(
      ["CERTIFICATE", "KIND", "ENDS"],
      rows(at(status, "certificates")).map((row) => [text(at(row, "name")), text(at(row, "kind")), text(at(row, "not_after"))]),
    ),
    table(["ENDED", "CONNECTIONS"], counted(at(status, "ends"))),
  ];
  return paragraphs
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n");
}

function head(status: unknown): string[] {
  const policy = at(status, "policy");
  const of = (part: string, whole: string): string => `${text(at(status, part))} of ${text(at(status, whole))}`;
  const reasons = counted(at(status, "decisions.by_reason"))
    .map(([reason, count]) => `${reason} ${count}`)
    .join(", ");
  const lines: (readonly [string, string])[] = [
    ["process", `pid ${text(at(status, "pid"))}, up ${duration(at(status, "uptime_ms"))}${at(status, "draining") === true ? ", DRAINING" : ""}`],
    ["forwarder", forwarderText(at(status, "forwarder"))],
    ["TLS engine", engineText(at(status, "tls"))],
    ["threads", threadsText(at(status, "threads"))],
    ...(policy === null ? [] : policyLines(policy, typeof at(status, "source.location") === "string")),
    ...rows(at(status, "listeners"))
      .map((row) => at(row, "closed_because"))
      .filter((because) => typeof because === "string")
      .map((because) => ["WARNING", text(because)] as const),
    ...sourceLines(at(status, "source")),
    ...stateLines(at(status, "state")),
    [
      "connections",
      `${of("connections.live", "connections.cap")}, ${text(at(status, "connections.buffered_bytes"))} bytes buffered, ${text(at(status, "leases"))} leases`,
    ],
    ["decisions", `${text(at(status, "decisions.allowed"))} allowed, ${text(at(status, "decisions.denied"))} denied${reasons === "" ? "" : ` (${reasons})`}`],
    ...dryrunLines(at(status, "dryrun_rate")),
    ["audit", `${text(at(status, "audit.records"))} records, ${text(at(status, "audit.dropped"))} dropped`],
    ...(at(status, "audit.refusals_unrecorded") === 0 ?
      []
    : [["refusals", `${text(at(status, "audit.refusals_unrecorded"))} of registrations and messages beyond the rate at which they are recorded`] as const]),
    ...(at(status, "clients_turned_away") === 0 ?
      []
    : [["clients", `${text(at(status, "clients_turned_away"))} of the gateway's own sockets turned away: too many, or too often`] as const]),
    ["reloads", `${text(at(status, "reloads.done"))} done, ${text(at(status, "reloads.refused"))} refused`],
    ...rows(at(status, "withdrawn_ports")).map(
      (port) =>
        [
          "WARNING",
          `${text(at(port, "local"))}/${text(at(port, "proto"))} is still bound, though ${text(at(port, "service"))} has no lease of it any more`,
        ] as const,
    ),
    ...(at(status, "descriptors_exhausted") === 0 ?
      []
    : [["descriptors", `none was left ${text(at(status, "descriptors_exhausted"))} times: raise nofile or lower caps.connections`] as const]),
  ];
  const width = Math.max(...lines.map(([name]) => name.length));
  return lines.map(([name, words]) => `${name.padEnd(width)}${COLUMN_GAP}${words}`);
}

/** The connections that dryrun caps and limits would have refused, by expose and code. */
function dryrunLines(rates: unknown): (readonly [string, string])[] {
  const all = typeof rates === "object" && rates !== null ? Object.entries(rates) : [];
  const words = all.flatMap(([listener, codes]) => counted(codes).map(([code, count]) => `${text(listener)} ${code} ${count}`));
  return words.length === 0 ? [] : [["dryrun", words.join(", ")]];
}

/** With more than one, the connections of each but the main one. */
function threadsText(threads: unknown): string {
  const [count, because, connections] = [at(threads, "count"), at(threads, "because"), at(threads, "connections")];
  if (count === 1) return `1${typeof because === "string" ? ` (${text(because)})` : ""}`;
  return `${text(count)}, connections of each but the main one: ${Array.isArray(connections) ? connections.map(text).join(" ") : "?"}`;
}

function engineText(tls: unknown): string {
  const because = at(tls, "because");
  return `${text(at(tls, "engine"))}${typeof because === "string" ? ` (${text(because)})` : ""}`;
}

function forwarderText(forwarder: unknown): string {
  const because = at(forwarder, "because");
  const [backlog, longest] = [at(forwarder, "backlog"), at(forwarder, "somaxconn")];
  const places = typeof backlog === "number" && typeof longest === "number" ? Math.min(backlog, longest) : backlog;
  return `${text(at(forwarder, "name"))}${typeof because === "string" ? ` (${text(because)})` : ""}, at most ${text(places)} peers of a port are not yet accepted`;
}

function policyLines(policy: unknown, hasSource: boolean): (readonly [string, string])[] {
  const signature = at(policy, "signature");
  const signed =
    signature === null ? "not signed" : (
      `revision ${text(at(signature, "revision"))} signed by ${text(at(signature, "key_id"))}${at(signature, "verified") === true ? "" : " (not verified: no keys are trusted)"}`
    );
  return [
    [
      "policy",
      `generation ${text(at(policy, "generation"))}, module ${text(at(policy, "sha256")).slice(0, 12)}, ${signed}${at(policy, "poisoned") === true ? ", FAILED INSIDE: everything is refused until a reload" : ""}`,
    ],
    ...(at(policy, "source") === "last_good" ?
      [["WARNING", `the last good policy is in force in place of the ${hasSource ? "source's" : "file"}: ${text(at(policy, "instead_of"))}`] as const]
    : []),
    ["limiter", `${text(at(policy, "limiter.used"))} of ${text(at(policy, "limiter.places"))} entries in use`],
  ];
}

function sourceLines(source: unknown): (readonly [string, string])[] {
  return typeof source !== "object" || source === null ? [] : [["source", `${text(at(source, "location"))}: ${text(at(source, "sentence"))}`]];
}

function stateLines(state: unknown): (readonly [string, string])[] {
  if (state === null) return [];
  const trouble = at(state, "trouble");
  return [["state", `${text(at(state, "directory"))}, highest revision ${text(at(state, "revision"))}${trouble === null ? "" : `: ${text(trouble)}`}`]];
}

function listeners(status: unknown): string[][] {
  return rows(at(status, "listeners")).flatMap((listener) => {
    const ports = rows(at(listener, "ports"))
      .map((range) => {
        const [first, last] = [text(at(range, "first")), text(at(range, "last"))];
        return first === last ? first : `${first}-${last}`;
      })
      .join(",");
    const open = rows(at(listener, "open"));
    const facts = (local: string, backend: string): string[] => [
      text(at(listener, "name")),
      text(at(listener, "service")),
      ports,
      local,
      backend,
      `${text(at(listener, "connections"))}/${text(at(listener, "cap_connections"))}`,
      text(at(listener, "at")),
    ];
    if (open.length === 0) return [facts("(not open)", "-")];
    const all = rows(at(listener, "backends"));
    const isNamed = all.length > 1 || all.some((backend) => typeof at(backend, "unused_because") === "string");
    const sockets = open.map((socket, i) => {
      const named = all.length > 1 ? `${all.length} backends` : text(at(socket, "backend"));
      const [local, backend] = [text(at(socket, "local")), `${named}${at(socket, "lease") === true ? " (lease)" : ""}`];
      return i === 0 ? facts(local, backend) : ["", "", "", local, backend, "", ""];
    });
    return isNamed ? [...sockets, ...all.map((backend) => ["", "", "", "", backendText(backend), "", ""])] : sockets;
  });
}

function backendText(backend: unknown): string {
  const [skippedMs, unused] = [Number(at(backend, "skipped_ms")), at(backend, "unused_because")];
  const state =
    typeof unused === "string" ? `, not used (${unused})`
    : skippedMs > 0 ? `, left out for ${Math.ceil(skippedMs / 1000)} s`
    : "";
  return `${text(at(backend, "backend"))}: ${text(at(backend, "connections"))} open${state}`;
}

function rules(status: unknown): string[][] {
  const all = rows(at(status, "rules"));
  const shown = all
    .slice(0, RULES_SHOWN)
    .map((rule) => [text(at(rule, "hits")), text(at(rule, "listener")), text(at(rule, "rule")) || "-", text(at(rule, "at"))]);
  return all.length > RULES_SHOWN ? [...shown, [`and ${all.length - RULES_SHOWN} more`, "", "", ""]] : shown;
}

/** Columns as wide as they need; numbers to the right. Nothing where there are no rows. */
function table(heads: readonly string[], body: readonly (readonly string[])[]): string[] {
  if (body.length === 0) return [];
  const lines = [heads, ...body];
  const widths = heads.map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)));
  const toRight = heads.map((_, i) => body.every((line) => /^\d*$/.test(line[i] ?? "")));
  return lines.map((line) =>
    line
      .map((cell, i) => (toRight[i] === true ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
      .join(COLUMN_GAP)
      .trimEnd(),
  );
}

function counted(counts: unknown): string[][] {
  return typeof counts === "object" && counts !== null ? Object.entries(counts).map(([name, count]) => [text(name), text(count)]) : [];
}

/** Undefined where there is none; an answer of another release may lack a key. */
function at(value: unknown, path: string): unknown {
  let found = value;
  for (const key of path.split(".")) {
    found = typeof found === "object" && found !== null && Object.hasOwn(found, key) ? Object.entries(found).find(([name]) => name === key)?.[1] : undefined;
  }
  return found;
}

function rows(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string {
  if (value === undefined) return "?";
  if (value === null) return "none";
  const words = typeof value === "string" ? value : (JSON.stringify(value) ?? "?");
  return words.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (c) => `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`);
}

function duration(ms: unknown): string {
  if (typeof ms !== "number") return "?";
  const seconds = Math.floor(ms / 1000);
  const units: readonly (readonly [number, string])[] = [
    [86_400, "d"],
    [3_600, "h"],
    [60, "m"],
    [1, "s"],
  ];
  const from = units.findIndex(([size]) => seconds >= size);
  if (from < 0) return "0s";
  let rest = seconds;
  return units
    .slice(from, from + 2)
    .map(([size, unit]) => {
      const count = Math.floor(rest / size);
      rest -= count * size;
      return `${count}${unit}`;
    })
    .join(" ");
}
