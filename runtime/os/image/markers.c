/* The markers that other programs wait for, verbatim. Each is printed after its fact. At most five deny
 * lines per reason are printed per second of the policy's clock; the rest are only counted. */
#include "kernel.h"

#define DENY_LINES 5

static const char *const reasons[] = {"policy", "policy", "cidr", "sni", "rate"};

int is_ready;

void marker_ready(void) {
  is_ready = 1;
  print("ingressd: ready\n");
}

void marker_port_open(uint32_t port) {
  print("ingressd: port open (port=");
  print_number(port);
  print(", proto=tcp)\n");
}

void marker_deny(int32_t reason) {
  static uint64_t second[5];
  static uint32_t lines[5];
  uint32_t r = reason >= 1 && reason <= 4 ? (uint32_t)reason : 1;
  if (lines[r] == 0 || clock_ms() - second[r] >= 1000) {
    second[r] = clock_ms();
    lines[r] = 0;
  }
  if (lines[r] == DENY_LINES) return;
  lines[r]++;
  print("ingressd: deny (reason=");
  print(reasons[r]);
  print(")\n");
}

void marker_bind_denied(const char *subject) {
  print("abi-filter: deny (subject=");
  print(subject);
  print(" syscall=net.bind)\n");
}
