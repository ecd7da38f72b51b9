// A full audit disk: a tmpfs of a few pages in a mount namespace. Decisions that can't be recorded are refused
// (`closed`) or counted (`count`), no line is torn, and recording resumes when there is space.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, truncateSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { backend, freePort, probe, temporaryFolder } from "../gateway/gateway_under_test.ts";
import { launch, place, web } from "../gateway/ingressd_process.ts";
import { skip } from "../skip.ts";
import { suite } from "../suite.ts";
import { assertForwarder, figure } from "./measured.ts";

const test = suite("full_disk");
const UNSHARE = ["unshare", ...(process.getuid?.() === 0 ? [] : ["--user", "--map-root-user"]), "--mount"];
const mounts = spawnSync(UNSHARE[0] ?? "", [...UNSHARE.slice(1), "sh", "-c", "mount -t tmpfs -o size=16k none /mnt"], { encoding: "utf8" });
const MOST_PROBES = 2_000;

function counts(status: string): {
  readonly allowed: number;
  readonly denied: number;
  readonly records: number;
  readonly dropped: number;
  readonly closed: number;
  readonly ends: number;
} {
  const one = (pattern: RegExp): number => Number(pattern.exec(status)?.[1] ?? 0);
  return {
    allowed: one(/"allowed":(\d+),"denied"/),
    denied: one(/"denied":(\d+),"by_reason"/),
    records: one(/"records":(\d+)/),
    dropped: one(/"dropped":(\d+)/),
    closed: one(/"audit_closed":(\d+)/),
    ends: one(/"ends":(\d+)/),
  };
}

/** The end of a connection is no decision. */
const isEnd = (line: string): boolean => line.includes('"op":"close"');

if (mounts.status !== 0) skip("full_disk", `a tmpfs in a mount namespace (${(mounts.stderr || (mounts.error?.message ?? "")).trim()})`);
else {
  for (const onError of ["closed", "count"] as const) {
    test(onError, async () => {
      const behind = await backend("hello");
      const port = await freePort();
      const folder = temporaryFolder();
      const disk = join(folder, "disk");
      mkdirSync(disk);
      place(folder, web(port, behind.port));
      const it = launch(folder, "[policy]\nwatch = false", {
        env: { INGRESSD__AUDIT__ON_ERROR: onError, INGRESSD__AUDIT__FILE: join(disk, "audit.jsonl") },
        through: [...UNSHARE, "sh", "-c", `mount -t tmpfs -o size=16k none '${disk}' && exec "$@"`, "sh"],
      });
      await it.line("ingressd: ready");
      assertForwarder(it);
      // The child became the gateway; its disk is seen through its root.
      const file = `/proc/${it.child.pid}/root${disk}/audit.jsonl`;
      const status = (): ReturnType<typeof counts> => counts(it.order("status", "--json").out);
      const until = async (isSo: () => boolean): Promise<number> => {
        for (let probes = 1; probes <= MOST_PROBES; probes++) {
          await probe(port);
          if (isSo()) return probes;
        }
        throw new Error("never came");
      };
      const full = (): boolean => it.err().includes("the audit file can't be written (ENOSPC");
      const probes = await until(full);
      const answers = [await probe(port), await probe(port), await probe(port)];
      const due = onError === "closed" ? "deny" : "allow";
      assert.equal(answers, [due, due, due]);
      const text = readFileSync(file, "utf8");
      assert.ok(text.endsWith("\n"), "the file ends with a whole line");
      const lines = text.split("\n").slice(0, -1);
      for (const line of lines) assert.type(JSON.parse(line), "object");
      const ends = lines.filter(isEnd).length;
      const then = status();
      assert.is(then.allowed + then.denied, then.records + then.dropped, "accepts + denies = records + counted drops");
      assert.is(lines.length - ends, then.records);
      assert.ok(ends > 0 && ends <= then.ends, `${ends} lines about ends of ${then.ends}`);
      assert.ok(then.dropped >= 3);
      assert.is(then.closed > 0, onError === "closed");

      truncateSync(file, 0);
      assert.is(await probe(port), "allow", "with free space it continues");
      const after = status();
      assert.is(after.allowed + after.denied, after.records + after.dropped);
      const written = readFileSync(file, "utf8").split("\n").slice(0, -1);
      assert.is(written.filter((line) => !isEnd(line)).length, after.records - then.records, "and what it writes is whole");
      assert.ok(it.err().includes("the audit file takes records again"));
      figure(`disk full, on_error = "${onError}": connections until then`, `${probes}; records ${after.records}, counted drops ${after.dropped}, torn lines 0`);
      it.child.kill("SIGTERM");
      assert.is(await it.exit, 0);
      behind.close();
    });
  }
  test.run();
}
