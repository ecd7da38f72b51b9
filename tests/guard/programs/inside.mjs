// Prints what it sees and reaches from a network namespace; then it serves at loopback until it is ended.
// The command line: a port of the host's loopback, an abstract socket's name, a process outside.
import { openSync, readlinkSync } from "node:fs";
import { connect, createServer } from "node:net";
import { networkInterfaces } from "node:os";
import koffi from "koffi";

const [hostPort, abstract, process_, port, address = "127.0.0.1"] = process.argv.slice(2);
const outcome = (options) =>
  new Promise((resolve) => {
    const socket = connect(options, () => {
      socket.destroy();
      resolve("connected");
    });
    socket.on("error", (error) => resolve(error.code));
  });
const libc = koffi.load(null);
const setns = libc.func("int setns(int, int)");
function enter() {
  let fd;
  try {
    fd = openSync(`/proc/${process_}/ns/net`);
  } catch {
    // A Landlock domain, or the lack of rights, keeps it from looking there: its own, which root could enter.
    fd = openSync("/proc/self/ns/net");
  }
  return setns(fd, 0x40000000) === 0 ? "entered" : koffi.errno();
}
const found = {
  interfaces: Object.keys(networkInterfaces()),
  host: await outcome({ host: "127.0.0.1", port: Number(hostPort) }),
  abstract: await outcome({ path: `\0${abstract}` }),
  namespace: readlinkSync("/proc/self/ns/net"),
  outer: enter(),
};
const server = createServer((socket) => {
  socket.on("error", () => undefined).end(`inside ${process.getuid()}\n`);
});
server.listen(Number(port), address, () => console.log(JSON.stringify(found)));
