/* The serial line: the markers' only way out. Processes have none. */
#include "kernel.h"

static void put(char c) {
  while ((*(volatile uint8_t *)(UART_AT + 5) & 0x20) == 0) {}
  *(volatile uint8_t *)UART_AT = (uint8_t)c;
}

void print(const char *text) {
  for (; *text != 0; text++) put(*text);
}

void print_number(uint64_t n) {
  if (n >= 10) print_number(n / 10);
  put((char)('0' + n % 10));
}
