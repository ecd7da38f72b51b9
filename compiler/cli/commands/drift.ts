// ingressc drift: what an engine does, beside what the policy says.
import type { Arguments } from "../../../runtime/shell/command_line.ts";
import { failed, ok, type Result } from "../../../runtime/result/result.ts";
import { NEVER, type Diagram } from "../../analysis/diagrams.ts";
import { withinBudget } from "../../analysis/permitted.ts";
import { driftOf, type Drift, type Drifted } from "../../emitters/drift.ts";
import type { Emitter, Running } from "../../emitters/emitter.ts";
import { hasPart } from "../../emitters/written.ts";
import { readNodes } from "../analysis/nodes.ts";
import { placesText, targetOfPort } from "../../wording/place_text.ts";
import { firstWitness, rowSentence, rowsText } from "../../wording/row_text.ts";
import { sideOfPolicy, type Side } from "../analysis/side.ts";
import { compileAndTest, type Tested } from "../tested.ts";
import type { Surroundings } from "../command.ts";
import { readRegular } from "../disk.ts";
import { emitted, readEmission, type Emission } from "../emitted.ts";
import { readTarget } from "../target.ts";
import { count, usage, type Outcome } from "../outcome.ts";
import type { Progress } from "../progress.ts";

/** Ranges of each place that are shown. */
const MOST_RANGES = 16;
const MOST_BYTES = 256 * 1024 * 1024;

interface Line {
  readonly effect: "opens" | "closes" | "strange";
  readonly place: string;
  readonly listeners: readonly string[];
  readonly text: string;
  /** A request as `explain` reads it. */
  readonly witness: string | null;
}

export async function run(args: Arguments, { progress }: Surroundings): Promise<Outcome> {
  return Promise.resolve(compared(args, progress));
}

function compared(args: Arguments, progress: Progress): Outcome {
  const [file = "", path = ""] = args.operands;
  const emission = readRequest(args);
  if (!emission.ok) return emission.error;
  const { target, settings } = emission.value;
  const compiled = compileAndTest(file, "host", () => false, progress);
  if (!compiled.ok) return compiled.error.outcome;
  const running = readRunning(path, compiled.value, emission.value);
  if (!running.ok) return running.error;
  const side = sideOfPolicy(file, compiled.value);
  if (!side.ok) return side.error;
  const found = withinBudget(() => {
    const drift = driftOf(side.value.model, hasPart(target), running.value, settings.asOf, settings.nodes);
    return linesOf(drift, side.value, target);
  });
  if (!found.ok) {
    return {
      class: "no",
      code: "policy.not_proven",
      message: `not proven: treat as drifted; the comparison needs more than ${count(settings.nodes, "node")}`,
      help: "give it more with `--nodes N`",
      data: { proven: false, nodes: settings.nodes },
    };
  }
  const strange = running.value.strange.map((text): Line => ({
    effect: "strange",
    place: "",
    listeners: [],
    text: `\`${target.name}\` has what ingressc doesn't write: ${text}`,
    witness: null,
  }));
  return outcomeOf([...found.value, ...strange], running.value, compiled.value, target);
}

function readRequest(args: Arguments): Result<Emission, Outcome> {
  const target = readTarget(args, "host");
  if (!target.ok) return target;
  const nodes = readNodes(args);
  if (!nodes.ok) return nodes;
  const emission = readEmission(args, target.value, nodes.value);
  if (!emission.ok) return emission;
  return emission.value === null ?
      failed(usage("drift_target", "`drift` needs the target that the policy was written for", "add `--target nft`"))
    : ok(emission.value);
}

function readRunning(path: string, tested: Tested, emission: Emission): Result<Running, Outcome> {
  const bytes = readRegular(path, MOST_BYTES);
  if (!bytes.ok)
    return failed(
      usage("unreadable_file", `\`${path}\` can't be read`, "name a regular file that has the running configuration, as docs/fleet.md shows how to read it"),
    );
  const wanted = emitted(tested, tested.loaded.info.treeSha256, emission, ", so nothing can be compared with it");
  if (!wanted.ok) return wanted;
  const read = emission.target.read(new TextDecoder().decode(bytes.value), wanted.value.files, wanted.value.plan);
  if (read.ok) return read;
  return failed({
    class: "reject",
    code: "policy.running_unreadable",
    message: `\`${path}\` can't be read as \`${emission.target.name}\`: ${read.error}`,
    help: "docs/fleet.md has the command that writes it",
  });
}

function linesOf({ space, places }: Drift, { model, nets }: Side, target: Emitter): readonly Line[] {
  return places.flatMap((place) => {
    const names = place.listeners.flatMap((i) => model.listeners[i]?.name ?? []);
    const line = (effect: "opens" | "closes", d: Diagram, verb: string): readonly Line[] => {
      if (d === NEVER) return [];
      const { rows, first, more } = rowsText(space, d, nets, MOST_RANGES, false);
      const texts = [...rows.map(rowSentence), ...(more > 0 ? [`and ${count(more, "more combination")}`] : [])];
      const to = targetOfPort(place.proto, place.ports[0]?.first ?? 0, place.local);
      return [
        {
          effect,
          place: placeText(place),
          listeners: names,
          text: `\`${target.name}\` ${verb} ${texts.join("; ")}`,
          witness: first === null ? null : firstWitness(space, first, to, false),
        },
      ];
    };
    return [...line("opens", place.opened, "admits whom the policy refuses:"), ...line("closes", place.closed, "refuses whom the policy admits:")];
  });
}

function placeText({ proto, ports, local }: Drifted): string {
  return placesText([{ proto, ports, local, isShared: false }]);
}

function outcomeOf(lines: readonly Line[], { hash }: Running, { loaded }: Tested, target: Emitter): Outcome {
  const own = loaded.info.treeSha256;
  const said =
    hash === null ? []
    : own.startsWith(hash) ? [`it says that it has this policy (${hash})`]
    : [`it says that it has another policy (${hash}, and this one is ${own.slice(0, hash.length)})`];
  const message =
    lines.length === 0 ? `\`${target.name}\` does what the policy says` : `\`${target.name}\` differs from the policy: ${count(lines.length, "difference")}`;
  return {
    class: lines.length === 0 ? "ok" : "no",
    code: lines.length === 0 ? "policy.no_drift" : "policy.drift",
    message,
    data: { target: target.name, proven: true, hash, policy: own, differences: lines },
    report: (p) =>
      [
        ...lines.map(({ effect, place, listeners, text, witness }) => {
          const sign =
            effect === "opens" ? p.bad("+")
            : effect === "closes" ? p.good("-")
            : "!";
          const where = place === "" ? "" : `${p.bold(listeners.length === 0 ? "no expose" : listeners.join(", "))} (${place}): `;
          return `${sign} ${where}${text}${witness === null ? "" : `\n    for example: ${witness}`}`.replaceAll("`", "");
        }),
        ...said,
        ...(lines.length === 0 ? [message.replaceAll("`", "")] : []),
      ].join("\n"),
  };
}
