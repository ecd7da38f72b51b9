// A program of secret_files.test.ts: it prints a file as a process of some user and groups reads it, or why it does not.
//   read_trusted.ts PATH private|public UID GID GROUPS      GROUPS is a JSON array of numbers
import { readTrustedFile } from "../../runtime/host/trusted_file.ts";

const [path = "", access, uid, gid, groups = "[]"] = process.argv.slice(2);
process.setgroups?.(JSON.parse(groups) as number[]);
process.setegid?.(Number(gid));
process.seteuid?.(Number(uid));
const answer = readTrustedFile(path, 1024, "key", access === "public" ? "public" : "private");
process.stdout.write(answer.ok ? new TextDecoder().decode(answer.value) : answer.error);
