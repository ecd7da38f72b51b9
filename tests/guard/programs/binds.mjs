// Binds and listens as the rows on its command line say, and prints what became of each.
import { bind, close, listen, localOf, socket } from "./raw.mjs";

for (const { family, type, protocol, address, listens } of JSON.parse(process.argv[2])) {
  const fd = socket(family, type, protocol);
  let result = Math.min(fd, 0);
  if (result === 0 && address !== null) result = bind(fd, Buffer.from(address, "hex"));
  if (result === 0 && listens) result = listen(fd);
  console.log(JSON.stringify({ result, local: fd < 0 ? "" : localOf(fd) }));
  if (fd >= 0) close(fd);
}
