// Writes the CPU time of its process in milliseconds and its largest memory in bytes when it ends.
process.on("exit", () => {
  const { user, system } = process.cpuUsage();
  process.stderr.write(`METER ${Math.round((user + system) / 1_000)} ${process.resourceUsage().maxRSS * 1_024}\n`);
});
