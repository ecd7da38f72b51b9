// A first policy for the listeners of a host: an expose for each, with the backend that its service is to move to, and tests.
import { formatAddress, isV4, isWildcard } from "../../../runtime/net/address.ts";
import { failed } from "../../../runtime/result/result.ts";
import { checkSource } from "../../compile.ts";
import { format } from "../../format/format.ts";
import { comment, Names } from "../../import/draft/policy_text.ts";
import { isWide, placesText, type Found, type Listener } from "./listeners.ts";
import { movingLines, staysBecause } from "./programs.ts";

/** Added to a service's port for its backend. */
const AWAY = 20_000;
const LAST_PORT = 65_535;
const WHY = "found listening";

/** A client somewhere, in the documentation's addresses. */
const CLIENTS = { 4: "203.0.113.9", 6: "2001:db8::9" } as const;

interface Moved {
  readonly listener: Listener;
  readonly protocols: readonly ("tcp" | "udp")[];
  readonly name: string;
  readonly backend: number;
}

export interface FirstPolicy {
  readonly text: string;
  readonly exposes: number;
  readonly stays: number;
}

/** The text of a first policy, formatted; null where it has an error, which is a defect. */
export function checkedText(text: string): string | null {
  const formatted = format({ path: "init", text });
  if (!formatted.ok) return null;
  const { diagnostics } = checkSource({ path: "init", text: formatted.value }, { read: () => failed("missing") });
  return diagnostics.length === 0 ? formatted.value : null;
}

export function firstPolicy({ listeners, usedPorts }: Found): FirstPolicy {
  const reasons = new Map(listeners.map((listener) => [listener, staysBecause(listener, listeners)]));
  const staying = listeners.filter((listener) => reasons.get(listener) !== null);
  const moved = movedOf(
    listeners.filter((listener) => reasons.get(listener) === null),
    new Set(usedPorts),
  );
  const lines = [
    "edition 1",
    comment(
      "What listens on this host for others. Move each service as the comment above its expose says, then start ingressd: until then its port is in use.",
    ),
    comment("Write who may connect in place of `any`, and the reason in place of `found listening`."),
    ...staying.map((listener) =>
      comment(`${listener.program ?? "something"} on ${listener.protocol} ${listener.port} (${placesText(listener)}) ${reasons.get(listener) ?? ""}`),
    ),
    ...moved.map(exposeText),
    ...(moved.length === 0 ? [] : [testText(moved, staying)]),
  ];
  return { text: `${lines.join("\n")}\n`, exposes: moved.length, stays: staying.length };
}

function movedOf(listeners: readonly Listener[], used: Set<number>): readonly Moved[] {
  const names = new Names();
  for (const { port } of listeners) used.add(port);
  const moved: Moved[] = [];
  const done = new Set<Listener>();
  for (const listener of listeners) {
    if (done.has(listener)) continue;
    const twin = listeners.find((other) => isTwin(listener, other));
    for (const one of [listener, twin]) if (one !== undefined) done.add(one);
    const program = listener.program ?? "service";
    const isOnly = listeners.every((other) => other === listener || other === twin || other.program !== listener.program);
    const backend = freePort(listener.port, used);
    used.add(backend);
    moved.push({
      listener,
      protocols: twin === undefined ? [listener.protocol] : ["tcp", "udp"],
      name: names.unique(isOnly && listener.program !== null ? program : `${program}_${listener.port}`),
      backend,
    });
  }
  return moved;
}

/** The same service over the other protocol. */
function isTwin(a: Listener, b: Listener): boolean {
  const places = (listener: Listener): string => listener.addresses.map(formatAddress).sort().join();
  return a.program !== null && a.protocol !== b.protocol && a.port === b.port && a.program === b.program && places(a) === places(b);
}

/** The first port from `port` + 20,000 on that nothing uses; below that where it would be past the last one. */
export function freePort(port: number, used: ReadonlySet<number>): number {
  const first = port + AWAY <= LAST_PORT ? port + AWAY : port - AWAY;
  for (let next = first; next <= LAST_PORT; next++) if (!used.has(next)) return next;
  for (let next = first - 1; next > 0; next--) if (!used.has(next)) return next;
  return first;
}

function exposeText({ listener, protocols, name, backend }: Moved): string {
  const { port, user, program, addresses } = listener;
  const bind = isWide(listener) ? "" : ` bind ${addresses.map(formatAddress).join(", ")}`;
  return [
    "",
    comment(`${program ?? "a program that this user may not see"} listens on ${placesText(listener)}`),
    ...movingLines(listener, backend).map(comment),
    ...(/^[\w.-]+\$?$/.test(user) ? [`@owner "${user}"`] : []),
    `expose ${name} on ${protocols.join(", ")} ${port}${bind} {`,
    `backend 127.0.0.1:${backend}`,
    // Nothing bounds what the service answers now, either.
    ...(protocols.includes("udp") ? ["amplify any"] : []),
    `@why "${WHY}"`,
    `allow from ${sourcesOf(listener)}`,
    "}",
  ].join("\n");
}

/** A socket at `::` takes IPv4 too, unless the program says otherwise; one with IPv4 addresses alone never has a client over IPv6. */
function sourcesOf({ addresses }: Listener): "any" | "any4" | "any6" {
  if (addresses.some((address) => !isV4(address) && isWildcard(address))) return "any";
  const families = new Set(addresses.map(isV4));
  return (
    families.size === 2 ? "any"
    : families.has(true) ? "any4"
    : "any6"
  );
}

function testText(moved: readonly Moved[], staying: readonly Listener[]): string {
  const lines = moved.flatMap(({ listener, name }) => {
    const sources = sourcesOf(listener);
    return ([4, 6] as const).map(
      (family) => `from ${CLIENTS[family]} to ${name} => ${sources === "any" || sources === `any${family}` ? "allow" : "deny cidr"}`,
    );
  });
  const exposed = new Set(moved.flatMap(({ listener, protocols }) => protocols.map((protocol) => `${protocol} ${listener.port}`)));
  const shut = [...new Set(staying.map(({ protocol, port }) => `${protocol} ${port}`)), "tcp 1", "tcp 2"].filter((place) => !exposed.has(place));
  return [
    "",
    `test "${WHY}" {`,
    ...lines,
    ...shut.slice(0, Math.max(1, staying.length)).map((place) => `from ${CLIENTS[4]} to ${place} => deny policy`),
    "}",
  ].join("\n");
}
