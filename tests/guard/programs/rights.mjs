// Gives up root, then binds a low port and unix sockets. It must get no more than it has itself.
import { mkdirSync, chownSync, statSync } from "node:fs";
import { join } from "node:path";
import { bind, close, socket } from "./raw.mjs";

const [folder] = process.argv.slice(2);
const NOBODY = 65_534;
const own = join(folder, "own");
mkdirSync(own);
chownSync(own, NOBODY, NOBODY);
process.setgroups([]);
process.setgid(NOBODY);
process.setuid(NOBODY);
process.umask(0o077);
const unix = (path) => Buffer.concat([Buffer.from([1, 0]), Buffer.from(path), Buffer.from([0])]);
const attempt = (family, bytes) => {
  const fd = socket(family, 1);
  const result = bind(fd, bytes);
  close(fd);
  return result;
};
const low = attempt(2, Buffer.from("0200" + "0050" + "7f000001" + "0000000000000000", "hex"));
const foreign = attempt(1, unix(join(folder, "foreign.sock")));
const mine = attempt(1, unix(join(own, "own.sock")));
const stats = mine === 0 ? statSync(join(own, "own.sock")) : { uid: -1, mode: 0 };
console.log(JSON.stringify({ low, foreign, mine, uid: stats.uid, mode: (stats.mode & 0o777).toString(8) }));
