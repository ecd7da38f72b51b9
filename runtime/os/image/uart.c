/* The serial line, the only output of markers. Processes can't access it. */
#include "kernel.h"

static void put(char c) {
  while ((*(volatile uint8_t *)(UART_AT + 5) & 0x20) == 0) {}
  *(volatile uint8_t *)UART_AT = (uint8_t)c;
}

void print(const char *text) {
  for (; *text != 0; text++) put(*text);
}

void print_number(uint64_t n) {
  char digits[21] = {0};
  int at = 20;
  do digits[--at] = (char)('0' + n % 10);
  while ((n /= 10) != 0);
  print(digits + at);
}
