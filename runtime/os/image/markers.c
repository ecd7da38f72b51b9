/* The markers that other programs wait for, verbatim. Each is printed after its fact. At most five deny
 * lines per reason, and per service that may not bind, are printed per second of the policy's clock; the rest are only counted. */
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

/* The deny lines of one second. */
struct lines {
  uint64_t second;
  uint32_t printed, omitted;
};

static int may_print(struct lines *l) {
  if (l->printed == 0 || clock_ms() - l->second >= 1000) {
    l->second = clock_ms();
    l->printed = 0;
  }
  if (l->printed == DENY_LINES) {
    l->omitted++;
    return 0;
  }
  l->printed++;
  return 1;
}

void marker_deny(int32_t reason) {
  static struct lines lines[5];
  uint32_t r = reason >= 1 && reason <= 4 ? (uint32_t)reason : 1;
  if (!may_print(&lines[r])) return;
  print("ingressd: deny (reason=");
  print(reasons[r]);
  print(")\n");
}

static struct lines binds[PROCESSES];
static int is_omitted;

/* Prints how many lines were left out, after their second or, with `now`, at once. */
void markers_watch(int now) {
  if (!is_omitted) return;
  is_omitted = 0;
  for (uint32_t i = 0; i < PROCESSES; i++) {
    struct lines *l = &binds[i];
    if (l->omitted == 0) continue;
    if (!now && clock_ms() - l->second < 1000) {
      is_omitted = 1;
      continue;
    }
    print("abi-filter: omitted (subject=");
    print(processes[i].name);
    print(" lines=");
    print_number(l->omitted);
    print(")\n");
    l->omitted = 0;
  }
}

void marker_bind_denied(const struct process *p) {
  markers_watch(0);
  if (!may_print(&binds[p - processes])) {
    is_omitted = 1;
    return;
  }
  print("abi-filter: deny (subject=");
  print(p->name);
  print(" syscall=net.bind)\n");
}
