// npm run os: builds the image, boots it, sends it the self-test's frames, and exits with the machine's
// status. `--serve` boots it on QEMU's user network instead, for real clients, until Ctrl-C.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { NativePolicy } from "../../compiler/emit/native.ts";
import { BuildFailed, buildImage, buildPolicy, type Image } from "./build.ts";
import { RAM_MIB, startMachine } from "./machine.ts";
import { faultsOf } from "./markers.ts";
import { selftest } from "./selftest.ts";
import { missingTools } from "./tools.ts";

/** Exit codes of the project: 2 usage, 4 missing dependency, 5 delegate failure. */
const USAGE = 2,
  MISSING = 4,
  DELEGATE = 5;
const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};
const POLICY = "policies/os_image.ingress";

async function test(image: Image, policy: NativePolicy): Promise<number> {
  const started = performance.now();
  const machine = await startMachine({ image: image.path, policy, selftest: true, adversaries: 15, echo: (text) => process.stdout.write(text) });
  await machine.line("ingressd: ready");
  const readyMs = performance.now() - started;
  await selftest(machine);
  const status = await machine.end();
  say(`os: boot to ready ${readyMs.toFixed(0)} ms, with QEMU's own start`);
  say(`os: the machine's status is ${status}`);
  const faults = faultsOf(machine.text());
  for (const fault of faults) say(`os: ${fault}`);
  return status === 0 && faults.length > 0 ? 1 : status;
}

async function serve(image: Image, policy: NativePolicy): Promise<number> {
  const machine = await startMachine({
    image: image.path,
    policy,
    selftest: false,
    forward: [
      [8443, 8443],
      [8080, 8080],
    ],
    echo: (text) => process.stdout.write(text),
  });
  process.on("SIGINT", () => {
    void machine.stop();
  });
  await machine.line("ingressd: ready");
  say("os: curl http://127.0.0.1:8080/ and openssl s_client -connect 127.0.0.1:8443 -servername www.example.com; Ctrl-C ends it");
  await machine.status;
  return 0;
}

async function main(words: readonly string[]): Promise<number> {
  const unknown = words.find((word) => word !== "--serve");
  if (unknown !== undefined) {
    say(`os: unknown option \`${unknown}\`; the only option is \`--serve\``);
    return USAGE;
  }
  const missing = missingTools();
  if (missing !== null) {
    say(`SKIP os: ${missing}`);
    return MISSING;
  }
  const folder = mkdtempSync(join(tmpdir(), "ingress-image-"));
  try {
    const image = buildImage(folder);
    const path = fileURLToPath(new URL(`../../${POLICY}`, import.meta.url));
    const policy = buildPolicy(POLICY, readFileSync(path, "utf8"));
    say(
      `os: image ${image.fileBytes} bytes (code and tables ${image.textBytes}), ${image.memoryBytes} bytes of memory in use, of ${RAM_MIB} MiB; policy ${policy.data.length} bytes beside it`,
    );
    return words.includes("--serve") ? await serve(image, policy) : await test(image, policy);
  } catch (error) {
    if (!(error instanceof BuildFailed)) throw error;
    say(`os: ${error.message}`);
    return DELEGATE;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

process.exitCode = await main(process.argv.slice(2));
