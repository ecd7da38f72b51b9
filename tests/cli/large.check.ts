// Measures a policy of half a million members: memory of the whole process, as the kernel counts it.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { atEnd, suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { folder, INGRESSC } from "./programs.ts";

const large = suite("large");
const MEMBERS = 499_970;
const MOST_KIB = 1024 * 1024;

/** Starts `ingressc` in a process that says at its end how much it ever had, in KiB. */
function measured(args: readonly string[], cwd: string): { readonly code: number; readonly out: string; readonly kib: number } {
  const report = "process.on('exit', () => require('node:fs').writeFileSync('peak', String(process.resourceUsage().maxRSS)))";
  const ended = spawnSync(
    process.execPath,
    [
      "--import",
      `data:text/javascript,${encodeURIComponent(`import { createRequire } from "node:module"; const require = createRequire(${JSON.stringify(import.meta.url)}); ${report}`)}`,
      ...INGRESSC,
      ...args,
    ],
    { cwd, encoding: "utf8" },
  );
  return { code: ended.status ?? -1, out: ended.stdout + ended.stderr, kib: Number(readFileSync(`${cwd}/peak`, "utf8")) };
}

large("fmt and test of 500,000 members stay below 1 GiB", () => {
  const dir = folder();
  atEnd(() => {
    dir.remove();
  });
  const ports = Array.from({ length: MEMBERS }, (_, i) => String(1 + (i % 999))).join(", ");
  const addresses = Array.from(
    { length: MEMBERS },
    (_, i) => `${1 + (i % 9)}.${Math.floor(i / 9) % 10}.${Math.floor(i / 90) % 10}.${Math.floor(i / 900) % 10}`,
  ).join(",");
  dir.write("f.ingress", `edition 1\nports big = ${ports}\nexpose web on tcp big { backend 127.0.0.1:8080 allow from any }\n`);
  dir.write(
    "t.ingress",
    `edition 1\nnet big = ${addresses}\nexpose web on tcp 443 { backend 127.0.0.1:8080 allow from big }\ntest "t" { from 1.0.0.0 to web => allow }\n`,
  );
  for (const [args, says] of [
    [["fmt", "f.ingress"], /1 file formatted/],
    [["fmt", "--check", "f.ingress"], /1 file in the one layout/],
    [["test", "t.ingress"], /1 test line of 1 test passed/],
  ] as const) {
    const { code, out, kib } = measured(args, dir.path);
    assert.is(code, 0, out);
    assert.match(out, says);
    console.log(`${args.join(" ")}: ${Math.round(kib / 1024)} MiB`);
    assert.ok(kib > 100_000 && kib < MOST_KIB, `${args.join(" ")}: ${kib} KiB`);
  }
});

large.run();
