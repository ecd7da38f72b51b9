// Measures the memory that the C library's allocator gave this process: OpenSSL's is there, and V8's heap is not.
import { openLibc } from "../../runtime/shell/libc.ts";

/**
 * Bytes in use, by malloc_info(3) of the GNU C library; its text goes to a stream in memory. A small part waits in the
 * caches of threads, which are bounded.
 */
export function allocated(): number {
  const libc = openLibc();
  if (libc === null) throw new Error("koffi is not installed, or this is not Linux");
  const [at, bytes] = [new BigUint64Array(1), new BigUint64Array(1)];
  const stream = libc.func("uintptr_t open_memstream(void *, void *)")(at, bytes);
  libc.func("int malloc_info(int, uintptr_t)")(0, stream);
  libc.func("int fclose(uintptr_t)")(stream);
  const text = Buffer.alloc(Number(bytes[0]));
  libc.func("uintptr_t memcpy(void *, uintptr_t, size_t)")(text, at[0], text.length);
  libc.func("void free(uintptr_t)")(at[0]);
  // The totals of all arenas are behind the last of them.
  const totals = text.toString().split("</heap>").at(-1) ?? "";
  const of = (pattern: RegExp): number => {
    const found = pattern.exec(totals)?.[1];
    if (found === undefined) throw new Error(`no ${String(pattern)} in the text of malloc_info`);
    return Number(found);
  };
  const mapped = of(/<total type="mmap" count="\d+" size="(\d+)"/);
  const arenas = of(/<system type="current" size="(\d+)"/);
  const free = of(/<total type="fast" count="\d+" size="(\d+)"/) + of(/<total type="rest" count="\d+" size="(\d+)"/);
  return mapped + arenas - free;
}
