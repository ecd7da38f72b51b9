// One measurement in a separate process, so that V8's optimizations for one do not affect another.
// The job comes as JSON; each line that is printed is JSON: how far it is, at last `{ "result": … }`.
await import("../../runtime/host/register.mjs");

const job = JSON.parse(process.argv[2]);
const { run } = await import(`./tasks/${job.task}.mjs`);
const report = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
report({ result: await run(job, report) });
