/* The events that end a process's turn: a call, the timer, a device, or a fault. */
#include "kernel.h"

#define INTERRUPT (1UL << 63)
#define FROM_USER 8

static const char *const faults[16] = {
  "fetch", "fetch", "instruction", "breakpoint", "load", "load", "store", "store",
  "call", "call", "call", "call", "page", "page", "page", "page",
};

#define GET(csr) ({ uint64_t value; __asm__ volatile(".option push\n.option arch, +zicsr\ncsrr %0, " #csr "\n.option pop" : "=r"(value)); value; })
#define SET_BITS(csr, bits) __asm__ volatile(".option push\n.option arch, +zicsr\ncsrs " #csr ", %0\n.option pop" ::"r"(bits))

#define CLEAR_BITS(csr, bits) __asm__ volatile(".option push\n.option arch, +zicsr\ncsrc " #csr ", %0\n.option pop" ::"r"(bits))

/* Wakes ingressd for new frames. If ingressd was stopped, frames are read and dropped, so that the machine
 * can still end. */
static void look_at_devices(void) {
  if (!net_waits()) return;
  if (processes[INGRESSD].state == STOPPED) net_take(NULL, 0);
  else process_wake(INGRESSD);
}

/* Waits until a process is ready. Control frames are answered only while the machine is idle. */
static struct process *next(void) {
  for (;;) {
    selftest_watch();
    markers_watch(0);
    look_at_devices();
    struct process *p = process_next();
    if (p != NULL) return p;
    if (selftest_idle() || net_waits()) continue;
    uint64_t deadline = ~0UL;
    for (uint32_t i = 0; i < PROCESSES; i++)
      if (processes[i].state == BLOCKED && processes[i].deadline < deadline) deadline = processes[i].deadline;
    timer_until(deadline);
    __asm__ volatile("wfi");
  }
}

struct frame *trap(struct frame *frame) {
  struct process *p = (struct process *)frame;
  uint64_t cause = GET(mcause);
  if (cause == FROM_USER) {
    frame->pc += 4;
    call(p);
  } else if ((cause & INTERRUPT) == 0) process_stop(p, faults[cause & 15]);
  p = next();
  pmp_of(p);
  timer_slice();
  return &p->frame;
}

/* Timer and device interrupts wake the kernel and preempt user mode. */
void kernel_main(void) {
  const struct boot *boot = (const struct boot *)BOOT_AT;
  own_address = boot->address != 0 ? boot->address : 0x0a00020f;
  clock_begin(boot->selftest == 1);
  selftest_begin(boot);
  pmp_begin();
  net_begin();
  policy_begin();
  processes_begin(boot->adversaries);
  SET_BITS(mie, (1UL << 7) | (1UL << 11));
  /* MPP 0 is user mode; no floating point, no vectors, and no loads with the rights of another mode. */
  CLEAR_BITS(mstatus, 1UL << 17 | 3UL << 13 | 3UL << 11 | 3UL << 9);
  struct process *p = next();
  pmp_of(p);
  timer_slice();
  resume(&p->frame);
}
