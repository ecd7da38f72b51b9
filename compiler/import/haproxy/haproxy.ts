// HAProxy: its frontends in mode tcp. Rules are evaluated for each class of server names; a class has the sources that they admit and
// the backend that these lead to.
import { ANY } from "../../check/sets/builtin_nets.ts";
import { EMPTY, isEmpty, subtract, union } from "../../check/sets/intervals.ts";
import type { AddressSet } from "../../policy/policy.ts";
import { intersect } from "../draft/addresses.ts";
import type { Context } from "../draft/context.ts";
import { PLAIN, type Draft, type DraftExpose } from "../draft/draft.ts";
import { Certificates } from "../draft/certificates.ts";
import { behind, collide, placesOf, type Endpoint } from "../draft/endpoints.ts";
import { aclsOf, type Acls, type NameClass, type NamesFrom, type Reading } from "./conditions.ts";
import { isExpectProxy, peersOf, type Peers } from "./peers.ts";
import { linesWith, readHaproxy, shown, type Line, type Section } from "./sections.ts";
import { boundOf, obstacleText, serversOf, type Bound, type Obstacle } from "./servers.ts";
import { defaultsObstacle } from "./tls_options.ts";

const MAX_ENDPOINTS = 5_000;
const MAX_NAMES = 20_000;
/** Lines of a frontend that refuse nobody by themselves. */
const HARMLESS =
  /^(?:mode|bind|acl|tcp-request|use_backend|default_backend|maxconn|option|timeout|log|log-format|log-tag|id|description|backlog|stick-table|server|balance|default-server|retries|fullconn|tcp-check|stick|hash-type|enabled|declare|unique-id-format|unique-id-header)$/;
const LAYERS = ["connection", "session", "content"] as const;
/** Actions of `tcp-request` after which the next rule is evaluated. */
const CONTINUES = /^(?:track-sc\d+|sc-inc-gpc\d*|sc-inc-gpc|sc-set-gpt\d*|set-var|unset-var|capture|set-mark|set-tos|set-log-level|set-nice)/;

interface Front {
  readonly section: Section;
  readonly bound: Bound;
}

export function importHaproxy(context: Context): Draft | null {
  const sections = readHaproxy(context);
  if (sections === null || context.faults.length > 0) return null;
  const fronts = sections
    .filter(({ kind, lines }) => (kind === "frontend" || kind === "listen") && linesWith(lines, "disabled").length === 0)
    .map((section) => ({ section, bound: boundOf(section.lines) }));
  if (fronts.length === 0)
    return context.fault(
      "ING875",
      { at: 0, end: 0 },
      "it has no `frontend` and no `listen`, so nothing of it says who may connect",
      "give the whole configuration file",
    );
  const all = fronts.flatMap(({ bound }) => bound.endpoints);
  if (all.length > MAX_ENDPOINTS) return context.fault("ING877", { at: 0, end: 0 }, `it has more than ${MAX_ENDPOINTS} \`bind\``, "import a part of it");
  const certificates = new Certificates();
  const exposes = fronts.flatMap((front): readonly DraftExpose[] => {
    const made = collision(front, fronts) ?? exposesOf(context, front, { sections, all, certificates });
    if (!isObstacle(made)) return made;
    context.omit(front.section.head, shown(front.section.head), obstacleText(made));
    return [];
  });
  return { header: certificates.lines(), exposes };
}

function isObstacle(value: unknown): value is Obstacle {
  return typeof value === "object" && value !== null && "why" in value && "line" in value;
}

function collision({ section, bound }: Front, fronts: readonly Front[]): Obstacle | null {
  const meets = (a: Endpoint, b: Endpoint): boolean => a !== b && collide(a, b);
  const other = fronts.find((front) => front.bound.endpoints.some((b) => bound.endpoints.some((a) => meets(a, b))));
  if (other !== undefined) return { line: other.section.head, why: "both have the same port" };
  const unclear = fronts.find((front) => front.section !== section && front.bound.isUnclear);
  return unclear !== undefined && bound.endpoints.some(({ isWide }) => isWide) ?
      { line: unclear.section.head, why: "it may listen at an address of this one, and that could not be read" }
    : bound.obstacle;
}

/** All frontends share this. */
interface Whole {
  readonly sections: readonly Section[];
  readonly all: readonly Endpoint[];
  readonly certificates: Certificates;
}

function exposesOf(context: Context, { section, bound }: Front, whole: Whole): readonly DraftExpose[] | Obstacle {
  const { head, lines, defaults } = section;
  const own = (linesWith(lines, "mode")[0] ?? linesWith(defaults, "mode")[0])?.words[1] ?? "tcp";
  if (own !== "tcp") return { line: head, why: `its mode is ${own}, and ingressd does not read requests` };
  const strange = [...lines, ...defaults.filter(({ words: [word] }) => word === "tcp-request")].find(
    (line) => !HARMLESS.test(line.words[0] ?? "") || defaults.includes(line),
  );
  if (strange !== undefined) return { line: strange, why: "it can change who is admitted, and it has no counterpart in a policy" };
  if (bound.endpoints.length === 0) return { line: head, why: "it has no `bind`" };
  const requests = linesWith(lines, "tcp-request");
  const waits =
    requests.some(({ words }) => words[1] === "inspect-delay") &&
    requests.some(
      ({ words }) =>
        words[1] === "content" &&
        /ssl_(?:hello_type|sni)/.test(
          words.join(" ") +
            linesWith(lines, "acl")
              .map(({ words: acl }) => (words.includes(acl[1] ?? "") ? acl.join(" ") : ""))
              .join(" "),
        ),
    );
  const front = frontOf(bound, whole);
  if (isObstacle(front)) return front;
  const source: NamesFrom =
    bound.tls !== null ? "tls"
    : waits ? "hello"
    : null;
  const acls = aclsOf(linesWith(lines, "acl"), source);
  // Nothing has been read yet where these are evaluated.
  const blind = aclsOf(linesWith(lines, "acl"), null);
  const peers = peersOf(context, bound, requests, blind);
  if (isObstacle(peers)) return peers;
  const layers = layersOf(context, requests, (layer) => (layer === "content" ? acls : blind));
  if (isObstacle(layers)) return layers;
  const routes = routesOf(context, section, acls);
  for (const { line, why } of bound.narrower) context.omit(line, shown(line), why);
  const names = uniqueNames(acls.names);
  if (names.length > MAX_NAMES) return { line: head, why: `it has more than ${MAX_NAMES} server names` };
  const found = classesOf([...names, { kind: "other" }], layers, routes, context, head);
  const needsHello = [...layers.flat(), ...routes].some(({ condition }) => condition.needsHello);
  const mode =
    bound.tls !== null ? "tls"
    : names.length > 0 || needsHello ? "passthrough"
    : "tcp";
  return written(context, section, found, { ...front, mode, peers }, whole.sections, placesOf(bound.endpoints, whole.all));
}

/** The certificates of a frontend that terminates TLS. */
function frontOf({ tls }: Bound, { sections, certificates }: Whole): Pick<DraftExpose, "certs" | "alpn"> | Obstacle {
  if (tls === null) return { certs: [], alpn: [] };
  const obstacle = defaultsObstacle(sections);
  if (obstacle !== null) return obstacle;
  const certs = certificates.namesOf(tls.paths);
  return certs === null ? { line: tls.line, why: "its certificate is no file, so it has no name" } : { certs, alpn: tls.alpn };
}

interface Layer {
  readonly action: "accept" | "reject";
  readonly condition: Reading;
}

/** The rules of each layer, in the order of HAProxy's: connection, session, content. */
function layersOf(context: Context, requests: readonly Line[], aclsAt: (layer: string) => Acls): readonly (readonly Layer[])[] | Obstacle {
  const layers = new Map<string, Layer[]>(LAYERS.map((layer) => [layer, []]));
  for (const line of requests) {
    const [, layer = "", action = "", ...rest] = line.words;
    if (layer === "inspect-delay") continue;
    const rules = layers.get(layer);
    if (rules === undefined) return { line, why: "it has no counterpart in a policy" };
    if (CONTINUES.test(action) || isExpectProxy(line)) continue;
    if (action !== "accept" && action !== "reject" && action !== "silent-drop")
      return { line, why: `\`${action}\` can change who is admitted, and has no counterpart in a policy` };
    const condition = aclsAt(layer).read(rest);
    if (condition.why !== null)
      context.omit(line, shown(line), `${condition.why}, so ${action === "accept" ? "it admits nobody here" : "whatever it may refuse is refused here"}`);
    rules.push({ action: action === "accept" ? "accept" : "reject", condition });
  }
  return [...layers.values()];
}

interface Route {
  readonly to: string;
  readonly line: Line;
  readonly condition: Reading;
}

function routesOf(context: Context, { kind, name, lines, defaults, head }: Section, acls: Acls): readonly Route[] {
  const always = acls.read([]);
  const routes = linesWith(lines, "use_backend").map((line): Route => {
    const [, to = "", ...rest] = line.words;
    const condition = acls.read(rest);
    if (condition.why !== null) context.omit(line, shown(line), `${condition.why}, so the clients for which it may be true are refused here`);
    return { to, line, condition };
  });
  const last = linesWith(lines, "default_backend")[0] ?? linesWith(defaults, "default_backend")[0];
  if (last !== undefined) return [...routes, { to: last.words[1] ?? "", line: last, condition: always }];
  return kind === "listen" ? [...routes, { to: name, line: head, condition: always }] : routes;
}

function uniqueNames(names: readonly NameClass[]): readonly NameClass[] {
  return [...new Map(names.map((name) => [JSON.stringify(name), name])).values()];
}

interface Found {
  readonly name: NameClass;
  readonly from: AddressSet;
  readonly route: Route | null;
}

function classesOf(
  names: readonly NameClass[],
  layers: readonly (readonly Layer[])[],
  routes: readonly Route[],
  context: Context,
  head: Line,
): readonly Found[] {
  return names.map((name) => {
    let admitted = ANY;
    for (const rules of layers) {
      let [open, passed] = [admitted, EMPTY];
      for (const { action, condition } of rules) {
        const { lower, upper } = condition.of(name);
        if (action === "accept") passed = union([passed, intersect(open, lower)]);
        open = subtract(open, action === "accept" ? lower : upper);
      }
      admitted = union([passed, open]);
    }
    const targets = new Map<string, { readonly route: Route; from: AddressSet }>();
    for (const route of routes) {
      const { lower, upper } = route.condition.of(name);
      const here = intersect(admitted, lower);
      admitted = subtract(admitted, upper);
      if (isEmpty(here)) continue;
      const target = targets.get(route.to) ?? { route, from: EMPTY };
      target.from = union([target.from, here]);
      targets.set(route.to, target);
    }
    const [first, ...others] = targets.values();
    for (const { route } of others)
      context.omit(
        head,
        shown(head),
        `for ${nameText(name)}, some sources lead to \`${route.to}\`; only those that lead to \`${first?.route.to ?? ""}\` are admitted here`,
      );
    return { name, from: first?.from ?? EMPTY, route: first?.route ?? null };
  });
}

function nameText(name: NameClass): string {
  return name.kind === "other" ? "other names" : `${name.kind === "below" ? "*." : ""}${name.text}`;
}

/** Classes with the same sources and backend are one expose; a class that nobody may reach must not lead to the rest. */
function written(
  context: Context,
  { name: front, lines }: Section,
  found: readonly Found[],
  { peers, ...first }: Pick<DraftExpose, "mode" | "certs" | "alpn"> & { readonly peers: Peers },
  sections: readonly Section[],
  places: ReturnType<typeof placesOf>,
): readonly DraftExpose[] {
  const groups = new Map<string, Found[]>();
  for (const one of found) {
    const key = one.name.kind === "other" ? "other" : `${isEmpty(one.from) ? "" : (one.route?.to ?? "")} ${one.from.bounds.join()}`;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  const most = linesWith(lines, "maxconn")[0]?.words[1] ?? "";
  const connections = /^[1-9]\d{0,5}$/.test(most) ? Number(most) : null;
  return [...groups.values()].flatMap((group) => {
    const [one] = group;
    if (one === undefined) return [];
    const section = sections.find(({ kind, name }) => (kind === "backend" || kind === "listen") && name === one.route?.to);
    const servers =
      one.route === null ? null
      : section === undefined ? { line: one.route.line, why: `there is no backend \`${one.route.to}\`` }
      : serversOf(section, front);
    if (isObstacle(servers)) context.omit(servers.line, shown(servers.line), servers.why);
    else if (servers !== null && servers.differs !== null) context.omit(servers.differs.line, shown(servers.differs.line), servers.differs.why);
    const isShut = servers === null || isObstacle(servers) || isEmpty(one.from);
    if (isShut && one.name.kind === "other") return [];
    const hosts =
      one.name.kind === "other" ? null : group.flatMap(({ name }) => (name.kind === "other" ? [] : [name.kind === "below" ? `**.${name.text}` : name.text]));
    return places.map((place): DraftExpose => {
      const { ports, bind, from } = behind(peers.via, place, subtract(one.from, peers.nobody));
      return {
        ...PLAIN,
        at: one.route?.line ?? null,
        name:
          hosts === null ?
            found.length > 1 ?
              `${front}_rest`
            : front
          : `${front}_${isShut ? "refused" : (one.route?.to ?? "")}`,
        protocols: ["tcp"],
        ports,
        bind,
        hosts,
        ...first,
        via: peers.via,
        why: peers.why,
        backends: isShut ? [] : servers.backends,
        proxy: isShut ? null : servers.proxy,
        connections,
        allows: isShut ? [] : [{ from, hosts: null }],
      };
    });
  });
}
