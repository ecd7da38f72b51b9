/* Powers the machine off. Its status becomes the exit code of QEMU, through the SiFive test device. */
#include "kernel.h"

void power_off(uint32_t status) {
  write32(TEST_AT, status == 0 ? 0x5555 : (status << 16) | 0x3333);
  for (;;) __asm__ volatile("wfi");
}

/* A trap in the kernel, after which no state can be trusted. */
void kernel_fell(uint64_t cause, uint64_t at) {
  print("kernel: fell (cause=");
  print_number(cause);
  print(" at=");
  print_number(at);
  print(")\n");
  power_off(3);
}

void refuse_to_start(const char *why) {
  print("kernel: refused to start (");
  print(why);
  print(")\n");
  power_off(4);
}
