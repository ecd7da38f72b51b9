/* The kernel's flows on this machine, called by a misbehaving ingressd. Each line has the call and its
 * result. */
#include "kernel.h"
#include "host.h"
#include <stdio.h>
#include <string.h>

/* Symbols that the linker script defines in the image; no process is started here. */
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
/* With a policy that shares the port: of each listener. */
static int is_shared;
static const uint64_t owners[] = {78, 77};

uint64_t clock_ms(void) { return now; }
void print(const char *text) { fputs(text, stdout); }
void marker_deny(int32_t reason) { printf("deny %d\n", reason); }
int policy_is_open(uint32_t port) { return port == 8443; }
int policy_is_group(uint32_t listener) { return is_shared && listener == 2; }
uint64_t policy_owner(uint32_t listener) { return is_shared ? owners[listener & 1] : owner; }

#define SAY(what, value) printf("%s: %ld\n", what, (long)(value))

static const char good[] = "www.example.com", bad[] = "old.api.example.com";
static uint8_t bytes[4096];

/* ingressd has a frame of this source to this port now. */
static void frame_of(uint32_t port, uint32_t source, uint32_t length) {
  uint8_t f[54] = {[12] = 8, [14] = 0x45, [23] = 6};
  for (int i = 0; i < 4; i++) {
    f[26 + i] = (uint8_t)(source >> (24 - 8 * i));
    f[30 + i] = (uint8_t)(own_address >> (24 - 8 * i));
  }
  f[36] = (uint8_t)(port >> 8);
  f[37] = (uint8_t)port;
  flow_frame(f, length);
}

static int32_t admit_at(uint32_t port, uint32_t source) {
  frame_of(port, source, 54);
  return flow_admit(port, source);
}

static uint32_t admitted(uint32_t source) { return (uint32_t)admit_at(8443, source) >> 1; }

/* The source and the port are those of the frame that ingressd has now, and one frame admits once. */
static void by_its_frame(void) {
  const uint32_t source = 0xc6336407;
  SAY("peek without a frame", flow_peek(8443, source));
  SAY("admit without a frame", flow_admit(8443, source));
  frame_of(8443, source, 54);
  SAY("peek of another source", flow_peek(8443, source + 1));
  SAY("admit of another source", flow_admit(8443, source + 1));
  SAY("admit at another port", flow_admit(8444, source));
  SAY("peek", flow_peek(8443, source));
  const int32_t f = flow_admit(8443, source);
  SAY("admit", f != 0);
  SAY("admit by the same frame", flow_admit(8443, source));
  SAY("peek by the same frame", flow_peek(8443, source));
  flow_close((uint32_t)f >> 1, 0);
  processes[WEB].port = 0;
  frame_of(8443, source, 54);
  SAY("peek without its service", flow_peek(8443, source));
  SAY("admit without its service", flow_admit(8443, source));
  SAY("counted without its service", ingress_connections(1) + ingress_connections(0));
  processes[WEB].port = 9000;
  frame_of(8443, source, 53);
  SAY("admit by a frame that is too short", flow_admit(8443, source));
  frame_of(8443, source, 54);
  frame_of(8443, source, 0);
  SAY("admit after the last frame", flow_admit(8443, source));
  static const struct { int at; uint8_t value; } rows[] = {{12, 9}, {13, 6}, {14, 0x46}, {23, 17}, {33, 16}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    uint8_t g[54] = {[12] = 8, [14] = 0x45, [23] = 6, [26] = 0xc6, 0x33, 0x64, 7, 10, 0, 2, 15, [36] = 0x20, 0xfb};
    g[rows[i].at] = rows[i].value;
    flow_frame(g, sizeof g);
    printf("%d", flow_peek(8443, source));
    g[rows[i].at] = (uint8_t[]){8, 0, 0x45, 6, 15}[i];
    flow_frame(g, sizeof g);
    printf("%d", flow_peek(8443, source));
  }
  printf("\n");
}

/* A range is the caller's own only if all of it is. */
static void pointers(void) {
  const struct process p = {.data = 1000, .data_end = 2000};
  static const struct { uint64_t at, bytes; } rows[] = {
    {1000, 1000}, {1000, 1001}, {999, 1}, {1999, 1}, {1999, 2}, {2000, 0}, {2000, 1}, {2001, 0}, {1500, 0}, {1000, ~0UL}, {~0UL, 2}, {0, 1500}, {0, 0},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) printf("%d", process_owns(&p, rows[i].at, rows[i].bytes));
  printf("\n");
}

static void before_its_name(void) {
  uint32_t f = admitted(0xc6336407);
  SAY("connect before the name", flow_connect(f));
  SAY("pass in before the name", flow_move(f, 1, bytes, 5, 1));
  SAY("a name that is refused", flow_hello(f, bad, sizeof bad - 1));
  SAY("another name after it", flow_hello(f, good, sizeof good - 1));
  SAY("connect after a refusal", flow_connect(f));
  SAY("pass in after a refusal", flow_move(f, 1, bytes, 5, 1));
  flow_close(f, 0);
  SAY("connect what was given back", flow_connect(f));
  SAY("a name for what was given back", flow_hello(f, good, sizeof good - 1));
  f = admitted(0xc6336407);
  SAY("no hello that can be read", flow_hello(f, NULL, -1));
  SAY("connect after that", flow_connect(f));
  flow_close(f, 0);
  SAY("counted", ingress_connections(1) + ingress_connections(0));
}

static void in_its_order(void) {
  uint32_t f = admitted(0xc6336407);
  SAY("the name", flow_hello(f, good, sizeof good - 1));
  owner = 78;
  SAY("connect without a service", flow_connect(f));
  owner = 77;
  SAY("connect", flow_connect(f));
  SAY("connect twice", flow_connect(f));
  SAY("served before it was taken", flow_served_by(f, WEB));
  SAY("taken by another", flow_accept(HEALTH) != 0);
  SAY("taken", flow_accept(WEB) == f);
  SAY("taken twice", flow_accept(WEB) != 0);
  SAY("served by another", flow_served_by(f, HEALTH));
  SAY("served", flow_served_by(f, WEB));
  SAY("pass in", flow_move(f, 1, bytes, 2047, 1));
  SAY("the last that fits", flow_move(f, 1, bytes, 2, 1));
  SAY("one more", flow_move(f, 1, bytes, 1, 1));
  SAY("read", flow_move(f, 1, bytes, 4096, 0));
  flow_finish(f, 1);
  SAY("pass in after its end", flow_move(f, 1, bytes, 1, 1));
  SAY("read the end", flow_move(f, 1, bytes, 1, 0));
  SAY("answer", flow_move(f, 0, bytes, 3, 1));
  SAY("pass out", flow_move(f, 0, bytes, 9, 0));
  flow_close(f, 1);
  SAY("served whole", counts.served);
  SAY("pass in after the close", flow_move(f, 1, bytes, 1, 1));
  flow_close(f, 1);
  SAY("served twice", counts.served);
  SAY("a number that is none", flow_connect(0) + flow_connect(33) + flow_connect(~0u));
}

static void full(void) {
  uint32_t n = 0;
  SAY("at a port that is not open", admit_at(8080, 0x0a000202));
  for (uint32_t i = 0; i < 40; i++) n += admitted(0xc6000000 + (i << 8)) != 0;
  SAY("flows", n);
  SAY("counted", ingress_connections(0) + ingress_connections(1));
  flows_end_of(INGRESSD);
  SAY("counted after ingressd's end", ingress_connections(0) + ingress_connections(1));
}

static void after_its_service(void) {
  uint32_t f = admitted(0xc6336407);
  flow_hello(f, good, sizeof good - 1);
  flow_connect(f);
  process_stop(&processes[WEB], "fault");
  SAY("pass in to a service that was stopped", flow_move(f, 1, bytes, 1, 1));
  SAY("out of it", flow_move(f, 0, bytes, 1, 0));
  flow_close(f, 1);
  f = admitted(0xc6336407);
  flow_hello(f, good, sizeof good - 1);
  SAY("connect to it", flow_connect(f));
}

#define NAMED(f, name) flow_hello(f, name, sizeof name - 1)

static void counts_are(const char *when) {
  printf("counted %s: shop %u, web %u\n", when, ingress_connections(0), ingress_connections(1));
}

/* `shop` has the listener 0, `web` the listener 1, and the port is that of their group. */
static void at_a_shared_port(void) {
  const uint32_t source = 0xc6336407, other = 0x0a000202;
  uint32_t a = admitted(source), b = admitted(source), c = admitted(source), d = admitted(other), e = admitted(other), f = admitted(other);
  counts_are("before the names");
  SAY("connect before the name", flow_connect(a));
  SAY("the name of web", NAMED(a, "www.example.com"));
  counts_are("after it");
  SAY("connect", flow_connect(a));
  SAY("taken by shop", flow_accept(HEALTH) != 0);
  SAY("taken by web", flow_accept(WEB) == a);
  SAY("a name of shop", NAMED(b, "a.shop.example.com"));
  SAY("connect", flow_connect(b));
  SAY("taken by web", flow_accept(WEB) != 0);
  SAY("taken by shop", flow_accept(HEALTH) == b);
  SAY("one more than the cap of shop", NAMED(c, "b.shop.example.com"));
  SAY("connect what the cap refused", flow_connect(c));
  SAY("a name of web after it", NAMED(c, "www.example.com"));
  SAY("a name that no expose has", NAMED(d, "mail.example.com"));
  SAY("connect without an expose", flow_connect(d));
  SAY("a source that shop refuses", NAMED(e, "a.shop.example.com"));
  SAY("no name", flow_hello(f, NULL, 0));
  counts_are("after the refusals");
  for (uint32_t n = c; n <= f; n++) flow_close(n, 0);
  counts_are("after their ends");
  flow_close(b, 0);
  counts_are("after the end of the one of shop");
  processes[HEALTH].port = 0;
  b = admitted(source);
  SAY("a name of shop without its service", NAMED(b, "b.shop.example.com"));
  counts_are("without its service");
  flow_close(b, 0);
  processes[HEALTH].port = 9001;
  b = admitted(source);
  SAY("a name of shop", NAMED(b, "b.shop.example.com"));
  c = admitted(source);
  SAY("no hello that can be read", flow_hello(c, NULL, -1));
  flows_end_of(INGRESSD);
  counts_are("after ingressd's end");
  SAY("a source that every expose refuses", admitted(0xcb007109));
  /* The limit of web has one more. */
  a = admitted(source);
  SAY("the name of web", NAMED(a, "www.example.com"));
  b = admitted(source);
  SAY("one more than the limit of web", NAMED(b, "www.example.com"));
}

int main(int count, char **paths) {
  static uint8_t policy[70000], manifest[200];
  const uint32_t seed[4] = {1, 2, 3, 4};
  FILE *data = fopen(paths[1], "rb"), *text = fopen(paths[2], "rb");
  is_shared = count == 4 && strcmp(paths[3], "shared") == 0;
  if (count != (is_shared ? 4 : 3) || data == NULL || text == NULL) return 2;
  size_t size = fread(policy, 1, sizeof policy, data), length = fread(manifest, 1, sizeof manifest, text);
  processes[WEB].serves = 77;
  processes[WEB].name = "web";
  processes[WEB].port = 9000;
  processes[WEB].state = READY;
  SAY("before a policy", admit_at(8443, 0xc6336407));
  if (ingress_load(policy, size, manifest, length, seed) != INGRESS_LOADED) return 3;
  if (is_shared) {
    processes[HEALTH].serves = 78;
    processes[HEALTH].name = "shop";
    processes[HEALTH].port = 9001;
    processes[HEALTH].state = READY;
    at_a_shared_port();
    return 0;
  }
  pointers();
  by_its_frame();
  before_its_name();
  in_its_order();
  full();
  after_its_service();
  return 0;
}
