/* Five services that do what no service may. Each must be stopped by code that it can't access. */
#include "system.h"

/* Binds an external port that the policy grants to ingressd alone. */
void binder_main(void) {
  bind(TCP, 0, 8443);
  for (;;) wait(ALWAYS);
}

/* Passes a pointer to kernel memory. */
void pointer_main(void) {
  read(1, (void *)0x80000000UL, 64);
  for (;;) wait(ALWAYS);
}

/* Makes ingressd's own calls, with a valid pointer. It exits if any answer is not -1, which the output and
 * the status of the machine then show. */
void pretender_main(void) {
  uint64_t own[8] = {0};
  for (uint64_t number = CALL_READY; number <= CALL_CLOSE; number++)
    if (system4(number, (uint64_t)own, sizeof own, 1, 0) != -1) system4(CALL_EXIT, 0, 0, 0, 0);
  for (;;) wait(ALWAYS);
}

/* Never waits. */
void hog_main(void) {
  for (volatile uint32_t turns = 0;; turns++) {}
}

/* Prints a false marker. */
void poker_main(void) {
  const char *text = "SELFTEST: ingress allow ok\n";
  for (; *text != 0; text++) *(volatile char *)0x10000000UL = *text;
  for (;;) wait(ALWAYS);
}
