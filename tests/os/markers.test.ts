// schemas/markers.toml: what the gateway, the guard and the image print is in it, and nothing else is taken for a marker.
import { readdirSync, readFileSync } from "node:fs";
import { parse } from "smol-toml";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { newCounters } from "../../gateway/audit/counters.ts";
import { createMarkers } from "../../gateway/audit/markers.ts";
import { bindDenied, DENY_REASONS, HOST_ONLY, MARKERS, markersToml } from "../../runtime/abi/markers.ts";
import { REASON_NAMES } from "../../runtime/abi/names.ts";
import { faultsOf, listedMarkers, markerOf } from "../../scripts/os/markers.ts";

const test = suite("markers");
const root = new URL("../../", import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), "utf8");

test("the file is TOML with a phase of the proof manifest and a fact for each marker, each once", () => {
  const { marker } = parse(read("schemas/markers.toml")) as { readonly marker: Readonly<Record<string, Readonly<Record<string, unknown>>>> };
  assert.equal(
    Object.keys(marker),
    MARKERS.map(({ text }) => text),
  );
  for (const [text, entry] of Object.entries(marker)) {
    assert.equal(Object.keys(entry), ["phase", "proves"], text);
    assert.ok(["bringup", "policy", "net"].includes(String(entry["phase"])) && String(entry["proves"]).length > 20, text);
  }
  assert.is(read("schemas/markers.toml"), markersToml());
});

test("the gateway prints no other line, and each word of a refusal has its marker", () => {
  const lines: string[] = [];
  const markers = createMarkers((line) => lines.push(line), newCounters());
  markers.ready();
  markers.portOpen(8443, "tcp");
  markers.portOpen(53, "udp");
  for (const reason of DENY_REASONS) markers.deny(reason, 0);
  assert.equal(lines.slice(0, 4), [
    "ingressd: ready",
    "ingressd: port open (port=8443, proto=tcp)",
    "ingressd: port open (port=53, proto=udp)",
    "ingressd: deny (reason=policy)",
  ]);
  for (const line of lines) assert.ok(markerOf(line) !== null, line);
  assert.is(markerOf(bindDenied("web")), "abi-filter: deny (subject=");
  assert.equal(
    [...DENY_REASONS].sort(),
    Object.values(REASON_NAMES)
      .filter((name) => name !== "none")
      .sort(),
  );
});

test("what the image prints in C is in the list, and all of the list that it may print is there", () => {
  const folder = new URL("runtime/os/image/", root);
  const sources = readdirSync(folder)
    .filter((name) => name.endsWith(".c"))
    .map((name) => readFileSync(new URL(name, folder), "utf8"));
  const begins = sources.flatMap((text) =>
    [...text.matchAll(/print\("((?:ingressd|abi-filter|kernel|SELFTEST): [^"]*)"/g)].map(([, begin = ""]) => begin.replace(/\\n$/, "")),
  );
  assert.ok(begins.length >= 8, begins.join());
  const listed = listedMarkers();
  for (const begin of begins)
    assert.ok(
      listed.some((text) => text.startsWith(begin) || begin.startsWith(text)),
      begin,
    );
  for (const text of listed) assert.ok(HOST_ONLY.has(text) || begins.some((begin) => text.startsWith(begin)), text);
  const words = /reasons\[\] = \{([^}]*)\}/.exec(read("runtime/os/image/markers.c"))?.[1]?.match(/\w+/g) ?? [];
  assert.equal(
    [...new Set(words)],
    DENY_REASONS.filter((reason) => !HOST_ONLY.has(`ingressd: deny (reason=${reason})`)),
  );
});

test("what is no marker", () => {
  for (const line of [
    "",
    " ingressd: ready",
    "ingressd: ready ",
    "ingressd: ready!",
    "Ingressd: ready",
    "ingressd: deny (reason=tls)",
    "ingressd: deny (reason=identity)",
    "ingressd: deny (reason=rate) x",
    "ingressd: port open (port=",
    "ingressd: port open (port=8443, proto=tcp",
    "ingressd: port open FAIL (port=8443, proto=tcp)",
    "abi-filter: deny",
    "SELFTEST: ingress allow",
    "SELFTEST: ingress allow ok ok",
    "SELFTEST: ingress cidr ok",
    "web: SELFTEST: ingress allow ok",
  ])
    assert.is(markerOf(line), null, line);
});

test("a run has markers alone, and no failure", () => {
  assert.equal(faultsOf("ingressd: port open (port=8443, proto=tcp)\ningressd: ready\nSELFTEST: ingress allow ok\n"), []);
  assert.equal(faultsOf("ingressd: ready\nhello\nSELFTEST: ingress rate FAIL\nkernel: fell (cause=2 at=4)\nkernel: stopped (subject=web cause=store)\n"), [
    "`hello` is no marker",
    "`SELFTEST: ingress rate FAIL` is a failure",
    "`kernel: fell (cause=2 at=4)` is a failure",
  ]);
});

test.run();
