// Prints the line for a check that can't run on this machine; the runner counts these lines.

/** Call this instead of registering the test: `skip("ipv6", "no IPv6 loopback")`. */
export function skip(name: string, missing: string): void {
  process.stdout.write(`\nSKIP ${name.replaceAll(":", " ")}: ${missing}\n`);
}
