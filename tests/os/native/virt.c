/* QEMU's bare machine `virt`: machine mode, the UART, and a device that ends the machine with a status. QEMU
 * loads the vectors and the number of the part into memory. The stack is painted before the requests and
 * checked after them. */
#include "runner.h"

#define UART ((volatile uint8_t *)0x10000000)
#define TEST_DEVICE ((volatile uint32_t *)0x100000)
#define NUMBER ((const volatile uint32_t *)0x81fff000)
#define FILE_AT ((const uint8_t *)0x82000000)
#define PAINT 0xa5u

extern uint8_t stack_bottom[], stack_top[];

void say(const char *text) {
  for (; *text != 0; text++) *UART = (uint8_t)*text;
}

_Noreturn static void end(int status) {
  *TEST_DEVICE = status == 0 ? 0x5555 : (uint32_t)status << 16 | 0x3333;
  for (;;) {}
}

_Noreturn void trapped(void) {
  say("the machine trapped\n");
  end(3);
}

_Noreturn void start(void) {
  const uint8_t *here = __builtin_frame_address(0);
  for (uint8_t *at = stack_bottom; at < here - 256; at++) *(volatile uint8_t *)at = PAINT;
  const int status = run(FILE_AT, *NUMBER);
  const uint8_t *at = stack_bottom;
  while (*(const volatile uint8_t *)at == PAINT) at++;
  say_number("stack ", (uint64_t)(here - at), "\n");
  end(status == 0 ? 0 : 1);
}
