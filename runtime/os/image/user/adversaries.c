/* Five services that do what no service may. Each is to be stopped by something that it can't reach. */
#include "system.h"

/* Binds for the outside what the policy gives to ingressd alone. */
void binder_main(void) {
  bind(TCP, 0, 8443);
  for (;;) wait(ALWAYS);
}

/* Has the kernel write into the kernel. */
void pointer_main(void) {
  read(1, (void *)0x80000000UL, 64);
  for (;;) wait(ALWAYS);
}

/* Makes ingressd's own calls, with a pointer that is its own. An answer other than -1 ends it, which the
 * machine's lines and its status show. */
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

/* Prints a marker that would be a lie. */
void poker_main(void) {
  const char *text = "SELFTEST: ingress allow ok\n";
  for (; *text != 0; text++) *(volatile char *)0x10000000UL = *text;
  for (;;) wait(ALWAYS);
}
