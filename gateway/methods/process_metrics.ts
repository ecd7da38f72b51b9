// The families that every exporter of Prometheus has about its own process, under the names that dashboards know.
import { cpuUsage, memoryUsage } from "node:process";
import { limitOf, namesIn, read } from "../../runtime/shell/procfs.ts";
import { packageVersion } from "../../runtime/package/files.ts";
import type { Context } from "./context.ts";
import type { Families } from "./families.ts";

/** Read once, where it is read from a file. */
let version: string | null = null;
const MOST_STAT_BYTES = 4096;

export function processMetrics(out: Families, { clock, startedMs, inForce: { engine } }: Pick<Context, "clock" | "startedMs" | "inForce">): void {
  out.family("ingressd_build_info", "gauge", "the release, the version of Node, and the form of the policy in force", [
    [{ version: (version ??= packageVersion()), node: process.version, abi_version: engine?.info.abiVersion ?? "" }, 1],
  ]);
  const { user, system } = cpuUsage();
  out.one("process_cpu_seconds_total", "counter", "user and system CPU time, in seconds", (user + system) / 1e6);
  const startSeconds = (clock.wallMs() - (clock.monoMs() - startedMs)) / 1000;
  out.one("process_start_time_seconds", "gauge", "start of the process, in seconds since 1970", startSeconds);
  out.one("process_resident_memory_bytes", "gauge", "resident memory, in bytes", memoryUsage.rss());
  const virtual = virtualBytes();
  if (virtual !== null) out.one("process_virtual_memory_bytes", "gauge", "virtual memory, in bytes", virtual);
  out.one("process_open_fds", "gauge", "open file descriptors", namesIn("/proc/self/fd").length);
  const most = limitOf("self", "Max open files")?.soft ?? null;
  if (most !== null) out.one("process_max_fds", "gauge", "the most file descriptors that may be open", most);
  const { heapTotal, heapUsed } = memoryUsage();
  out.one("nodejs_heap_size_total_bytes", "gauge", "the heap of the main thread, in bytes", heapTotal);
  out.one("nodejs_heap_size_used_bytes", "gauge", "its part that is in use, in bytes", heapUsed);
}

/** `vsize` of /proc/self/stat; the name of the program, before it, may contain blanks. */
function virtualBytes(): number | null {
  const stat = read("/proc/self/stat", MOST_STAT_BYTES);
  const field = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[20];
  return field !== undefined && /^\d+$/.test(field) ? Number(field) : null;
}
