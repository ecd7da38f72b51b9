// One measurement in a process of its own, so that what V8 has learnt from one says nothing of another.
// The job comes as JSON; each line that is printed is JSON: how far it is, at last `{ "result": … }`.
await import("../../runtime/host/register.mjs");

const job = JSON.parse(process.argv[2]);
const { run } = await import(`./tasks/${job.task}.mjs`);
const tell = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
tell({ result: await run(job, tell) });
