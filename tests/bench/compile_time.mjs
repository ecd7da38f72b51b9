// Compile time of n and of 2n, for policies that grow in one direction each: a ratio of more than
// 2.5 says that something is not linear, and ends with exit code 1. The least CPU time of some runs
// counts; what others do on the machine has less of a part in that than in time. The phase that
// takes the most is named.
//
//   node tests/bench/compile_time.mjs              all shapes
//   node tests/bench/compile_time.mjs hosts tests  those whose names have one of these words
import { makePolicy, readerOf } from "./policies.mjs";
await import("../../runtime/host/register.mjs");
const { compile } = await import("../../compiler/compile.ts");

const MOST = 2.5;
const RUNS = 5;
const many = (n, row, between = "\n") => Array.from({ length: n }, (_, i) => row(i)).join(between);
const address = (i) => `${20 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`;
const web = "expose web on tcp 443 { allow from a }";
const tls = "expose web on tcp 443 as passthrough { allow from any sni a }";

/** A policy whose only file is the entry. */
const alone = (text) => inFiles({}, text);
function inFiles(files, text) {
  return { entry: { path: "p.ingress", text: `edition 1\n${text}\n` }, files: new Map(Object.entries(files)) };
}

/** [what grows, n, policy of n] */
const SHAPES = [
  ["prefixes in one set", 16_000, (n) => alone(`net a = ${many(n, (i) => `${address(i)}.0/25`, ", ")}\n${web}`)],
  ["prefixes in one list", 60_000, (n) => inFiles({ l: many(n, (i) => `${address((i * 7919) % n)}.0/25`) }, `net a = file "l" max ${n}\n${web}`)],
  ["v6 prefixes in one list", 30_000, (n) => inFiles({ l: many(n, (i) => `2400:${((i * 7919) % n).toString(16)}::/32`) }, `net a = file "l" max ${n}\n${web}`)],
  [
    "list files",
    2_000,
    (n) =>
      inFiles(
        Object.fromEntries(Array.from({ length: n }, (_, i) => [`l${i}`, `${address(i)}.0/25\n`])),
        `${many(n, (i) => `net a${i} = file "l${i}" max 9`)}\nnet a = a0\n${web}`,
      ),
  ],
  ["prefixes and nets together", 200, (n) => makePolicy({ rules: n, prefixes: n * 100 })],
  ["rules and nets together", 1_000, (n) => makePolicy({ rules: n, prefixes: n })],
  ["rules over the same nets", 4_000, (n) => makePolicy({ rules: n, prefixes: 1_000, nets: 500, exposes: 16 })],
  ["sets", 3_000, (n) => alone(`${many(n, (i) => `net a${i} = ${address(i)}.0/24`)}\nexpose web on tcp 443 { allow from a0 }`)],
  ["sets of one another", 2_000, (n) => alone(`net a0 = 10.0.0.0/8\n${many(n, (i) => `net a${i + 1} = a${i}`)}\nexpose web on tcp 443 { allow from a${n} }`)],
  ["rules of one expose", 1_000, (n) => alone(`expose web on tcp 443 {\n${many(n, (i) => `allow from ${address(i)}.0/24`)}\n}`)],
  [
    "rules with written-out sets",
    1_200,
    (n) => alone(`expose web on tcp 443 {\n${many(n, (i) => `allow from ${many(10, (k) => `${address(10 * i + k)}.0/25`, ", ")}`)}\n}`),
  ],
  ["exposes", 300, (n) => alone(many(n, (i) => `expose e${i} on tcp ${i + 1} { allow from ${address(i)}.0/24 }`))],
  ["exposes on one port", 1_000, (n) => alone(many(n, (i) => `expose e${i} on tcp 443 bind ${address(i)}.1 { backend 127.0.0.1:80 allow from any }`))],
  ["exposes that overlap", 1_000, (n) => alone(many(n, (i) => `expose e${i} on tcp 443 { backend 127.0.0.1:80 allow from any }`))],
  [
    "denies on ports",
    1_000,
    (n) => alone(`${many(n, (i) => `expose e${i} on tcp ${i + 1} { allow from any }`)}\n${many(n, (i) => `deny on tcp ${i + 1} from ${address(i)}.0/24`)}`),
  ],
  ["hosts in one set", 4_000, (n) => alone(`hosts a = ${many(n, (i) => `"h${i}.example.com"`, ", ")}\n${tls}`)],
  ["hosts in one list", 8_000, (n) => inFiles({ l: many(n, (i) => `h${i}.d${i % 100}.example.com`) }, `hosts a = file "l" max ${n}\n${tls}`)],
  [
    "hosts sets",
    200,
    (n) =>
      alone(`${many(n, (i) => `hosts h${i} = "h${i}.example.com"`)}\nexpose web on tcp 443 as passthrough {\n${many(n, (i) => `allow from any sni h${i}`)}\n}`),
  ],
  ["tests", 2_000, (n) => alone(`net a = 10.0.0.0/8\n${web}\n${many(n, (i) => `test "t${i}" { from ${address(i)}.1 to web => deny cidr }`)}`)],
  [
    "annotations",
    1_000,
    (n) => alone(`expose web on tcp 443 {\n${many(n, (i) => `@owner "o${i}" @ticket "T-${i}" @why "because"\nallow from ${address(i)}.0/24`)}\n}`),
  ],
  [
    "imports",
    400,
    (n) =>
      inFiles(
        Object.fromEntries(Array.from({ length: n }, (_, i) => [`f${i}`, `edition 1\nnet a = ${address(i)}.0/24\n`])),
        `${many(n, (i) => `import "f${i}" as f${i}`)}\nexpose web on tcp 443 {\n${many(n, (i) => `allow from f${i}.a`)}\n}`,
      ),
  ],
  [
    "uses of a template",
    300,
    (n) => alone(`template t($n, $p, $w) { expose $n on tcp $p { allow from $w } }\n${many(n, (i) => `use t(e${i}, ${i + 1}, ${address(i)}.0/24)`)}`),
  ],
  // An invariant is parsed and checked, and nothing is built for it; parsing and checking are timed.
  ["invariants", 2_000, (n) => alone(`net a = 10.0.0.0/8\n${web}\n${many(n, (i) => `invariant "i${i}" { never from ${address(i)}.0/24 to web }`)}`)],
  ["errors", 4_000, (n) => alone(many(n, (i) => `net a${i} = 10.1.2.3/8`))],
  ["errors of syntax", 2_000, (n) => alone(many(n, (i) => `net a${i} == 10.0.0.0/8 }`))],
  ["errors in a list", 30_000, (n) => inFiles({ l: many(n, () => "10.1.2.3/8") }, `net a = file "l" max ${n}\n${web}`)],
];

/** CPU milliseconds of a compilation, of all and by phase. */
function time(policy) {
  const reader = readerOf(policy);
  const phases = {};
  let open = { phase: "read", at: cpu() };
  const begin = (phase) => {
    const at = cpu();
    phases[open.phase] = (phases[open.phase] ?? 0) + at - open.at;
    open = { phase, at };
  };
  const { diagnostics } = compile(policy.entry, reader, "host", { begin });
  begin("end");
  return { phases, ms: Object.values(phases).reduce((sum, ms) => sum + ms, 0), errors: diagnostics.length, first: diagnostics[0]?.message };
}

function cpu() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

const words = process.argv.slice(2);
let worst = 0;
for (const [what, n, make] of SHAPES.filter(([name]) => words.length === 0 || words.some((word) => name.includes(word)))) {
  const policies = [make(n), make(2 * n)];
  const least = policies.map(() => null);
  for (let run = 0; run < RUNS; run++) {
    policies.forEach((policy, i) => {
      const timed = time(policy);
      if (least[i] === null || timed.ms < least[i].ms) least[i] = timed;
    });
  }
  const [once, twice] = least;
  const ratio = twice.ms / once.ms;
  worst = Math.max(worst, ratio);
  const [phase, ms] = Object.entries(twice.phases).sort(([, x], [, y]) => y - x)[0];
  const failure = twice.errors === 0 ? "" : `; ${twice.errors} errors: ${twice.first}`;
  console.log(
    `${what}: ${n} in ${once.ms.toFixed(0)} ms, ${2 * n} in ${twice.ms.toFixed(0)} ms, ratio ${ratio.toFixed(2)}, most of it ${phase} (${once.phases[phase]?.toFixed(0)}, ${ms.toFixed(0)})${failure}`,
  );
}
console.log(`worst ratio ${worst.toFixed(2)}, at most ${MOST}`);
process.exitCode = worst > MOST ? 1 : 0;
