// HAProxy: frontends of one family each, whose rules look sources, local addresses and names up in maps, so that a new policy with the
// same exposes is a swap of maps at the runtime API. One family each, because HAProxy takes 2002:a00:1:: and ::ffff:10.0.0.1 for
// 10.0.0.1 where a map has IPv4 prefixes.
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { isEmpty } from "../check/sets/intervals.ts";
import type { Backend, CheckedExpose } from "../policy/policy.ts";
import type { Emitter, Files, Options, TooMuch } from "./emitter.ts";
import { headerLines } from "./header.ts";
import type { Grant, Place, Plan } from "./plan.ts";
import { FAMILIES, ofFamily, portTexts, prefixTexts, type Family } from "./ranges.ts";
import { overlaid } from "./overlay.ts";
import { patternExpression } from "./haproxy_names.ts";
import { readMaps } from "./haproxy_running.ts";

export const haproxy: Emitter = {
  name: "haproxy",
  ending: ".haproxy",
  isFolder: true,
  can: { modes: new Set(["tcp", "passthrough"]), udp: false, direct: "left out", times: true, bind: true, backends: "forwarded", proxyV2: "without names" },
  emit: filesOf,
  read: (running, wanted) => readMaps(running, wanted),
};

/** As canonicalServerName of the gateway: what has no canonical form is refused, wherever names decide. */
// `\z`, because `$` is before a newline at the end, too.
const CANONICAL = "^(?=.{1,253}\\z)(?:[a-z0-9_-]{1,63}\\.)*(?!(?:[0-9]+|0x[0-9a-f]*)\\z)[a-z0-9_-]{1,63}\\z";
const INSPECT = "10s";

function filesOf(plan: Plan, options: Options): Result<Files, readonly TooMuch[]> {
  const wrong = namelessOf(plan);
  if (wrong.length > 0) return failed(wrong);
  const maps = new Map<string, readonly string[]>();
  const frontends = groups(plan.places).flatMap((places) => FAMILIES.flatMap((family) => new Frontend(plan, places, family, maps).lines()));
  const used = new Set(plan.places.flatMap(({ members }) => members));
  const backends = plan.exposes.flatMap((expose, i) => (used.has(i) ? [backendOf(expose, i)] : []));
  const config = [
    ...headerLines("haproxy", plan, options).map((line) => `# ${line}`),
    "# Maps are found from the folder of this file: haproxy -C FOLDER -f haproxy.cfg",
    "",
    "global",
    "  stats socket unix@runtime.sock mode 600 level admin",
    "",
    "defaults",
    "  mode tcp",
    "  timeout connect 5s",
    "  timeout client 1h",
    "  timeout server 1h",
    "",
    ...frontends,
    ...backends,
  ].join("\n");
  return ok(
    new Map([
      ["haproxy.cfg", config],
      ...[...maps].map(([path, lines]): [string, string] => [path, lines.map((line) => `${line}\n`).join("")]),
      ["swap.txt", swapOf(maps)],
    ]),
  );
}

/** HAProxy finds no name in an empty one, nor behind an entry of another type, which some servers read. */
function namelessOf({ places }: Plan): readonly TooMuch[] {
  const listeners = new Set(places.flatMap(({ names, grants }) => (names === null ? [] : grants.map(({ listener }) => listener))));
  return [...listeners].map((listener) => ({
    listener,
    what: "names decide at its port, and it admits clients without a name: the target takes some hellos with a name for hellos without one",
  }));
}

/** Places that share their ports. */
function groups(places: readonly Place[]): readonly (readonly Place[])[] {
  const found = new Map<string, Place[]>();
  for (const place of places) {
    const key = portTexts(place.ports).join();
    const same = found.get(key);
    if (same === undefined) found.set(key, [place]);
    else same.push(place);
  }
  return [...found.values()];
}

function backendName(expose: CheckedExpose | undefined, i: number): string {
  return `${(expose?.name ?? "").replace(/[^A-Za-z0-9_.-]/g, "_")}.${i}`;
}

function backendOf(expose: CheckedExpose, i: number): string {
  const proxy =
    expose.proxy === null ? ""
    : expose.proxy === "v1" ? " send-proxy"
    : " send-proxy-v2";
  const servers = expose.backends.map((backend, n) => `  server s${n} ${serverAddress(backend)}${proxy}`);
  // A client whose server does not accept goes to others, as in ingressd. With `leastconn` it would come back to those that do not accept,
  // because they have the fewest connections; in turn, each client may meet some of them again, hence the retries.
  const several = servers.length > 1 ? ["  balance roundrobin", `  retries ${8 * servers.length}`, "  option redispatch 1"] : [];
  return [`backend ${backendName(expose, i)}`, ...several, ...servers, ""].join("\n");
}

function serverAddress(backend: Backend): string {
  if (backend.kind === "unix") return `unix@${backend.path}`;
  return backend.host.includes(":") ? `ipv6@${backend.host}:${backend.port}` : `${backend.host}:${backend.port}`;
}

class Frontend {
  readonly #plan: Plan;
  readonly #places: readonly Place[];
  readonly #family: Family;
  readonly #maps: Map<string, readonly string[]>;
  readonly #name: string;
  /** Distinct sets of sources, by their prefixes. */
  readonly #sets = new Map<string, { readonly number: number; readonly grant: Grant }>();

  constructor(plan: Plan, places: readonly Place[], family: Family, maps: Map<string, readonly string[]>) {
    this.#plan = plan;
    this.#places = places.filter(({ local }) => local === null || !isEmpty(ofFamily(local, family)));
    this.#family = family;
    this.#maps = maps;
    this.#name = `tcp_${portTexts(places[0]?.ports ?? []).join("_")}_v${family}`.slice(0, 60);
    if (maps.has(this.#path("sources"))) this.#name = `${this.#name}_${maps.size}`;
  }

  /** Empty where nobody of the family is admitted: the port is closed. */
  lines(): readonly string[] {
    const plain = this.#places.flatMap((place, i) =>
      this.#readsHello(place) ? [] : place.grants.flatMap((grant) => this.#admit("connection", place, i, grant, [])),
    );
    const named = this.#places.flatMap((place, i) => (this.#readsHello(place) ? this.#named(place, i) : []));
    if (this.#sets.size === 0) return [];
    this.#writeMaps();
    const binds = portTexts(this.#places[0]?.ports ?? []).map((ports) => (this.#family === 4 ? `  bind *:${ports}` : `  bind :::${ports} v6only`));
    // HAProxy waits for more bytes where a condition on `date` itself is not met.
    const clock = [...plain, ...named].some((line) => line.includes("var(sess.now)"));
    return [
      `frontend ${this.#name}`,
      ...binds,
      ...(clock ? ["  tcp-request connection set-var(sess.now) date"] : []),
      ...plain,
      ...(named.length === 0 ?
        ["  tcp-request connection reject unless { var(sess.to) -m found }"]
      : [
          `  tcp-request inspect-delay ${INSPECT}`,
          "  tcp-request content accept if { var(sess.to) -m found }",
          // The first byte of a TLS record; without this rule HAProxy waits whether other bytes become a hello of SSL 2.
          "  tcp-request content reject unless { req.payload(0,1) -m bin 16 }",
          "  tcp-request content reject unless { req.ssl_hello_type 1 }",
          // Lengths of the record and of the hello, whose first nine bytes are there now.
          ...(named.some((line) => line.includes("sub(sess.hello)")) ?
            ["  tcp-request content set-var(sess.record) req.payload(3,2),hex,hex2i", "  tcp-request content set-var(sess.hello) req.payload(6,3),hex,hex2i"]
          : []),
          ...named,
          "  tcp-request content reject unless { var(sess.to) -m found }",
        ]),
      "  use_backend %[var(sess.to)]",
      "",
    ];
  }

  #readsHello({ members }: Place): boolean {
    return members.some((i) => this.#plan.exposes[i]?.mode === "passthrough");
  }

  #path(what: string): string {
    return `maps/${this.#name}.${what}.map`;
  }

  #local({ local }: Place, i: number): readonly string[] {
    return local === null ? [] : [`{ dst,map_ip(${this.#path("local")}) -m sub l${i}. }`];
  }

  #admit(stage: "connection" | "content", place: Place, i: number, grant: Grant, name: readonly string[]): readonly string[] {
    const part = ofFamily(grant.sources, this.#family);
    if (isEmpty(part)) return [];
    const key = prefixTexts(part).join();
    const known = this.#sets.get(key) ?? { number: this.#sets.size, grant: { ...grant, sources: part } };
    this.#sets.set(key, known);
    const conditions = [
      ...this.#local(place, i),
      ...name,
      ...(grant.after === null ? [] : [`{ var(sess.now) -m int ge ${grant.after} }`]),
      ...(grant.until === null ? [] : [`{ var(sess.now) -m int lt ${grant.until} }`]),
      `{ src,map_ip(${this.#path("sources")}) -m sub s${known.number}. }`,
    ];
    const to = backendName(this.#plan.exposes[grant.listener], grant.listener);
    return [`  tcp-request ${stage} set-var(sess.to) str(${to}) if ${conditions.join(" ")}`];
  }

  #named(place: Place, i: number): readonly string[] {
    if (place.names === null) return place.grants.flatMap((grant) => this.#admit("content", place, i, grant, []));
    const local = this.#local(place, i);
    const reject = (...conditions: readonly string[]): string => `  tcp-request content reject if ${[...local, ...conditions].join(" ")}`;
    const exact = place.names.filter(({ pattern }) => !pattern.startsWith("*"));
    const wild = place.names.filter(({ pattern }) => pattern.startsWith("*"));
    return [
      // HAProxy reads a name from the first record alone, through the header of the next one and before the last bytes are there.
      reject("!{ req.payload(1,1) -m bin 03 }"),
      reject("!{ req.payload(9,2) -m bin 0301 0302 0303 }"),
      reject("!{ var(sess.record),sub(sess.hello) -m int 4 }"),
      reject("!{ req.len,sub(sess.record) -m int ge 5 }"),
      reject("!{ req.ssl_sni -m found }"),
      reject(`!{ req.ssl_sni,lower -m reg ${CANONICAL} }`),
      ...this.#lookedUp(place, i, exact, `names${i}`, "map_str", (pattern) => pattern),
      ...(exact.length === 0 ? [] : [reject(`{ req.ssl_sni,lower,map_str(${this.#path(`names${i}`)}) -m found }`, "!{ var(sess.to) -m found }")]),
      ...(exact.length === 0 ? [] : ["  tcp-request content accept if { var(sess.to) -m found }"]),
      ...this.#lookedUp(place, i, wild, `patterns${i}`, "map_reg", patternExpression),
    ];
  }

  /** Names that are treated alike have one value in the map. */
  #lookedUp(
    place: Place,
    i: number,
    names: NonNullable<Place["names"]>,
    file: string,
    converter: string,
    keyOf: (pattern: string) => string,
  ): readonly string[] {
    if (names.length === 0) return [];
    const numbers = new Map<string, { readonly number: number; readonly grants: readonly Grant[] }>();
    const lines = names.map(({ pattern, grants }) => {
      const key = grants.map(({ listener, after, until, sources }) => `${listener} ${after} ${until} ${prefixTexts(sources).join()}`).join("|");
      const known = numbers.get(key) ?? { number: numbers.size, grants };
      numbers.set(key, known);
      return `${keyOf(pattern)} n${known.number}.`;
    });
    this.#maps.set(this.#path(file), lines);
    const looked = (number: number): string => `{ req.ssl_sni,lower,${converter}(${this.#path(file)}) -m str n${number}. }`;
    return [...numbers.values()].flatMap(({ number, grants }) => grants.flatMap((grant) => this.#admit("content", place, i, grant, [looked(number)])));
  }

  #writeMaps(): void {
    const sets = [...this.#sets.values()];
    const write = (what: string, mark: string, all: Parameters<typeof overlaid>[0]): void => {
      const lines = overlaid(all).flatMap(({ set, members }) => {
        const value = members.map((number) => `${mark}${number}.`).join("");
        return prefixTexts(set).map((prefix) => `${prefix} ${value}`);
      });
      this.#maps.set(this.#path(what), lines);
    };
    write(
      "sources",
      "s",
      sets.map(({ number, grant }) => ({ number, set: grant.sources })),
    );
    const locals = this.#places.flatMap(({ local }, number) => (local === null ? [] : [{ number, set: ofFamily(local, this.#family) }]));
    if (locals.length > 0) write("local", "l", locals);
  }
}

/** Lines of one command; the runtime API has a buffer of 16 KiB. */
const LINES = 200;

/** Commands that put the maps in the place of those that run, each in one step. `@VERSION` is the number that `prepare map` answers with. */
function swapOf(maps: ReadonlyMap<string, readonly string[]>): string {
  return [...maps]
    .map(([path, lines]) => {
      const parts: string[] = [];
      for (let i = 0; i < lines.length; i += LINES) parts.push(`add map @VERSION ${path} <<\n${lines.slice(i, i + LINES).join("\n")}\n\n`);
      return `prepare map ${path}\n${parts.join("")}commit map @VERSION ${path}\n`;
    })
    .join("");
}
