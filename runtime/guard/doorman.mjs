// Runs in a guarded program's network namespace and forwards connections into it: for each port that the program
// listens on, a unix socket outside leads to it. Run by entry_sockets.ts, which says on standard input what to open, a
// JSON line each; when that ends, so does this. It decides nothing and looks at nothing of what it hands in.
process.on("SIGUSR1", () => undefined);
const { openSync, readlinkSync } = await import("node:fs");
const { connect, createServer } = await import("node:net");
const { networkInterfaces } = await import("node:os");
const { createInterface } = await import("node:readline");
const { default: koffi } = await import("koffi");

const CLONE_NEWNET = 0x40000000;
const PR_SET_PDEATHSIG = 1;
const PR_SET_DUMPABLE = 4;
const SIGKILL = 9;
const [SOL_SOCKET, SO_NETNS_COOKIE, AF_INET, SOCK_STREAM] = [1, 71, 2, 1];
const COOKIE_BYTES = 8;
/** Connections of one socket at a time; one beyond them is closed at once. */
const MOST_CONNECTIONS = 4096;

/** `enter`: the process whose namespace is entered here, or null: this process is in it. */
const { enter, outside } = JSON.parse(process.env.INGRESS_GUARD_DOORMAN);
const say = (message) => void process.stdout.write(`${JSON.stringify(message)}\n`);
const libc = koffi.load(null);

function enterNamespace() {
  const prctl = libc.func("int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long)");
  // The program may be of the same user, and is not to look into this process.
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) !== 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) !== 0) return "prctl";
  if (enter !== null && libc.func("int setns(int, int)")(openSync(`/proc/${enter}/ns/net`), CLONE_NEWNET) !== 0) return "setns";
  if (readlinkSync("/proc/self/ns/net") === outside) return "it is in the namespace outside";
  const others = Object.keys(networkInterfaces()).filter((name) => name !== "lo");
  return others.length === 0 ? null : `there is an interface ${others[0]}`;
}

function cookie() {
  const [value, length] = [Buffer.alloc(COOKIE_BYTES), Buffer.from([COOKIE_BYTES, 0, 0, 0])];
  const fd = libc.func("int socket(int, int, int)")(AF_INET, SOCK_STREAM, 0);
  if (libc.func("int getsockopt(int, int, int, void *, void *)")(fd, SOL_SOCKET, SO_NETNS_COOKIE, value, length) !== 0) return null;
  return value.readBigUInt64LE(0).toString();
}

/** Port -> the address that it was listened on last. */
const hosts = new Map();

/** `{ port, host }`: where the program listens now; `{ path, port }`: a socket to be made. */
function obey({ path, host, port }) {
  if (host !== undefined) {
    hosts.set(port, host);
    return;
  }
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (outer) => {
    const inner = connect({ host: hosts.get(port), port, allowHalfOpen: true });
    const both = [outer, inner];
    for (const [one, other] of [both, [inner, outer]]) {
      one.on("error", () => other.destroy());
      one.on("close", () => {
        if (!one.readableEnded) other.destroy();
      });
      one.pipe(other);
    }
  });
  server.maxConnections = MOST_CONNECTIONS;
  server.on("error", (error) => say({ path, failed: error.message }));
  server.listen(path, () => say({ path, failed: null }));
}

process.umask(0o177);
const wrong = enterNamespace();
const number = wrong === null ? cookie() : null;
if (number === null) {
  say({ wrong: wrong ?? "sockets have no namespace's number" });
  process.exit(1);
}
createInterface({ input: process.stdin })
  .on("line", (line) => obey(JSON.parse(line)))
  .on("close", () => process.exit(0));
say({ cookie: number });
