// Compile time of n and of 2n, for policies that grow in one direction each: a ratio of more than
// 2.5 says that something is not linear, and ends with exit code 1. The least of some runs counts.
//
//   node tests/bench/compile_time.mjs
await import("../../runtime/host/register.mjs");
const { compile } = await import("../../compiler/compile.ts");

const MOST = 2.5;
const RUNS = 5;
const many = (n, row) => Array.from({ length: n }, (_, i) => row(i)).join("\n");
const address = (i) => `${20 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`;

/** [what grows, n, text of n] */
const SHAPES = [
  ["prefixes in one set", 8000, (n) => `net a = ${many(n, (i) => `${address(i)}.0/25`).replaceAll("\n", ", ")}\nexpose web on tcp 443 { allow from a }`],
  ["sets", 3000, (n) => `${many(n, (i) => `net a${i} = ${address(i)}.0/24`)}\nexpose web on tcp 443 { allow from a0 }`],
  ["rules of one expose", 1000, (n) => `expose web on tcp 443 {\n${many(n, (i) => `allow from ${address(i)}.0/24`)}\n}`],
  ["exposes", 300, (n) => many(n, (i) => `expose e${i} on tcp ${i + 1} { allow from ${address(i)}.0/24 }`)],
  ["uses of a template", 300, (n) => `template t($n, $p, $w) { expose $n on tcp $p { allow from $w } }\n${many(n, (i) => `use t(e${i}, ${i + 1}, ${address(i)}.0/24)`)}`],
  ["errors", 4000, (n) => many(n, (i) => `net a${i} = 10.1.2.3/8`)],
];

function time(text) {
  const started = performance.now();
  const { diagnostics } = compile({ path: "p.ingress", text: `edition 1\n${text}\n` }, { read: () => "missing" });
  return { ms: performance.now() - started, errors: diagnostics.length, first: diagnostics[0]?.message };
}

let worst = 0;
for (const [what, n, make] of SHAPES) {
  const texts = [make(n), make(2 * n)];
  const least = [Infinity, Infinity];
  let told = "";
  for (let run = 0; run < RUNS; run++) {
    texts.forEach((text, i) => {
      const { ms, errors, first } = time(text);
      least[i] = Math.min(least[i], ms);
      if (errors > 0) told = `, ${errors} errors: ${first}`;
    });
  }
  const ratio = least[1] / least[0];
  worst = Math.max(worst, ratio);
  console.log(`${what}: ${n} in ${least[0].toFixed(0)} ms, ${2 * n} in ${least[1].toFixed(0)} ms, ratio ${ratio.toFixed(2)}${told}`);
}
console.log(`worst ratio ${worst.toFixed(2)}, at most ${MOST}`);
process.exitCode = worst > MOST ? 1 : 0;
