/* Time. The machine's clock is mtime. The policy and TCP use a separate clock. It is mtime too while the
 * machine serves; in a self-test only control frames advance it, so that slow and fast machines print the
 * same lines. */
#include "kernel.h"

static int is_virtual;
static uint64_t begun, virtual_ms;

static uint64_t mtime(void) { return *(volatile uint64_t *)CLINT_MTIME; }

void clock_begin(int virtual) {
  begun = mtime();
  is_virtual = virtual;
  virtual_ms = 1000;
}

uint64_t machine_ms(void) { return (mtime() - begun) / TICKS_PER_MS; }
uint64_t clock_ms(void) { return is_virtual ? virtual_ms : 1000 + machine_ms(); }
void clock_advance(uint32_t ms) { virtual_ms += ms; }

static void timer_at(uint64_t ticks) { *(volatile uint64_t *)CLINT_MTIMECMP = ticks; }

/* Starts the time slice of a process. Until all processes have started it is so long that a busy host
 * machine does not change their order. */
void timer_slice(void) { timer_at(mtime() + (is_ready ? 10 : 1000) * TICKS_PER_MS); }

/* Sets the timer to `ms` of the policy's clock, at most half a second ahead. */
void timer_until(uint64_t ms) {
  uint64_t now = clock_ms(), wait = is_virtual || ms > now + 500 ? 500 : ms > now ? ms - now : 0;
  timer_at(mtime() + wait * TICKS_PER_MS);
}
