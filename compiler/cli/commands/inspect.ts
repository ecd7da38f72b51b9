// ingressc inspect: what a module contains, and whether this release would load it.
import { grouped } from "../../../runtime/text/number.ts";
import type { Arguments } from "../../../runtime/shell/command_line.ts";
import { loadPolicy } from "../../../runtime/host/load.ts";
import type { ListenerInfo, PolicyInfo } from "../../../runtime/host/module.ts";
import { readSections, type Section } from "../../../runtime/abi/sections.ts";
import { backendsText } from "../backends_text.ts";
import type { Surroundings } from "../command.ts";
import { beginModule, readModule, refusedModule } from "../modules.ts";
import { timesText } from "../near_miss.ts";
import { count, type Outcome } from "../outcome.ts";
import { rows } from "../terminal.ts";
import { ruleText } from "../test_report.ts";

/** Rules shown to people; --json has all of them. */
const MOST_RULES = 50;

const SECTION_NAMES: Readonly<Record<number, string>> = {
  0: "custom",
  1: "type",
  2: "import",
  3: "function",
  4: "table",
  5: "memory",
  6: "global",
  7: "export",
  8: "start",
  9: "element",
  10: "code",
  11: "data",
  12: "data count",
};

export async function run(args: Arguments, { progress }: Surroundings): Promise<Outcome> {
  const file = args.operands[0] ?? "";
  const read = readModule(file);
  if (!read.ok) return read.error;
  const bytes = read.value;
  beginModule(progress, bytes);
  const sections = readSections(bytes) ?? [];
  const sectionData = sections.map((s) => ({ id: s.id, name: sectionName(s), bytes: s.end - s.start }));
  const loaded = loadPolicy(bytes);
  if (!loaded.ok) {
    return {
      ...refusedModule(file, loaded.error),
      data: { loads: false, bytes: bytes.length, sections: sectionData },
      ...(sections.length === 0 ? {} : { report: () => `${file}: ${count(bytes.length, "byte")}\n\n${sectionsText(sections)}\n` }),
    };
  }
  const { info } = loaded.value;
  return {
    class: "ok",
    code: "policy.inspected",
    message: `\`${file}\` loads in this release`,
    data: { loads: true, bytes: bytes.length, ...info, sections: sectionData },
    report: (p) =>
      [
        `${p.bold(file)}: ${p.good("this release loads it")}`,
        "",
        rows([
          ["sha256", info.sha256],
          ["tree sha256", info.treeSha256],
          ["signature", signatureText(info)],
          ["abi version", String(info.abiVersion)],
          ["profile", info.profile],
          ["size", count(bytes.length, "byte")],
          ["memory", `${count(info.memoryBytes / 65536, "page")} (${count(info.memoryBytes, "byte")})`],
          ["decision", `at most ${count(info.maxSteps, "step")}`],
        ]),
        "",
        p.bold("sections"),
        sectionsText(sections),
        "",
        p.bold("listeners"),
        info.listeners.length === 0 ? "  none: this policy opens nothing" : rows(info.listeners.map(listenerRow)),
        "",
        p.bold("rules"),
        rulesText(info),
      ].join("\n"),
  };
}

function signatureText({ signature }: PolicyInfo): string {
  return signature === null ? "none" : `key ${signature.keyId}, revision ${signature.revision}; not verified: run \`ingressc verify\` with a public key`;
}

function sectionName({ id, name }: Section): string {
  return id === 0 ? name : (SECTION_NAMES[id] ?? `unknown ${id}`);
}

function sectionsText(sections: readonly Section[]): string {
  return rows(sections.map((s) => [sectionName(s), count(s.end - s.start, "byte").padStart(16)]));
}

function listenerRow(l: ListenerInfo): readonly [string, string] {
  const ports = l.ports.map((r) => (r.first === r.last ? `${r.first}` : `${r.first}-${r.last}`)).join(", ");
  const bind = prefixesText("bind", l.bind);
  const via = prefixesText("via", l.via);
  const service = l.service === l.name ? "" : ` service ${l.service}`;
  return [
    l.name,
    `${l.proto} ${ports}${bind}${via}${service}${l.mode === "tcp" ? "" : ` as ${l.mode}`}, backend ${backendsText(l)}, ${amplifyText(l)}at most ${count(l.capConnections, l.amplify === undefined ? "connection" : "flow")}`,
  ];
}

function prefixesText(word: string, prefixes: readonly string[] | null): string {
  return prefixes === null ? "" : ` ${word} ${prefixes.slice(0, 4).join(", ")}${prefixes.length > 4 ? ", …" : ""}`;
}

function amplifyText({ amplify }: ListenerInfo): string {
  return amplify === undefined ? "" : `amplify ${amplify}, `;
}

function rulesText(info: PolicyInfo): string {
  if (info.rules.length === 0) return "  none: everything is denied";
  const shown = info.rules
    .slice(0, MOST_RULES)
    .map((r): [string, string] => [String(r.id), `${r.dryrun ? "dryrun, " : ""}${ruleText(r, null)}${timesText(r) === "" ? "" : `, ${timesText(r)}`}`]);
  const more = info.rules.length - shown.length;
  return `${rows(shown)}${more > 0 ? `\n  … and ${grouped(more)} more; \`--json\` has all` : ""}`;
}
