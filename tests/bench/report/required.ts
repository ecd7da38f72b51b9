// The project's performance requirements and the figures of a run that are compared with them. `cause` is printed for a
// row that falls short, with the reason and the next idea.
import { isDecided, type OnNode, type Results } from "./results.ts";
import { bytes, digits, duration, thousands } from "./text.ts";

interface Reached {
  /** In the unit of `most` or `least`. */
  readonly value: number;
  readonly text: string;
}

export interface Requirement {
  readonly work: string;
  readonly required: string;
  /** One of the two is set. */
  readonly most?: number;
  readonly least?: number;
  /** Null where it was not measured. */
  readonly reached: (node: OnNode, results: Results) => Reached | null;
  readonly cause?: string;
}

function accept(world: string): Requirement["reached"] {
  return ({ decide }) => {
    const call = decide[world]?.["call"];
    if (!isDecided(call)) return null;
    const { random, reference } = call;
    const ratio = reference === undefined ? "" : ` (${digits(random.median / reference.median)} × reference)`;
    return { value: random.median, text: `${duration(random.median)}${ratio}` };
  };
}

function compiled(world: string): Requirement["reached"] {
  return ({ compile }) => {
    const figure = compile[world];
    if (figure === undefined) return null;
    return { value: figure.coldMs, text: `${duration(figure.coldMs * 1e6)}${figure.warmMs === null ? "" : `, again ${duration(figure.warmMs * 1e6)}`}` };
  };
}

function swapped(megabytes: number): Requirement["reached"] {
  return ({ swap }) => {
    const figure = swap.find((s) => s.megabytes === megabytes);
    if (figure === undefined) return null;
    const { stopMs, stopCpuMs, quietMs } = figure;
    const clock = `${digits(stopMs.median)} ms by the clock (without a swap ${digits(quietMs.median)})`;
    if (stopCpuMs.most === 0) return { value: stopMs.median, text: clock };
    return { value: stopCpuMs.median, text: `${digits(stopCpuMs.median)} ms of CPU, at most ${digits(stopCpuMs.most)}; ${clock}` };
  };
}

const LOOKUP =
  "sources spread at random over so many prefixes find their page, their values and their cell in memory and not in a cache: three or four reads, each of which needs the one before. `node tests/bench/memory_waits.mjs` measures one such read: on a busy machine 143 ns within the 8 MB of these tables and 186 ns within the 42 MB of the larger ones, so the requirement is less than one wait. Its last line is the caller's own part: to read the four words of a source, an object, takes 42 to 47 ns before anything is decided, because a quarter of a million of them fit no cache either (the gateway has just made its own). Large pages (`madvise`) were tried there: medians 13 to 18 % lower at 42 MB in four of five pairs of runs, and no difference beyond the noise at 8 MB. Next: the values of a page beside its bitmaps, one line of memory less.";
const COLD =
  "code that runs for the first time has a large part in it (the second figure is the same again in one process), and where there are a million prefixes the sweep over them. `node tests/bench/compile_phases.mjs` prints the phases of a first run, in percent of its CPU time: for 1,000 rules and 100,000 prefixes in the text, reading takes 35, `lower` 31, the texts 13 and `check` 12; for 1,000 rules and 1,000,000 prefixes in files, `lower` takes 44, `check` 27, the texts 15 and reading 7; for 10,000 rules and 10,000 prefixes in the text, reading takes 44, `lower` 22, the texts 15 and `check` 13. No phase can be left out: `lower` makes 199,112 stretches of addresses in the first of them and 1,983,596 in the second. Next: a start-up snapshot, so that the compiler begins warm, and the two families in threads of their own.";

export const REQUIREMENTS: readonly Requirement[] = [
  {
    work: "accept from TypeScript, 1,000 rules x 100,000 prefixes, random",
    required: "<= 60 ns",
    most: 60,
    reached: accept("rules-1000-100000"),
    cause: LOOKUP,
  },
  { work: "the same, 1,000 rules x 1,000,000 prefixes", required: "<= 120 ns", most: 120, reached: accept("rules-1000-1000000"), cause: LOOKUP },
  { work: "compile 1,000 rules x 100,000 prefixes from source text", required: "<= 300 ms", most: 300, reached: compiled("rules-1000-100000"), cause: COLD },
  { work: "compile 1,000 rules x 1,000,000 prefixes", required: "<= 2.5 s", most: 2_500, reached: compiled("rules-1000-1000000"), cause: COLD },
  {
    work: "its peak memory, the whole process",
    required: "<= 10 x the module",
    most: 10,
    cause:
      "Node and the compiler's own code are 150 MiB of it before a policy is read. Next: write the tables into the module's bytes at once, and not beside it.",
    reached: ({ compile }) => {
      const figure = compile["rules-1000-1000000"];
      if (figure === undefined) return null;
      const ratio = (figure.peakMiB * 2 ** 20) / figure.coreBytes;
      return { value: ratio, text: `${digits(ratio)} x (${digits(figure.peakMiB)} MiB for ${bytes(figure.coreBytes)})` };
    },
  },
  {
    work: "peak memory for 100,000 rules x 1,000,000 prefixes, the whole process",
    required: "<= 1 GiB",
    most: 1024,
    reached: ({ compile }) => {
      const figure = compile["rules-100000-1000000"];
      return figure === undefined ? null : (
          { value: figure.peakMiB, text: `${digits(figure.peakMiB)} MiB for ${bytes(figure.coreBytes)}, ${duration(figure.coldMs * 1e6)}` }
        );
    },
  },
  { work: "compile 10,000 rules x 10,000 prefixes", required: "<= 1 s", most: 1_000, reached: compiled("rules-10000-10000"), cause: COLD },
  {
    work: "longest stop while a policy of 1 MB is swapped",
    required: "<= 2 ms",
    most: 2,
    reached: swapped(1),
    cause:
      "the turn of the swap copies the limits and counts every open connection. Next: count them in slices before the swap, and only what changed in its turn.",
  },
  { work: "the same, 16 MB", required: "<= 10 ms", most: 10, reached: swapped(16) },
  {
    work: "module of a ten-rule policy, without custom sections",
    required: "<= 16 KB",
    most: 16_000,
    reached: ({ sizes }) => (sizes === null ? null : { value: sizes.tenRuleBytes, text: `${thousands(sizes.tenRuleBytes)} bytes` }),
  },
  {
    work: "the engine in it",
    required: "<= 12 KiB",
    most: 12 * 1024,
    reached: ({ sizes }) => (sizes === null ? null : { value: sizes.engineBytes, text: `${thousands(sizes.engineBytes)} bytes` }),
  },
  {
    work: "honest newcomers served under each flood",
    required: ">= 95 %",
    least: 95,
    reached: (_, { floods }) => {
      const shares = floods.map(({ served, asked }) => (100 * served) / asked);
      return shares.length === 0 ? null : { value: Math.min(...shares), text: `at least ${digits(Math.min(...shares))} % of ${shares.length} floods` };
    },
  },
  {
    work: "an abuser's budget under them",
    required: "never refilled",
    most: 0,
    reached: (_, { floods }) =>
      floods.length === 0 ?
        null
      : {
          value: Math.max(0, ...floods.map(({ abuser, due }) => abuser - due)),
          text: [...new Set(floods.map(({ abuser, due }) => `${abuser} of at most ${due}`))].join(", "),
        },
  },
  {
    work: "wrong answers of ingressd, all worlds",
    required: "0",
    most: 0,
    reached: ({ decide }) => {
      const ours = Object.values(decide)
        .flatMap((subjects) => ["call", "host", "text", "batch", "admit"].map((s) => subjects[s]))
        .filter(isDecided);
      if (ours.length === 0) return null;
      const sum = (of: "asked" | "wrong"): number => ours.reduce((n, { answers }) => n + answers[of], 0);
      return { value: sum("wrong"), text: `${sum("wrong")} of ${thousands(sum("asked"))}` };
    },
  },
];

export function isMet({ most, least }: Requirement, { value }: Reached): boolean {
  return (most === undefined || value <= most) && (least === undefined || value >= least);
}
