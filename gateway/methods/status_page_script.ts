// The script of the status page, as the browser gets it. Texts from the gateway only ever become text nodes.

export const PAGE_SCRIPT = String.raw`"use strict";
const EVERY_MS = 1000;
const PATIENCE_MS = 5000;
let before = null;

function cell(value, kind) {
  const td = document.createElement("td");
  td.textContent = value;
  if (kind) td.className = kind;
  return td;
}

function table(id, heads, rows, none) {
  const head = document.createElement("tr");
  for (const [text, kind] of heads) {
    const th = document.createElement("th");
    th.textContent = text;
    th.scope = "col";
    if (kind) th.className = kind;
    head.append(th);
  }
  const body = rows.map((cells) => {
    const tr = document.createElement("tr");
    tr.append(...cells);
    return tr;
  });
  if (body.length === 0) {
    const tr = document.createElement("tr");
    const td = cell(none, "none");
    td.colSpan = heads.length;
    tr.append(td);
    body.push(tr);
  }
  document.getElementById(id).replaceChildren(head, ...body);
}

function tiles(pairs) {
  const all = pairs.map(([label, value]) => {
    const div = document.createElement("div");
    const [b, span] = [document.createElement("b"), document.createElement("span")];
    div.className = "tile";
    b.textContent = value;
    span.textContent = label;
    div.append(b, span);
    return div;
  });
  document.getElementById("tiles").replaceChildren(...all);
}

const number = (value) => Math.round(value).toLocaleString("en");
const moment = (iso) => iso.slice(0, 19).replace("T", " ") + " UTC";
const perSecond = (value) => (value < 10 ? value.toFixed(1) : number(value)) + " /s";

function bytes(value) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return (unit === 0 ? value.toFixed(0) : value.toFixed(1)) + " " + units[unit];
}

/** Of listeners over one protocol, by their name. */
function sums(traffic) {
  const all = new Map();
  for (const one of traffic) {
    const sum = all.get(one.listener) ?? { denied: 0, connects: 0, bytes: 0, reasons: new Map() };
    for (const [reason, count] of Object.entries(one.denied)) {
      sum.denied += count;
      sum.reasons.set(reason, (sum.reasons.get(reason) ?? 0) + count);
    }
    sum.connects += one.connects;
    sum.bytes += one.bytes;
    all.set(one.listener, sum);
  }
  return all;
}

function state(text, kind) {
  const p = document.getElementById("state");
  p.textContent = text;
  p.className = kind;
}

function show(now) {
  const { status, traffic } = now;
  const past = before ?? now;
  const seconds = Math.max(0.001, (status.uptime_ms - past.status.uptime_ms) / 1000);
  const rate = (of) => (before === null ? 0 : Math.max(0, of(now) - of(before)) / seconds);
  const because = now.unready;
  state(because === null ? "ready, generation " + (status.policy?.generation ?? 0) : because, because === null ? "good" : "bad");
  tiles([
    ["connections of " + number(status.connections.cap), number(status.connections.live)],
    ["allowed", perSecond(rate((one) => one.status.decisions.allowed))],
    ["refused", perSecond(rate((one) => one.status.decisions.denied))],
    ["refused in all", number(status.decisions.denied)],
    ["from clients", bytes(rate((one) => one.status.bytes.from_clients)) + "/s"],
    ["from backends", bytes(rate((one) => one.status.bytes.from_backends)) + "/s"],
    ["blocked prefixes", number(status.blocks.active)],
    ["audit records lost", number(status.audit.dropped)],
  ]);
  const source = document.getElementById("source");
  source.textContent = status.source === null ? "" : status.source.location + ": " + status.source.sentence;
  source.className = status.source?.last === "failed" || status.source?.last === "refused" ? "bad" : "";
  const [sumsNow, sumsBefore] = [sums(traffic), sums(past.traffic)];
  table(
    "listeners",
    [["name"], ["ports"], ["connections", "number"], ["cap", "number"], ["connects", "number"], ["bytes", "number"], ["refused", "number"], ["dryrun would refuse", "number"], ["state"]],
    status.listeners.map((one) => {
      const sum = sumsNow.get(one.name) ?? { denied: 0, connects: 0, bytes: 0 };
      const old = sumsBefore.get(one.name) ?? { denied: 0, connects: 0, bytes: 0 };
      const ports = one.ports.map(({ first, last }) => (first === last ? first : first + "-" + last)).join(", ");
      const closed = one.closed_because ?? (one.waits_for_address ? "no address of its bind" : one.open.length === 0 ? "not open" : null);
      return [
        cell(one.name),
        cell(one.proto + " " + ports),
        cell(number(one.connections), "number"),
        cell(number(one.cap_connections), "number"),
        cell(perSecond(Math.max(0, sum.connects - old.connects) / seconds), "number"),
        cell(bytes(Math.max(0, sum.bytes - old.bytes) / seconds) + "/s", "number"),
        cell(number(sum.denied), "number"),
        cell(number(Object.values(status.dryrun_rate[one.name] ?? {}).reduce((all, count) => all + count, 0)), "number"),
        cell(closed ?? "open", closed === null ? "" : "bad"),
      ];
    }),
    "the policy exposes nothing",
  );
  const open = status.listeners.flatMap((listener) => listener.backends.map((one) => ({ listener: listener.name, ...one })));
  table(
    "backends",
    [["backend"], ["listener"], ["connections", "number"], ["connects", "number"], ["failures", "number"], ["state"]],
    open.map((one) => {
      const connects = (all) => all.find((pair) => pair.listener === one.listener && pair.backend === one.backend)?.connects ?? 0;
      const failures = Object.values(one.failures).reduce((sum, count) => sum + count, 0);
      const unused = typeof one.unused_because === "string";
      const skipped = one.skipped_ms > 0;
      return [
        cell(one.backend),
        cell(one.listener),
        cell(number(one.connections), "number"),
        cell(perSecond(Math.max(0, connects(traffic) - connects(past.traffic)) / seconds), "number"),
        cell(number(failures), "number"),
        cell(
          unused ? "not used: " + one.unused_because
          : skipped ? "left out for " + Math.ceil(one.skipped_ms / 1000) + " s"
          : "in use",
          unused || skipped ? "bad" : "",
        ),
      ];
    }),
    "no port is open",
  );
  const refusals = [...sumsNow].flatMap(([listener, { reasons }]) =>
    [...reasons].map(([reason, count]) => ({ listener, reason, count, old: sumsBefore.get(listener)?.reasons.get(reason) ?? 0 })),
  );
  table(
    "refusals",
    [["reason"], ["listener"], ["refused", "number"], ["rate", "number"]],
    refusals
      .sort((a, b) => b.count - a.count)
      .map((one) => [
        cell(one.reason),
        cell(one.listener === "" ? "none" : one.listener),
        cell(number(one.count), "number"),
        cell(perSecond(Math.max(0, one.count - one.old) / seconds), "number"),
      ]),
    "nothing was refused",
  );
  table(
    "sources",
    [["source"], ["refused", "number"]],
    status.top_denied.map((one) => [cell(one.source), cell(number(one.denials), "number")]),
    "nobody was refused",
  );
  table(
    "rules",
    [["listener"], ["rule"], ["line"], ["hits", "number"]],
    status.rules.map((one) => [cell(one.listener), cell(one.rule), cell(one.at), cell(number(one.hits), "number")]),
    "no rule has decided",
  );
  table(
    "certificates",
    [["name"], ["kind"], ["ends"], ["days left", "number"]],
    status.certificates.map((one) => {
      const days = Math.floor((Date.parse(one.not_after) - Date.parse(now.time)) / 86400000);
      return [cell(one.name), cell(one.kind), cell(moment(one.not_after)), cell(number(days), "number " + (days < 7 ? "bad" : days < 21 ? "mark" : ""))];
    }),
    "the policy uses none",
  );
  table(
    "reloads",
    [["time"], ["result"], ["generation", "number"], ["why"]],
    status.reloads.last.map((one) => [
      cell(moment(one.time)),
      cell(one.done ? "done" : "refused", one.done ? "" : "bad"),
      cell(number(one.generation), "number"),
      cell(one.because),
    ]),
    "none",
  );
  before = now;
}

async function look() {
  try {
    const response = await fetch("/status.json", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
    if (!response.ok) throw new Error("it answers " + response.status);
    show(await response.json());
  } catch (error) {
    state("the gateway can't be read (" + error.message + "): what is shown is old", "bad");
  }
  setTimeout(look, EVERY_MS);
}
look();
`;
