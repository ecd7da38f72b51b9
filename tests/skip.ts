// A check that can't be made here says so in a line that the runner counts.

/** Call it in place of registering the test: `skip("ipv6", "no IPv6 loopback")`. */
export function skip(name: string, missing: string): void {
  process.stdout.write(`\nSKIP ${name.replaceAll(":", " ")}: ${missing}\n`);
}
