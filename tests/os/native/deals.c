/* The kernel's deals on this machine, asked by an ingressd that does what it must not. Each line says
 * what was tried and what came of it. */
#include "kernel.h"
#include "host.h"
#include <stdio.h>
#include <string.h>

/* What the linker script has in the image; no process is started here. */
#define PROCESS(name) char name##_data[1], name##_data_end[1]; void name##_main(void) {}
PROCESS(ingressd)
PROCESS(web)
PROCESS(health)
PROCESS(binder)
PROCESS(pointer)
PROCESS(poker)
PROCESS(pretender)
PROCESS(hog)

struct counts counts;
uint32_t own_address = 0x0a00020f;
static uint64_t now = 1000;
static uint64_t owner = 77;

uint64_t clock_ms(void) { return now; }
void print(const char *text) { fputs(text, stdout); }
void marker_deny(int32_t reason) { printf("deny %d\n", reason); }
int policy_is_open(uint32_t port) { return port == 8443; }
uint64_t policy_owner(uint32_t listener) { return (void)listener, owner; }

#define SAY(what, value) printf("%s: %ld\n", what, (long)(value))

static const char good[] = "www.example.com", bad[] = "old.api.example.com";
static uint8_t bytes[4096];

static uint32_t admitted(uint32_t source) { return (uint32_t)deal_admit(8443, source) >> 1; }

/* A pointer is the caller's own from its first byte to its last, or not at all. */
static void pointers(void) {
  const struct process p = {.data = 1000, .data_end = 2000};
  static const struct { uint64_t at, bytes; } rows[] = {
    {1000, 1000}, {1000, 1001}, {999, 1}, {1999, 1}, {1999, 2}, {2000, 0}, {2000, 1}, {2001, 0}, {1500, 0}, {1000, ~0UL}, {~0UL, 2}, {0, 1500}, {0, 0},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) printf("%d", process_owns(&p, rows[i].at, rows[i].bytes));
  printf("\n");
}

static void before_its_name(void) {
  uint32_t d = admitted(0xc6336407);
  SAY("connect before the name", deal_connect(d));
  SAY("pass in before the name", deal_move(d, 1, bytes, 5, 1));
  SAY("a name that is refused", deal_hello(d, bad, sizeof bad - 1));
  SAY("another name after it", deal_hello(d, good, sizeof good - 1));
  SAY("connect after a refusal", deal_connect(d));
  SAY("pass in after a refusal", deal_move(d, 1, bytes, 5, 1));
  deal_close(d, 0);
  SAY("connect what was given back", deal_connect(d));
  SAY("a name for what was given back", deal_hello(d, good, sizeof good - 1));
  d = admitted(0xc6336407);
  SAY("no hello that can be read", deal_hello(d, NULL, -1));
  SAY("connect after that", deal_connect(d));
  deal_close(d, 0);
  SAY("counted", ingress_connections(1) + ingress_connections(0));
}

static void in_its_order(void) {
  uint32_t d = admitted(0xc6336407);
  SAY("the name", deal_hello(d, good, sizeof good - 1));
  owner = 78;
  SAY("connect without a service", deal_connect(d));
  owner = 77;
  SAY("connect", deal_connect(d));
  SAY("connect twice", deal_connect(d));
  SAY("served before it was taken", deal_served_by(d, WEB));
  SAY("taken by another", deal_accept(HEALTH) != 0);
  SAY("taken", deal_accept(WEB) == d);
  SAY("taken twice", deal_accept(WEB) != 0);
  SAY("served by another", deal_served_by(d, HEALTH));
  SAY("served", deal_served_by(d, WEB));
  SAY("pass in", deal_move(d, 1, bytes, 2047, 1));
  SAY("the last that fits", deal_move(d, 1, bytes, 2, 1));
  SAY("one more", deal_move(d, 1, bytes, 1, 1));
  SAY("read", deal_move(d, 1, bytes, 4096, 0));
  deal_finish(d, 1);
  SAY("pass in after its end", deal_move(d, 1, bytes, 1, 1));
  SAY("read the end", deal_move(d, 1, bytes, 1, 0));
  SAY("answer", deal_move(d, 0, bytes, 3, 1));
  SAY("pass out", deal_move(d, 0, bytes, 9, 0));
  deal_close(d, 1);
  SAY("served whole", counts.served);
  SAY("pass in after the close", deal_move(d, 1, bytes, 1, 1));
  deal_close(d, 1);
  SAY("served twice", counts.served);
  SAY("a number that is none", deal_connect(0) + deal_connect(33) + deal_connect(~0u));
}

static void full(void) {
  uint32_t n = 0;
  SAY("at a port that is not open", deal_admit(8080, 0x0a000202));
  for (uint32_t i = 0; i < 40; i++) n += admitted(0xc6000000 + (i << 8)) != 0;
  SAY("deals", n);
  SAY("counted", ingress_connections(0) + ingress_connections(1));
  deals_end_of(INGRESSD);
  SAY("counted after ingressd's end", ingress_connections(0) + ingress_connections(1));
}

static void after_its_service(void) {
  uint32_t d = admitted(0xc6336407);
  deal_hello(d, good, sizeof good - 1);
  deal_connect(d);
  process_stop(&processes[WEB], "fault");
  SAY("pass in to a service that was stopped", deal_move(d, 1, bytes, 1, 1));
  SAY("out of it", deal_move(d, 0, bytes, 1, 0));
  deal_close(d, 1);
  d = admitted(0xc6336407);
  deal_hello(d, good, sizeof good - 1);
  SAY("connect to it", deal_connect(d));
}

int main(int count, char **paths) {
  static uint8_t policy[70000], manifest[200];
  const uint32_t seed[4] = {1, 2, 3, 4};
  FILE *data = fopen(paths[1], "rb"), *text = fopen(paths[2], "rb");
  if (count != 3 || data == NULL || text == NULL) return 2;
  size_t size = fread(policy, 1, sizeof policy, data), length = fread(manifest, 1, sizeof manifest, text);
  processes[WEB].serves = 77;
  processes[WEB].name = "web";
  processes[WEB].port = 9000;
  processes[WEB].state = READY;
  SAY("before a policy", deal_admit(8443, 0xc6336407));
  if (ingress_load(policy, size, manifest, length, seed) != INGRESS_LOADED) return 3;
  pointers();
  before_its_name();
  in_its_order();
  full();
  after_its_service();
  return 0;
}
